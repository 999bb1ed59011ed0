"""A consumer group: its members join in rounds (Kafka's eager protocol), and share their topics' partitions.

A round begins when somebody joins or leaves. It ends when all members have joined, and gives each its partitions.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import TypeAlias

from streamproc.adapters.kafka.log import CommitFailedError, TopicPartition

Assignment: TypeAlias = list[TopicPartition]
Assignor: TypeAlias = "Callable[[Sequence[Member], int], dict[Member, Assignment]]"
"""Members in the order in which they joined, and partitions of each topic → shares."""


class Member:
    """Of one consumer. `summons` is done when it has to join (again)."""

    def __init__(self, topics: frozenset[str]) -> None:
        self.topics = topics
        self.generation = -1
        self.summons: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.joining: asyncio.Future[Assignment] | None = None

    def summon(self) -> None:
        """Unless it is joining already, or knows."""
        if self.joining is None and not self.summons.done():
            self.summons.set_result(None)


class Group:
    """`partitions`: of each topic. `offsets`: what was committed."""

    def __init__(self, partitions: int) -> None:
        self.assignor: Assignor = round_robin
        self.offsets: dict[TopicPartition, int] = {}
        self._partitions = partitions
        self._generation = 0
        self._members: list[Member] = []

    def join(self, member: Member) -> asyncio.Future[Assignment]:
        """Done when everybody has joined."""
        loop = asyncio.get_running_loop()
        member.summons, member.joining = loop.create_future(), loop.create_future()
        joining = member.joining
        if member not in self._members:
            self._members.append(member)
        self._begin_round()
        return joining

    def leave(self, member: Member) -> None:
        """By its own will, or because its session has expired: if it is still there, it may join again."""
        if member in self._members:
            self._members.remove(member)
            member.joining = None
            member.summon()
            self._begin_round()

    def commit(self, member: Member | None, offsets: Mapping[TopicPartition, int]) -> None:
        """`member` None: somebody who reads what they like. Raises CommitFailedError where others have it now."""
        known = member in self._members and member.generation == self._generation if member else not self._members
        if not known:
            raise CommitFailedError
        self.offsets.update(offsets)

    def _begin_round(self) -> None:
        for member in self._members:
            member.summon()
        if any(member.joining is None for member in self._members):
            return
        self._generation += 1
        shares = self.assignor(self._members, self._partitions)
        for member in self._members:
            assert member.joining is not None
            member.generation = self._generation
            if not member.joining.done():
                member.joining.set_result(shares[member])
            member.joining = None


def round_robin(members: Sequence[Member], partitions: int) -> dict[Member, Assignment]:
    """Partitions in turn, as aiokafka's round robin does."""
    shares: dict[Member, Assignment] = {member: [] for member in members}
    turns = cycle(members)
    for topic in sorted({topic for member in members for topic in member.topics}):
        for number in range(partitions):
            member = next(member for member in turns if topic in member.topics)
            shares[member].append(TopicPartition(topic, number))
    return shares
