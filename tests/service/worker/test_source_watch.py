"""The worker that watches the sources: it learns from their topics what is usual, and sees who is silent."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from streamproc.adapters.kafka.log import KafkaConnectionError
from streamproc.core.records.change_event import Origin
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.topic_names import CONTROLS, MAPPINGS, PUSHED, is_input
from streamproc.core.records.units import Millis
from streamproc.sources import SOURCES
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from streamproc.topics import RESOLVED
from streamproc.worker import source_watch
from streamproc.worker.decide.silence import DAY, HOUR, SLOT, WEEK
from streamproc.worker.source_watch import BETWEEN, EVERY, SPOKEN, SourceWatch
from streamproc.worker.troubles import minute
from tests.support.health import Pauses
from tests.support.logged import logged

NOW = 2_950 * WEEK + 12 * HOUR
"""The middle of a working day."""


@dataclass
class Watched:
    """A watch over a log in memory, whose time a test sets."""

    now: int = NOW
    leads: bool = True
    pauses: Pauses = field(default_factory=Pauses)
    limits: dict[str, float] = field(default_factory=dict)
    told_meanwhile: list[tuple[str, str]] = field(default_factory=list)
    """What was wrong while it learned."""

    def __post_init__(self) -> None:
        self.log = MemoryLog(MemoryBroker(2, lambda: self.now))
        self.watch = SourceWatch(self.log, self.limits, lambda: self.leads, lambda: Millis(self.now), self._sleep)

    async def _sleep(self, seconds: float) -> None:
        if seconds == BETWEEN:
            self.told_meanwhile += self.wrong
            await asyncio.sleep(0)
        else:
            await self.pauses(seconds)

    async def comes(self, topic: str, *moments: int, value: bytes = b"{}", key: bytes = b"k") -> None:
        """Records at these times."""
        producer, now = self.log.producer(), self.now
        await producer.start()
        for self.now in moments:
            await producer.send_and_wait(topic, value, key, partition=self.now % 2)
        self.now = now
        await producer.stop()

    async def looked(self, now: int) -> list[tuple[str, str]]:
        """Code and about of what is wrong after another look, at this time."""
        self.now = now
        self.pauses.over()
        assert await self.pauses.next() == EVERY
        return self.wrong

    @property
    def wrong(self) -> list[tuple[str, str]]:
        """As it is told now."""
        return [(each.code, each.about) for each in self.watch.troubles()]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """It has had its first look."""
        task = asyncio.create_task(self.watch.run())
        try:
            assert await self.pauses.next() == EVERY
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def every(gap: int, *, until: int, since: int = 2 * WEEK) -> list[int]:
    """Moments, one each `gap` ms."""
    return list(range(until - since, until + 1, gap))


async def test_a_source_is_silent_for_longer_than_usual() -> None:
    """What came in the last weeks teaches it; it is told after more than the usual, and over with the next event."""
    watched = Watched()
    await watched.comes("events.okta", *every(HOUR, until=NOW))
    async with watched.running():
        assert watched.wrong == []
        assert await watched.looked(NOW + 3 * HOUR) == []
        assert await watched.looked(NOW + 5 * HOUR) == [("silent", "okta")]
        (trouble,) = watched.watch.troubles()
        assert trouble.state == "blind"
        await watched.comes("events.okta", NOW + 5 * HOUR)
        assert await watched.looked(NOW + 5 * HOUR + SLOT) == []
        assert await watched.looked(NOW + 20 * HOUR) == [("silent", "okta")]


async def test_a_source_that_was_silent_before_the_worker_started_is_told_at_once() -> None:
    """A restart forgets nothing: the log says when something came last, whatever topic of the source it came to."""
    watched = Watched()
    await watched.comes("events.hris", *every(HOUR, until=NOW - DAY))
    await watched.comes("intake.hris", NOW - 12 * HOUR)
    async with watched.running():
        assert watched.wrong == [("silent", "hris")]
        (trouble,) = watched.watch.troubles()
        assert f"since {minute(Millis(NOW - 12 * HOUR))}" in trouble.reason


async def test_the_last_event_is_known_to_the_second() -> None:
    """A limit of minutes isn't broken by a restart: the last of many events in a quarter of an hour is found."""
    watched = Watched(limits={"okta": 60})
    await watched.comes("events.okta", *range(NOW - SLOT, NOW - 20_000, 7_000))
    async with watched.running():
        assert watched.wrong == []
        assert await watched.looked(NOW + 60_000) == [("silent", "okta")]


