"""Finding store: the newest finding of each user and account, and appending another."""

from collections.abc import Iterator

import orjson
import structlog
from msgspec import Struct

from streamproc import telemetry
from streamproc.adapters.kafka.log import ConsumerRecord, Producer
from streamproc.core.records.control import Control, is_about
from streamproc.core.records.finding import Finding, decode_finding, says_the_same
from streamproc.core.records.topic_names import FINDINGS
from streamproc.reconcile.decide.next_finding import disagrees, next_finding

log = structlog.get_logger("streamproc.reconcile")


class _Newest(Struct):
    """`first`, `offset`: of the first and of the last record that says so."""

    finding: Finding
    first: int
    offset: int


class FindingStore:
    """Of one process. `producer` has been started."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._newest: dict[str, _Newest] = {}
        self.answered: set[str] = set()
        """Ids of orders that were carried out."""

    def take(self, record: ConsumerRecord) -> None:
        """A record of the topic; our own come back, too. Raises ValueError where it is strange."""
        finding = decode_finding(record.value)
        if finding.key.encode() != record.key:
            raise ValueError("a finding that has another key")
        self._note(finding, record.offset)

    def newest(self, key: str) -> Finding | None:
        """What was told last of a user, or of "account/ID"."""
        found = self._newest.get(key)
        return None if found is None else found.finding

    def meant(self, order: Control) -> Finding | None:
        """The finding that an order is about. None: something else is told since, or nothing any more."""
        found = self._newest.get(order.key)
        if found is None or not found.finding.differences:
            return None
        return found.finding if is_about(order, found.finding, found.first, found.offset) else None

    def all_open(self) -> Iterator[Finding]:
        """All that isn't over, also where an operator has said that it may be so."""
        yield from [each.finding for each in self._newest.values() if each.finding.differences]

    def disagreements(self) -> list[Finding]:
        """All the others of these, incidents first, then the oldest first."""
        told = [each for each in self.all_open() if disagrees(each)]
        return sorted(told, key=lambda each: (not each.incident, each.since, each.key))

    async def tell(self, now: Finding) -> Finding | None:
        """Append what is new of it. Returns that; None: nothing is. Raises KafkaError."""
        after = next_finding(self.newest(now.key), now)
        return None if after is None else await self.append(after)

    async def append(self, finding: Finding) -> Finding:
        """Append it as it is. Raises KafkaError."""
        before = self.newest(finding.key)
        value = orjson.dumps(finding)
        appended = await self._producer.send_and_wait(FINDINGS, value, finding.key.encode())
        place = {"partition": appended.partition, "offset": appended.offset}
        self._note(finding, appended.offset)
        told_before = before is not None and says_the_same(before, finding)
        for kind in {each.kind for each in finding.differences} if not told_before else ():
            telemetry.FINDINGS.labels(kind).inc()
        if finding.incident and not (told_before or (before is not None and before.incident)):
            telemetry.INCIDENTS.inc()
            log.error("somebody has access who is to have none: it is taken again", **place)
        elif finding.differences and not told_before:
            log.info("the target disagrees", kinds=sorted({each.kind for each in finding.differences}), **place)
        elif not finding.differences:
            log.info("the target agrees again", **place)
        return finding

    def _note(self, finding: Finding, offset: int) -> None:
        before = self._newest.get(finding.key)
        if before is not None and before.offset >= offset:
            return
        same = before is not None and says_the_same(before.finding, finding)
        self._newest[finding.key] = _Newest(finding, before.first if same and before else offset, offset)
        if finding.answered is not None:
            self.answered.add(finding.answered)
