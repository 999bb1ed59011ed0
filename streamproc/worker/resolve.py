"""Resolver: carries out where `decide/route*.py` send a record, by way of table `links`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from streamproc.core.errors import RejectedInputError
from streamproc.core.records.link import Link, decode_link
from streamproc.core.records.topic_names import CHANGES, CONTROLS, FORWARDS, LINKS
from streamproc.sources.options import SourceOptions
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.decide.route import route
from streamproc.worker.decide.route_control import route_control
from streamproc.worker.decide.route_forwarded import route_forwarded
from streamproc.worker.decide.routed import EncodedLink, Routed
from streamproc.worker.raw_record import RawRecord
from streamproc.worker.rejections import Rejections
from streamproc.worker.stream_app import StateTable

log = structlog.get_logger("streamproc.worker")


class Resolver:
    """For one worker. `options`: by source."""

    def __init__(
        self,
        links: StateTable,
        options: Mapping[str, SourceOptions],
        producer: BatchingProducer,
        rejections: Rejections,
    ) -> None:
        self.ignored: Counter[tuple[str, str]] = Counter()
        """Source and code → how often something meant nothing here."""
        self._table = links
        self._options = options
        self._producer = producer
        self._rejections = rejections
        self._pending: dict[bytes, Link] = {}
        """Links on their way to the brokers: they are the state until the table has them."""

    def forget(self) -> None:
        """Partitions have moved."""
        self._pending.clear()

    def take(self, raw: RawRecord, done: Callable[[], None]) -> None:
        """Send what a record of a source's topic, of the controls or of our own leads to; `done`: the brokers have it.

        Raises RejectedInputError where it is to be rejected, or what a defect raises; `done` isn't called then.
        """
        if raw.topic == CONTROLS:
            routed = route_control(raw, self._options)
        elif raw.topic == FORWARDS:
            links = partial(self._link, raw.partition)
            routed = route_forwarded(raw, links, self._options, self._producer.partition)
        else:
            routed = route(raw, self._options, self._producer.partition)
        self._tell(raw, routed)
        self._send(routed)
        if isinstance(routed.rejected, RejectedInputError):  # one rejection tells all that is wrong with it
            others = (RejectedInputError(each.code, each.reason, each.subject, each.field) for each in routed.problems)
            routed.rejected.others += tuple(others)
        else:
            self._rejections.tell(raw, routed.problems, denies=routed.denies)
        if routed.rejected is not None:
            raise routed.rejected
        if not routed.links:
            self._producer.then(done)
            return
        self._pending |= {name: link for name, link, _ in routed.links}
        self._producer.then(
            partial(self._send_links, routed.links, raw.partition),
            partial(self._keep, routed.links, raw.partition, done),
        )

    def _tell(self, raw: RawRecord, routed: Routed) -> None:
        if routed.ignored:
            self.ignored.update((raw.source, each.code) for each in routed.ignored)
        if (command := routed.command) is not None:
            new = routed.mapping
            led_to: dict[str, Any] = {"events": len(routed.events)} if new is None else {"digest": new.event.event}
            log.warning("ordered", action=command.action, by=command.by, **led_to)

    def _send(self, routed: Routed) -> None:
        """The first round."""
        put = self._producer.put
        for record in routed.forwards:
            put(record.topic, record.key, record.value, headers=record.headers)
        for event, value in routed.events:
            put(CHANGES, event.user.encode(), value)
        if routed.mapping is not None:
            for partition in range(self._producer.partitions):
                put(CHANGES, routed.mapping.event.event.encode(), routed.mapping.value, partition=partition)

    def _send_links(self, links: Sequence[EncodedLink], partition: int) -> None:
        """The second round."""
        for name, _, value in links:
            self._producer.put(LINKS, name, value, partition=partition)

    def _keep(self, links: Sequence[EncodedLink], partition: int, done: Callable[[], None]) -> None:
        """The brokers have both rounds."""
        for name, link, value in links:
            self._table.keep(name, value, partition)
            if self._pending.get(name) is link:
                del self._pending[name]
        done()

    def _link(self, partition: int, name: str) -> Link | None:
        encoded = name.encode()
        pending = self._pending.get(encoded)
        if pending is not None:
            return pending
        value = self._table.read(encoded, partition)
        return None if value is None else decode_link(value)
