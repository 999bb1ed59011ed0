"""Fold: (record, event, mapping) → record. A pure function of one log, so that it can be recomputed for an auditor.

A user's record is the value of table `users` and of `scim.operations`: state and operation are one Kafka record and
can't disagree. `seq` is the event's offset in `identity.changes`; an event at or below it is skipped, which makes
at-least-once delivery exact. The hash covers the record and the hash before it, so a lost or altered link shows.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import orjson
from pydantic import TypeAdapter

from streamproc.core.events import ChangeEvent, Origin
from streamproc.core.facts import SourceFacts, absorb, view
from streamproc.core.mapping import Mapping
from streamproc.core.plan import Operation, plan
from streamproc.core.resource import Resource

Effect: TypeAlias = Literal["changed", "unchanged", "duplicate", "stale"]

FIRST = -1
"""`prev` of a user's first record: no offset comes before it."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that led to a record."""

    source: str
    event: str
    origin: Origin
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class UserRecord:
    """Everything known of one user after the event at `seq`: facts by source, desired resource, and what to do."""

    user: str
    seq: int
    prev: int
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


def fold(record: UserRecord | None, seq: int, event: ChangeEvent, mapping: Mapping) -> UserRecord:
    """The record after the event at offset `seq`. Returns `record` itself where the event was folded already."""
    if record is not None and seq <= record.seq:
        return record
    facts = dict(record.facts) if record else {}
    facts[event.source], said = absorb(facts.get(event.source), event, mapping.facts)
    desired = record.desired if record else Resource(externalId=event.user)
    problems = record.problems if record else []
    operations: list[Operation] = []
    effect: Effect = "unchanged"
    if said != "applied":
        effect = said
    else:
        before = desired
        desired, problems = mapping.desire(event.user, view(facts, mapping.file.attributes.active))
        if desired != before or record is None:
            effect = "changed"
            operations = plan(before if record else None, desired)
    return seal(
        UserRecord(
            user=event.user,
            seq=seq,
            prev=record.seq if record else FIRST,
            effect=effect,
            cause=Cause(event.source, event.event, event.origin, event.reason),
            mapping=mapping.digest,
            facts=facts,
            desired=desired,
            operations=operations,
            problems=problems,
            before=record.hash if record else "",
        )
    )


def seal(record: UserRecord) -> UserRecord:
    """The record, whose hash is still empty, with SHA-256 over its content, which includes the hash before it."""
    return replace(record, hash=hashlib.sha256(encode(record)).hexdigest())


def encode(record: UserRecord) -> bytes:
    """Kafka value of `scim.operations`. Keys are sorted: the same record is the same bytes after `decode` too."""
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


def recall(value: bytes) -> UserRecord:
    """What `fold` needs of a record that we encoded ourselves: unchecked, and without its operations and cause."""
    raw = orjson.loads(value)
    facts = {
        source: SourceFacts(
            each["subject"],
            Origin(**each["origin"]),
            each["floor"] and tuple(each["floor"]),
            each["values"],
            {name: tuple(at) for name, at in each["later"].items()},
        )
        for source, each in raw["facts"].items()
    }
    return UserRecord(
        raw["user"],
        raw["seq"],
        raw["prev"],
        raw["effect"],
        _UNSAID,
        raw["mapping"],
        facts,
        raw["desired"],
        [],
        raw["problems"],
        raw["before"],
        raw["hash"],
    )


def decode(value: bytes) -> UserRecord:
    """Raises pydantic.ValidationError where the bytes aren't a record."""
    return USER_RECORD.validate_json(value)