async def test_nobody_is_silent_while_it_learns() -> None:
    """A worker that starts reads weeks of which the first are long ago, and of the next source nothing is known yet."""
    watched = Watched(leads=False, limits={"okta": 3600, "workday": 3600})
    for topic in ("events.okta", "events.workday"):
        await watched.comes(topic, *every(HOUR, until=NOW + DAY - SLOT))
    async with watched.running():
        watched.leads = True
        assert await watched.looked(NOW + DAY) == []
    assert watched.told_meanwhile == []


@pytest.mark.parametrize(("limits", "expected"), [({}, []), ({"set": 3600}, [("silent", "set")]), ({"set": 0}, [])])
async def test_a_source_that_never_spoke_is_judged_by_what_is_set(
    limits: Mapping[str, float], expected: list[tuple[str, str]]
) -> None:
    """Nobody can tell an unused source from a broken one, but whoever has set a limit."""
    watched = Watched(limits=dict(limits))
    async with watched.running():
        assert watched.wrong == []
        assert await watched.looked(NOW + WEEK) == expected


async def test_a_limit_takes_the_place_of_what_is_usual() -> None:
    """Also where it is longer, or none at all."""
    watched = Watched(limits={"okta": 0})
    await watched.comes("events.okta", *every(HOUR, until=NOW))
    async with watched.running():
        assert await watched.looked(NOW + WEEK) == []


async def test_only_one_worker_watches() -> None:
    """Who doesn't lead asks nothing and tells nothing; who loses the lead forgets; who gets it learns."""
    watched = Watched(leads=False)
    await watched.comes("events.okta", *every(HOUR, until=NOW - DAY))
    async with watched.running():
        assert watched.wrong == []
        watched.leads = True
        assert await watched.looked(NOW + 1) == [("silent", "okta")]
        watched.leads = False
        assert watched.wrong == []
        assert await watched.looked(NOW + 2) == []


async def test_partitions_with_a_mapping_of_before_are_told() -> None:
    """A mapping that came into force in one partition and not in another waits for somebody."""

    def mapping(digest: str, at: int) -> bytes:
        return orjson.dumps(
            MappingInForce(1, digest, "", "Kim Berg", "", Origin(CONTROLS, 0, 1, Millis(at)), Millis(at))
        )

    watched = Watched()
    await watched.comes(MAPPINGS, 2, value=mapping("old", 2), key=b"0")
    await watched.comes(MAPPINGS, 3, value=mapping("old", 3), key=b"1")
    async with watched.running():
        assert watched.wrong == []
        await watched.comes(MAPPINGS, 5, value=mapping("new", 5), key=b"1")
        assert await watched.looked(NOW + 1) == [("mapping", "partitions")]
        (trouble,) = watched.watch.troubles()
        assert "new isn't in force yet: 0" in trouble.reason
        await watched.comes(MAPPINGS, 6, value=mapping("new", 6), key=b"0")
        assert await watched.looked(NOW + 2) == []


def test_only_topics_that_are_there_are_asked_for() -> None:
    """Each source's, where producers, gateway and hydrator write: a client asks for ever for one that doesn't exist."""
    assert SPOKEN.keys() == SOURCES.keys()
    asked = {topic for topics in SPOKEN.values() for topic in topics}
    assert asked == {PUSHED, *(topic for topic in RESOLVED if is_input(topic))}


async def test_brokers_that_dont_answer_end_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker has other ways to notice; that nobody watches is told, and tried again."""
    watched = Watched()
    await watched.comes("events.okta", *every(HOUR, until=NOW - DAY))
    make = watched.log.consumer

    def failing(**_: Any) -> Any:
        raise KafkaConnectionError("gone")

    monkeypatch.setattr(watched.log, "consumer", failing)
    with logged(source_watch) as lines:
        async with watched.running():
            assert await watched.looked(NOW + 1) == [("unwatched", "sources")]
            monkeypatch.setattr(watched.log, "consumer", make)
            assert await watched.looked(NOW + 2) == [("silent", "okta")]
    assert len(lines) == 1
