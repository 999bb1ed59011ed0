"""Kept offsets: what the group has refused to keep is tried again, once a second like all commits.

Faust takes an offset for committed as soon as it has tried, whatever came of it. Where partitions move meanwhile and
come back, and nothing new is said there, the group would never hear of it: records would look as if they waited.
"""

from collections.abc import Mapping

from streamproc.worker.faust_bridge.protocols import Consumer, TopicPartition


class KeptOffsets:
    """Of one consumer."""

    def __init__(self, consumer: Consumer) -> None:
        self._kept: dict[TopicPartition, int] = {}
        self._commit = consumer._commit  # noqa: SLF001
        consumer._commit = self._keep  # noqa: SLF001
        consumer._should_commit = self._differs  # noqa: SLF001

    async def forget(self, *_: object, **__: object) -> None:
        """Partitions have moved."""
        self._kept.clear()

    async def _keep(self, offsets: Mapping[TopicPartition, int]) -> bool:
        kept = await self._commit(offsets)
        if kept:
            self._kept.update(offsets)
        return kept

    def _differs(self, place: TopicPartition, offset: int) -> bool:
        return self._kept.get(place) != offset
