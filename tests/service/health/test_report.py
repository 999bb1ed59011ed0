"""A service's states in the log, which nothing else depends on."""

import asyncio
from typing import Any

import pytest

from streamproc.adapters.kafka.log import NotAllowedError
from streamproc.adapters.kafka.reading import read_topic
from streamproc.core.errors import KafkaUnavailableError
from streamproc.core.records.service_state import ServiceState, decode_service_state
from streamproc.core.records.topic_names import STATUS
from streamproc.health import report
from streamproc.health.report import reporting
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from tests.support.health import DOWN, Patient, Pauses, no_problem
from tests.support.logged import logged


async def states(kafka: MemoryLog) -> list[ServiceState | None]:
    """All that are kept, in order."""
    return [value async for _, value in read_topic(kafka, STATUS, decode_service_state)]


def memory_log() -> MemoryLog:
    """An empty one."""
    return MemoryLog(MemoryBroker(1, lambda: 5))


async def test_the_state_is_appended_every_few_seconds_and_at_the_end() -> None:
    """Each as it is at that moment, all under one key: at once when it works, and in the end that it has stopped."""
    kafka, patient, pauses = memory_log(), Patient(), Pauses()
    async with reporting(kafka, patient.health, no_problem, pauses):
        assert await pauses.next() == report.EVERY
        patient.health.ready()
        assert await pauses.next() == report.EVERY
        patient.wrong = [DOWN]
        pauses.over()
        await pauses.next()
        patient.health.ended(None)
    kept = await states(kafka)
    assert [each.state for each in kept if each is not None] == ["starting", "ok", "degraded", "stopped"]
    assert {each.key for each in kept if each is not None} == {"sink/here-1"}


async def test_brokers_that_are_gone_keep_nobody_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a state that nobody takes nor a goodbye that nobody answers: it ends, and its last word is lost."""
    kafka, patient, pauses = memory_log(), Patient(), Pauses()
    make, gone = kafka.producer, False
    monkeypatch.setattr(report, "PATIENCE", 0.01)
    monkeypatch.setattr(report, "LAST", 0.01)

    def producer() -> Any:
        made = make()
        send, stop = made.send_and_wait, made.stop

        async def sending(*arguments: Any, **more: Any) -> Any:
            if gone:
                await asyncio.Event().wait()
            return await send(*arguments, **more)

        async def stopping() -> None:
            if gone:
                await asyncio.Event().wait()
            await stop()

        monkeypatch.setattr(made, "send_and_wait", sending)
        monkeypatch.setattr(made, "stop", stopping)
        return made

    monkeypatch.setattr(kafka, "producer", producer)
    async with asyncio.timeout(60):
        with logged(report) as lines:
            async with reporting(kafka, patient.health, no_problem, pauses):
                while await pauses.next() != report.EVERY:
                    pauses.over()
                gone = True
                pauses.over()
                assert await pauses.next() == report.AGAIN
                patient.health.ended(None)
    assert lines[-1]["reason"] == "TimeoutError"


async def test_a_topic_that_may_not_be_written_to_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster of before the topic: the service goes on, and its reporter tries again from time to time."""
    kafka, patient, pauses = memory_log(), Patient(), Pauses()
    make, refused = kafka.producer, True

    def producer() -> Any:
        made = make()
        send = made.send_and_wait

        async def refusing(*arguments: Any, **more: Any) -> Any:
            if refused:
                raise NotAllowedError(STATUS)
            return await send(*arguments, **more)

        monkeypatch.setattr(made, "send_and_wait", refusing)
        return made

    monkeypatch.setattr(kafka, "producer", producer)
    with logged(report) as lines:
        async with reporting(kafka, patient.health, no_problem, pauses):
            for _ in range(3):
                assert await pauses.next() == report.AGAIN
                pauses.over()
            assert await pauses.next() == report.AGAIN
            refused = False
            pauses.over()
            assert await pauses.next() == report.EVERY
            patient.health.ended(None)
    assert [line["log_level"] for line in lines] == ["warning"]
    assert [each.state for each in await states(kafka) if each is not None] == ["starting", "stopped"]


async def test_who_is_cut_off_from_kafka_is_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink that reads nothing any more doesn't answer that it is ready; it does again once Kafka is back."""
    kafka, patient, pauses = memory_log(), Patient(), Pauses()
    make, gone = kafka.producer, False

    async def problem() -> Exception | None:
        return KafkaUnavailableError("no Kafka broker answers at here:9092") if gone else None

    def producer() -> Any:
        made = make()
        send = made.send_and_wait

        async def sending(*arguments: Any, **more: Any) -> Any:
            if gone:
                raise TimeoutError
            return await send(*arguments, **more)

        monkeypatch.setattr(made, "send_and_wait", sending)
        return made

    monkeypatch.setattr(kafka, "producer", producer)
    async with reporting(kafka, patient.health, problem, pauses):
        await pauses.next()
        patient.health.ready()
        assert await pauses.next() == report.EVERY
        gone = True
        pauses.over()
        assert await pauses.next() == report.EVERY
        assert patient.health.answer()[0] is True
        patient.now += 10_000
        ready, state = patient.health.answer()
        assert (ready, state.state) == (False, "degraded")
        assert [(each.code, each.reason) for each in state.conditions] == [
            ("brokers", "no Kafka broker answers at here:9092")
        ]
        gone = False
        pauses.over()
        assert await pauses.next() == report.EVERY
        assert patient.health.answer()[0] is True
        patient.health.ended(None)
    assert [each.state for each in await states(kafka) if each is not None] == ["starting", "ok", "ok", "stopped"]
