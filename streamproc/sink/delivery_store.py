"""Journal: one partition's memory of what was delivered, written in Kafka transactions.

Outcomes, deliveries and the consumed offset commit together under one `transactional_id` per partition. Opening a
store fences whoever held the partition before, so a commit that succeeds proves that the partition is still ours.
"""

import asyncio
from collections.abc import Callable

import orjson
import structlog

from streamproc.adapters.kafka.foreign import STRANGE, TOMBSTONE, passed_over
from streamproc.adapters.kafka.log import FORGOTTEN, NOT_ALLOWED, UNDONE, Consumer, KafkaError, Producer, TopicPartition
from streamproc.adapters.kafka.reading import read_to
from streamproc.core.errors import KafkaUnavailableError
from streamproc.core.records.delivery import DeliveredState, Standing, decode_delivery
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.topic_names import DELIVERIES, OPERATIONS
from streamproc.sink.decide.fates import lines
from streamproc.sink.transaction import commit

log = structlog.get_logger("streamproc.journal")


class PartitionLostError(Exception):
    """Another sink holds the partition now, or the cluster wouldn't take our transaction: stop working on it."""


class DeliveryStore:
    """Of one partition. `committable` gives the offset up to which it is finished, None before anything is."""

    def __init__(
        self,
        partition: int,
        group: str,
        new_producer: Callable[[], Producer],
        committable: Callable[[], int | None],
        ticks: Callable[[], float],
    ) -> None:
        self.partition = partition
        self.until = 0
        """Records below this offset may have been in another sink's hands when the partition came to us."""
        self.alone_from: int | None = None
        """Records at this offset and above are in our hands alone. None: the sink before us may still read and send."""
        self.acquired = 0.0
        """Ticks at which the partition came to us."""
        self.confirmed = 0.0
        """Ticks at which the last transaction that committed was begun: the partition was ours then."""
        self.begin = 0
        """Committed offset when it came to us; set before `start`."""
        self.findings = 0
        """End of the partition of `scim.findings` when the partition came to us."""
        self.caught_up = False
        """Whether all below `until` has been read: what the sink before us may have delivered is in the lanes."""
        self.waiting: dict[str, set[str]] = {}
        """User ID → users who want that one as their manager, or the userName that is theirs, and can't have it yet."""
        self.parked: dict[str, str] = {}
        """User → code, of those with something set aside."""
        self.frozen: dict[str, int] = {}
        """User → how many items are frozen, of those with any."""
        self.active: set[str] = set()
        """Users whom the target holds as active, as far as we know."""
        self.standings: dict[str, Standing] = {}
        """User → what the mass guard has to remember."""
        self.forgotten: dict[str, None] = {}
        """Users, or what is named like some, whose delivery was deleted or overwritten."""
        self.again: dict[str, int] = {}
        """User → offset of the newest record of one who was forgotten. Its fate was told, and it counts once more."""
        self.told = 0
        """Fates of records below this offset have been told."""
        self._group = group
        self._new_producer = new_producer
        self._committable = committable
        self._ticks = ticks
        self._deliveries: dict[str, bytes] = {}
        self._seen: dict[str, int] = {}
        self._loaded = 0
        self._outcomes: list[tuple[bytes, bytes]] = []
        self._changed: dict[str, None] = {}
        self._noted: dict[str, float] = {}  # user → ticks of what may not be in the log yet
        self._committed: int | None = None
        self._dirty = asyncio.Event()
        self._waiters: list[asyncio.Future[None]] = []
        self.lost = False  # whether the partition isn't ours any more
        self._producer: Producer | None = None
        self._writer: asyncio.Task[None] | None = None

    async def fence(self) -> None:
        """Become the only writer: the previous holder's transaction is aborted and its next one refused."""
        self._producer, begun = self._new_producer(), self._ticks()
        try:
            await self._producer.start()
        except BaseException:
            await self._drop()
            raise
        self.acquired, self.confirmed = self._ticks(), begun  # the answer may have been on its way for long

    async def load(self, consumer: Consumer) -> None:
        """Read the partition of `scim.deliveries` to its end; call after `fence`, when nobody else can write."""
        place = TopicPartition(DELIVERIES, self.partition)
        consumer.assign([place])
        ends = await consumer.end_offsets([place])
        consumer.seek(place, max(self._loaded, (await consumer.beginning_offsets([place]))[place]))
        async for records in read_to(consumer, ends):
            for record in records:
                user = (record.key or b"").decode(errors="replace")
                try:
                    known = decode_delivery(record.value or b"")
                    if known.user != user:
                        raise ValueError  # noqa: TRY301 - as strange as any other
                except ValueError:
                    known_before = user in self._deliveries
                    then = "what was there before is written again" if known_before else "the target is asked"
                    passed_over(record, STRANGE if record.value else TOMBSTONE, then)
                    (self._changed if known_before else self.forgotten)[user] = None
                    continue
                self.forgotten.pop(user, None)
                self._deliveries[user] = record.value
                self._seen[user] = known.seq
                self._note(known)
        self._loaded = ends[place]

    def shared(self, offset: int) -> int:
        """Records below the offset that it returns may have been in the hands of the sink before us.

        Fenced, it goes on for as long as its last confirmation is good, also with records that come since, as the one
        at `offset` may.
        """
        return max(self.until, offset + 1 if self.alone_from is None else self.alone_from)

    async def find_again(self, consumer: Consumer, end: int) -> None:
        """Of each forgotten user the newest record below `end` counts again, and no older one; call after `load`."""
        if not self.forgotten:
            return
        place = TopicPartition(OPERATIONS, self.partition)
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        async for records in read_to(consumer, {place: end}):
            for record in records:
                user = (record.key or b"").decode(errors="replace")
                if user in self.forgotten and record.value is not None:
                    self.again[user] = record.offset
        self.told = self.begin
        self.again = {user: offset for user, offset in self.again.items() if offset < self.told}
        self.begin = min([self.begin, *self.again.values()])
        log.warning("users whose delivery was deleted are brought to the target anew", n=len(self.again))

    def start(self) -> None:
        """Begin to commit what is recorded."""
        self._writer = asyncio.create_task(self._write(), name=f"store-{self.partition}")

    def delivery(self, user: str) -> DeliveredState | None:
        """What Genesys holds of the user, as last recorded. None: never contacted."""
        value = self._deliveries.get(user)
        return None if value is None else decode_delivery(value)

    def noted(self, user: str) -> float:
        """Ticks at which the user's delivery was recorded, until that is committed; 0: it was in the log before."""
        return self._noted.get(user, 0.0)

    def seen(self, user: str) -> int | None:
        """The highest seq offered or delivered. None: none."""
        return self._seen.get(user)

    def saw(self, user: str, seq: int) -> None:
        """A record with `seq` is in the lanes."""
        self._seen[user] = seq

    def record(self, outcomes: list[Outcome], delivery: DeliveredState | None = None) -> None:
        """Write these with the next transaction. Call it before the lanes are told, in one go with them."""
        self._outcomes += [(outcome.user.encode(), line) for outcome in outcomes for line in lines(outcome)]
        if delivery is not None:
            # Copied to fit: orjson keeps kilobytes behind what it has written, which would add up over all users.
            self._deliveries[delivery.user] = bytes(memoryview(orjson.dumps(delivery)))
            self._changed[delivery.user] = None
            self._noted[delivery.user] = self._ticks()
            self._note(delivery)
        self._dirty.set()

    def touch(self) -> None:
        """The committable offset may have moved."""
        self._dirty.set()

    async def confirm(self) -> None:
        """Return once a transaction begun after this call has committed. Raises PartitionLostError."""
        if self.lost:
            raise PartitionLostError
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._dirty.set()
        await waiter

    async def close(self) -> None:
        """Commit what is left, if the partition is still ours, and let go of it."""
        if self._writer is not None and not self.lost:
            self.touch()
            try:
                async with asyncio.timeout(5):
                    await self.confirm()
            except (PartitionLostError, TimeoutError):
                log.info("partition was lost before its last commit", partition=self.partition)
        self.lost = True
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            self._writer = None
        await self._drop()

    def _note(self, delivery: DeliveredState) -> None:
        """What is to be known of all users at a glance."""
        user, parked = delivery.user, delivery.parked
        if delivery.held and delivery.held.get("active"):
            self.active.add(user)
        else:
            self.active.discard(user)
        self.frozen.pop(user, None)
        if delivery.frozen:
            self.frozen[user] = len(delivery.frozen)
        if delivery.standing is None:
            self.standings.pop(user, None)
        else:
            self.standings[user] = delivery.standing
        if parked is None:
            self.parked.pop(user, None)
            return
        self.parked[user] = parked.code
        if "manager" in parked.attributes and (manager := parked.desired.get("manager")):
            self.waiting.setdefault(manager, set()).add(user)
        if parked.holder is not None:
            self.waiting.setdefault(parked.holder, set()).add(user)

    async def failed(self) -> None:
        """Return when the partition was lost; never while all is well. Raises what nobody expected."""
        if (writer := self._writer) is not None:
            await asyncio.wait([writer])
            if not writer.cancelled():
                writer.result()

    async def _write(self) -> None:
        try:
            while True:
                await self._dirty.wait()
                self._dirty.clear()
                await self._transaction()
        except NOT_ALLOWED:  # nobody else has the partition, and whoever gets it next fails as well
            raise
        except (*UNDONE, PartitionLostError) as error:
            cause = error
            while cause.__cause__ is not None:  # aiokafka's sender wraps what it didn't expect
                cause = cause.__cause__
            name = type(cause).__name__
            if isinstance(cause, FORGOTTEN):
                raise KafkaUnavailableError(
                    f"the brokers have forgotten transactional id {self._group}-{self.partition} ({name}: it was idle "
                    "longer than transactional.id.expiration.ms). Nothing is lost: started again, it gets a new one"
                ) from error
            log.warning("partition lost", partition=self.partition, error=name)
        finally:
            self.lost = True
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_exception(PartitionLostError())
                    waiter.exception()  # its owner may have been cancelled
            self._waiters.clear()

    async def _transaction(self) -> None:
        producer = self._producer
        if producer is None:
            raise PartitionLostError
        outcomes, self._outcomes = self._outcomes, []
        # Taken now: a later one would be in the log before the fates that it says are told.
        changed, self._changed = [(user.encode(), self._deliveries[user]) for user in self._changed], {}
        waiters, self._waiters = self._waiters, []
        offset = self._committable()
        if offset is None:  # the lanes have forgotten the partition, which is being released
            offset = self._committed
        begun = self._ticks()
        try:
            if outcomes or changed or waiters or offset != self._committed:
                consumed = self.begin if offset is None else offset
                await commit(producer, self._group, self.partition, outcomes, changed, consumed)
                self._committed = offset
                self.confirmed = begun
                self._noted = {user: at for user, at in self._noted.items() if at > begun}
        except BaseException:
            self._waiters += waiters
            raise
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                async with asyncio.timeout(5):
                    await producer.stop()
            except (KafkaError, TimeoutError, OSError) as error:
                log.info("producer didn't stop cleanly", partition=self.partition, error=type(error).__name__)
