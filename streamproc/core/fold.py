"""Fold: (record, event, mapping) → record. A pure function of one log, so that it can be recomputed for an auditor.

A user's record is the value of table `users` and of `scim.operations`: state and operation are one Kafka record and
can't disagree. `seq` is the event's offset in `identity.changes`; an event at or below it is skipped, which makes
at-least-once delivery exact. The hash covers the record and the hash before it, so a lost or altered link shows.

Time is what the log says: `as_of` is when the last of all that was folded had been appended, and what has a date counts
once that is past it. `due` tells the worker when the next such date comes; its timer then says so in the log.
"""

import hashlib
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

import orjson
from pydantic import TypeAdapter

from streamproc.core.authority import key, view
from streamproc.core.events import ChangeEvent, Effective, Order, Origin, Row, SourceFacts
from streamproc.core.facts import Effect as Absorbed
from streamproc.core.facts import absorb
from streamproc.core.mapping import Mapping
from streamproc.core.plan import Operation, plan
from streamproc.core.resource import Resource
from streamproc.core.timeline import upcoming
from streamproc.core.values import dataclass

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


def fold(
    record: UserRecord | None,
    seq: int,
    event: ChangeEvent,
    mapping: Mapping,
    facts: dict[str, SourceFacts] | None = None,
) -> UserRecord:
    """The record after the event at offset `seq`. Returns `record` itself where the event was folded already.

    `facts`: where the event brings another mapping, which reads other facts, what had been said of these.
    """
    if record is not None and seq <= record.seq:
        return record
    return seal(_after(record, seq, event, mapping, facts))


def passed(record: UserRecord, origin: Origin) -> ChangeEvent:
    """The event that says that `record.due` has passed, as `origin.appended` shows. It names the row that is first."""
    ahead = [
        (at, each.subject, row, name.partition("/")[0])
        for name, each in record.facts.items()
        for row, at in upcoming(each, record.as_of).items()
    ]
    at, subject, row, source = min(ahead)
    return ChangeEvent(record.user, source, subject, f"due/{row}", "due", (at, 0, row), {}, origin, "due")


def fold_encoded(
    known: bytes | None,
    seq: int,
    event: ChangeEvent,
    mapping: Mapping,
    facts: dict[str, SourceFacts] | None = None,
) -> bytes | None:
    """The same from Kafka value to Kafka value, encoded once. None: the event was folded already."""
    record = None if known is None else recall(known)
    if record is not None and seq <= record.seq:
        return None
    return _sealed(_after(record, seq, event, mapping, facts))[1]


def fold_on(
    record: UserRecord | None, before: str, seq: int, event: ChangeEvent, mapping: Mapping
) -> tuple[UserRecord, str, bytes] | None:
    """The same for whoever keeps records beside their values, not to decode again what was decoded.

    `before` is the hash of `record`, which may lack it itself, as the record does that is given with its hash here.
    """
    if record is not None and seq <= record.seq:
        return None
    after = _after(record, seq, event, mapping, None, before)
    return after, *_sealed(after)


def _after(
    record: UserRecord | None,
    seq: int,
    event: ChangeEvent,
    mapping: Mapping,
    heard: dict[str, SourceFacts] | None,
    before: str | None = None,
) -> UserRecord:
    """The next record, whose hash is still empty. `before`: the hash of `record`, if not as it says."""
    facts = dict(record.facts) if record else {}
    as_of = max(event.origin.appended, record.as_of) if record else event.origin.appended
    said: Absorbed = "duplicate"
    heard_late = False
    if event.kind == "mapping":
        facts, said = (facts if heard is None else heard), "applied"
    elif event.kind != "due":
        subject = key(event.source, event.subject)
        known = facts.get(subject)
        facts[subject], said = absorb(known, event, mapping.facts)
        heard_late = known is not None and not _alike(known, facts[subject])
    due = record.due if record else None
    come = due is not None and due <= as_of * 1000
    desired = record.desired if record else Resource(externalId=event.user)
    problems = record.problems if record else []
    operations: list[Operation] = []
    effect: Effect = said if said != "applied" and not come else "unchanged"
    if said == "applied" or come or heard_late:
        held = desired
        now = view(facts, as_of, mapping.file.authority, mapping.file.attributes.active)
        desired, problems = mapping.desire(event.user, now)
        due = min((at for each in facts.values() if each.rows for at in upcoming(each, as_of).values()), default=None)
        if desired != held or record is None:
            effect = "changed"
            operations = plan(held if record else None, desired)
    return UserRecord(
        user=event.user,
        seq=seq,
        prev=record.seq if record else FIRST,
        due=due,
        as_of=as_of,
        effect=effect,
        cause=Cause(event.source, event.event, event.origin, event.reason),
        mapping=mapping.digest,
        facts=facts,
        desired=desired,
        operations=operations,
        problems=problems,
        before=before if before is not None else record.hash if record else "",
    )


def _alike(one: SourceFacts, other: SourceFacts) -> bool:
    """Whether they say the same of since and until when somebody was active: a late word may tell that, and no more."""
    return (one.since, one.vouched) == (other.since, other.vouched)


def seal(record: UserRecord) -> UserRecord:
    """The record, whose hash is still empty, with SHA-256 over its content, which includes the hash before it."""
    return replace(record, hash=_sealed(record)[0])


def _sealed(record: UserRecord) -> tuple[str, bytes]:
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


def recall(value: bytes) -> UserRecord:
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
