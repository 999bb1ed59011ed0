"""Findings: follows `scim.findings` of the sink's own partitions, and has the users looked at whom they name.

What was found before a partition came to the sink is found again, if it is still so. Which look is for now:
`decide/looks.py`.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import structlog
from msgspec.structs import replace
from pydantic import ValidationError

from streamproc import telemetry
from streamproc.adapters.kafka.foreign import STRANGE, TOMBSTONE, passed_over
from streamproc.adapters.kafka.log import Consumer, ConsumerRecord, Log, TopicPartition, started
from streamproc.adapters.kafka.reading import range_of
from streamproc.core.fold.plan import Urgency
from streamproc.core.records.change_event import Origin
from streamproc.core.records.finding import decode_finding, is_look
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.topic_names import FINDINGS, OPERATIONS
from streamproc.sink.decide.desired_state import Work, decode_desired
from streamproc.sink.decide.lanes import Lanes
from streamproc.sink.decide.looks import Looks, Noted, noted, turn_of
from streamproc.sink.delivery_store import DeliveryStore

log = structlog.get_logger("streamproc.sink")

AT_ONCE: Final = 8
"""Looks at leavers that are under way, or wait for their turn: others who leave may have to wait for as many requests.
And the same number of looks at others, which wait behind all that is new."""
POLL_MS: Final = 1000
"""Milliseconds after which it is looked which partitions are the sink's."""
SOON_MS: Final = 200
"""The same where somebody waits: whether another look can begin."""
BRIEF: Final = 64 * 1024
"""Bytes of a finding from which on it isn't kept who changed what."""


class FindingFollower:
    """Of one sink. `pump`: starts what was put into the lanes."""

    def __init__(
        self,
        kafka: Log,
        stores: Mapping[int, DeliveryStore],
        lanes: Lanes[Work],
        sleep: Callable[[float], Coroutine[Any, Any, None]],
        pump: Callable[[], None],
    ) -> None:
        self._kafka = kafka
        self._stores = stores
        self._lanes = lanes
        self._sleep = sleep
        self._pump = pump
        self._looks = Looks()
        self._begun: tuple[set[str], set[str]] = set(), set()
        """Leavers, and others, who are looked at."""

    async def run(self) -> None:
        """Follow until cancelled. Raises KafkaError."""
        async with started(self._kafka.consumer()) as consumer, started(self._kafka.consumer()) as reader:
            while True:
                await self._choose(consumer)
                if not consumer.assignment():
                    await self._sleep(SOON_MS / 1000)
                    continue
                timeout_ms = SOON_MS if self._looks else POLL_MS
                for records in (await consumer.getmany(timeout_ms=timeout_ms)).values():
                    for record in records:
                        self.take(record)
                await self._look(reader)

    async def _choose(self, consumer: Consumer) -> None:
        """Follow the partitions that are the sink's now; new ones from where they ended when they came."""
        begins = {TopicPartition(FINDINGS, partition): store.findings for partition, store in self._stores.items()}
        if begins.keys() == consumer.assignment():
            return
        for place in begins.keys() & consumer.assignment():
            begins[place] = max(begins[place], await consumer.position(place))
        consumer.assign(sorted(begins))
        for place, offset in begins.items():
            consumer.seek(place, offset)
        self._looks.keep(self._stores.__contains__)

    def take(self, message: ConsumerRecord) -> None:
        """A finding came. Those about accounts of nobody's are none of the sink's."""
        try:
            finding = decode_finding(message.value or b"")
        except ValidationError:
            what = STRANGE if message.value else TOMBSTONE
            passed_over(message, what, "what is still to be repaired is found again")
            return
        if finding.key.encode() != message.key or finding.user is None:
            return
        origin = Origin(message.topic, message.partition, message.offset, message.timestamp)
        each = noted(finding, origin, brief=len(message.value) > BRIEF)
        if each is None:
            self._looks.drop(finding.user)
        else:
            self._looks.add(each)

    async def _look(self, reader: Consumer) -> None:
        wanted: list[Noted] = []
        for begun, urgent in zip(self._begun, (True, False), strict=True):
            begun.difference_update([user for user in begun if user not in self._lanes])
            wanted += self._looks.take(max(0, AT_ONCE - len(begun)), self._can_go, urgent=urgent)
        if not wanted:
            return
        places = sorted({TopicPartition(OPERATIONS, each.partition) for each in wanted})
        ends = await reader.end_offsets(places)
        for each in wanted:
            place = TopicPartition(OPERATIONS, each.partition)
            if 0 <= each.offset < ends[place]:
                async for records in range_of(reader, place, each.offset, each.offset + 1):
                    self.begin(each, records[0])
        reader.assign([])  # else it would go on fetching what nobody wants
        self._pump()

    def _can_go(self, partition: int) -> bool:
        """Whether all that the sink before us may have done is known: what is to be written may be older than that."""
        store = self._stores.get(partition)
        return store is not None and store.caught_up

    def begin(self, each: Noted, message: ConsumerRecord) -> None:
        """Look at the user, unless there is newer work, by the record that lies where the finding says."""
        if (store := self._stores.get(each.partition)) is None or not store.caught_up:
            return
        try:
            record = decode_desired(message.value or b"")
        except ValidationError:
            return
        turn = turn_of(each, record, store.delivery(each.user), store.seen(each.user))
        if turn is None:
            return
        leaves = turn.urgency is Urgency.REVOKE
        if each.urgent and not leaves:
            self._looks.add(replace(each, urgent=False))
            return
        self._lanes.again(turn)
        self._begun[not leaves].add(each.user)


def tell_incidents(partition: int, outcomes: list[Outcome]) -> None:
    """Who was to have no access, had it, and has lost it again: somebody wants to know how that came."""
    for outcome in outcomes:
        cause = outcome.cause
        if cause is not None and is_look(cause) and outcome.verdict == "revoked":
            telemetry.REACTIVATED.inc()
            log.error(
                "somebody who is to have no access had it again, and lost it now: see streamproc report revocations",
                partition=partition,
                seq=outcome.seq,
                finding=cause.origin.offset,
            )
