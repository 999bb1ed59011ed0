"""Findings that wait: for whom there is room."""

from streamproc.core.records.change_event import Origin
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.sink.decide.desired_state import Drift
from streamproc.sink.decide.looks import Looks, Noted


def each(user: str, *, urgent: bool = False) -> Noted:
    """What a finding leads to."""
    return Noted(
        user, 0, 1, 1, urgent, Drift(Cause("streamproc", "look", Origin("scim.findings", 0, 1, Millis(0))), {})
    )


def waiting(looks: Looks) -> list[str]:
    """All users who wait."""
    return [found.user for urgent in (True, False) for found in looks.take(9, lambda _: True, urgent=urgent)]


def test_for_whoever_has_access_who_is_to_have_none_there_is_room() -> None:
    """Others fill all there is: the newest of them makes room. Where only leavers wait, the next comes again."""
    looks = Looks(most=2)
    for user in ("E1", "E2", "E3"):
        looks.add(each(user))
    looks.add(each("L1", urgent=True))
    assert len(looks) == 2
    assert waiting(looks) == ["L1", "E1"]
    for user in ("L1", "L2", "L3"):
        looks.add(each(user, urgent=True))
    looks.add(each("E1"))
    assert waiting(looks) == ["L1", "L2"]
