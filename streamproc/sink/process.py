"""Sink: takes `scim.operations` to the target. It reads, keeps the lanes going, and writes down what came of it.

Which partitions are its own is up to `rebalance.py`, how one user is brought to the target to `reconciler.py`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import ConsumerRecord, Log, TopicPartition
from streamproc.adapters.kafka.open_transactions import OpenTransactions
from streamproc.adapters.scim_http import PlatformHttp, ScimHttp
from streamproc.adapters.wait import task_group
from streamproc.core.records.topic_names import OPERATIONS
from streamproc.core.scim.dialect import Dialect
from streamproc.health.decide.conditions import Trouble
from streamproc.settings import SinkSettings
from streamproc.sink.control_follower import ControlFollower, ReceivedCommand
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.lanes import Lanes, Turn
from streamproc.sink.delivered_users import DeliveredUsers
from streamproc.sink.delivery_store import DeliveryStore, PartitionLostError
from streamproc.sink.finding_follower import FindingFollower, tell_incidents
from streamproc.sink.intake import take_in
from streamproc.sink.mass_guard import MassGuardDriver
from streamproc.sink.metrics import count, gauge
from streamproc.sink.parked_work import RETRY_EVERY, ParkedWork
from streamproc.sink.rebalance import RebalanceListener
from streamproc.sink.reconciler import Reconciler
from streamproc.sink.request_executor import RequestExecutor
from streamproc.sink.request_gate import RequestGate
from streamproc.sink.troubles import troubles

log = structlog.get_logger("streamproc.sink")

WAITING_MOST = 1000
"""Deliveries that wait in the middle, and lend their places among the connections. Leavers need no place."""
BEHIND = 10
"""So many times the read-ahead is read of partitions whose sink before us may have been further than we are."""
ROOM = 0.9
"""Part of the read-ahead that has to be free again before reading goes on."""


class Sink:
    """One process. `group`: the consumer group of all sinks, and the beginning of their transactional ids.

    `platform`: where leavers' sessions are ended; None: nowhere. `session_timeout`: seconds until a silent
    member of the group loses its partitions. `landed`: seconds after which a request that wasn't answered has been
    applied or never will be. `looks`: whether findings are followed.
    """

    def __init__(
        self,
        settings: SinkSettings,
        *,
        kafka: Log,
        group: str,
        session_timeout: float,
        scim: ScimHttp,
        platform: PlatformHttp | None,
        dialect: Dialect,
        lanes: Lanes[Work],
        gate: RequestGate,
        clocks: Clocks,
        landed: float,
        looks: bool = True,
    ) -> None:
        self._settings = settings
        self._ticks = clocks.ticks
        self._sleep = clocks.pause
        self._lanes = lanes
        self._gate = gate
        self._stores: dict[int, DeliveryStore] = {}
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._busy = 0
        self._turned = clocks.ticks()
        self._waiting = 0
        """Users whose delivery waits in the middle, and has lent its place among the connections."""
        self._consumer = kafka.consumer(group=group)
        self._failure: asyncio.Future[None] | None = None
        self._controls = ControlFollower(kafka, self._ordered, self._stop)
        self._mass_guard = MassGuardDriver(settings.guard, self._stores, self._controls.latest)
        self._parked_work = ParkedWork(self._lanes, self._stores, clocks.millis, self._mass_guard.reject)
        self._rebalance = RebalanceListener(
            kafka,
            group,
            session_timeout,
            settings.revoke_wait,
            self._consumer,
            self._lanes,
            self._stores,
            self._tasks,
            ticks=self._ticks,
            sleep=self._sleep,
            changed=self._mass_guard.renew,
            fail=self._fail,
            findings=looks,
        )
        self._findings = FindingFollower(kafka, self._stores, lanes, self._sleep, self._pump) if looks else None
        self._delivered = DeliveredUsers(kafka, self._stores, self._changed)
        executor = RequestExecutor(
            scim,
            self._gate,
            self._lanes,
            replace(clocks, pause=self._pause),
            self._hold,
            fresh=session_timeout / 2,
            landed=landed,
        )
        self._refusals = executor.refusals
        self._reconciler = Reconciler(
            executor,
            dialect,
            self._delivered,
            self._mass_guard.ask,
            platform,
            self._parked_work.goes_on,
            settings.loops.limits(),
        )

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Deliver until cancelled. Raises whatever makes going on unsafe."""
        self._failure = asyncio.get_running_loop().create_future()
        await self._controls.start()
        await self._consumer.start()
        self._consumer.subscribe([OPERATIONS], listener=self._rebalance)
        try:
            async with task_group() as tasks:
                tasks.create_task(self._read(ready), name="reader")
                tasks.create_task(self._retry(), name="retries")
                tasks.create_task(self._controls.run(), name="controls")
                tasks.create_task(self._delivered.run(), name="delivered users")
                if self._findings is not None:
                    tasks.create_task(self._findings.run(), name="findings")
                await self._failure
        finally:
            self._failure.cancel()
            await self._rebalance.release(list(self._stores))
            await self._consumer.stop()
            await self._controls.stop()
            self._rebalance.stop()

    async def _read(self, ready: Callable[[], None]) -> None:
        told = False
        while True:
            self._turned = self._ticks()
            # aiokafka gives nothing between revocation and assignment, and nothing is awaited between its answer and
            # `_take_in`: what is taken in belongs to the partitions as they are now.
            batches = await self._consumer.getmany(timeout_ms=100, max_records=2000)
            for place, records in batches.items():
                for record in records:
                    self._take_in(place.partition, record)
            self._pump()
            if not told and self._stores:
                told = True
                ready()
            self._bound()
            await self._catch_up(idle=not batches)
            await self._sleep(0)

    async def _catch_up(self, *, idle: bool) -> None:
        """Go on with what was set aside once all that the sink before us may have done is in the lanes.

        `idle`: nothing came. What the consumer has passed then are marks of transactions, which the group passes too.
        """
        for store in list(self._stores.values()):
            if store.caught_up and not idle:
                continue
            position = await reading.position_of(self._consumer, TopicPartition(OPERATIONS, store.partition))
            if position is None or self._stores.get(store.partition) is not store:
                continue
            if idle and position > store.begin and self._lanes.skip_to(store.partition, position):
                store.touch()
            if not store.caught_up and position >= store.until:
                store.caught_up = True
                self._parked_work.acquired(store, self._controls)
                self._pump()  # a leaver among them doesn't wait until something comes

    def _bound(self) -> None:
        """Read-ahead is bounded by users. A consumer that is full goes on polling, to stay in its group.

        Those that a partition waits for before it is caught up may be more.
        """
        paused, most = self._consumer.paused(), self._settings.read_ahead
        if len(self._lanes) >= most:
            behind = [store for store in self._stores.values() if not store.caught_up]
            wanted = behind if len(self._lanes) < BEHIND * most else []
            spared = {TopicPartition(OPERATIONS, store.partition) for store in wanted}
            self._consumer.pause(*(self._consumer.assignment() - paused - spared))
        elif paused and len(self._lanes) <= most * ROOM:
            self._consumer.resume(*paused)

    def _take_in(self, partition: int, message: ConsumerRecord) -> None:
        store = self._stores.get(partition)
        if store is not None and (user := take_in(message, store, self._lanes)) is not None:
            self._reconciler.nudge(user)

    def _pump(self) -> None:
        """Start as many turns as there are connections, and every leaver's: they wait at the gate, at its head."""
        while (turn := self._lanes.take(revocations=self._busy >= self._gate.connections)) is not None:
            self._busy += 1
            task = asyncio.create_task(self._deliver(turn, self._stores[turn.partition]))
            self._tasks[task] = turn.partition
            task.add_done_callback(self._leave)  # cancelled before its first step, it comes to no end of its own

    def _leave(self, task: asyncio.Task[None]) -> None:
        """Give a turn's place among the connections back, once."""
        if self._tasks.pop(task, None) is not None:
            self._busy -= 1

    async def _deliver(self, turn: Turn[Work], store: DeliveryStore) -> None:
        task = asyncio.current_task()
        assert task is not None
        known = store.delivery(turn.user)
        try:
            ended, delivery, outcomes = await self._reconciler.deliver(turn, store)
            store.record(outcomes, delivery)
        except PartitionLostError:
            return
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("delivery failed", partition=turn.partition, seq=turn.work.record.seq)
            self._fail(error)
            return
        finally:
            self._leave(task)
        self._lanes.finish(ended)
        self._mass_guard.ended(delivery)
        count(outcomes)
        tell_incidents(turn.partition, outcomes)
        self._delivered.changed(delivery.user, known, delivery)
        self._parked_work.finished(store, delivery.user)
        self._pump()

    async def _pause(self, seconds: float) -> None:
        """A wait in the middle of a delivery: the place among the connections goes to somebody else meanwhile.

        Not where many wait already, since something is kept of each.
        """
        if self._waiting >= WAITING_MOST:
            await self._sleep(seconds)
            return
        self._waiting += 1
        try:
            await self._hold(seconds)
        finally:
            self._waiting -= 1

    async def _hold(self, seconds: float) -> None:
        """The same of somebody for whom nothing was done yet, and little is kept."""
        self._busy -= 1
        self._pump()
        try:
            await self._sleep(seconds)
        finally:
            self._busy += 1

    def _changed(self, user: str, *, waits: bool) -> None:
        if waits:
            self._reconciler.waits(user)
        else:
            self._parked_work.arrived(user)
            self._reconciler.moved(user)
        self._pump()

    async def _retry(self) -> None:
        waiting, recoveries = OpenTransactions(self._consumer, self._ticks), self._gate.circuit_breaker.recoveries
        while True:
            await self._sleep(RETRY_EVERY)
            waiting.look()
            if recoveries != self._gate.circuit_breaker.recoveries:
                recoveries = self._gate.circuit_breaker.recoveries
                self._parked_work.recovered()
            self._parked_work.retry()
            self._pump()

    def _ordered(self, order: ReceivedCommand) -> None:
        self._parked_work.ordered(order)
        self._pump()

    def _stop(self, stopped: bool) -> None:
        self._gate.stopped = stopped

    def measure(self) -> None:
        """Set the gauges."""
        gauge(self._lanes, self._gate, self._stores, self._consumer, self._ticks())

    def troubles(self, lag_limit: int) -> list[Trouble]:
        """What is wrong now. `lag_limit`: records of a topic; 0: there is none."""
        idle = self._ticks() - self._turned
        return troubles(self._gate, self._refusals, self._stores, self._lanes, self._consumer, idle, lag_limit)

    def _fail(self, error: BaseException) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)
