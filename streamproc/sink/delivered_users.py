"""Delivered users: what the sink knows of other users than the one whose turn it is, from our own log.

Of its own partitions that is in their delivery stores. Of other sinks' it is read from `scim.deliveries` once a turn
needs somebody there, and followed from then on: a partition that nobody asked about is never read, and one that
comes to this sink is let go of.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import structlog
from msgspec import Struct

from streamproc.adapters.kafka.log import Consumer, ConsumerRecord, Log, TopicPartition, started
from streamproc.adapters.kafka.reading import read_topic
from streamproc.core.records.delivery import DeliveredState, decode_delivery
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.resource import Resource
from streamproc.core.records.topic_names import DELIVERIES
from streamproc.core.scim.response_body import same_id
from streamproc.sink.decide.name_waits import Claim, name_key
from streamproc.sink.delivery_store import DeliveryStore

log = structlog.get_logger("streamproc.sink")

READ_WITHIN: Final = 30.0
"""Seconds that a turn waits for a partition to be read to its end."""
POLL_MS: Final = 200
"""Milliseconds after which it is looked whether another partition is wanted."""


class Changed(Protocol):
    """Told of a user. `waits`: they wait for somebody's userName; else they have an account, or another name."""

    def __call__(self, user: str, *, waits: bool) -> None: ...


class _Known(Struct, frozen=True, gc=False):
    """What is kept of a user of another sink's."""

    id: str | None
    claim: Claim


_NOTHING: Final = _Known(None, Claim())


class DeliveredUsers:
    """Of one sink. `stores`: the partitions that are its own, as they come and go. `tell`: what has changed."""

    def __init__(self, kafka: Log, stores: Mapping[int, DeliveryStore], tell: Changed) -> None:
        self._kafka = kafka
        self._stores = stores
        self._tell = tell
        self._followed: dict[int, asyncio.Event] = {}
        """Partition to whether it was read to the end that it had when it was first wanted."""
        self._users: dict[int, dict[str, _Known]] = {}
        """Of the partitions that are followed."""
        self._next: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._wanted = asyncio.Event()

    def id_of(self, user: str) -> str | None:
        """The target's id of somebody whose account is known to be theirs. None: nobody has delivered them yet."""
        return self._known(user).id

    def claim_of(self, user: str) -> Claim:
        """Which userName the user has, and which one they can't have yet."""
        return self._known(user).claim

    def changed(self, user: str, before: DeliveredState | None, now: DeliveredState) -> None:
        """A user of ours was delivered."""
        self._compare(user, _NOTHING if before is None else _known(before), _known(now))

    def ours(self, user: str) -> bool:
        """Whether the user is in this sink's hands."""
        return self._partition(user) in self._stores

    async def look_for(self, user: str, seconds: float = READ_WITHIN) -> None:
        """Return when what is known of them is what the log says, or after so many seconds."""
        if (read := self._follow(user)) is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await read.wait()
        except TimeoutError:
            log.warning("another sink's deliveries couldn't be read yet", partition=self._partition(user))

    async def holder_of(self, account: str, besides: str) -> str | None:
        """Whose account it is, of all users but one. All of the log is read for it. Raises KafkaError."""
        ids = {user: each and each.id async for user, each in read_topic(self._kafka, DELIVERIES, decode_delivery)}
        others = (user for user, each in ids.items() if each and user != besides and same_id(each, account))
        return min(others, default=None)

    def _follow(self, user: str) -> asyncio.Event | None:
        """What is said of the user is wanted from now on. None: they are this sink's."""
        if self.ours(user):
            return None
        self._wanted.set()
        return self._followed.setdefault(self._partition(user), asyncio.Event())

    async def run(self) -> None:
        """Follow what is wanted, until cancelled. Raises KafkaError."""
        await self._wanted.wait()
        async with started(self._kafka.consumer()) as consumer:
            while True:
                await self._choose(consumer)
                if not self._followed:
                    self._wanted.clear()
                    await self._wanted.wait()
                    continue
                for place, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                    self._take(place.partition, records)
                for place in consumer.assignment():
                    self._next[place] = await consumer.position(place)
                    if self._next[place] >= self._ends[place] and not self._followed[place.partition].is_set():
                        self._followed[place.partition].set()
                        for user, known in list(self._users[place.partition].items()):
                            self._compare(user, known, known)

    async def _choose(self, consumer: Consumer) -> None:
        """What is followed from now on, and from where."""
        for partition in self._followed.keys() & self._stores.keys():
            self._followed.pop(partition).set()
        places = [TopicPartition(DELIVERIES, partition) for partition in sorted(self._followed)]
        if {*places} == consumer.assignment():
            return
        for place in self._next.keys() - {*places}:
            del self._next[place], self._ends[place], self._users[place.partition]
        consumer.assign(places)
        new = [place for place in places if place not in self._next]
        begins = await consumer.beginning_offsets(new) if new else {}
        ends = await consumer.end_offsets(new) if new else {}
        for place in new:
            self._next[place], self._ends[place], self._users[place.partition] = begins[place], ends[place], {}
        for place in places:
            consumer.seek(place, self._next[place])

    def _take(self, partition: int, records: Sequence[ConsumerRecord]) -> None:
        users = self._users[partition]
        for record in records:
            user = (record.key or b"").decode(errors="replace")
            before = users.pop(user, _NOTHING)
            try:
                now = _known(decode_delivery(record.value or b""))
            except ValueError:  # told by the sink that has the partition
                continue
            if now != _NOTHING:
                users[user] = now
            if self._followed[partition].is_set():
                self._compare(user, before, now)

    def _compare(self, user: str, before: _Known, now: _Known) -> None:
        if now.id is not None and (now.id, now.claim.name) != (before.id, before.claim.name):
            self._tell(user, waits=False)
        if now.claim.holder is not None:  # who that one waits for may be another sink's again: a circle has to be seen
            self._follow(now.claim.holder)
            self._tell(user, waits=True)

    def _known(self, user: str) -> _Known:
        for store in self._stores.values():
            if store.seen(user) is not None and (delivery := store.delivery(user)) is not None:
                return _known(delivery)
        return self._users.get(self._partition(user), {}).get(user, _NOTHING)

    def _partition(self, user: str) -> int:
        return partition_of(user.encode(), self._kafka.partitions)


def account(delivery: DeliveredState) -> str | None:
    """The target's id of the user's account. None: there is none, or it hasn't been shown yet that it is theirs."""
    return delivery.id if delivery.held is not None else None


def claim(delivery: DeliveredState) -> Claim:
    """Which userName the user has there, and which one they can't have yet."""
    held, parked = delivery.held or Resource(), delivery.parked
    name, left = name_key(held.get("userName")), held.get("active") is False
    if parked is None or parked.holder is None:
        return Claim(name, left=left)
    return Claim(name, name_key(parked.desired.get("userName")), parked.holder, left)


def _known(delivery: DeliveredState) -> _Known:
    return _Known(account(delivery), claim(delivery))
