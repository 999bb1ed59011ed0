"""Records in order: what is read outside of Faust belongs to the assignment in which it was asked for."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord

from streamproc.adapters.kafka.log import Log, TopicPartition
from streamproc.compose.clocks import SYSTEM
from streamproc.worker.raw_record import RawRecord
from streamproc.worker.record_sequencer import Handler, RecordSequencer
from streamproc.worker.stream_app import StreamApp

PLACE = TopicPartition("identity.changes", 0)


class App:
    """As far as the sequencer asks it."""

    group = "streamproc-worker"

    def settled(self) -> bool:
        return True

    def commits(self, partition: TopicPartition) -> None:
        assert partition == PLACE


def record(offset: int) -> Any:
    """Of E1."""
    return ConsumerRecord(*PLACE, offset, 0, 0, b"E1", b"{}", -1, 1, 2, ())


def sequencer_of(handle: Handler) -> RecordSequencer:
    """There is room for whatever `handle` leads to."""
    room = asyncio.Event()
    room.set()
    return RecordSequencer(cast("Log", None), cast("StreamApp", App()), {PLACE.topic: handle}, room, SYSTEM)


@pytest.mark.parametrize("moves", [True, False])
async def test_what_was_left_out_before_partitions_moved_isnt_handled_after(
    moves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that slept through a rebalance would fold on what it knew of its users before."""
    handled: list[int] = []

    def handle(raw: RawRecord) -> None:
        handled.append(raw.offset)

    sequencer = sequencer_of(handle)

    async def ends(_: Any) -> dict[TopicPartition, int]:
        return {PLACE: 3}

    async def between(*_: Any) -> list[Any]:
        if moves:
            sequencer.forget()
        return [record(offset) for offset in range(3)]

    monkeypatch.setattr(sequencer, "_ends", ends)
    monkeypatch.setattr(sequencer, "_begins", {PLACE: 0})
    monkeypatch.setattr(sequencer, "_between", between)
    await sequencer._catch_up({PLACE: 0})
    assert handled == ([] if moves else [0, 1, 2])


async def test_a_batch_that_waited_while_partitions_moved_isnt_handled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its users may be another worker's by now, of whom nothing is known here: a leaver would begin anew as nobody."""
    handled: list[int] = []
    begun, answer = asyncio.Event(), asyncio.Event()

    def handle(raw: RawRecord) -> Awaitable[Any] | None:
        handled.append(raw.offset)
        begun.set()
        return answer.wait() if raw.offset == 0 else None

    sequencer = sequencer_of(handle)
    monkeypatch.setattr(sequencer, "_begins", {PLACE: 0})
    taking = [asyncio.create_task(sequencer.take(PLACE, [record(offset)])) for offset in range(2)]
    await begun.wait()
    await asyncio.sleep(0)
    sequencer.forget()
    answer.set()
    await asyncio.gather(*taking)
    assert handled == [0]
    assert sequencer.committable(PLACE) is None


async def test_what_another_worker_commits_later_isnt_where_reading_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that counts as dead, and hasn't heard of it, doesn't go on where the next one is: its tables know
    nothing of what came before that, and whoever left meanwhile would be active again.
    """
    handled: list[int] = []
    committed = 1

    class Reader:
        async def beginning_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
            return dict.fromkeys(places, 0)

        async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
            return dict.fromkeys(places, 5)

        async def committed(self, partition: TopicPartition) -> int:
            assert partition == PLACE
            return committed

    async def between(_: TopicPartition, first: int, end: int) -> list[Any]:
        return [record(offset) for offset in range(first, end)]

    def handle(raw: RawRecord) -> None:
        handled.append(raw.offset)

    sequencer = sequencer_of(handle)
    monkeypatch.setattr(sequencer, "_reader", Reader())
    monkeypatch.setattr(sequencer, "_between", between)
    await sequencer.begin([PLACE, TopicPartition("scim.operations", 0)])
    committed = 4
    await sequencer.take(PLACE, [record(4)])
    assert handled == [1, 2, 3, 4]
    sequencer.forget()
    handled.clear()
    await sequencer.begin([PLACE])
    await sequencer.take(PLACE, [record(4)])
    assert handled == [4]
