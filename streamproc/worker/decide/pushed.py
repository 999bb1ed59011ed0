"""What a valid write of a SCIM client leads to: what it means for people, to be forwarded to the partitions of its
subjects. From there on it is as any other source's (`route_forwarded.py`).
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from msgspec import structs

from streamproc.core.errors import RejectedInputError
from streamproc.core.parsed_payload import Ignored, SourceEvent
from streamproc.core.provider.event import NotAnEventError, ScimEvent, decode
from streamproc.core.provider.state import Folded
from streamproc.core.records.believed_headers import LATE
from streamproc.core.records.headers import RECEIVED
from streamproc.core.records.producer_record import Record
from streamproc.core.records.rejected import Problem
from streamproc.core.records.units import micros_of
from streamproc.sources.options import SourceOptions
from streamproc.sources.raw_record import HARMLESS
from streamproc.sources.scim.anchors import scim_connection
from streamproc.sources.scim.known import KnownSubjects, Learned
from streamproc.sources.scim.read import SOURCE, UNLINKED, meant
from streamproc.worker.decide.route import PartitionOf, by_subject
from streamproc.worker.decide.said import forwards
from streamproc.worker.decide.sized import sized
from streamproc.worker.raw_record import RawRecord, heard

STRAY = RejectedInputError("invalid", "its connection has another partition, so it is a write for nobody")


class Said(NamedTuple):
    """What a record says, by subject, and what it teaches. `denies`: somebody who may be at the target loses access,
    and nobody knows who that is.
    """

    record: RawRecord
    by_subject: dict[str, list[SourceEvent]]
    learned: Learned
    before: dict[str, list[SourceEvent]]
    """What goes before that, in a record of its own (`Meant.before`)."""
    ignored: tuple[Ignored, ...] = ()
    problems: tuple[Problem, ...] = ()
    denies: bool = False


def event_in(raw: RawRecord) -> ScimEvent:
    """The event in a record of `events.scim`. Raises RejectedInputError, and LaterFormatError."""
    if raw.value is None:
        raise RejectedInputError("tombstone", "no value; only gateways and `streamproc seed` write here")
    try:
        return decode(raw.value)
    except NotAnEventError:
        why = "no write of a client; only gateways and `streamproc seed` write here"
        raise RejectedInputError("invalid", why) from None


def said_by(
    raw: RawRecord,
    event: ScimEvent,
    folded: Folded,
    known: KnownSubjects,
    options: SourceOptions,
) -> Said:
    """What a valid record says."""
    record, foreign = heard(raw)
    connection = scim_connection(event, options)
    found = meant(known, connection, event, folded, offset=raw.offset, appended=raw.timestamp)
    events, before = by_subject(found.said.events), by_subject(found.before)
    problems = (*foreign, *_strange(found.said.ignored))
    unlinked = any(each.code == UNLINKED.code for each in found.said.ignored)
    # Whom no client has made is at the target already.
    denies = event.urgent and unlinked and folded.before is not None and folded.before.posted is None
    return Said(_as_received(record, event), events, found.learned, before, found.said.ignored, problems, denies)


def forwarded(
    raw: RawRecord, said: Iterable[Sequence[SourceEvent]], partition_of: PartitionOf
) -> tuple[list[Record], list[Problem]]:
    """What is said of some subjects, for their partitions, and what of it can't be taken in."""
    events, unsized = sized(chain.from_iterable(said), len(raw.value or b""))
    records, problems = forwards(raw, SOURCE, by_subject(events).values(), partition_of)
    return records, unsized + problems


def _as_received(record: RawRecord, event: ScimEvent) -> RawRecord:
    """With when the client's request came, by the gateway's clock, within bounds by the broker's."""
    at, appended = micros_of(event.request.at), micros_of(record.timestamp)
    received = max(min(at, appended), appended - LATE)
    return structs.replace(record, headers={**record.headers, RECEIVED: str(received).encode()})


def _strange(ignored: tuple[Ignored, ...]) -> list[Problem]:
    """What somebody should look at."""
    return [each.problem for each in ignored if each.code not in HARMLESS]
