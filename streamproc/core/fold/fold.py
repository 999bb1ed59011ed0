"""Fold: (record, event, mapping) → record. A pure function of one log, so that it can be recomputed for an auditor.

A user's record is the value of table `users` and of `scim.operations`: state and operation are one Kafka record and
can't disagree. `seq` is the event's offset in `identity.changes`; an event at or below it is skipped, which makes
at-least-once delivery exact. The hash covers the record and the hash before it, so a lost or altered link shows.

Time is what the log says: `as_of` is when the last of all that was folded had been appended, and what has a date counts
once that is past it. `due` tells the worker when the next such date comes; its timer then says so in the log.
"""

from streamproc.core.fold.authority import EPOCH, key
from streamproc.core.fold.claims import hear, reheard, settled
from streamproc.core.fold.claims import problems as claims
from streamproc.core.fold.effective_dating import upcoming
from streamproc.core.fold.facts import Effect as Absorbed
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.plan import plan
from streamproc.core.fold.scope import access_taken, desire, unheard
from streamproc.core.records.change_event import ChangeEvent, Origin, SourceFacts
from streamproc.core.records.operation import Operation
from streamproc.core.records.units import Micros, Millis, micros_of
from streamproc.core.records.user_record import (
    FIRST,
    Cause,
    Effect,
    UserRecord,
    UserState,
    decode_state,
    seal,
    seal_hash,
)


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
    *,
    only_access: bool = False,
) -> bytes | None:
    """The same from Kafka value to Kafka value, encoded once. None: the event was folded already.

    `only_access`: of what is desired nothing changes but that somebody who is denied access has none.
    """
    record = None if known is None else decode_state(known)
    if record is not None and seq <= record.seq:
        return None
    return seal_hash(_after(record, seq, event, mapping, facts, only_access=only_access))[1]


def _after(
    record: UserRecord | UserState | None,
    seq: int,
    event: ChangeEvent,
    mapping: Mapping,
    heard: dict[str, SourceFacts] | None,
    *,
    only_access: bool = False,
) -> UserRecord:
    """The next record, whose hash is still empty."""
    file, facts, was = mapping.file, (record.facts if record else {}), (record.as_of if record else EPOCH)
    as_of = max(event.origin.appended, record.as_of) if record else event.origin.appended
    absorbed: Absorbed = "duplicate"
    heard_late = False
    if event.kind == "mapping":
        facts, absorbed = (facts if heard is None else reheard(facts, heard)), "applied"
    elif event.kind == "due":
        facts = settled(facts, dict(facts), file, was, as_of)
    else:
        known = facts
        facts, absorbed = hear(known, event, file, mapping.facts, was, as_of)
        subject = key(event.source, event.subject)
        heard_late = subject in known and not _alike(known[subject], facts[subject])
    due = record.due if record else None
    come = due is not None and due <= micros_of(as_of)
    before = record.desired if record else None
    held = desired = unheard(mapping, event.user) if before is None else before
    problems = record.problems if record else []
    operations: list[Operation] = []
    effect: Effect = absorbed if absorbed != "applied" and not come else "unchanged"
    if absorbed == "applied" or come or heard_late:
        desired, problems = desire(mapping, event.user, mapping.view(facts, as_of), before)
        if len(facts) > 1:
            problems = problems + claims(facts, as_of, file)
        if only_access:
            desired, problems = access_taken(held, desired), []
        due = next_date(facts, as_of)
        if desired != held or record is None:
            effect = "changed"
            operations = plan(before, desired)
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
        before=record.hash if record else "",
    )


def next_date(facts: dict[str, SourceFacts], as_of: Millis) -> Micros | None:
    """When the next date in the facts comes, in µs since 1970; None: there is none. `as_of`: ms since 1970."""
    return min((at for each in facts.values() if each.rows for at in upcoming(each, as_of).values()), default=None)


def _alike(one: SourceFacts, other: SourceFacts) -> bool:
    """Whether they say the same of since and until when somebody was active: a late word may tell that, and no more."""
    return (one.since, one.vouched) == (other.since, other.vouched)
