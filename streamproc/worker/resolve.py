"""Resolver: raw records → ChangeEvents, by way of table `links`.

Rule 1: all about one subject comes through the partition of its own key, so that its link lives in one place and sees
everything in order. A record that speaks of subjects of other partitions is appended to those too, once each, and each
partition takes its own. An operator's order is appended there as well, in line with what the source says.
Rule 2: a link is written when the brokers have what it led to. It may forget after a crash, but never knows of events
that the log doesn't have.
Rule 3: nothing is dropped silently. What means nothing here is counted, what can't be understood is rejected, and what
only says that something changed is passed on to be fetched, unless the gateway has done so.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import orjson
import structlog
from pydantic import ValidationError

from streamproc.core.errors import MappingError, RejectedInputError
from streamproc.core.fold.authority import key
from streamproc.core.fold.decode_cache import DecodeCache
from streamproc.core.fold.mapping import Mapping as Rules
from streamproc.core.identity.resolve import changes, order, resolve
from streamproc.core.parsed_payload import Ignored, ParsedPayload, SourceEvent
from streamproc.core.records.change_event import ChangeEvent, NewMapping, Origin
from streamproc.core.records.control import CONTROL, IDENTITY, LONGEST, Control
from streamproc.core.records.headers import BY_GATEWAY, KIND, RECEIVED
from streamproc.core.records.link import LINK, Link
from streamproc.core.records.mapping_in_force import SOURCE as MAPPED
from streamproc.core.records.topic_names import CHANGES, CONTROLS, LINKS
from streamproc.core.records.user_record import LARGEST
from streamproc.sources import SOURCES
from streamproc.sources.hris import contract
from streamproc.sources.mapping_authority import usable
from streamproc.sources.options import SourceOptions
from streamproc.sources.raw_record import HARMLESS, parse_record
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.faust_bridge.state_table import StateTable
from streamproc.worker.raw_record import RawRecord

log = structlog.get_logger("streamproc.worker")

FORWARDED: Final = "streamproc-forwarded"
"""Of a record that was appended again for the subjects of another partition, or of an order: topic/partition/offset."""


class Resolver:
    """For one worker. `take` and `obey` raise RejectedInputError; else `done` is called when all is kept."""

    def __init__(self, links: StateTable, options: Mapping[str, SourceOptions], decoded: DecodeCache) -> None:
        self.ignored: Counter[tuple[str, str]] = Counter()
        """Source and code → how often something meant nothing here."""
        self._table = links
        self._options = options
        self._decoded = decoded
        self._pending: dict[bytes, Link] = {}
        """Links on their way to the brokers: they are the state until the table has them."""

    def forget(self) -> None:
        """Partitions have moved."""
        self._pending.clear()

    def take(self, raw: RawRecord, outbox: BatchingProducer, done: Callable[[], None]) -> None:
        """A record of a source's topic."""
        name = raw.topic.removeprefix("events.")
        if raw.headers.get(KIND) == b"order":
            self._order(raw, outbox, done)
            return
        refused: RejectedInputError | None = None
        if name == contract.SOURCE:
            try:
                self._put(outbox, contract.parse(raw.value, raw.headers, raw.origin))
            except RejectedInputError as error:
                refused = error  # unless it is in the words of some vendor
            else:
                outbox.then(done)
                return
        options = self._options[name]
        said = parse_record(SOURCES[name].read, options, raw.value, raw.headers, raw.timestamp)
        ignored = said.ignored
        if not said.events and not said.notifications:
            strange = [each for each in ignored if each.code not in HARMLESS]
            if refused is not None and (strange or not ignored):
                raise refused
            if strange:
                raise RejectedInputError(strange[0].code, strange[0].reason)
            ignored = ignored or (Ignored("empty", "a list of nothing"),)
        self.ignored.update((name, each.code) for each in ignored)
        self._forward(name, raw, said, outbox)
        ours: dict[str, list[SourceEvent]] = {}
        for each in said.events:
            if outbox.partition(each.subject.encode()) == raw.partition:
                ours.setdefault(each.subject, []).append(each)
        events: list[ChangeEvent] = []
        links: list[Link] = []
        for subject, them in ours.items():
            if options.anchor == "subject":
                events += changes(subject, name, them, raw.origin)
                continue
            link, led_to = resolve(self._link(key(name, subject), raw.partition), name, them, raw.origin)
            links.append(link)
            events += led_to
        self._write(events, links, raw.partition, outbox, done)

    def obey(self, raw: RawRecord, outbox: BatchingProducer, done: Callable[[], None]) -> None:
        """A record of `streamproc.controls`: one about a subject goes in line with what its source says.

        A mapping goes into the log of every partition.
        """
        try:
            control = CONTROL.validate_json(raw.value or b"")
        except ValidationError:
            raise RejectedInputError("invalid", "not a control; only the commands of streamproc write here") from None
        if control.action == "mapping":
            _bring(raw, control, outbox, done)
            return
        source, _, subject = (control.subject or "").partition("/")
        if control.action not in IDENTITY:
            done()
        elif source not in SOURCES or not subject or self._options[source].anchor == "subject":
            raise RejectedInputError("subject", "no SOURCE/SUBJECT of a source whose subjects are linked")
        else:
            headers = [(KIND, b"order"), (FORWARDED, raw.place)]
            outbox.put(f"events.{source}", subject.encode(), raw.value or b"", done, headers=headers)

    def _order(self, raw: RawRecord, outbox: BatchingProducer, done: Callable[[], None]) -> None:
        try:
            control = CONTROL.validate_json(raw.value or b"")
            topic, partition, offset = raw.headers[FORWARDED].decode().split("/")
            placed = Origin(topic, int(partition), int(offset), raw.timestamp)
        except (ValidationError, KeyError, ValueError):
            raise RejectedInputError("invalid", f"not an order; only the worker writes them, from {CONTROLS}") from None
        link, events = order(self._link(control.subject or "", raw.partition), control, placed, raw.origin)
        log.warning("ordered", action=control.action, by=control.by, events=len(events))
        self._write(events, [link], raw.partition, outbox, done)

    def _link(self, name: str, partition: int) -> Link | None:
        encoded = name.encode()
        pending = self._pending.get(encoded)
        if pending is not None:
            return pending
        value = self._table.read(encoded, partition)
        return None if value is None else LINK.validate_json(value)

    def _forward(self, name: str, raw: RawRecord, said: ParsedPayload, outbox: BatchingProducer) -> None:
        """Let others have what is theirs (rules 1 and 3). What was forwarded once isn't again."""
        if FORWARDED in raw.headers:
            return
        value, headers = raw.value or b"", [(name, each or b"") for name, each in raw.headers.items()]
        headers.append((FORWARDED, raw.place))
        if RECEIVED not in raw.headers:
            headers.append((RECEIVED, str(raw.timestamp * 1000).encode()))
        theirs = {outbox.partition(subject): subject for subject in (each.subject.encode() for each in said.events)}
        for partition, subject in theirs.items():
            if partition != raw.partition:
                outbox.put(raw.topic, subject, value, partition=partition, headers=headers)
        if said.notifications and BY_GATEWAY not in raw.headers and SOURCES[name].fetched:
            first = said.notifications[0].subject.encode()
            outbox.put(f"notifications.{name}", first, value, headers=headers)

    def _write(
        self,
        events: list[ChangeEvent],
        links: list[Link],
        partition: int,
        outbox: BatchingProducer,
        done: Callable[[], None],
    ) -> None:
        """What the log is to hold, and after that the links (rule 2)."""
        values = [(key(link.source, link.subject).encode(), link, orjson.dumps(link)) for link in links]
        if any(len(value) > LARGEST for _, _, value in values):
            raise RejectedInputError("too_large", f"more than {LARGEST} bytes are known of one subject")
        self._put(outbox, events)
        self._pending |= {name: link for name, link, _ in values}

        def write_links() -> None:
            for name, link, value in values:
                outbox.put(LINKS, name, value, partial(self._keep, name, link, value, partition), partition)
            outbox.then(done)

        outbox.then(write_links)

    def _put(self, outbox: BatchingProducer, events: Sequence[ChangeEvent]) -> None:
        """Append events to the log, all of them or none. Raises RejectedInputError."""
        values = [orjson.dumps(event) for event in events]
        if any(len(value) > LARGEST for value in values):
            raise RejectedInputError("too_large", f"more than {LARGEST} bytes in one event")
        for event, value in zip(events, values, strict=True):
            self._decoded.said(value, event)
            outbox.put(CHANGES, event.user.encode(), value)

    def _keep(self, name: bytes, link: Link, value: bytes, partition: int) -> None:
        self._table.keep(name, value, partition)
        if self._pending.get(name) is link:
            del self._pending[name]


