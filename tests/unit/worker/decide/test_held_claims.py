"""Held claims: who is held is told once, and so is that somebody held isn't active any more."""

from streamproc.core.fold.fold import fold
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import encode
from streamproc.worker.decide.held_claims import HeldClaims, held_claims
from tests.unit.core.fold.test_claims import BY, User, manager


def heard(user: User, subject: str, *, active: bool, **said: int) -> HeldClaims:
    """What is told of the user's next event."""
    known, seq = user.record, user.seq + 1
    order = (Micros(1_800_000_000_000_000 + seq), 0, f"x{seq}")
    origin = Origin("events.okta", 0, seq, Millis(2_000_000_000_000))
    event = ChangeEvent("U", "okta", subject, order[2], "snapshot", order, {"active": active, **said}, origin)
    user.record, user.seq = fold(known, seq, event, BY), seq
    return held_claims(None if known is None else encode(known), encode(user.record), event, "active")


def test_who_is_held_is_told_once() -> None:
    """With the subject; nothing of what comes after, or where nobody is held."""
    user = manager()
    assert heard(user, "A", active=True) == ([], False)
    told = heard(user, "B", active=True)
    assert ([(each.code, each.subject) for each in told.problems], told.denies) == ([("ambiguous", "okta/B")], False)
    assert heard(user, "B", active=True) == heard(user, "A", active=True) == ([], False)


def test_a_denial_by_who_is_held_is_a_leaving_that_isnt_carried_out() -> None:
    """Once, while the user is active: whoever looks has to say whether it is this person."""
    user = manager()
    heard(user, "B", active=True)
    told = heard(user, "B", active=False)
    assert (len(told.problems), told.denies) == (1, True)
    assert heard(user, "B", active=False) == ([], False)
    assert heard(user, "C", active=False).denies, "also of who comes with it"
    out = manager()
    heard(out, "B", active=True)
    heard(out, "A", active=False)
    assert heard(out, "B", active=False) == ([], False), "nobody has access"


def test_so_is_a_denial_by_who_waits_behind_the_first() -> None:
    """The first may be deleted already, and the one who waits the user, who has left."""
    user = manager()
    heard(user, "B", active=True, began=1_799_000_000_000_000)
    assert user.here.facts["okta/B"].standing == "behind"
    told = heard(user, "B", active=False, began=1_799_000_000_000_000)
    assert (len(told.problems), told.denies) == (1, True)
    assert heard(user, "B", active=False, began=1_799_000_000_000_000) == ([], False)


def test_more_than_are_kept_are_told_each_time() -> None:
    """Of them nothing is remembered."""
    user = manager()
    for number in range(40):
        told = heard(user, f"B{number}", active=True)
    assert [each.subject for each in told.problems] == ["okta/B39"]
