"""Value of `scim.operations`: a user's record, with its hash chain and its codec."""

import hashlib
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

import orjson
from pydantic import TypeAdapter

from streamproc.core.records.change_event import Effective, Order, Origin, Row, SourceFacts
from streamproc.core.records.frozen import dataclass
from streamproc.core.records.operation import Operation
from streamproc.core.records.resource import Resource

Effect: TypeAlias = Literal["changed", "unchanged", "duplicate", "stale"]
LARGEST: Final = 768 * 1024
"""Bytes of a record, below what a broker takes. The event that would make a larger one is rejected."""
FIRST = -1
"""`prev` of a user's first record: no offset comes before it."""
OURS: Final = "streamproc"
"""Source of a cause that is no event."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that led to a record."""

    source: str
    event: str
    origin: Origin
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class UserRecord:
    """Everything known of one user after the event at `seq`: facts by subject, desired resource, and what to do."""

    user: str
    seq: int
    prev: int
    due: int | None
    """When the next date in the facts comes, in µs since 1970; None: there is none."""
    as_of: int
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
_UNSAID = Cause("", "", Origin("", 0, 0, 0))


def seal(record: UserRecord) -> UserRecord:
    """The record, whose hash is still empty, with SHA-256 over its content, which includes the hash before it."""
    return replace(record, hash=seal_hash(record)[0])


def seal_hash(record: UserRecord) -> tuple[str, bytes]:
    """The hash of a record whose hash is still empty, and the encoded record with it."""
    value = encode(record)
    digest = hashlib.sha256(value).hexdigest()
    return digest, b'%b%b"}' % (value[:-2], digest.encode())  # it comes last; and without the kilobytes orjson keeps


def sealed(value: bytes) -> str:
    """The hash that an encoded record has, which is over all the rest of its bytes. Empty: it has none that fits."""
    at = value.rfind(b'"hash":"') + 8
    digest, rest = value[at : at + 64], value[:at] + value[at + 64 :]
    said = hashlib.sha256(rest).hexdigest()
    return said if said.encode() == digest else ""


def encode(record: UserRecord) -> bytes:
    """Kafka value of `scim.operations`. Keys are sorted: the same record is the same bytes after `decode` too."""
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


def decode_state(value: bytes) -> UserRecord:
    """What the fold needs of a record that we encoded ourselves: unchecked, and without its operations and cause."""
    raw = orjson.loads(value)
    return UserRecord(
        raw["user"],
        raw["seq"],
        raw["prev"],
        raw["due"],
        raw["as_of"],
        raw["effect"],
        _UNSAID,
        raw["mapping"],
        {subject: _facts(each) for subject, each in raw["facts"].items()},
        raw["desired"],
        [],
        raw["problems"],
        raw["before"],
        raw["hash"],
    )


def _facts(raw: dict[str, Any]) -> SourceFacts:
    return SourceFacts(
        raw["subject"],
        Origin(**raw["origin"]),
        raw["floor"] and tuple(raw["floor"]),
        raw["values"],
        _orders(raw["later"]),
        raw["grouped"] and tuple(raw["grouped"]),
        {name: _row(each) for name, each in raw["rows"].items()},
        _orders(raw["gone"]),
        raw["left"],
        raw["since"],
        raw["vouched"],
        _orders(raw["brought"]),
    )


def _orders(raw: dict[str, Any]) -> dict[str, Order]:
    return {name: tuple(order) for name, order in raw.items()}


def _row(raw: dict[str, Any]) -> Row:
    effective = raw["effective"] and Effective(**raw["effective"])
    return Row(tuple(raw["entered"]), raw["attributes"], effective, raw["whole"])


def decode(value: bytes) -> UserRecord:
    """Raises pydantic.ValidationError where the bytes aren't a record."""
    return USER_RECORD.validate_json(value)


def due_of(value: bytes) -> int | None:
    """`due` of an encoded UserRecord, without decoding the rest of it: only a user and numbers stand before it."""
    start = value.index(b'"due":') + 6
    said = value[start : value.index(b",", start)]
    return None if said == b"null" else int(said)


CHANGED: Final = b'"effect":"changed"'
"""A record without these bytes desires what the one before did. One with them may only hold them in some fact."""
