"""The gateway's producers: a topic that is refused is left alone, tried anew, and nobody else's matter."""

import asyncio
from typing import Any

import pytest

from streamproc.adapters.kafka.log import NotAllowedError
from streamproc.gateway.topic_producers import PAUSE, TopicProducers

TOPIC, OTHER = "events.hris", "events.okta"


class Kafka:
    """Refuses topics, at once or when the brokers answer; keeps by which producer the others came."""

    def __init__(self, *, at_once: bool) -> None:
        self.at_once = at_once
        self.refuses = {TOPIC}
        self.came: list[tuple[int, str]] = []
        self.running = {0}
        self.made = 0

    def producer(self) -> Any:
        """The next one."""
        return _Producer(self, self.made)


class _Producer:
    def __init__(self, kafka: Kafka, number: int) -> None:
        self.kafka, self.number = kafka, number

    async def send(self, topic: str, *_: Any, **__: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if topic not in self.kafka.refuses:
            self.kafka.came.append((self.number, topic))
            future.set_result(None)
        elif self.kafka.at_once:
            raise NotAllowedError(topic)
        else:
            future.set_exception(NotAllowedError(topic))
        return future


@pytest.mark.parametrize("at_once", [True, False])
def test_a_refused_topic_is_tried_anew_after_a_while(*, at_once: bool) -> None:
    """By another producer, whose numbering has no gap; the topics beside it stay with the first one."""
    kafka, now = Kafka(at_once=at_once), [0.0]
    first = kafka.producer()

    async def renewed(old: Any) -> Any:
        if old is not None:
            kafka.running.discard(old.number)
        kafka.made += 1
        kafka.running.add(kafka.made)
        return kafka.producer()

    producers = TopicProducers(first, renewed, lambda: now[0])

    async def send(topic: str) -> bool:
        try:
            await (await producers.send(topic, b"v", b"k", headers=[]))
        except NotAllowedError:
            return False
        finally:
            await asyncio.sleep(0)
        return True

    async def story() -> None:
        assert [*await asyncio.gather(send(TOPIC), send(TOPIC), send(OTHER))] == [False, False, True]
        assert kafka.made == 0
        now[0] = PAUSE - 0.1
        assert not await send(TOPIC)
        assert kafka.made == 0, "left alone"
        for n in range(1, 4):
            now[0] = n * (PAUSE + 1)
            assert [*await asyncio.gather(send(TOPIC), send(TOPIC), send(OTHER))] == [False, False, True]
            assert kafka.made == n
        kafka.refuses.clear()
        now[0] += PAUSE + 1
        assert [*await asyncio.gather(send(TOPIC), send(TOPIC), send(OTHER))] == [True, True, True]
        assert kafka.running == {0, 4}, "those between were stopped"
        assert {number for number, topic in kafka.came if topic == OTHER} == {0}
        assert {number for number, topic in kafka.came if topic == TOPIC} == {4}

    asyncio.run(story())
