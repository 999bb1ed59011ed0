"""How Faust shares partitions: those of one number go together, and stay where they were, as far as that is even."""

from collections.abc import Sequence

from streamproc.adapters.kafka.log import TopicPartition
from streamproc.testing.memory_log.group import Assignment, Member


class StickySharing:
    """Of one group, whose members all have the same topics (`faust.assignor.copartitioned_assignor`)."""

    def __init__(self) -> None:
        self._before: dict[Member, list[int]] = {}

    def __call__(self, members: Sequence[Member], partitions: int) -> dict[Member, Assignment]:
        """Members in any order, and partitions of each topic → each one's share.

        Who comes back claims what they had last; where two do, the first has it.
        """
        most, taken = partitions // len(members) or 1, set[int]()
        shares: dict[Member, list[int]] = {}
        for member in members:
            kept = [number for number in self._before.get(member, []) if number not in taken][:most]
            taken.update(kept)
            shares[member] = kept
        for number in range(partitions):
            if number not in taken:
                least = min(shares, key=lambda member: len(shares[member]))
                shares[least].append(number)
        self._before |= shares
        return {
            member: [TopicPartition(topic, number) for topic in sorted(member.topics) for number in sorted(numbers)]
            for member, numbers in shares.items()
        }
