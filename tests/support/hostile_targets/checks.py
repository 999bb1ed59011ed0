"""What has to hold at any target, however hostile: of the decider alone, and of the whole sink."""

from collections.abc import Sequence
from typing import Final

from streamproc.core.records.resource import Resource
from streamproc.core.scim.spelling import alike
from streamproc.sink.decide.steps import Finish
from tests.support.hostile_targets.behaviour import HostileTarget
from tests.support.hostile_targets.driver import Driver
from tests.support.hostile_targets.people import ANA, GONE, MOVED, OURS, hostile_target, noted
from tests.support.hostile_targets.store import Json
from tests.support.hostile_targets.table import Hostile

MOST: Final = 30
"""Requests for one change; and for attempts at it in the hour after it was set aside."""
SCENARIOS: Final[dict[str, tuple[bool, bool, Resource]]] = {
    "joins": (False, False, ANA),
    "is adopted": (True, False, MOVED),
    "moves": (True, True, MOVED),
    "leaves": (True, True, GONE),
    "leaves, and was never asked for": (True, False, GONE),
}
"""Whether she is there, whether that is known, and what is desired."""
RETRIES: Final = {"leaver": 10, "other": 7}
"""Attempts in an hour at what is set aside."""
WAITING: Final = frozenset({"unresolved", "stalled", "ambiguous"})


def check_turn(hostile: Hostile, scenario: str, dialect: str) -> Driver:
    """One change, with all that has to hold at once, and what the table expects."""
    there, known, desired = SCENARIOS[scenario]
    driver = Driver(hostile_target(hostile, there=there), dialect, state=noted() if known else None)
    finished = driver.turn(desired)
    check_end(driver, finished, desired, hides=hostile.hides)
    expected = {"leaves": hostile.leaver, "moves": hostile.mover}.get(scenario, "either")
    done = finished.outcomes[-1].verdict == "revoked" if desired is GONE else finished.parked is None
    assert expected == "either" or done is (expected == "done"), f"{finished.outcomes[-1].verdict}, {finished.parked}"
    return driver


def check_hour(driver: Driver, desired: Resource) -> None:
    """What is set aside is tried again, and doesn't hammer the target."""
    requests, leaves = 0, desired.get("active") is False
    for _ in range(RETRIES["leaver" if leaves else "other"]):
        parked = driver.state.parked if driver.state else None
        if parked is None or not (leaves or parked.code in WAITING):
            return
        check_end(driver, driver.turn(desired, retry=True), desired, hides=True)
        requests += driver.requests
    assert requests <= MOST, f"{requests} requests in an hour"


def check_end(driver: Driver, finished: Finish, desired: Resource, *, hides: bool = False) -> None:
    """Whatever it came to: nobody else was written, and what is told is so."""
    store, fate = driver.there.store, finished.outcomes[-1].verdict
    assert driver.requests <= MOST, f"{driver.requests} requests"
    check_others(driver.there)
    if finished.parked is not None:
        assert finished.parked.reason or finished.parked.attributes
    user = store.user("E1") or store.users.get(OURS)
    active = user is not None and user.get("active") is not False
    if fate == "revoked":
        assert not active, "revoked is what the target doesn't show"
    if desired.get("active") is False:
        assert not active or finished.parked is not None or hides, f"a leaver keeps access, told as {fate}"
    elif finished.parked is None:
        assert user is not None, "delivered is what isn't there"
        check_delivered(user, desired)


def check_others(there: HostileTarget) -> None:
    """Administrators and colleagues stay as they are."""
    others = {written for written in there.store.written if written[1] in {"admin", "root", "b"}}
    assert not others, f"somebody else was written: {others}"


def check_delivered(user: Json, desired: Resource) -> None:
    """What was told as delivered is there, in whatever spelling."""
    wanted = {**desired}
    for name in ("userName", "displayName", "title"):
        assert alike(wanted.get(name), user.get(name)), f"{name} is {user.get(name)}, and told as delivered"
    assert user.get("active") is not False


def names(hostile: Sequence[Hostile]) -> list[str]:
    """Of the cases of a test."""
    return [f"{each.kind}-{each.name}" for each in hostile]
