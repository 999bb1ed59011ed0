"""Somebody else writes it back, again and again: after three times ours is the last word no more."""

from collections.abc import Mapping
from typing import Any

from streamproc.core.fold.plan import Urgency
from streamproc.core.records.change_event import Origin
from streamproc.core.records.finding import Changed, Difference
from streamproc.core.records.topic_names import FINDINGS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause, encode
from streamproc.sink.decide.desired_state import Drift, Work, decode_desired, look_of
from streamproc.sink.decide.lanes import Turn
from tests.support.reconciler import Org

KIM = Changed(Millis(1_780_000_000_000), "client-7", "p-1", "Kim Berg", "entry-1")


async def looked(org: Org, user: str = "E1", held: Mapping[str, Any] | None = None) -> None:
    """As the sink does for a finding. `held`: what it saw of attributes that Kim had changed."""
    differences = {
        name: Difference(name, "changed", "own", None, value, "it isn't so", KIM)
        for name, value in (held or {}).items()
    }
    drift = Drift(Cause("streamproc", "look", Origin(FINDINGS, 0, 1, Millis(0))), differences)
    record = look_of(decode_desired(encode(org.records[user])))
    org.lanes.again(Turn(user, 0, -1, Urgency.CHANGE, Work(record, told=True, drift=drift)))
    await org.run()


async def fought(org: Org, path: str, value: Any, times: int, user: str = "E1") -> list[Any]:
    """Somebody changes an attribute, and the sink looks, so many times. Returns what the target holds after each."""
    id_, shown = (await org.user(user))["id"], []
    for _ in range(times):
        await org.patch(f"Users/{id_}", "replace", path, value)
        await looked(org, user, {path: value})
        shown.append((await org.user(user))[path])
    return shown


async def test_after_three_times_the_fourth_change_stays(org: Org) -> None:
    """A title that somebody changes five times is put right three times, and then it is frozen."""
    await org.hired(title="Agent")
    assert await fought(org, "title", "Boss", 5) == ["Agent", "Agent", "Agent", "Boss", "Boss"]
    delivery = org.store.known["E1"]
    assert list(delivery.frozen) == ["title"]
    assert delivery.parked is not None
    assert delivery.parked.code == "frozen"
