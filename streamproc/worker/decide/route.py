"""Where a record of `events.<source>` goes.

Rule 1: everything about one subject comes through the partition of its own key, so that its link lives in one place and
sees everything in order. A record about subjects of other partitions is appended again once for each of those, and each
partition resolves its own subjects. An operator's order is appended to that partition too, in line with the source.
Rule 2: a link goes to the brokers after what it led to. After a crash it may be behind the log, but it never knows of
events that the log doesn't have.
Rule 3: nothing is dropped silently. What means nothing here is counted, what can't be understood is rejected, and what
only says that something changed is passed on to be fetched, unless the gateway has done so. Where only a part can't be
understood, the rest is carried out, and the part is told: once, by the partition to which the record came first.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from pydantic import ValidationError

from streamproc.core.errors import RejectedInputError
from streamproc.core.fold.authority import key
from streamproc.core.identity.log_order import doubtful
from streamproc.core.identity.resolve import changes, order
from streamproc.core.parsed_payload import Ignored, ParsedPayload, SourceEvent
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import CONTROL
from streamproc.core.records.headers import BY_GATEWAY, KIND, READ, RECEIVED, UNREADABLE
from streamproc.core.records.link import Link
from streamproc.core.records.producer_record import Headers, Record
from streamproc.core.records.rejected import Problem
from streamproc.core.records.topic_names import CONTROLS
from streamproc.core.records.units import micros_of
from streamproc.sources import SOURCES
from streamproc.sources.hris import contract
from streamproc.sources.options import SourceOptions
from streamproc.sources.raw_record import HARMLESS, parse_record
from streamproc.worker.decide.resolved_within import resolved_within
from streamproc.worker.decide.routed import EncodedEvent, EncodedLink, Routed, encoded_events, encoded_link
from streamproc.worker.decide.sized import sized
from streamproc.worker.raw_record import RawRecord

DOUBTFUL: Final = (
    "a row was read more than a day after all that is known, at a lower position: "
    "if that is another server's log, give its connector another topic.prefix"
)
FORWARDED: Final = "streamproc-forwarded"
"""Header of a record that was appended again for another partition, or of an order: topic/partition/offset."""

Links: TypeAlias = Callable[[str], Link | None]
"""SOURCE/SUBJECT → the subject's link as it is now; None: nothing was heard of the subject yet."""
PartitionOf: TypeAlias = Callable[[bytes], int]
"""Key → its partition."""


def route(raw: RawRecord, links: Links, options: Mapping[str, SourceOptions], partition_of: PartitionOf) -> Routed:
    """What a record of a source's topic leads to. `options`: by source.

    Raises what a parser raises by mistake: then nothing of the record has gone anywhere.
    """
    if raw.value is None and (why := raw.headers.get(UNREADABLE)) is not None:
        return Routed(rejected=RejectedInputError("unreadable", why.decode("utf-8", "replace")))
    try:
        if raw.headers.get(KIND) == b"order":
            return _order(raw, links)
        source = raw.topic.removeprefix("events.")
        if source == contract.SOURCE:
            return _contract(raw, links, options[source], partition_of)
        return _vendor(raw, source, links, options[source], partition_of)
    except RejectedInputError as error:
        return Routed(rejected=error)


def _order(raw: RawRecord, links: Links) -> Routed:
    """An operator's order, in line with what its subject's source says."""
    try:
        control = CONTROL.validate_json(raw.value or b"")
        topic, partition, offset = raw.headers[FORWARDED].decode().split("/")
        placed = Origin(topic, int(partition), int(offset), raw.timestamp)
    except (ValidationError, KeyError, ValueError):
        raise RejectedInputError("invalid", f"not an order; only the worker writes them, from {CONTROLS}") from None
    link, events = order(links(control.subject or ""), control, placed, raw.origin)
    return Routed(links=[encoded_link(link)], events=encoded_events(events), command=control)


def _contract(raw: RawRecord, links: Links, options: SourceOptions, partition_of: PartitionOf) -> Routed:
    """The generic contract, whose subjects are users; what isn't in it, or was fetched, is in the words of a vendor."""
    if READ in raw.headers:
        return _vendor(raw, contract.SOURCE, links, options, partition_of)
    try:
        return Routed(events=encoded_events(contract.parse(raw.value, raw.headers, raw.origin)))
    except RejectedInputError as error:
        return _vendor(raw, contract.SOURCE, links, options, partition_of, error)


