"""Offsets that the group refused: they are tried again, so that its lag tells the truth."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

from streamproc.adapters.kafka.log import TopicPartition
from streamproc.worker.faust_bridge.kept_offsets import KeptOffsets
from streamproc.worker.faust_bridge.protocols import Consumer

PLACE = TopicPartition("events.hris", 0)


async def test_what_was_refused_is_tried_again_and_what_is_kept_isnt() -> None:
    """Else records would look as if they waited, until something new is said in their partition."""
    answers = [False, True]

    async def commit(offsets: Mapping[Any, int]) -> bool:
        assert offsets == {PLACE: 14}
        return answers.pop(0)

    consumer: Any = SimpleNamespace(_commit=commit)
    kept = KeptOffsets(cast("Consumer", consumer))
    assert consumer._should_commit(PLACE, 14)
    assert not await consumer._commit({PLACE: 14})
    assert consumer._should_commit(PLACE, 14)
    assert await consumer._commit({PLACE: 14})
    assert not consumer._should_commit(PLACE, 14)
    assert consumer._should_commit(PLACE, 15)
    await kept.forget()
    assert consumer._should_commit(PLACE, 14)
