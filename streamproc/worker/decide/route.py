"""Where a record of a source's topic goes.

Rule 1: everything about one linked subject comes through one partition of the worker's own topic, that of its name, so
that its link lives in one place and sees everything in one order: what a record says of it (`said.py`), and what an
operator orders (`route_control.py`). There `route_forwarded.py` takes it. Where subjects are users, there is no link,
and what is said of them goes on at once.
Rule 2: of a record's headers only those count that are believed in its topic; so what is forwarded carries no others.
Rule 3: nothing is dropped silently. What means nothing here is counted, what can't be understood is rejected, and what
only says that something changed is passed on to be fetched, unless the gateway has done so. Where only a part can't be
understood, or has foreign headers, the rest is carried out, and the part is told.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from streamproc.core.errors import RejectedInputError
from streamproc.core.identity.resolve import changes
from streamproc.core.parsed_payload import Ignored, ParsedPayload, SourceEvent
from streamproc.core.records.believed_headers import OURS
from streamproc.core.records.change_event import ChangeEvent
from streamproc.core.records.headers import BY_GATEWAY, FORWARDED, KIND, READ, RECEIVED, SUBJECT, UNREADABLE
from streamproc.core.records.producer_record import LARGEST, Headers, Record
from streamproc.core.records.rejected import Problem
from streamproc.core.records.topic_names import notifications_topic
from streamproc.sources import SOURCES
from streamproc.sources.hris import contract
from streamproc.sources.options import SourceOptions
from streamproc.sources.raw_record import HARMLESS, parse_record
from streamproc.sources.settled import settled
from streamproc.worker.decide.routed import Routed, encoded_events, fitting_events
from streamproc.worker.decide.said import forwards
from streamproc.worker.decide.sized import sized
from streamproc.worker.raw_record import RawRecord, heard

MOST: Final = 8 * 1024 * 1024
"""Bytes of a record that are looked into. Brokers take 2 MiB, compressed."""
PartitionOf: TypeAlias = Callable[[bytes], int]
"""Key → its partition."""


def route(raw: RawRecord, options: Mapping[str, SourceOptions], partition_of: PartitionOf) -> Routed:
    """What a record of a source's topic leads to. `options`: by source.

    Raises what a parser raises by mistake: then nothing of the record has gone anywhere.
    """
    record, foreign = heard(raw)
    return with_problems(said_by(record, record.source, options, partition_of), foreign)


def with_problems(routed: Routed, problems: list[Problem]) -> Routed:
    """Told besides. Where nothing else comes of a record than that something of it means nothing, it is rejected."""
    if not problems:
        return routed
    if routed.rejected is None and not (routed.forwards or routed.events or routed.links or routed.mapping):
        first, told = problems[0], [*routed.problems, *problems[1:]]
        return Routed(ignored=routed.ignored, problems=told, rejected=RejectedInputError(first.code, first.reason))
    return routed._replace(problems=[*routed.problems, *problems])


def said_by(record: RawRecord, source: str, options: Mapping[str, SourceOptions], partition_of: PartitionOf) -> Routed:
    """What a record of a source leads to, of whose headers all count."""
    if record.value is None and (why := record.headers.get(UNREADABLE)) is not None:
        return Routed(rejected=RejectedInputError("unreadable", why.decode("utf-8", "replace")))
    if len(record.value or b"") > MOST:
        return Routed(rejected=RejectedInputError("too_large", f"more than {MOST} bytes in one record"))
    try:
        if source == contract.SOURCE:
            return _contract(record, options[source], partition_of)
        return _vendor(record, source, options[source], partition_of)
    except RejectedInputError as error:
        return Routed(rejected=error)


def _contract(record: RawRecord, options: SourceOptions, partition_of: PartitionOf) -> Routed:
    """The generic contract, whose subjects are users; what isn't in it, or was fetched, is in the words of a vendor."""
    if READ in record.headers:
        return _vendor(record, contract.SOURCE, options, partition_of)
    try:
        events = settled(contract.parse(record.value, record.headers, record.origin), options)
        return Routed(events=encoded_events(events))
    except RejectedInputError as error:
        return _vendor(record, contract.SOURCE, options, partition_of, error)


def _vendor(
    record: RawRecord,
    source: str,
    options: SourceOptions,
    partition_of: PartitionOf,
    refused: RejectedInputError | None = None,
) -> Routed:
    """What the source's own parser reads. `refused`: why it isn't the generic contract."""
    parsed = parse_record(SOURCES[source].read, options, record.value, record.headers, record.timestamp)
    events, unsized = sized(parsed.events, len(record.value or b""))
    if (rejected := _rejection(parsed, refused)) is not None:
        return Routed(rejected=rejected)
    users: list[ChangeEvent] = []
    linked: list[list[SourceEvent]] = []
    for subject, said in by_subject(events).items():
        if options.anchor == "subject" and all(each.place is None for each in said):
            users += changes(subject, source, settled(said, options), record.origin)
        else:
            linked.append(said)
    forwarded, problems = forwards(record, source, linked, partition_of)
    forwarded += _fetches(record, source, parsed)
    told = [*(each.problem for each in _strange(parsed)), *unsized, *problems]
    routed = Routed(forwards=forwarded, ignored=_ignored(source, parsed), problems=told)
    try:
        encoded, left_out = fitting_events(users)
        return routed._replace(events=encoded, problems=[*told, *left_out])
    except Exception as error:  # noqa: BLE001 - others get what is theirs, whatever is wrong with one
        return routed._replace(rejected=error)


def by_subject(events: Iterable[SourceEvent]) -> dict[str, list[SourceEvent]]:
    """What is said, subject by subject."""
    said: dict[str, list[SourceEvent]] = {}
    for each in events:
        said.setdefault(each.subject, []).append(each)
    return said


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


def _fetches(record: RawRecord, source: str, parsed: ParsedPayload) -> list[Record]:
    """The record for who fetches its subjects; nothing, where the gateway has seen to it.

    Where it is so large that a broker might not take it with our headers, its subjects by themselves.
    """
    if not parsed.notifications or BY_GATEWAY in record.headers or not SOURCES[source].fetched:
        return []
    topic = notifications_topic(source)
    kept = [(name, content) for name, content in record.headers.items() if not name.startswith(OURS)]
    ours: Headers = [(FORWARDED, record.placed), (RECEIVED, record.received)]
    keys = list(dict.fromkeys(each.subject.encode("utf-8", "replace") for each in parsed.notifications))
    size = len(record.value or b"") + sum(len(name) + len(content) for name, content in kept)
    if size <= LARGEST:
        return [Record(topic, keys[0], record.value or b"", [*kept, *ours])]
    return [Record(topic, key, b"{}", [(KIND, b"due"), (SUBJECT, key), *ours]) for key in keys]
