"""How many users stand how, by their encoded records."""

from collections.abc import Mapping

from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Fact, Origin
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import decode, encode
from streamproc.worker.decide.user_states import UserStates

BY = {
    leaving: parse_mapping(f"""
[scope]
who = 'department == "Care"'
leaving = "{leaving}"
[suspend]
when = 'leave == "Suspended"'
[attributes]
title = "scope"
""")
    for leaving in ("deactivate", "release")
}
INSIDE: Mapping[str, Fact] = {"department": "Care", "active": True, "leave": None, "scope": "never"}
"""With a fact whose name and value look like a state."""
OUTSIDE: Mapping[str, Fact] = {"department": "Warehouse"}


def told(known: bytes | None, seq: int, facts: Mapping[str, Fact], leaving: str = "deactivate") -> bytes:
    """A user's record after an event that says this."""
    origin = Origin("events.hris", 0, seq, Millis(1_780_000_000_000))
    event = ChangeEvent("E1", "hris", "E1", f"e{seq}", "change", (Micros(seq), 0, f"e{seq}"), dict(facts), origin)
    return encode(fold(None if known is None else decode(known), seq, event, BY[leaving]))


def test_each_user_counts_where_they_stand_now() -> None:
    """Who moves from one state to another is counted once."""
    states = UserStates()
    inside, outside = told(None, 1, INSIDE), told(None, 1, OUTSIDE)
    for user, value in ((b"in", inside), (b"moves", inside), (b"never", outside)):
        states.note(user, value)
    assert states.counts() == {"in": 2, "suspended": 0, "left": 0, "released": 0, "never": 1}
    suspended = told(inside, 2, {"leave": "Suspended"})
    states.note(b"moves", suspended)
    assert states.counts() == {"in": 1, "suspended": 1, "left": 0, "released": 0, "never": 1}
    left = told(suspended, 3, OUTSIDE)
    states.note(b"moves", left)
    states.note(b"in", told(inside, 2, OUTSIDE, "release"))
    assert states.counts() == {"in": 0, "suspended": 0, "left": 1, "released": 1, "never": 1}
    states.note(b"moves", told(left, 4, INSIDE))
    assert states.counts() == {"in": 1, "suspended": 0, "left": 0, "released": 1, "never": 1}


def test_partitions_that_move_take_their_users_along() -> None:
    """After a recovery those count that are there, however they were noted before."""
    states = UserStates()
    inside, outside = told(None, 1, INSIDE), told(None, 1, OUTSIDE)
    for user in (b"a", b"b", b"c"):
        states.note(user, outside)
    states.forget()
    for user, value in ((b"a", outside), (b"d", inside)):
        states.add(user, value)
    assert states.counts() == {"in": 1, "suspended": 0, "left": 0, "released": 0, "never": 1}
