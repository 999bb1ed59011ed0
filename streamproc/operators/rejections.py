"""What couldn't be understood, as it is now: rejected inputs with what was ordered of them, and problems of users.

Rule 1: an input has the name under which it was rejected first; the newest rejection of that name counts.
Rule 2: a replayed input that is rejected again, or a part of it, comes under another name. It names the order in a
header, and counts as the first's only where that is believed, and if the order is in the log.
"""

from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from pydantic import ValidationError

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import Log
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import CONTROL, INPUT, Action, Control
from streamproc.core.records.headers import REPLAY
from streamproc.core.records.rejected import REJECTED, Rejected
from streamproc.core.records.topic_names import CONTROLS, FORWARDS, OPERATIONS, REJECTIONS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import decode
from streamproc.sources.replayable import irreplayable

NO_PROBLEMS: Final = b'"problems":[]'
"""What a user's record holds without any."""


@dataclass(slots=True)
class RejectedInput:
    """One input. `place`: of its first rejection in `events.rejected`; `rejected`: the newest one."""

    name: str
    place: Origin
    rejected: Rejected
    orders: list[tuple[Origin, Control]] = field(default_factory=list)
    """What operators ordered of it, oldest first."""
    irreplayable: str | None = None
    """Why it can't be replayed; None: it can."""
    answered: set[str] = field(default_factory=set)
    """Addresses of orders after which it was rejected again, or that were refused."""

    @property
    def state(self) -> Literal["open", "replayed", "dropped"]:
        """`replayed`: that was ordered, and it wasn't rejected since."""
        if not self.orders:
            return "open"
        place, last = self.orders[-1]
        if last.action == "drop":
            return "dropped"
        return "open" if address(place) in self.answered else "replayed"


@dataclass(frozen=True, slots=True)
class UserProblem:
    """What can't be read of a user's facts, as the newest record has it."""

    user: str
    at: Millis
    problem: str


def address(place: Origin) -> str:
    """Topic, partition and offset, as names and headers have them."""
    return f"{place.topic}/{place.partition}/{place.offset}"


async def rejected_inputs(kafka: Log, keep: Callable[[str], bool] = lambda _: False) -> list[RejectedInput]:
    """Every rejected input, in the order of their names. The bytes of those that `keep` names are kept, else none.

    Raises KafkaError.
    """
    orders = await _orders(kafka)
    inputs: dict[str, RejectedInput] = {}
    again: list[tuple[str, str, RejectedInput]] = []
    async for name, place, rejected in _rejections(kafka):
        mark = _mark(rejected)
        found = RejectedInput(name, place, rejected if keep(name) else replace(rejected, value=None))
        if name in inputs:
            inputs[name].rejected = found.rejected
            continue
        found.irreplayable = irreplayable(rejected)
        root, _, order = mark.partition(" ")
        if root and orders.get(order, (None, None))[1] == root:
            again.append((root, order, found))
        else:
            inputs[name] = found
    for root, order, child in again:
        if root in inputs:
            inputs[root].rejected = child.rejected
            inputs[root].answered.add(order)
        else:
            inputs[child.name] = child
    for order, (control, about) in orders.items():
        if about in inputs:
            topic, partition, offset = order.split("/")
            inputs[about].orders.append((Origin(topic, int(partition), int(offset), control.at), control))
            if order in inputs:  # the worker refused it
                inputs[about].answered.add(order)
    return [inputs[name] for name in sorted(inputs)]


async def user_problems(kafka: Log) -> list[UserProblem]:
    """What can't be read of users' facts, by user ID. Raises KafkaError."""
    newest: dict[str, list[UserProblem]] = {}
    async for user, problems in reading.read_topic(kafka, OPERATIONS, _problems):
        newest[user] = problems or []
    return [problem for user in sorted(newest) for problem in newest[user]]


def _problems(value: bytes) -> list[UserProblem]:
    if NO_PROBLEMS in value:
        return []
    record = decode(value)
    return [UserProblem(record.user, record.as_of, problem) for problem in record.problems]


def order_of(action: Action, chosen: RejectedInput, by: str, reason: str, at: Millis) -> Control:
    """A replay or drop of an input. `at`: ms since 1970."""
    order_id = f"{action}-{chosen.name}-{at}"
    return Control(order_id, action, None, chosen.place.offset, by, reason, at, input=chosen.name)


async def _rejections(kafka: Log) -> AsyncIterator[tuple[str, Origin, Rejected]]:
    """Name and place of each rejection, as they came."""
    async for record in reading.records_of(kafka, REJECTIONS):
        try:
            rejected = REJECTED.validate_json(record.value or b"")
        except ValidationError:
            continue
        place = Origin(REJECTIONS, record.partition, record.offset, Millis(record.timestamp))
        yield (record.key or b"").decode("utf-8", "replace"), place, rejected


async def _orders(kafka: Log) -> dict[str, tuple[Control, str]]:
    """Address of each order about a rejected input → the order, and the input's name."""
    found: dict[str, tuple[Control, str]] = {}
    async for record in reading.records_of(kafka, CONTROLS):
        try:
            control = CONTROL.validate_json(record.value or b"")
        except ValidationError:
            continue
        if control.action in INPUT and control.input is not None:
            found[f"{CONTROLS}/{record.partition}/{record.offset}"] = control, control.input
    return found


def _mark(rejected: Rejected) -> str:
    """What the header of a replay says, where the worker alone writes it; "": there is none."""
    if rejected.topic != FORWARDS and not rejected.topic.startswith("notifications."):
        return ""
    content = next((content for header, content in rejected.headers if header == REPLAY), "")
    try:
        return b64decode(content, validate=True).decode()
    except ValueError:
        return ""
