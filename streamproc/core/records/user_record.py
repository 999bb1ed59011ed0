"""Value of `scim.operations`: a user's record, with its hash chain and its codec."""

import hashlib
from typing import Final, Literal, TypeAlias

import orjson
from msgspec import DecodeError, Struct, structs
from msgspec.json import Decoder
from pydantic import TypeAdapter

from streamproc.core.records.change_event import Origin, SourceFacts
from streamproc.core.records.operation import Operation
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.value import Value, encode_sorted, numberless

Effect: TypeAlias = Literal["changed", "unchanged", "duplicate", "stale"]
ORDINARY: Final = 128 * 1024
"""Bytes of a record, which every event of the user writes anew. What would make it larger is rejected, but for what
takes access away."""
LARGEST: Final = 768 * 1024
"""Bytes of a record, below what a broker takes: what is above `ORDINARY` is room for what takes access away."""
FIRST = -1
"""`prev` of a user's first record: no offset comes before it."""
OURS: Final = "streamproc"
"""Source of a cause that is no event."""


class Cause(Value, frozen=True):
    """The event that led to a record."""

    source: str
    event: str
    origin: Origin
    reason: str | None = None


class UserRecord(Value, frozen=True):
    """Everything known of one user after the event at `seq`: facts by subject, desired resource, and what to do."""

    user: str
    seq: int
    prev: int
    due: Micros | None
    """When the next date in the facts comes, in µs since 1970; None: there is none."""
    as_of: Millis
    """ms since 1970, by the log."""
    effect: Effect
    cause: Cause
    mapping: str
    facts: dict[str, SourceFacts]
    desired: Resource
    operations: list[Operation]
    problems: list[str]
    before: str
    """Hash of the record at `prev`; empty for the first."""
    hash: str = ""


USER_RECORD: TypeAdapter[UserRecord] = TypeAdapter(UserRecord)


class UserState(Struct, frozen=True):
    """The part of a UserRecord that the fold goes on from."""

    user: str
    seq: int
    due: Micros | None
    as_of: Millis
    facts: dict[str, SourceFacts]
    desired: Resource
    problems: list[str]
    hash: str


_STATE: Final = Decoder(UserState)


def seal(record: UserRecord) -> UserRecord:
    """The record, whose hash is still empty, with SHA-256 over its content, which includes the hash before it."""
    return structs.replace(record, hash=seal_hash(record)[0])


def seal_hash(record: UserRecord) -> tuple[str, bytes]:
    """The hash of a record whose hash is still empty, and the encoded record with it."""
    value = encode(record)
    digest = hashlib.sha256(value).hexdigest()
    return digest, b'%b%b"}' % (value[:-2], digest.encode())  # the hash comes last


def sealed(value: bytes) -> str:
    """The hash that an encoded record has, which is over all the rest of its bytes. Empty: it has none that fits."""
    at = value.rfind(b'"hash":"') + 8
    digest, rest = value[at : at + 64], value[:at] + value[at + 64 :]
    computed = hashlib.sha256(rest).hexdigest()
    return computed if computed.encode() == digest else ""


def encode(record: UserRecord) -> bytes:
    """Kafka value of `scim.operations`. Keys are sorted: the same record is the same bytes after `decode` too."""
    for facts in record.facts.values():
        if facts.rows or not numberless(facts.values):
            return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    return encode_sorted(record)


def decode_state(value: bytes) -> "UserState | UserRecord":
    """What the fold needs of a record. Raises pydantic.ValidationError where the bytes aren't one."""
    try:
        return _STATE.decode(value)
    except (DecodeError, RecursionError):
        return decode(value)


def decode(value: bytes) -> UserRecord:
    """Raises pydantic.ValidationError where the bytes aren't a record."""
    return USER_RECORD.validate_json(value)


def due_of(value: bytes) -> Micros | None:
    """`due` of an encoded UserRecord, without decoding the rest of it: only a user and numbers stand before it."""
    start = value.index(b'"due":') + 6
    said = value[start : value.index(b",", start)]
    return None if said == b"null" else Micros(int(said))


CHANGED: Final = b'"effect":"changed"'
"""A record without these bytes desires what the one before did. One with them may only hold them in some fact."""
