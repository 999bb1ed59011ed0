"""Recovery: after partitions have moved, tables are made whole from their changelogs (`faust.tables.recovery`)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from streamproc.adapters.kafka.log import ConsumerRecord, IllegalStateError, TopicPartition
from streamproc.testing.simulated_faust.flow import Fault, Flow
from streamproc.testing.simulated_faust.table import SimulatedTable

PATIENCE: Final = 5.0
"""Seconds without a record, after which it is looked whether that was all."""


class Recovery:
    """Of one worker. `tables`: by changelog. `current`: the group's generation as it is known now."""

    def __init__(
        self, flow: Flow, tables: Mapping[str, SimulatedTable], current: Callable[[], int], fault: Fault
    ) -> None:
        self.in_recovery = False
        self.changelog_queue: asyncio.Queue[Sequence[ConsumerRecord]] = asyncio.Queue()
        self.active_highwaters: dict[TopicPartition, int] = {}
        """Offset of each changelog's last record, as it was when recovery began."""
        self.active_offsets: dict[TopicPartition, int] = {}
        """The last that was applied."""
        self._flow = flow
        self._tables = tables
        self._current = current
        self._fault = fault

    def active_remaining_total(self) -> int:
        """Records of changelogs that are still to be read."""
        return sum(max(0, last - self.active_offsets[place]) for place, last in self.active_highwaters.items())

    async def run(self, generation: int, ended: Callable[[], None]) -> None:
        """Once. It ends early where partitions move meanwhile. `ended`: agents may begin. Raises KafkaError."""
        try:
            await self._recover()
            await self._complete(generation, ended)
        except IllegalStateError:
            return  # partitions have moved: there will be another one

    async def _recover(self) -> None:
        kafka = self._flow.kafka
        changelogs = sorted(place for place in kafka.assignment() if place.topic in self._tables)
        self.in_recovery = True
        ends, starts = await kafka.end_offsets(changelogs), await kafka.beginning_offsets(changelogs)
        self.active_highwaters = {place: ends[place] - 1 for place in changelogs}
        applied = {place: self._tables[place.topic].applied(place.partition) for place in changelogs}
        self.active_offsets = {
            place: starts[place] - 1 if last is None else max(last, starts[place] - 1)
            for place, last in applied.items()
        }
        for place, offset in self.active_offsets.items():
            kafka.seek(place, max(0, offset))
        if self.active_remaining_total():
            self._flow.resume(changelogs)
            self._flow.resume_flow()
            while self.active_remaining_total():
                if chance := self._fault("faust.slow_recovery"):
                    await asyncio.sleep(chance.expovariate(0.5))
                try:
                    self._apply(await asyncio.wait_for(self.changelog_queue.get(), PATIENCE))
                except TimeoutError:
                    continue
            self._flow.pause(changelogs)
            while not self.changelog_queue.empty():
                self._apply(self.changelog_queue.get_nowait())
        else:
            self._flow.resume_flow()

    def _apply(self, records: Sequence[ConsumerRecord]) -> None:
        place = TopicPartition(records[0].topic, records[0].partition)
        seen = self.active_offsets.get(place)
        if seen is not None and (new := [each for each in records if each.offset > seen]):
            self._tables[place.topic].apply(new)
            self.active_offsets[place] = new[-1].offset

    async def _complete(self, generation: int, ended: Callable[[], None]) -> None:
        self.in_recovery = False
        for table in self._tables.values():
            await table.recovered()
        if self._current() != generation:
            return
        here = self._flow.kafka.assignment()
        self._flow.resume(place for place in here if place.topic not in self._tables)
        if here:
            await self._flow.seek_to_committed()
        self._flow.resume_flow()
        ended()
