"""A consumer group: its members join in rounds (Kafka's eager protocol), and share their topics' partitions.

A round begins when somebody joins or leaves. It ends when all members have joined, or are given up, and gives each its
partitions.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import cycle
from typing import Literal, TypeAlias

from streamproc.adapters.kafka.log import CommitFailedError, TopicPartition
from streamproc.testing.memory_log import faults
from streamproc.testing.memory_log.cluster import Cluster
from streamproc.testing.memory_log.events import GroupChanged, MemberRemoved, OffsetCommitted
from streamproc.testing.memory_log.link import Link

Assignment: TypeAlias = list[TopicPartition]
Assignor: TypeAlias = "Callable[[Sequence[Member], int], dict[Member, Assignment]]"
"""Members in any order, and partitions of each topic → shares."""
EARLY = 5.0
"""Seconds that a member lives at most whose session expires though it isn't silent."""


class Member:
    """Of one consumer. `summons` is done when it has heard that it has to join (again)."""

    def __init__(self, link: Link, topics: frozenset[str]) -> None:
        self.by = link.name
        self.link = link
        self.topics = topics
        self.generation = -1
        self.summons: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.joining: asyncio.Future[Assignment] | None = None
        self.rounds = 0
        """How often it has joined."""

    def summon(self, rounds: int) -> None:
        """Unless it has joined since, or knows."""
        if self.rounds == rounds and self.joining is None and not self.summons.done():
            self.summons.set_result(None)


class Group:
    """`offsets`: what was committed."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.assignor: Assignor = round_robin
        self.offsets: dict[TopicPartition, int] = {}
        self._cluster = cluster
        self._name = name
        self._generation = 0
        self._members: list[Member] = []
        self.moving = False
        """Whether a round is under way, in which nobody has any partitions to be sure of."""

    def join(self, member: Member) -> asyncio.Future[Assignment]:
        """Done when everybody has joined. Asked for once more, it says the same."""
        if member.joining is not None and member in self._members:
            return member.joining
        loop = asyncio.get_running_loop()
        member.summons, member.joining = loop.create_future(), loop.create_future()
        member.rounds += 1
        joining = member.joining
        if member not in self._members:
            self._members.append(member)
        self._begin_round()
        return joining

    def leave(self, member: Member, why: Literal["session", "rebalance"] | None = None) -> None:
        """By its own will, or because the broker gave it up: if it is still there, it hears of that, and may join."""
        if member not in self._members:
            return
        self._members.remove(member)
        if member.joining is not None:
            member.joining.cancel()  # it is told that it isn't known, and asks again
            member.joining = None
        if why is not None:
            self._cluster.tell(MemberRemoved(member.by, self._name, why))
        self._summon(member)
        self._begin_round()

    def commit(self, by: str, member: Member | None, offsets: Mapping[TopicPartition, int]) -> None:
        """`member` None: somebody who reads what they like. Raises CommitFailedError where others have it now.

        Nobody asks which partitions a member has: what a member orders again after a rebalance is done, as with Kafka.
        """
        if member is None:
            known = not self._members
        elif member.summons.done() and member not in self._members:
            known = not self._members  # it has heard, and doesn't say any more which member it was
        else:
            known = member in self._members and member.generation == self._generation
        if not known:
            if member is not None and member not in self._members:
                member.summon(member.rounds)
            raise CommitFailedError
        for place, offset in offsets.items():
            self.keep(by, place, offset)

    def keep(self, by: str, place: TopicPartition, offset: int, transactional_id: str | None = None) -> None:
        """An offset, whoever says so."""
        before = self.offsets.get(place)
        self.offsets[place] = offset
        self._cluster.tell(OffsetCommitted(by, self._name, place, offset, before, transactional_id))

    def _summon(self, member: Member) -> None:
        limits = self._cluster.limits
        if limits is None:
            member.summon(member.rounds)
        elif member.joining is None and not member.summons.done():
            self._cluster.later(limits.heartbeat * self._cluster.chance(), partial(member.summon, member.rounds))

    def _begin_round(self) -> None:
        if not self.moving:
            self.moving = True
            for member in self._members:
                self._summon(member)
            if self._cluster.limits is not None and any(member.joining is None for member in self._members):
                self._cluster.later(self._cluster.limits.rebalance, partial(self._give_up, self._generation))
        if any(member.joining is None for member in self._members):
            return
        self.moving = False
        self._generation += 1
        chance = self._cluster.chance
        by_id = sorted(self._members, key=lambda _: chance())  # aiokafka's order: members' ids are chance
        shares = self.assignor(by_id, self._cluster.partitions) if by_id else {}
        self._cluster.tell(
            GroupChanged(self._name, self._generation, tuple((each.by, tuple(shares[each])) for each in self._members))
        )
        for member in self._members:
            assert member.joining is not None
            member.generation = self._generation
            if not member.joining.done():
                member.joining.set_result(shares[member])
            member.joining = None
            if self._cluster.limits is not None and not member.link.heard():
                self._cluster.later(self._cluster.limits.session, partial(self._miss, member, self._generation))
            if unlucky := self._cluster.fault(faults.SESSION_EXPIRED):
                self._cluster.later(EARLY * unlucky.random(), partial(self._expire, member, self._generation))

    def _miss(self, member: Member, generation: int) -> None:
        if not member.link.heard():
            self._expire(member, generation)

    def _expire(self, member: Member, generation: int) -> None:
        if member.generation == generation:
            self.leave(member, "session")

    def _give_up(self, generation: int) -> None:
        """On those who haven't joined in time."""
        if self.moving and self._generation == generation:
            for member in [member for member in self._members if member.joining is None]:
                self.leave(member, "rebalance")


def round_robin(members: Sequence[Member], partitions: int) -> dict[Member, Assignment]:
    """Partitions in turn, as aiokafka's round robin does."""
    shares: dict[Member, Assignment] = {member: [] for member in members}
    turns = cycle(members)
    for topic in sorted({topic for member in members for topic in member.topics}):
        for number in range(partitions):
            member = next(member for member in turns if topic in member.topics)
            shares[member].append(TopicPartition(topic, number))
    return shares
