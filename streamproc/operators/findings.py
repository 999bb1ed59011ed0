"""What disagrees with the target, as `scim.findings` says it now, and operators' orders about it.

Rule 1: the newest finding of a user or account counts.
Rule 2: an order answers the finding at its place. It waits while that one, or one that says the same, is the newest.
"""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from pydantic import ValidationError

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.foreign import STRANGE, passed_over
from streamproc.adapters.kafka.log import Log
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import APPLIES, CONTROL, RECONCILE, Control, is_about
from streamproc.core.records.delivery import DeliveredState, decode_delivery
from streamproc.core.records.finding import Finding, Kind, decode_finding, says_the_same
from streamproc.core.records.topic_names import CONTROLS, DELIVERIES, FINDINGS
from streamproc.core.records.units import Millis
from streamproc.core.scim.response_body import same_id

State: TypeAlias = Literal["open", "ordered", "answered", "settled"]
"""`ordered`: reconcile hasn't done yet what was ordered. `answered`: it has. `settled`: nothing disagrees any more."""


@dataclass(slots=True)
class CurrentFinding:
    """The newest finding of a user or account. `place`: in `scim.findings`; `first`: offset since which it says so."""

    finding: Finding
    place: Origin
    first: int
    orders: list[Control] = field(default_factory=list)
    """What was ordered of this user or account, oldest first."""
    answered: set[str] = field(default_factory=set)
    """Ids of orders that findings have named."""

    @property
    def state(self) -> State:
        if not self.finding.differences:
            return "settled"
        if self.finding.answered is not None:
            return "answered"
        waits = any(
            is_about(each, self.finding, self.first, self.place.offset) and each.id not in self.answered
            for each in self.orders
            if each.action in RECONCILE
        )
        return "ordered" if waits else "open"

    @property
    def kinds(self) -> set[Kind]:
        """Classes of its differences."""
        return {difference.kind for difference in self.finding.differences}


@dataclass(frozen=True, slots=True)
class Adoption:
    """What is known of a user and of an account that is to be theirs."""

    delivery: DeliveredState | None
    """The user's."""
    holder: str | None
    """Another user whose account it is."""


async def current_findings(kafka: Log) -> dict[str, CurrentFinding]:
    """User ID or account/ID → what was found last: incidents first, then the oldest. Raises KafkaError."""
    orders: dict[str, list[Control]] = {}
    async for record in reading.records_of(kafka, CONTROLS):  # first, so that what each is about is read after it
        control = _control(record.value)
        if control is not None and control.action in _ABOUT_FINDINGS:
            orders.setdefault(control.key, []).append(control)
    found: dict[str, CurrentFinding] = {}
    async for record in reading.records_of(kafka, FINDINGS):
        key, finding = (record.key or b"").decode(errors="replace"), _finding(record.value)
        if finding is None or finding.key != key:
            passed_over(record, STRANGE, "what its key had before counts")
            continue
        place = Origin(FINDINGS, record.partition, record.offset, Millis(record.timestamp))
        before = found.get(key)
        again = before is not None and says_the_same(before.finding, finding)
        first = before.first if before is not None and again else record.offset
        answered = set() if before is None else before.answered
        if finding.answered is not None:
            answered.add(finding.answered)
        found[key] = CurrentFinding(finding, place, first, orders.get(key, []), answered)
    return dict(sorted(found.items(), key=lambda each: (not each[1].finding.incident, each[1].finding.since, each[0])))


async def adoption(kafka: Log, user: str, account: str) -> Adoption:
    """What deliveries say of the two now. Raises KafkaError."""
    delivery: DeliveredState | None = None
    holders: set[str] = set()
    async for name, each in reading.read_topic(kafka, DELIVERIES, decode_delivery):
        if each is not None and same_id(each.id, account):
            holders.add(name)
        else:
            holders.discard(name)
        if name == user:
            delivery = each
    return Adoption(delivery, min(holders - {user}, default=None))


def adopt(found: Adoption, user: str, account: str, by: str, reason: str, at: Millis) -> Control | str:
    """The order to take the account over for the user, or why there can't be one. `at`: ms since 1970."""
    parked = None if found.delivery is None else found.delivery.parked
    if found.holder is not None:
        return f"account {account} is that of user {found.holder}"
    if parked is None or parked.code not in APPLIES["adopt"]:
        waits = "nothing of them is parked" if parked is None else f"they are parked as {parked.code}"
        return f"user {user} doesn't wait for an account: {waits}; see streamproc parked list"
    name = f"adopt-{user}-{parked.since}-{at}"
    return Control(name, "adopt", user, parked.since, by, reason, at, account=account)


def ignore(current: CurrentFinding, by: str, reason: str, at: Millis) -> Control | str:
    """The order to close a finding until something else disagrees, or why there can't be one."""
    finding = current.finding
    if finding.incident:
        return f"{finding.key} is an incident: their access is taken whatever is ordered, and told until it is gone"
    if (why := _not_open(current)) is not None:
        return why
    account = finding.account if finding.user is None else None
    name = f"ignore-{finding.key}-{current.place.offset}-{at}"
    return Control(name, "ignore", finding.user, current.place.offset, by, reason, at, account=account)


def deactivate(current: CurrentFinding, by: str, reason: str, at: Millis) -> Control | str:
    """The order to take the access of an account that is nobody's, or why there can't be one."""
    finding = current.finding
    if finding.user is not None or finding.account is None or "orphan" not in current.kinds:
        return f"{finding.key} isn't an account of nobody's: what takes a user's access is what their sources say"
    if (why := _not_open(current)) is not None:
        return why
    name = f"deactivate-{finding.key}-{current.place.offset}-{at}"
    return Control(name, "deactivate", None, current.place.offset, by, reason, at, account=finding.account)


_ABOUT_FINDINGS: Final = RECONCILE | {"adopt"}


def _not_open(current: CurrentFinding) -> str | None:
    if current.state == "settled":
        return f"{current.finding.key}: nothing disagrees there any more"
    if current.state == "ordered":
        return f"{current.finding.key}: {current.orders[-1].action} is ordered already, by {current.orders[-1].by}"
    return None


def _finding(value: bytes | None) -> Finding | None:
    try:
        return decode_finding(value or b"")
    except ValidationError:
        return None


def _control(value: bytes | None) -> Control | None:
    try:
        return CONTROL.validate_json(value or b"")
    except ValidationError:
        return None
