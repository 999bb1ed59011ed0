"""Where a record of the worker's own topic goes: to the links of its partition's subjects, in the topic's order.

Only the worker writes there: what a record of a source has said (`said.py`), an operator's order about a subject
(`route_control.py`), and a rejected input that is taken up again (`replay.py`).

Rule 1: a link goes to the brokers after what it led to. After a crash it may be behind the log, but it never knows of
events that the log doesn't have.
Rule 2: what is said of a subject, and what is ordered of it, names source and subject once in the record's headers and
key and once in its value. They have to agree.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from pydantic import ValidationError

from streamproc.core.errors import RejectedInputError
from streamproc.core.fold.authority import key
from streamproc.core.fold.effective_dating import as_of
from streamproc.core.identity.log_order import doubtful
from streamproc.core.identity.resolve import changes, order
from streamproc.core.records.control import CONTROL, IDENTITY
from streamproc.core.records.headers import FORWARDED, KIND, REPLAY
from streamproc.core.records.link import Link
from streamproc.core.records.rejected import Problem
from streamproc.core.records.topic_names import CONTROLS
from streamproc.core.records.units import Millis
from streamproc.sources import SOURCES
from streamproc.sources.options import SourceOptions
from streamproc.sources.settled import Known, settled, unheard
from streamproc.sources.values.unread import UNREAD
from streamproc.worker.decide.resolved_within import resolved_within, what_they_take
from streamproc.worker.decide.route import PartitionOf, by_subject, said_by, with_problems
from streamproc.worker.decide.routed import EncodedEvent, EncodedLink, Routed, encoded_events, encoded_link
from streamproc.worker.decide.said import SAID, place_in, said_in
from streamproc.worker.raw_record import RawRecord, heard

DOUBTFUL: Final = (
    "a row was read more than a day after all that is known, at a lower position: "
    "if that is another server's log, give its connector another topic.prefix"
)
ORDER: Final = b"order"
"""Kind of an order's record."""

Links: TypeAlias = Callable[[str], Link | None]
"""SOURCE/SUBJECT → the subject's link as it is now; None: nothing was heard of the subject yet."""


def route_forwarded(
    raw: RawRecord, links: Links, options: Mapping[str, SourceOptions], partition_of: PartitionOf
) -> Routed:
    """What a record of the worker's own topic leads to. `options`: by source.

    Raises what a parser raises by mistake: then nothing of the record has gone anywhere.
    """
    record, foreign = heard(raw)
    try:
        routed = _routed(record, links, options, partition_of)
    except RejectedInputError as error:
        routed = Routed(rejected=error)
    return with_problems(routed, foreign)


def _routed(record: RawRecord, links: Links, options: Mapping[str, SourceOptions], partition_of: PartitionOf) -> Routed:
    source, kind = record.source, record.headers.get(KIND)
    if source not in SOURCES:
        raise RejectedInputError("invalid", "of no source; only the worker writes here")
    if kind == ORDER:
        return _order(record, source, links, partition_of)
    if kind == SAID:
        return _said(record, source, links, options[source], partition_of)
    if REPLAY in record.headers:
        return said_by(record, source, options, partition_of)
    raise RejectedInputError("invalid", "nothing that is forwarded; only the worker writes here")


def _order(record: RawRecord, source: str, links: Links, partition_of: PartitionOf) -> Routed:
    """An operator's order, in line with what its subject's source says (rule 2)."""
    placed, name = place_in(record.headers.get(FORWARDED)), record.key or b""
    try:
        control = CONTROL.validate_json(record.value or b"")
    except ValidationError:
        raise RejectedInputError("invalid", "not an order; only the worker writes here") from None
    agreed = control.action in IDENTITY and (control.subject or "").encode() == b"%b/%b" % (source.encode(), name)
    if placed is None or placed.topic != CONTROLS or not agreed or partition_of(name) != record.partition:
        raise RejectedInputError("invalid", f"not an order from {CONTROLS} about this subject")
    link, events = order(links(key(source, name.decode())), control, placed, record.origin)
    return Routed(links=[encoded_link(link)], events=encoded_events(events), command=control)


def _said(record: RawRecord, source: str, links: Links, options: SourceOptions, partition_of: PartitionOf) -> Routed:
    """What the subjects of this partition come to: their links, and what the log is to hold."""
    said = by_subject(said_in(record.value))
    if not said or any(partition_of(subject.encode()) != record.partition for subject in said):
        raise RejectedInputError("invalid", "not about subjects of this partition; only the worker writes here")
    first = None if REPLAY in record.headers else place_in(record.headers.get(FORWARDED))
    resolved: list[EncodedLink] = []
    events: list[EncodedEvent] = []
    problems: list[Problem] = []
    denies = False
    for subject, written in said.items():
        known = links(key(source, subject))
        try:
            theirs = settled(written, options, _heard(known, record.origin.appended))
            if options.anchor == "subject" and all(each.place is None for each in theirs):
                events += encoded_events(changes(subject, source, theirs, record.origin))  # no longer linked
                continue
            link, led_to, left_out = resolved_within(known, source, theirs, record.origin, first)
        except Exception as error:  # others get what is theirs, whatever is wrong with one
            if len(said) == 1:
                raise
            problems.append(_problem(error, subject))
            denies = denies or bool(what_they_take(written))
            continue
        resolved.append(link)
        events += led_to
        problems += left_out
        if known is not None and led_to and doubtful(known.logs, theirs):
            problems.append(Problem("doubtful_position", DOUBTFUL, subject))
    return Routed(links=resolved, events=events, problems=problems, denies=denies)


def _heard(link: Link | None, now: Millis) -> Known:
    """What a subject has said until now; a snapshot that left something out says that there is none."""
    facts = None if link is None else link.facts
    if facts is None:
        return unheard
    unsaid = UNREAD if facts.floor is None else None
    return lambda name: as_of(facts, now)[0].get(name, unsaid)


def _problem(error: Exception, subject: str) -> Problem:
    if isinstance(error, RejectedInputError):
        return Problem(error.code, error.detail, error.subject or subject, error.field)
    return Problem("internal", type(error).__name__, subject)
