"""Orders: all of one is compared with what was done by it."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from streamproc.audit.orders import Orders, out_of_shape
from streamproc.audit.replay.partition import check_partition
from streamproc.audit.replay.starting_point import PartitionRequest
from streamproc.audit.replay.verify import orders as replay_orders
from streamproc.core.records.change_event import Origin, decode_event
from streamproc.core.records.connection_definition import ConnectionDefinition
from streamproc.core.records.control import CONTROL, Control
from streamproc.core.records.outcome import OUTCOME
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS, OUTCOMES
from streamproc.core.records.units import Millis
from tests.support.bundles import log
from tests.support.logs import PARTITIONS

RELEASE = Control("r-1", "release", "E1", 3, "Kim", "has left", Millis(7))
LINK = Control("l-1", "link", " E1 ", None, "Kim", "asked", Millis(7), "okta/00u1")
MAPPING = Control("m-1", "mapping", None, None, "Kim", "billing", Millis(7), mapping="[attributes]")
ADOPT = Control("a-1", "adopt", "E1", 3, "Kim", "the same person", Millis(7), account="g-1")
CONNECTION = Control(
    "c-1", "connection", None, None, "Kim", "moving in", Millis(7), connection=ConnectionDefinition("okta", 0)
)
IGNORE = Control("i-1", "ignore", None, 5, "Kim", "a service account", Millis(7), account="g-2")


def orders(log_records: list[StoredRecord]) -> Orders:
    """All of a log."""
    found = Orders()
    for one in log_records:
        if one.topic == CONTROLS:
            found.add(one.partition, one.offset, one.timestamp, CONTROL.validate_json(one.value or b""))
    return found


@pytest.mark.parametrize(
    ("topic", "decode", "unlike"),
    [
        (CHANGES, decode_event, Orders.unlike_move),
        (OUTCOMES, OUTCOME.validate_json, lambda known, one: known.unlike_outcome(one, lambda _: True)),
    ],
)
def test_whatever_is_altered_in_an_order_is_found(topic: str, decode: Any, unlike: Any) -> None:
    """By what was done by it: as it was, nothing is wrong; with any other word, something is."""
    records = log().records
    done = [decode(one.value) for one in records if one.topic == topic and one.value]
    known = orders(records)
    by_order = [
        one
        for one in done
        if (topic == CHANGES and one.move is not None and one.move.by) or (topic == OUTCOMES and _ordered(one))
    ]
    assert by_order
    for one in by_order:
        assert unlike(known, one) is None
    changes: dict[str, Any] = {"by": "Mallory", "reason": "x", "user": "E9", "action": "split"}
    changes |= {"subject": "okta/x"} if topic == CHANGES else {"id": "x", "since": 10**6}
    for name, other in changes.items():
        forged = Orders()
        for place, placed in known.by_place.items():
            assert placed is not None
            forged.add(*place, placed.appended, replace(placed.control, **{name: other}))
        assert all(unlike(forged, one) for one in by_order), name
    if topic == OUTCOMES:
        later = Orders()
        for place, placed in known.by_place.items():
            assert placed is not None
            later.add(*place, Millis(placed.appended + 1), placed.control)
        assert all(unlike(later, one) for one in by_order)


def _ordered(outcome: Any) -> bool:
    return outcome.cause is not None and outcome.cause.origin.topic == CONTROLS and not outcome.final


@pytest.mark.parametrize(
    ("action", "name", "other", "problem"),
    [("link", "user", "E9", "move not ordered"), ("release", "since", 10**6, "fate not ordered"),
     ("mapping", "by", "Mallory", "order differs")],
)  # fmt: skip
def test_the_replay_finds_what_no_order_is_behind(action: str, name: str, other: object, problem: str) -> None:
    """An account that moved, an attempt, a mapping: by an order that says something else, or as it was."""
    records = log().records

    def found(logged: list[StoredRecord]) -> int:
        history = InMemoryHistory(logged, PARTITIONS)
        request = PartitionRequest(orders=replay_orders(history))
        checks = [check_partition(history, partition, request) for partition in range(PARTITIONS)]
        return sum(check.records.findings.counted[problem] for check in checks)

    forged = [
        replace(one, value=orjson.dumps(orjson.loads(one.value or b"") | {name: other}))
        if one.topic == CONTROLS and b'"%b"' % action.encode() in (one.value or b"")
        else one
        for one in records
    ]
    assert found(records) == 0
    assert found(forged) > 0


@pytest.mark.parametrize("control", [RELEASE, LINK, MAPPING, ADOPT, IGNORE, CONNECTION])
def test_an_order_says_what_one_of_its_action_says(control: Control) -> None:
    """And nothing else; its key is whom, or what, it is about."""
    assert out_of_shape(control, control.key.encode()) is None
    assert out_of_shape(control, b"another") is not None
    assert out_of_shape(control, None) is not None
    for name in ("user", "since", "subject", "mapping", "input", "account", "attribute", "connection"):
        change: dict[str, Any] = {name: None if getattr(control, name) is not None else "x"}
        other = replace(control, **change)
        assert out_of_shape(other, other.key.encode()) is not None


def test_a_retry_that_nobody_ordered_names_no_order() -> None:
    """Else an outcome could be passed off as one that time has brought."""
    outcome = next(
        one
        for one in (OUTCOME.validate_json(each.value or b"") for each in log().records if each.topic == OUTCOMES)
        if one.cause is not None and one.cause.event == "retry"
    )
    assert outcome.cause is not None
    assert Orders().unlike_outcome(outcome, lambda _: True) is None
    placed = replace(outcome.cause, origin=Origin(CONTROLS, 0, 1, Millis(1)))
    assert Orders().unlike_outcome(replace(outcome, cause=placed), lambda _: True) is not None
