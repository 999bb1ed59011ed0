"""What a client may hear of what became of a user later: on request, and in the answer to a deactivation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from streamproc.core.provider.delivery_schema import DELIVERY_SCHEMA, DeliveryState
from streamproc.core.provider.schema import Json, ResourceType
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.provider.state import ResourceType as Type
from streamproc.core.records.units import Millis
from streamproc.core.shown import moment
from streamproc.gateway.scim.answer import Answer, error

HOLD: Final = 4.0
"""Seconds that the answer to a deactivation waits at most for what becomes of it."""
HEADER: Final = "Streamproc-Delivery"
"""Of an answer that was held: the state, as the extension has it."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a user stands in the target. `since`: ms since 1970, when that was told; `genesys_id`: of the account."""

    state: DeliveryState
    since: Millis | None = None
    reason: str | None = None
    genesys_id: str | None = None

    def document(self) -> Json:
        """The extension (`delivery_schema.py`)."""
        found = {
            "state": self.state,
            "since": None if self.since is None else moment(self.since, "milliseconds"),
            "reason": self.reason,
            "genesysId": self.genesys_id,
        }
        return {name: value for name, value in found.items() if value is not None}


PENDING: Final = Delivery("pending")


class Deliveries(Protocol):
    """What the log says of deliveries, as far as this process has read it."""

    def want(self) -> None:
        """Somebody will ask: a connection whose deactivations wait is there. It begins now, not when they ask."""
        ...

    async def ready(self) -> None:
        """Returns when `of` knows what the log held when it was first asked for; within a second, ready or not."""
        ...

    def of(self, connection: str, id: str, /) -> Delivery | None:  # noqa: A002 - the attribute's name (RFC 7643 §3.1)
        """How a user of a connection stands. None: that isn't known yet."""
        ...

    async def came_of(self, connection: str, id: str, offset: int | None, /) -> Delivery:  # noqa: A002 - see `of`
        """What became of the record at this offset of `events.scim`, by which a user is to have no access any more.

        None: the record changed nothing, and what became of those before it is meant. Returns after `HOLD` seconds at
        the latest: PENDING, where nobody has told it by then.
        """
        ...


def shown_kinds(kinds: Mapping[Type, ResourceType]) -> Mapping[Type, ResourceType]:
    """As they are read: users with the extension."""
    return {name: each.with_extension(DELIVERY_SCHEMA) if name == "User" else each for name, each in kinds.items()}


def with_outcome(answer: Answer, told: Delivery) -> Answer:
    """The answer to a deactivation that is in the log. One that was set aside is the client's to know: 400.

    What is held, or late, isn't: the wish stands, and is carried out.
    """
    headers = {**answer.headers, HEADER: told.state}
    if told.state == "parked":
        detail = f"It is in the log, and was set aside: {told.reason}"
        refused = error(ScimError(400, None, detail))
        return Answer(refused.status, refused.body, headers)
    return Answer(answer.status, answer.body, headers)
