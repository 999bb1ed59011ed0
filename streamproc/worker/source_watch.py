"""Source watch: has each source been silent for too long, and does a mapping wait? One worker looks for all.

That is the worker that has partition 0 of `identity.changes`. What is usual of a source it learns from its topics, by
asking when something came first after a moment; no record is read for that.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final, NoReturn, TypeAlias

import structlog

from streamproc import telemetry
from streamproc.adapters.kafka.log import Consumer, KafkaError, Log, TopicPartition, started
from streamproc.adapters.kafka.mappings_in_force import in_force
from streamproc.adapters.kafka.reading import partitions_of
from streamproc.core.errors import StreamprocError
from streamproc.core.records.topic_names import CHANGES, MAPPINGS, PUSHED, events_topic, intake_topic
from streamproc.core.records.units import Millis
from streamproc.health.decide.conditions import Trouble
from streamproc.sources import SOURCES
from streamproc.topics import RESOLVED
from streamproc.worker.decide.silence import HOUR, REMEMBERED, SLOT, Usual, remembered, usual_of
from streamproc.worker.troubles import mapping_troubles, silence_troubles

log = structlog.get_logger("streamproc.worker")

EVERY: Final = 30.0
"""Seconds between two looks."""
PATIENCE: Final = 60.0
"""Seconds for one question."""
BETWEEN: Final = 0.03
"""Seconds between two questions about the past, of which there may be thousands: brokers have other things to do."""
SECOND: Final = 1000
"""ms."""
LEADS: Final = TopicPartition(CHANGES, 0)
SAID: Final = {*RESOLVED, PUSHED}
"""Topics with what sources say."""
SPOKEN: Final = {
    source: [topic for topic in dict.fromkeys([events_topic(source), intake_topic(source)]) if topic in SAID]
    for source in SOURCES
}
"""Source → topics of what it says. Asking for one that isn't there has no end."""
Topics: TypeAlias = dict[str, list[TopicPartition]]
"""Source → partitions of its topics."""


class SourceWatch:
    """Of one worker. `limits`: source → seconds of silence that are set, 0: any. `leads`: it is the one that looks.

    `clock`: ms since 1970.
    """

    def __init__(
        self,
        kafka: Log,
        limits: Mapping[str, float],
        leads: Callable[[], bool],
        clock: Callable[[], Millis],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._kafka = kafka
        self._limits = limits
        self._leads = leads
        self._clock = clock
        self._sleep = sleep
        self._begun = clock()
        self._heard: dict[str, list[Millis]] = {}
        """Source → when something came (`silence.py`)."""
        self._last: dict[str, Millis] = {}
        """Source → when something came last."""
        self._ends: dict[str, int] = {}
        """Source → records that were ever there, of all its topics."""
        self._usual: dict[str, Usual] = {}
        self._usual_from = 0
        """Hour in which `_usual` was made."""
        self._mappings: dict[int, tuple[str, Millis]] = {}
        """Partition → digest of the mapping in force, and when that came."""
        self._mappings_end: list[int] = []
        """Where their topic ended when they were read."""
        self._failure: str | None = None
        """What kept it from looking last."""

    async def run(self) -> NoReturn:
        """Look, until cancelled. What fails is told, and tried again."""
        while True:
            if self._leads():
                try:
                    async with started(self._kafka.consumer()) as consumer:
                        await self._watch(consumer)
                except (KafkaError, StreamprocError, OSError, TimeoutError) as error:
                    if self._failure is None:
                        log.warning("sources can't be watched", reason=type(error).__name__)
                    self._failure = type(error).__name__
            self._forget()
            await self._sleep(EVERY)

    def troubles(self) -> Iterator[Trouble]:
        """What was seen last. Nothing where another worker looks."""
        if not self._leads():
            return
        if self._failure is not None:
            reason = f"Kafka doesn't say whether they are silent: {self._failure}"
            yield Trouble("unwatched", "sources", "blind", reason, PATIENCE)
        if self._ends:  # before the first look, what is learned of the weeks before isn't what came last
            yield from silence_troubles(self._last, self._usual, self._limits, self._begun, self._clock())
        yield from mapping_troubles(self._mappings)

    async def _watch(self, consumer: Consumer) -> None:
        """As long as it is ours to look."""
        places: Topics = {source: partitions_of(self._kafka, *topics) for source, topics in SPOKEN.items()}
        await self._learn(consumer, places)
        while self._leads():
            await self._look(consumer, places)
            self._failure = None
            await self._sleep(EVERY)

    async def _learn(self, consumer: Consumer, places: Topics) -> None:
        """What came when, in the weeks before."""
        now = self._clock()
        for source, partitions in places.items():
            at = Millis(now - REMEMBERED)
            while at <= now and self._leads():
                first = await self._first(consumer, partitions, at)
                if first is None:
                    break
                self._came(source, min(first, now))
                at = Millis((first // SLOT + 1) * SLOT)
                await self._sleep(BETWEEN)
            if source in self._last:
                self._last[source] = await self._latest(consumer, partitions, self._last[source], now)
        self._make_usual(now)

    async def _latest(self, consumer: Consumer, partitions: list[TopicPartition], known: Millis, now: Millis) -> Millis:
        """When something came last, to the second. `known`: something came then."""
        end = now
        while end - known > SECOND:
            middle = Millis((known + end) // 2)
            first = await self._first(consumer, partitions, middle)
            known, end = (known, middle) if first is None else (min(first, end), end)
        return known

    async def _first(self, consumer: Consumer, partitions: list[TopicPartition], at: Millis) -> Millis | None:
        async with asyncio.timeout(PATIENCE):
            found = await consumer.offsets_for_times(dict.fromkeys(partitions, int(at)))
        return min((Millis(each.timestamp) for each in found.values() if each is not None), default=None)

    async def _look(self, consumer: Consumer, places: Topics) -> None:
        now = self._clock()
        mappings = partitions_of(self._kafka, MAPPINGS)
        async with asyncio.timeout(PATIENCE):
            offsets = await consumer.end_offsets([*(each for own in places.values() for each in own), *mappings])
            if (ended := [offsets[each] for each in mappings]) != self._mappings_end:
                rules = await in_force(self._kafka)
                self._mappings = {partition: (each.digest, each.at) for partition, each in rules.items()}
                self._mappings_end = ended
        ends: dict[str, int] = defaultdict(int)
        for source, partitions in places.items():
            ends[source] = sum(offsets[each] for each in partitions)
            if source in self._ends and ends[source] != self._ends[source]:
                self._came(source, now)
            if source in self._last:
                telemetry.HEARD.labels(source).set(self._last[source] / 1000)
        self._ends = dict(ends)
        self._make_usual(now)

    def _came(self, source: str, at: Millis) -> None:
        self._heard[source] = remembered(self._heard.get(source, []), at)
        self._last[source] = at

    def _make_usual(self, now: Millis) -> None:
        if self._usual_from != now // HOUR:
            self._usual_from = now // HOUR
            self._usual = {source: usual_of(heard) for source, heard in self._heard.items()}

    def _forget(self) -> None:
        """Another worker looks now, or this one begins anew."""
        for each in (self._heard, self._last, self._ends, self._usual, self._mappings):
            each.clear()
        self._usual_from, self._mappings_end = 0, []
        telemetry.HEARD.clear()