def _vendor(
    raw: RawRecord,
    source: str,
    links: Links,
    options: SourceOptions,
    partition_of: PartitionOf,
    refused: RejectedInputError | None = None,
) -> Routed:
    """What the source's own parser reads. `refused`: why it isn't the generic contract."""
    parsed = parse_record(SOURCES[source].read, options, raw.value, raw.headers, raw.timestamp)
    said, unsized = sized(parsed.events, len(raw.value or b""))
    parsed = replace(parsed, events=tuple(said))
    if (rejected := _rejection(parsed, refused)) is not None:
        return Routed(rejected=rejected)
    forwards = [] if FORWARDED in raw.headers else _forwards(raw, source, parsed, partition_of)
    strange = [] if FORWARDED in raw.headers else _strange(parsed)
    problems = [Problem(each.code, each.reason, each.subject, each.field) for each in strange]
    problems += [] if FORWARDED in raw.headers else unsized
    routed = Routed(forwards=forwards, ignored=_ignored(source, parsed), problems=problems)
    ours = [each for each in parsed.events if partition_of(each.subject.encode()) == raw.partition]
    try:
        resolved, events, told = _resolved(raw, source, ours, links, options)
        return routed._replace(links=resolved, events=events, problems=[*problems, *told])
    except Exception as error:  # noqa: BLE001 - others get what is theirs, whatever is wrong with what is ours
        return routed._replace(rejected=error)


def _rejection(parsed: ParsedPayload, refused: RejectedInputError | None) -> RejectedInputError | None:
    """Why nobody understands a record; None where somebody does, or where it says nothing that matters to us."""
    if parsed.events or parsed.notifications:
        return None
    strange = [RejectedInputError(each.code, each.reason, each.subject, each.field) for each in _strange(parsed)]
    closer = any(each.field for each in strange) and refused is not None and refused.code != "tombstone"
    if refused is not None and (strange or not parsed.ignored) and not closer:
        return refused
    if not strange:
        return None
    strange[0].others = tuple(strange[1:])
    return strange[0]


def _strange(parsed: ParsedPayload) -> list[Ignored]:
    """What somebody should look at."""
    return [each for each in parsed.ignored if each.code not in HARMLESS]


def _ignored(source: str, parsed: ParsedPayload) -> tuple[Ignored, ...]:
    """What is counted: it means nothing here, or is told besides."""
    if parsed.notifications and not SOURCES[source].fetched:
        unfetched = Ignored("not_fetched", "no directory is there to fetch its subject from")
        return (*parsed.ignored, *(unfetched for _ in parsed.notifications))
    if not parsed.events and not parsed.notifications and not parsed.ignored:
        return (Ignored("empty", "a list of nothing"),)
    return parsed.ignored


def _forwards(raw: RawRecord, source: str, parsed: ParsedPayload, partition_of: PartitionOf) -> list[Record]:
    """The record for whoever else it is about (rules 1 and 3). What was forwarded once isn't forwarded again."""
    subjects = [each.subject.encode() for each in parsed.events]
    by_partition = {partition_of(subject): subject for subject in subjects}
    by_partition.pop(raw.partition, None)
    fetch = bool(parsed.notifications) and BY_GATEWAY not in raw.headers and SOURCES[source].fetched
    if not by_partition and not fetch:
        return []
    headers: Headers = [*((name, content or b"") for name, content in raw.headers.items()), (FORWARDED, raw.address)]
    if RECEIVED not in raw.headers:
        headers.append((RECEIVED, str(micros_of(raw.timestamp)).encode()))
    forwards = [Record(raw.topic, subject, raw.value or b"", headers) for subject in by_partition.values()]
    if fetch:
        subject = parsed.notifications[0].subject.encode()
        forwards.append(Record(f"notifications.{source}", subject, raw.value or b"", headers))
    return forwards


def _resolved(
    raw: RawRecord, source: str, ours: list[SourceEvent], links: Links, options: SourceOptions
) -> tuple[list[EncodedLink], list[EncodedEvent], list[Problem]]:
    """What the subjects of this partition come to: their links, what the log is to hold, and what is told besides."""
    by_subject: dict[str, list[SourceEvent]] = {}
    for each in ours:
        by_subject.setdefault(each.subject, []).append(each)
    resolved: list[EncodedLink] = []
    events: list[EncodedEvent] = []
    problems: list[Problem] = []
    for subject, said in by_subject.items():
        if options.anchor == "subject" and all(each.place is None for each in said):
            events += encoded_events(changes(subject, source, said, raw.origin))
            continue
        known = links(key(source, subject))
        try:
            link, led_to, left_out = resolved_within(known, source, said, raw.origin)
        except RejectedInputError as error:  # others get what is theirs
            if len(by_subject) == 1:
                raise
            problems.append(Problem(error.code, error.detail, subject))
            continue
        resolved.append(link)
        events += led_to
        problems += left_out
        if known is not None and led_to and doubtful(known.logs, said):
            problems.append(Problem("doubtful_position", DOUBTFUL, subject))
    return resolved, events, problems
