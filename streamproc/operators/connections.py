"""SCIM connections from outside the gateway: which there are, and orders that add, change or remove one.

An order holds a whole definition, made of the one that was in force when it was made. Two operators at once can't undo
each other's: who comes second is told, and orders again (`core/provider/connections.py`).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace
from pydantic import ValidationError

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.connections_in_force import place_of
from streamproc.adapters.kafka.log import Log
from streamproc.core.errors import StreamprocError
from streamproc.core.provider.connection_token import rotated, valid
from streamproc.core.provider.connections import MOST_TOKENS, Connections, InForce, problem
from streamproc.core.records.connection_definition import ConnectionDefinition, ConnectionToken
from streamproc.core.records.control import CONTROL, Control
from streamproc.core.records.topic_names import CONTROLS
from streamproc.core.records.units import Millis
from streamproc.operators.controls import order

LIST: Final = "see streamproc connections list"


class NotOrderedError(StreamprocError):
    """Nothing was ordered, or what was ordered doesn't count."""


@dataclass(frozen=True, slots=True)
class Known:
    """All orders about connections, up to a moment."""

    connections: Connections
    orders: dict[str, Control] = field(default_factory=dict)
    """Name → the order by which its definition came into force."""
    refused: dict[int, str] = field(default_factory=dict)
    """Offset of an order that doesn't count → why."""


async def known(kafka: Log, fixed: Iterable[ConnectionDefinition] = ()) -> Known:
    """What there is now. `fixed`: those of a settings file. Raises KafkaError."""
    found, place = Known(Connections.with_fixed(kafka.partitions, fixed)), place_of(kafka)
    begin = (await reading.beginning_offsets(kafka, CONTROLS))[place.partition]
    end = (await reading.end_offsets(kafka, CONTROLS))[place.partition]
    async for records in reading.read_range(kafka, CONTROLS, place.partition, begin, end):
        for record in records:
            try:
                control = CONTROL.validate_json(record.value or b"")
            except ValidationError:
                continue
            if control.action != "connection":
                continue
            if (why := found.connections.take(control, record.offset)) is not None:
                found.refused[record.offset] = why
            elif control.connection is not None:
                found.orders[control.connection.name] = control
    return found


async def bring(
    kafka: Log,
    definition: ConnectionDefinition,
    fixed: Iterable[ConnectionDefinition],
    by: str,
    reason: str,
    at: Millis,
) -> int:
    """Order it, and look whether it counts. Returns its offset. `at`: ms since 1970.

    Raises NotOrderedError where another order came first, KafkaError.
    """
    if (wrong := problem(definition, kafka.partitions)) is not None:
        raise NotOrderedError(f"nothing was ordered: {wrong}")
    given = Control(
        f"connection-{definition.name}-{at}", "connection", None, None, by, reason, at, connection=definition
    )
    (origin,) = await order(kafka, [given])
    if (why := (await known(kafka, fixed)).refused.get(origin.offset)) is not None:
        raise NotOrderedError(f"the order at {origin.topic}/{origin.partition}/{origin.offset} doesn't count: {why}")
    return origin.offset


def added(there: Known, wanted: ConnectionDefinition, partition: int | None) -> ConnectionDefinition:
    """A connection that is new, or was removed before. `partition` None: its old one, or else the least used one.

    Raises NotOrderedError where it is there, or was another one.
    """
    before = there.connections.in_force(wanted.name)
    if before is not None and before.offset is None:
        raise NotOrderedError(_fixed(wanted.name))
    if before is not None and not before.definition.removed:
        raise NotOrderedError(
            f"{wanted.name} is there; another token for it: streamproc connections rotate {wanted.name}"
        )
    if partition is None:
        partition = _least_used(there.connections) if before is None else before.definition.partition
    new = replace(wanted, partition=partition, base=None if before is None else before.offset)
    if before is not None and (new.partition, new.anchor) != (before.definition.partition, before.definition.anchor):
        raise NotOrderedError(
            f"{new.name} was a connection in partition {before.definition.partition} with the anchor "
            f"{before.definition.anchor}, and stays so for ever: say that, or take another name"
        )
    return new


def with_token(there: Known, name: str, sha256: str, now: Millis, until: Millis) -> ConnectionDefinition:
    """With one more token; all others end at `until`, ms since 1970. Raises NotOrderedError."""
    old = _existing(there, name)
    if len(valid(old.definition.tokens, now)) >= MOST_TOKENS and until > now:
        raise NotOrderedError(
            f"{name} has {MOST_TOKENS} tokens that are valid: wait for one to end, or --keep 0h ends all"
        )
    tokens = rotated(old.definition.tokens, sha256, now, until)
    return replace(old.definition, tokens=tokens, base=old.offset)


def removed(there: Known, name: str) -> ConnectionDefinition:
    """Without tokens, and marked. Raises NotOrderedError."""
    old = _existing(there, name)
    return replace(old.definition, tokens=(), removed=True, base=old.offset)


def changed(
    there: Known,
    name: str,
    *,
    probes: tuple[str, ...] | None = None,
    patch_body: bool | None = None,
    repeated_within: Millis | None = None,
    delivered: bool | None = None,
) -> ConnectionDefinition:
    """With these options instead; None: as it is. Raises NotOrderedError."""
    old = _existing(there, name)
    new = replace(
        old.definition,
        probes=old.definition.probes if probes is None else probes,
        patch_body=old.definition.patch_body if patch_body is None else patch_body,
        repeated_within=old.definition.repeated_within if repeated_within is None else repeated_within,
        delivered=old.definition.delivered if delivered is None else delivered,
    )
    if new == old.definition:
        raise NotOrderedError(f"nothing was ordered: {name} is so already; {LIST}")
    return replace(new, base=old.offset)


def first_token(sha256: str) -> tuple[ConnectionToken, ...]:
    """Of a new connection."""
    return (ConnectionToken(sha256),)


def _existing(there: Known, name: str) -> InForce:
    found = there.connections.in_force(name)
    if found is None:
        raise NotOrderedError(f"there is no connection {name}; {LIST}")
    if found.offset is None:
        raise NotOrderedError(_fixed(name))
    if found.definition.removed:
        raise NotOrderedError(f"{name} was removed; streamproc connections add {name} brings it back")
    return found


def _fixed(name: str) -> str:
    return (
        f"{name} is defined in the file of STREAMPROC_SCIM_CONNECTIONS; change it there, with a hash from "
        "streamproc connections token, and restart gateways and workers"
    )


def _least_used(connections: Connections) -> int:
    """The partition with the fewest connections that are served; of several the first."""
    used = Counter(each.partition for each in connections.served().values())
    return min(range(connections.partitions), key=lambda partition: (used[partition], partition))
