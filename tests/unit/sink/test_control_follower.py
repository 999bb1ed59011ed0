"""What operators ordered of one user while no sink was there."""

from types import SimpleNamespace
from typing import Any, cast

import orjson

from streamproc.core.records.control import Action, Control
from streamproc.core.records.topic_names import CONTROLS
from streamproc.core.records.units import Millis
from streamproc.sink.control_follower import ControlFollower


def record(offset: int, action: Action, attribute: str | None = None) -> Any:
    """As it lies in the topic."""
    control = Control(f"c{offset}", action, "E1", 1, "Kim", "why", Millis(0), attribute=attribute)
    return SimpleNamespace(topic=CONTROLS, partition=0, offset=offset, timestamp=0, value=orjson.dumps(control))


def test_what_is_still_to_be_carried_out_comes_in_the_order_in_which_it_was_ordered() -> None:
    """A delivery keeps the offset of the last order that let something go: an older one after a newer would be lost."""
    follower = ControlFollower(cast("Any", None), lambda _: None, lambda _: None)
    orders = [(4, "email"), (5, "title"), (6, "email"), (7, None)]
    follower._take([record(3, "retry"), *(record(offset, "unfreeze", item) for offset, item in orders)], lambda _: None)
    assert [(each.origin.offset, each.control.attribute) for each in follower.orders("E1")] == [
        (3, None),
        (5, "title"),
        (6, "email"),
        (7, None),
    ]
