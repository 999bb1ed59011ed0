"""Two gateways on one log, whatever becomes of their requests to the broker: clients see one server."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from streamproc.core.provider.event import decode
from streamproc.gateway.scim.answer import Answer
from streamproc.gateway.scim.tail import TOPIC
from streamproc.testing.event_loop import SeededLoop
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from streamproc.testing.memory_log.faults import (
    ANSWER_LOST,
    HALF_BATCH,
    LATE_RECORDS,
    REQUEST_LATE,
    REQUEST_LOST,
)
from tests.support.scim_gateway import PARTITION, Gateway, gateway

FAULTS = {ANSWER_LOST: 0.05, HALF_BATCH: 0.2, LATE_RECORDS: 0.1, REQUEST_LATE: 0.04, REQUEST_LOST: 0.05}
NAMES = ("kim", "lou")


@dataclass(frozen=True, slots=True)
class Done:
    """A request and its answer, by the loop's clock. `agent`: names the request in the log."""

    begun: float
    ended: float
    agent: str
    method: str
    id: str | None
    answer: Answer

    @property
    def version(self) -> int | None:
        """That the client was told."""
        tag = self.answer.headers.get("ETag")
        return None if tag is None else int(tag.strip('W/"'))


@dataclass(eq=False)
class Story:
    """What clients do, and what they hear."""

    chance: Random
    gateways: list[Gateway]
    done: list[Done] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    async def client(self, name: str) -> None:
        """One after the other: makes, changes, reads, deletes."""
        for number in range(6):
            await asyncio.sleep(self.chance.random() / 10)
            await self.ask(f"{name}-{number}")

    async def ask(self, agent: str) -> None:
        """One request, to either gateway."""
        method = self.chance.choice(("POST", "PATCH", "PATCH", "GET", "GET", "DELETE") if self.ids else ("POST",))
        id_ = None if method == "POST" else self.chance.choice(self.ids[-2:])
        body: Any = {"POST": {"userName": self.chance.choice(NAMES), "title": agent}}.get(method)
        if method == "PATCH":
            body = {"Operations": [{"op": "replace", "path": "title", "value": agent}]}
        url = "/Users" if id_ is None else f"/Users/{id_}"
        loop = asyncio.get_running_loop()
        begun = loop.time()
        answer = await self.chance.choice(self.gateways).send(method, url, body, agent=agent)
        if answer.status == 201:
            id_ = answer.body["id"]
            self.ids.append(answer.body["id"])
        self.done.append(Done(begun, loop.time(), agent, method, id_, answer))


@pytest.mark.parametrize("seed", range(25))
def test_two_gateways_are_one_server(seed: int) -> None:
    """What was answered is in the log; nobody reads what is older than what anybody was told, nor who was deleted;
    one user at a time has a name; both gateways, and one that starts anew, hold the same.
    """
    chance = Random(seed)
    loop = SeededLoop(Random(seed))
    rates = dict(FAULTS)
    broker = MemoryBroker(
        2,
        lambda: int(loop.time() * 1000),
        fault=lambda kind: Random(chance.random()) if chance.random() < rates.get(kind, 0) else None,
        chance=chance.random,
    )
    with TemporaryDirectory() as folder:
        try:
            story, total = loop.run_until_complete(_play(Path(folder), broker, chance, rates))
        finally:
            loop.bury()
            loop.close()
    records = [each for each in broker.records(TOPIC) if each.partition == PARTITION]
    events = {each.offset: decode(each.value or b"") for each in records}
    _judge(story, events)
    assert total <= len(NAMES)


async def _play(folder: Path, broker: MemoryBroker, chance: Random, rates: dict[str, float]) -> tuple[Story, int]:
    async with (
        gateway(folder / "1", kafka=_log(broker, chance)) as one,
        gateway(folder / "2", kafka=_log(broker, chance)) as two,
    ):
        story = Story(chance, [one, two])
        await asyncio.gather(*(story.client(f"client{number}") for number in range(5)))
        rates.clear()
        await asyncio.sleep(20)
        lists = [(await each.send("GET", "/Users")).body for each in (one, two)]
    async with gateway(folder / "3", kafka=_log(broker, chance)) as anew:
        lists.append((await anew.send("GET", "/Users")).body)
    assert lists[0] == lists[1] == lists[2]
    names = [each["userName"] for each in lists[0]["Resources"]]
    assert len(set(names)) == len(names)
    return story, len(names)


def _log(broker: MemoryBroker, chance: Random) -> MemoryLog:
    async def hop(_: str) -> None:
        await asyncio.sleep(chance.random() * 0.01)

    return MemoryLog(broker, hop)


def _judge(story: Story, events: dict[int, Any]) -> None:
    assert any(each.answer.status < 300 for each in story.done)
    for each in story.done:
        assert each.answer.status in {200, 201, 204, 404, 409, 503}, each
        version = each.version
        if version is None:
            continue
        assert events[version].result["title"] == each.answer.body["title"], each
        if each.method != "GET":
            assert events[version].request.agent == each.agent, each
        for later in story.done:
            if later.begun >= each.ended and later.id == each.id and later.version is not None:
                assert later.version >= version, (each, later)
    for id_ in story.ids:
        gone = [each.ended for each in story.done if each.id == id_ and each.answer.status in {204, 404}]
        told = [each.begun for each in story.done if each.id == id_ and each.answer.status == 200]
        assert not [begun for begun in told if gone and begun >= min(gone)], id_
    agents = [each.agent for each in story.done if each.answer.status in {200, 201, 204} and each.method != "GET"]
    written = [event.request.agent for event in events.values()]
    for agent in agents:
        assert agent in written
