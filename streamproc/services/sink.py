"""Sink: takes `scim.operations` to the target. One process; partitions come and go with its consumer group.

A partition that comes is fenced first, then its deliveries are read, then its records. One that goes gets a moment for
what is in flight, and is forgotten: its new owner starts from the committed offset.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import aiohttp
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition

from streamproc import telemetry
from streamproc.adapters import kafka
from streamproc.adapters.oauth import bearer
from streamproc.adapters.scim_http import PlatformHttp, ScimHttp
from streamproc.config import Settings
from streamproc.core.delivery import Outcome, Parked
from streamproc.core.dialect import DIALECTS
from streamproc.core.fold import FIRST
from streamproc.core.guard import Flow, Guard, Hold, Protected, Rejected, Standing, Window
from streamproc.core.health import Health
from streamproc.core.lanes import Lanes, Turn
from streamproc.core.pace import Pace
from streamproc.core.plan import pressing
from streamproc.core.wanted import wanted
from streamproc.services.aside import RETRY_EVERY, Aside
from streamproc.services.asking import Asking, Times
from streamproc.services.controls import Controls, Ordered
from streamproc.services.courier import Courier
from streamproc.services.gate import Gate
from streamproc.services.journal import Journal, PartitionLostError
from streamproc.services.trip import Trip, Work
from streamproc.topics import OPERATIONS

log = structlog.get_logger("streamproc.sink")

ROOM = 0.9
"""Part of the read-ahead that has to be free again before reading goes on."""


class Sink(ConsumerRebalanceListener):  # type: ignore[misc]
    """See above. Clock, sleep and random source are arguments, so that a test can hold them.

    `fifo`: first in, first out, with no reserve for leavers; to compare with.
    """

    def __init__(
        self,
        settings: Settings,
        http: aiohttp.ClientSession,
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
        seed: int | None = None,
        fifo: bool = False,
    ) -> None:
        self._settings = settings
        self._ticks = ticks
        self._sleep = sleep
        self._lanes: Lanes[Work] = Lanes(fifo, Work.condensed)
        self._journals: dict[int, Journal] = {}
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._group = f"{settings.group}-sink"
        self._consumer: AIOKafkaConsumer = kafka.consumer(settings, group=self._group)
        self._failure: asyncio.Future[None] | None = None
        tokens = bearer(settings, http, ticks)
        jitter = random.Random(seed).random  # noqa: S311
        times = Times(clock, ticks, self._pause, jitter, settings.session_timeout / 2, settings.request_timeout + 1.0)
        self._gate = Gate(Pace(0.0 if fifo else settings.revoke_reserve), Health(), ticks, sleep, settings.connections)
        self._guard = self._new_guard()
        self._aside = Aside(self._lanes, self._journals, times.now, self._rejected)
        self._controls = Controls(settings, self._ordered, self._stop)
        self._courier = Courier(
            Asking(ScimHttp(http, settings.scim_url, tokens), self._gate, self._lanes, times),
            DIALECTS[settings.dialect],
            self._find_id,
            self._guarded,
            PlatformHttp(http, settings.platform_url, tokens) if settings.end_sessions else None,
        )

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Deliver until cancelled. Raises whatever makes going on unsafe."""
        self._failure = asyncio.get_running_loop().create_future()
        await self._controls.start()
        await self._consumer.start()
        self._consumer.subscribe([OPERATIONS], listener=self)
        tasks: list[asyncio.Future[None]] = [
            asyncio.create_task(self._read(ready), name="reader"),
            asyncio.create_task(self._retry(), name="retries"),
            asyncio.create_task(self._controls.run(), name="controls"),
        ]
        try:
            await asyncio.wait([*tasks, self._failure], return_when=asyncio.FIRST_COMPLETED)
            for done in (*tasks, self._failure):
                if done.done():
                    done.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._failure.cancel()
            await self._release(list(self._journals))
            await self._consumer.stop()
            await self._controls.stop()
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
            self._bound()
            await self._catch_up()
            await self._sleep(0)

    async def _catch_up(self) -> None:
        """Go on with what was set aside once all that the sink before us may have done is in the lanes."""
        for journal in list(self._journals.values()):
            place = TopicPartition(OPERATIONS, journal.partition)
            if journal.caught_up or place not in self._consumer.assignment():
                continue
            if await self._consumer.position(place) >= journal.until:
                journal.caught_up = True
                self._aside.acquired(journal, self._controls)

    def _bound(self) -> None:
        """Read-ahead is bounded by users. A consumer that is full goes on polling, to stay in its group."""
        paused = self._consumer.paused()
        if len(self._lanes) >= self._settings.read_ahead:
            self._consumer.pause(*(self._consumer.assignment() - paused))
        elif paused and len(self._lanes) <= self._settings.read_ahead * ROOM:
            self._consumer.resume(*paused)

    def _take_in(self, partition: int, message: ConsumerRecord) -> None:
        journal = self._journals.get(partition)
        if journal is None or message.value is None:
            return
        record = wanted(message.value)
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
        work = Work.of(record, message.value, regressed=regressed, gap=gap)
        known = journal.delivery(record.user)
        contacted = known is not None and known.id is not None
        pressure = pressing(known.held if known else None, record.desired, contacted=contacted)
        self._lanes.offer(Turn(record.user, partition, message.offset, pressure, work))
        self._courier.nudge(record.user)
        journal.saw(record.user, record.seq)

    def _pump(self) -> None:
        """Start as many turns as there are connections, and every leaver's: they wait at the gate, at its head."""
        while (turn := self._lanes.take(revocations=self._busy >= self._settings.connections)) is not None:
            self._busy += 1
            task = asyncio.create_task(self._deliver(turn, self._journals[turn.partition]))
            self._tasks[task] = turn.partition

    async def _deliver(self, turn: Turn[Work], journal: Journal) -> None:
        task = asyncio.current_task()
        assert task is not None
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
        if delivery.standing is None:
            self._guard.forget(delivery.user)
        _count(outcomes)
        if delivery.id is not None and (known is None or known.id is None):
            self._aside.arrived(delivery.user)
        self._aside.finished(journal, delivery.user)
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
        while True:
            await self._sleep(RETRY_EVERY)
            self._aside.retry()
            self._pump()

    def _ordered(self, order: Ordered) -> None:
        self._aside.ordered(order)
        self._pump()

    def _stop(self, stopped: bool) -> None:
        self._gate.stopped = stopped

    def _guarded(self, trip: Trip) -> Parked | None:
        """The mass guard's word on a revocation. Not None: not now, or never, and why."""
        order = self._controls.latest(trip.user)
        released = order is not None and order.control.action == "release" and order.control.since == trip.since
        if released:
            self._guard.release(trip.user)
        cause = trip.record.cause
        for _, work in reversed(trip.turn.superseded):  # a later event of another source mustn't hide a bulk
            if not work.leaves:
                break
            cause = work.cause
        active = sum(len(journal.active) for journal in self._journals.values())
        match self._guard.ask(trip.user, trip.record.seq, cause, active):
            case Flow(standing):
                trip.standing = standing
                return None
            case Hold(standing):
                if trip.standing is None or trip.standing.said == "rejected":
                    trip.since = None  # held anew: what was ordered before was about something else
                trip.standing = standing
                return trip.parked("held", f"mass guard: {standing.reason}")
            case Rejected():
                return trip.parked("rejected", "an operator rejected this revocation")
            case Protected():
                return trip.parked("protected", "the account is protected, and never deactivated")

    def _rejected(self, user: str) -> Standing | None:
        return self._guard.reject(user)  # the guard of that moment

    def _new_guard(self) -> Guard:
        """Made anew whenever partitions come or go: each is counted where it is."""
        settings = self._settings
        standings = [each for journal in self._journals.values() for each in journal.standings.values()]
        windows = (
            Window(600.0, settings.guard_count, settings.guard_share),
            Window(86_400.0, settings.guard_day_count, settings.guard_day_share),
        )
        return Guard(windows, settings.guard_protected.split(), standings)

    def measure(self) -> None:
        """Set the gauges."""
        for urgency, users in self._lanes.depth().items():
            telemetry.LANES.labels(urgency.name.lower()).set(users)
        telemetry.WAITING.set(len(self._gate))
        headroom = self._gate.pace.headroom(self._ticks())
        telemetry.HEADROOM.set(-1 if headroom is None else headroom)
        telemetry.TARGET_DOWN.set(self._gate.health.down)
        telemetry.PAUSED.set(self._gate.stopped)
        codes = Counter(code for journal in self._journals.values() for code in journal.parked.values())
        telemetry.ASIDE.clear()
        for code, users in codes.items():
            telemetry.ASIDE.labels(code).set(users)
        telemetry.LAG.clear()
        for place in self._consumer.assignment():
            end = self._consumer.highwater(place)
            done = self._lanes.committable(place.partition)
            if end is not None and done is not None:
                telemetry.LAG.labels(place.topic, str(place.partition)).set(max(0, end - done))

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
        # Clients of their own: asked within a rebalance, the subscribed one would wait for the rebalance to end. And
        # two: one that is in a group and is assigned anew again and again falls over its own coordinator.
        loader = kafka.consumer(self._settings, committed_only=True)
        member = kafka.consumer(self._settings, group=self._group)
        await asyncio.gather(loader.start(), member.start())
        try:
            for journal in journals.values():
                await journal.load(loader)
            places = [TopicPartition(OPERATIONS, partition) for partition in partitions]
            ends = await loader.end_offsets(places)
            for place in places:
                journals[place.partition].begin = await member.committed(place) or 0
        finally:
            await asyncio.gather(loader.stop(), member.stop())
        for place in places:
            journal = journals[place.partition]
            journal.until = ends[place]
            journal.start()
            self._journals[place.partition] = journal
            self._watch(journal)
            # aiokafka hands out records of a new partition while it is still being acquired: those were passed over.
            self._consumer.seek(place, journal.begin)
        self._guard = self._new_guard()
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
            try:
                await journal.failed()
            except Exception as error:
                log.exception("journal failed", partition=journal.partition)
                self._fail(error)
                return
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
        # Before anything is awaited: a retry or an order must find nothing to start any more.
        journals = [journal for partition in partitions if (journal := self._journals.pop(partition, None))]
        for partition in partitions:
            await self._forget(partition)
        await asyncio.gather(*(journal.close() for journal in journals))
        self._guard = self._new_guard()
        log.info("partitions released", partitions=sorted(partitions))

    async def _forget(self, partition: int) -> None:
        self._lanes.drain(partition)  # else somebody's end would start what is forgotten below
        tasks = [task for task, of in self._tasks.items() if of == partition]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lanes.revoke(partition)

    def _fail(self, error: BaseException) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)


def _count(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.final:
            telemetry.FATES.labels(outcome.verdict).inc()
        if outcome.cause is None or outcome.acknowledged is None:
            continue
        begun = outcome.cause.origin.appended
        telemetry.DELIVERY.observe((outcome.acknowledged - begun) / 1000)
        if outcome.verdict != "revoked":
            continue
        instants = {name: getattr(outcome, name) for name in ("acknowledged", "read_back", "sessions_ended")}
        for name, at in instants.items():
            if at is not None:
                telemetry.REVOCATION.labels(name).observe((at - begun) / 1000)
