"""Somebody comes, moves and leaves, through the worker and the whole sink, over HTTP, at a hostile target."""

from dataclasses import dataclass, field
from typing import Any, Final

from tests.field.pipeline import Pause, Ran, play
from tests.support.hostile_targets.app import app_of
from tests.support.hostile_targets.behaviour import HostileTarget
from tests.support.hostile_targets.checks import MOST, check_others
from tests.support.hostile_targets.people import OURS, hostile_target
from tests.support.hostile_targets.table import Hostile

SETTLES: Final = 110.0
"""Seconds after each change."""
CHANGES: Final[tuple[dict[str, Any], ...]] = (
    {"userName": "Ana@example.com", "displayName": "Ana Müller", "active": True, "job": "Agent"},
    {"job": "Team Lead", "phone": "+13175550199"},
    {"active": False},
)
"""In the worker's terms."""


@dataclass
class Played:
    """What came of it. `before`: requests that had gone out before each change."""

    there: HostileTarget
    ran: Ran
    before: list[int] = field(default_factory=list)


def played(hostile: Hostile, *, there: bool = False, minutes: int = 10) -> Played:
    """All three changes, and `minutes` after the last."""
    target = hostile_target(hostile, there=there)
    records: list[Any] = []
    for number, attributes in enumerate(CHANGES):
        kind = "change" if number else "snapshot"
        value = {"id": f"E1-{number}", "type": kind, "subject": "E1", "time": f"2026-11-29T18:{number:02}:00Z"}
        records += [
            {"topic": "events.hris", "key": "E1", "value": value | {"attributes": attributes}},
            Pause(SETTLES),
        ]
    records += [Pause(59.0)] * minutes
    return Played(target, play(records, target=app_of(target)))


def check_sink(hostile: Hostile) -> None:
    """Nobody else is written, the target isn't hammered, and a leaver is revoked, or parked where they may have access.

    Raises AssertionError.
    """
    result = played(hostile)
    check_others(result.there)
    asked = len(result.ran.requests)
    assert asked <= len(CHANGES) * MOST + MOST, f"{asked} requests for three changes and attempts after them"
    store = result.there.store
    user = store.user("E1") or store.users.get(OURS)
    active = user is not None and user.get("active") is not False
    fates = [each["verdict"] for each in result.ran.outcomes if each["final"]]
    assert len(fates) == len(CHANGES) or hostile.outage, fates
    assert not active or result.ran.parked() or hostile.outage, f"a leaver keeps access, told as {fates}"
    assert not (active and fates[-1] == "revoked"), "revoked is what the target doesn't show"


__all__ = ["CHANGES", "Played", "check_sink", "played"]
