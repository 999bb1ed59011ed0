"""Sink: takes `scim.operations` to the target. One process; partitions come and go with its consumer group.

A partition that comes is fenced first, then its deliveries are read, then its records. One that goes gets a moment for
what is in flight, and is forgotten: its new owner starts from the committed offset.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable

import aiohttp
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition

from streamproc.adapters import kafka
from streamproc.adapters.oauth import Tokens
from streamproc.adapters.scim_http import ScimHttp
from streamproc.config import Settings
from streamproc.core.dialect import DIALECTS
from streamproc.core.events import Origin
from streamproc.core.fold import FIRST, Cause, UserRecord, decode, encode
from streamproc.core.lanes import Lanes, Turn
from streamproc.core.plan import Urgency, pressing
from streamproc.services.courier import Courier, Work
from streamproc.services.journal import Journal, PartitionLostError
from streamproc.topics import OPERATIONS

log = structlog.get_logger("streamproc.sink")

RETRY_EVERY = 30.0
"""Seconds between attempts at what was set aside and isn't given up"""


class Sink(ConsumerRebalanceListener):  # type: ignore[misc]
    """See above. Clock, sleep and random source are arguments, so that a test can hold them."""

    def __init__(
        self,
        settings: Settings,
        http: aiohttp.ClientSession,
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        seed: int | None = None,
    ) -> None:
        self._settings = settings
        self._ticks = ticks
        self._sleep = sleep
        self._lanes: Lanes[Work] = Lanes()
        self._journals: dict[int, Journal] = {}
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._group = f"{settings.group}-sink"
        self._consumer: AIOKafkaConsumer = kafka.consumer(settings, group=self._group)
        self._failure: asyncio.Future[None] | None = None
        secret = settings.client_secret.get_secret_value()
        tokens = Tokens(http, settings.token_url, settings.client_id, secret, ticks)
        self._courier = Courier(
            ScimHttp(http, settings.scim_url, tokens),
            DIALECTS[settings.dialect],
            self._lanes,
            clock,
            ticks,
            self._pause,
            random.Random(seed).random,  # noqa: S311 - jitter
            self._find_id,
            settings.session_timeout / 2,
            settings.request_timeout + 1.0,
        )

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Deliver until cancelled. Raises whatever makes going on unsafe."""
        self._failure = asyncio.get_running_loop().create_future()
        await self._consumer.start()
        self._consumer.subscribe([OPERATIONS], listener=self)
        reader = asyncio.create_task(self._read(ready), name="reader")
        retries = asyncio.create_task(self._retry(), name="retries")
        try:
            await asyncio.wait([reader, retries, self._failure], return_when=asyncio.FIRST_COMPLETED)
            for done in (reader, retries, self._failure):
                if done.done():
                    done.result()
        finally:
            reader.cancel()
            retries.cancel()
            await asyncio.gather(reader, retries, return_exceptions=True)
            self._failure.cancel()
            await self._release(list(self._journals))
            await self._consumer.stop()
            for watcher in self._watchers:
                watcher.cancel()

    async def _read(self, ready: Callable[[], None]) -> None:
        told = False
        while True:
            # aiokafka gives nothing between revocation and assignment, and nothing is awaited between its answer and
            # `_take_in`: what is taken in belongs to the partitions as they are now.
            batches = await self._consumer.getmany(timeout_ms=100, max_records=2000)
            for place, records in batches.items():
                for record in records:
                    self._take_in(place.partition, record)
            self._pump()
            if not told and self._journals:
                told = True
                ready()
            while len(self._lanes) >= self._settings.read_ahead:
                await self._sleep(0.05)
            await self._sleep(0)

    def _take_in(self, partition: int, message: ConsumerRecord) -> None:
        journal = self._journals.get(partition)
        if journal is None or message.value is None:
            return
        record = decode(message.value)
        seen = journal.seen(record.user)
        if seen is not None and record.seq <= seen:
            self._lanes.skip(partition, message.offset)  # a repeat, or told before a restart
            journal.touch()
            return
        regressed = journal.parked.get(record.user) == "regressed"
        gap: int | None = None
        if seen is not None and record.prev < seen:
            regressed = True
            log.error(
                "record regressed: user is parked", partition=partition, seq=record.seq, prev=record.prev, seen=seen
            )
        elif record.prev != (FIRST if seen is None else seen):
            gap = FIRST if seen is None else seen
        work = Work(record.seq, record.prev, record.effect, record.cause, message.value, regressed, gap=gap)
        known = journal.delivery(record.user)
        contacted = known is not None and known.id is not None
        pressure = pressing(known.held if known else None, record.desired, contacted=contacted)
        self._lanes.offer(Turn(record.user, partition, message.offset, pressure, work))
        self._courier.nudge(record.user)
        journal.saw(record.user, record.seq)

    def _pump(self) -> None:
        while self._busy < self._settings.connections and (turn := self._lanes.take()) is not None:
            self._busy += 1
            task = asyncio.create_task(self._deliver(turn))
            self._tasks[task] = turn.partition

    async def _deliver(self, turn: Turn[Work]) -> None:
        task = asyncio.current_task()
        assert task is not None
        journal = self._journals[turn.partition]
        known = journal.delivery(turn.user)
        try:
            ended, delivery, outcomes = await self._courier.deliver(turn, journal)
        except PartitionLostError:
            return
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("delivery failed", partition=turn.partition, seq=turn.work.seq)
            self._fail(error)
            return
        finally:
            self._busy -= 1
            self._tasks.pop(task, None)
        journal.record(outcomes, delivery)
        self._lanes.finish(ended)
        if delivery.id is not None and (known is None or known.id is None):
            self._arrived(delivery.user)
        self._pump()

    async def _pause(self, seconds: float) -> None:
        """A wait in the middle of a delivery: the place among the connections goes to somebody else meanwhile."""
        self._busy -= 1
        self._pump()
        try:
            await self._sleep(seconds)
        finally:
            self._busy += 1

    def _find_id(self, user: str) -> str | None:
        for journal in self._journals.values():
            if journal.seen(user) is not None and (delivery := journal.delivery(user)) is not None:
                return delivery.id
        return None

    async def _retry(self) -> None:
        """Try again, now and then, what was set aside for want of something that may be there by now, and leavers."""
        while True:
            await self._sleep(RETRY_EVERY)
            for journal in self._journals.values():
                for user, code in list(journal.parked.items()):
                    self._again(journal, user, only_leaver=code != "unresolved")
            self._pump()

    def _arrived(self, manager: str) -> None:
        """The target has a new user: those who want that one as their manager can have it now."""
        for journal in self._journals.values():
            for user in journal.waiting.pop(manager, ()):
                self._again(journal, user)

    def _again(self, journal: Journal, user: str, *, only_leaver: bool = False) -> None:
        delivery = journal.delivery(user)
        parked = delivery.parked if delivery else None
        if delivery is None or parked is None:
            return
        leaver = parked.desired.get("active") is False
        if parked.code == "regressed" or (only_leaver and not leaver):
            return
        record = UserRecord(
            user=user,
            seq=delivery.seq,
            prev=delivery.seq,
            effect="unchanged",
            cause=Cause("streamproc", "retry", Origin(OPERATIONS, journal.partition, -1, delivery.at)),
            mapping="",
            facts={},
            desired=parked.desired,
            operations=[],
            problems=[],
            before="",
        )
        work = Work(record.seq, record.prev, record.effect, record.cause, encode(record), told=True)
        pressure = Urgency.REVOKE if leaver else Urgency.CHANGE
        self._lanes.again(Turn(user, journal.partition, -1, pressure, work))

    # The consumer group

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._release([place.partition for place in revoked])

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        partitions = sorted(place.partition for place in assigned)
        if not partitions:
            return
        try:
            await self._acquire(partitions)
        except BaseException as error:  # the coordinator would only log it, and we would sit on dead partitions
            self._fail(error)
            raise

    async def _acquire(self, partitions: list[int]) -> None:
        begun = self._ticks()
        journals = {partition: self._journal(partition) for partition in partitions}
        await asyncio.gather(*(journal.fence() for journal in journals.values()))
        # A client of its own: asked from within a rebalance, the subscribed one would wait for the rebalance to end.
        loader = kafka.consumer(self._settings, group=self._group, committed_only=True)
        await loader.start()
        try:
            for journal in journals.values():
                await journal.load(loader)
            places = [TopicPartition(OPERATIONS, partition) for partition in partitions]
            ends = await loader.end_offsets(places)
            for place in places:
                journals[place.partition].begin = await loader.committed(place) or 0
        finally:
            await loader.stop()
        for place in places:
            journal = journals[place.partition]
            journal.until = ends[place]
            journal.start()
            self._journals[place.partition] = journal
            self._watch(journal)
            # aiokafka hands out records of a new partition while it is still being acquired: those were passed over.
            self._consumer.seek(place, journal.begin)
        log.info("partitions acquired", partitions=partitions, seconds=round(self._ticks() - begun, 2))

    def _journal(self, partition: int) -> Journal:
        return Journal(
            partition,
            self._group,
            lambda: kafka.producer(self._settings, f"{self._group}-{partition}"),
            lambda: self._lanes.committable(partition),
            self._ticks,
        )

    def _watch(self, journal: Journal) -> None:
        async def watch() -> None:
            await journal.failed()
            if self._journals.get(journal.partition) is not journal:
                return
            await self._forget(journal.partition)  # fenced: stop working on it, and wait for the group to say the same
            await self._sleep(self._settings.session_timeout * 3)
            if self._journals.get(journal.partition) is journal:
                self._fail(PartitionLostError(f"partition {journal.partition} was lost, and nobody took it over"))

        task = asyncio.create_task(watch(), name=f"watch-{journal.partition}")
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    async def _release(self, partitions: list[int]) -> None:
        if not partitions:
            return
        for partition in partitions:
            self._lanes.drain(partition)
        deadline = self._ticks() + self._settings.revoke_wait
        while self._ticks() < deadline and any(self._lanes.flying(partition) for partition in partitions):
            await self._sleep(0.02)
        for partition in partitions:
            await self._forget(partition)
        journals = [journal for partition in partitions if (journal := self._journals.pop(partition, None))]
        await asyncio.gather(*(journal.close() for journal in journals))
        log.info("partitions released", partitions=sorted(partitions))

    async def _forget(self, partition: int) -> None:
        tasks = [task for task, of in self._tasks.items() if of == partition]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lanes.revoke(partition)

    def _fail(self, error: BaseException) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)