def brought(value: bytes | None) -> Rules | None:
    """The mapping that a control brings; None: none, or it is to be rejected."""
    try:
        control = CONTROL.validate_json(value or b"")
        if control.action == "mapping" and control.mapping is not None:
            return usable(control.mapping, "mapping")
    except (ValidationError, MappingError):
        pass
    return None


def _bring(raw: RawRecord, control: Control, outbox: BatchingProducer, done: Callable[[], None]) -> None:
    text = control.mapping
    if text is None or len(text.encode()) > LONGEST:
        raise RejectedInputError("mapping", f"no mapping, or one of more than {LONGEST} bytes")
    try:
        digest = usable(text, "the mapping in an order").digest
    except MappingError as error:
        raise RejectedInputError("mapping", str(error)) from None
    placed = (control.at * 1000, raw.offset, control.id)
    new = NewMapping(text, control.by)
    event = ChangeEvent("", MAPPED, "", digest, "mapping", placed, {}, raw.origin, control.reason, mapping=new)
    value = orjson.dumps(event)
    if len(value) > LARGEST:
        raise RejectedInputError("too_large", f"more than {LARGEST} bytes in one event")
    log.warning("ordered", action=control.action, by=control.by, digest=digest)
    for partition in range(outbox.partitions):
        outbox.put(CHANGES, digest.encode(), value, partition=partition)
    outbox.then(done)
