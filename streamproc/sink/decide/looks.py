"""Looks: what a finding leads to. It says that the target differs, and the sink reads the user whom it names.

Rule 1: nothing that a finding says is written, or decides what is. It names a record of `scim.operations`, and only
if that is the user's newest, and was brought to its end, the user is read and planned by it. A wrong one costs a read.
Rule 2: whoever is set aside as a whole stays so, since that has its own way of going on; of leavers, only whom the mass
guard, an operator or a setting keeps. Who isn't ours isn't read.
Rule 3: of each user the newest finding waits, and the oldest of them goes first. Those by which somebody has access who
is to have none wait for no others; who isn't to leave, by the record, waits with the others after all. Where there
is no room one of the others makes some. What there is none for comes again, since whoever compares repeats it.
"""

from collections.abc import Callable
from itertools import islice
from typing import Final

from msgspec import Struct

from streamproc.core.fold.plan import Urgency, is_left_alone
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import HELD
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.finding import LOOK, Changed, Difference, Finding
from streamproc.core.records.user_record import OURS, Cause
from streamproc.core.shown import moment, shown
from streamproc.sink.decide.desired_state import DesiredState, Drift, Work, look_of
from streamproc.sink.decide.lanes import Turn

MOST: Final = 10_000
"""Findings that wait."""
NAMED: Final = 5
"""Differences that are told in words."""
LONGEST: Final = 200
"""Characters of a name of others in these words."""


class Noted(Struct, frozen=True):
    """A finding that waits: of whom, by which record, and what is told of it."""

    user: str
    partition: int
    offset: int
    """Of the record in `scim.operations`."""
    seq: int
    urgent: bool
    drift: Drift


def noted(finding: Finding, origin: Origin, *, brief: bool) -> Noted | None:
    """What is to be looked at; None: nothing is. `brief`: it is long, and nothing is kept of values and authors."""
    repaired = [each for each in finding.differences if each.repaired]
    if finding.user is None or not repaired:
        return None
    cause = Cause(OURS, LOOK, origin, in_words(repaired))
    differences = {} if brief else {each.attribute: each for each in repaired}
    drift = Drift(cause, differences)
    return Noted(finding.user, origin.partition, finding.offset, finding.seq, finding.incident, drift)


class Looks:
    """Findings that wait for their look."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._waiting: tuple[dict[str, Noted], dict[str, Noted]] = {}, {}
        """Urgent ones, and others; by user."""

    def add(self, each: Noted) -> None:
        """A finding came. It takes the place of an older one of the user."""
        self.drop(each.user)
        if each.urgent and len(self) >= self._most and (others := self._waiting[1]):
            del others[next(reversed(others))]
        if len(self) < self._most:
            self._waiting[not each.urgent][each.user] = each

    def drop(self, user: str) -> None:
        """Nothing disagrees any more."""
        for waiting in self._waiting:
            waiting.pop(user, None)

    def keep(self, holds: Callable[[int], bool]) -> None:
        """Partitions came or went."""
        for waiting in self._waiting:
            for user in [each.user for each in waiting.values() if not holds(each.partition)]:
                del waiting[user]

    def take(self, count: int, can_go: Callable[[int], bool], *, urgent: bool) -> list[Noted]:
        """The next of the urgent ones, or of the others; so many at most, of partitions that can go."""
        waiting = self._waiting[not urgent].values()
        taken = list(islice((each for each in waiting if can_go(each.partition)), count))
        for each in taken:
            self.drop(each.user)
        return taken

    def __len__(self) -> int:
        return sum(map(len, self._waiting))


def turn_of(each: Noted, record: DesiredState, delivery: DeliveredState | None, seen: int | None) -> Turn[Work] | None:
    """The turn of a look; None: it isn't for now. `record`: what lies where the finding says. `seen`: newest seq."""
    if (record.user, record.seq) != (each.user, each.seq) or is_left_alone(record.desired):
        return None
    if delivery is None or not delivery.seq == seen == record.seq:
        return None
    parked, leaves = delivery.parked, record.desired.get("active") is False
    if parked is not None and (parked.code in HELD or not (parked.attributes or leaves)):
        return None
    regressed = parked is not None and parked.code == "regressed"
    work = Work(look_of(record), regressed=regressed, told=True, drift=each.drift)
    return Turn(each.user, each.partition, -1, Urgency.REVOKE if leaves else Urgency.NOTHING, work)


def in_words(differences: list[Difference]) -> str:
    """What differs, and by whom."""
    words = [_in_words(each) for each in differences[:NAMED]]
    more = len(differences) - NAMED
    return "; ".join([*words, *([f"and {more} more"] if more > 0 else [])])


def _in_words(difference: Difference) -> str:
    attribute = shown(difference.attribute, LONGEST)
    match difference.kind:
        case "missing":
            return f"{attribute} is missing in the target"
        case _ if difference.changed is not None:
            return f"{attribute} was changed in the target by {_by(difference.changed)}"
        case _:
            return f"{attribute} was changed in the target, it isn't known by whom"


def _by(changed: Changed) -> str:
    return f"{shown(changed.who, LONGEST)} at {moment(changed.at)}"
