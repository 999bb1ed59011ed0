"""A partition that is followed whatever happens, and connections as operators order them while the gateway runs."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import pytest
import structlog

from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka.log import KafkaConnectionError
from streamproc.compose.clocks import SYSTEM
from streamproc.core.errors import TopologyError
from streamproc.core.provider.connection_token import hashed
from streamproc.core.provider.event import LaterFormatError
from streamproc.core.records.connection_definition import ConnectionDefinition, ConnectionToken
from streamproc.core.records.control import CONNECTIONS, Control
from streamproc.core.records.topic_names import CONTROLS
from streamproc.core.records.units import Millis
from streamproc.gateway.scim.connections_followed import ConnectionsFollowed
from streamproc.gateway.scim.partition import LOOK_EVERY, SOON, Partition
from streamproc.gateway.scim.shared_log import UnavailableError
from streamproc.gateway.scim.store import Store
from streamproc.gateway.scim.supervised import FIRST_PAUSE, LONGEST_PAUSE, pause_after
from streamproc.gateway.scim.tail import Tail
from streamproc.testing.memory_log import MemoryLog
from tests.support.front_door import TOKEN, RunningDoor, front_door, served, until_served
from tests.support.hydrator import until
from tests.support.scim_gateway import new_broker

KIM = {"userName": "kim@example.com"}


def quick(waited: list[float]) -> Clocks:
    """The machine's clocks, and waits that are only noted."""

    async def pause(seconds: float) -> None:
        waited.append(seconds)
        await asyncio.sleep(0.01)

    return replace(SYSTEM, pause=pause, jitter=lambda: 0.0)


def file(folder: Path) -> Path:
    """Of the connection that there is by default."""
    return folder / "events.scim-1.sqlite"


async def total(running: RunningDoor) -> int:
    """How many users there are, as soon as that is told."""
    await until_served(running)
    return int((await running.send("GET", "/Users?count=0")).body["totalResults"])


async def test_a_partition_that_cant_be_followed_is_begun_anew_later_and_later(tmp_path: Path) -> None:
    """While no broker answers clients are told to come again and it is told why; then all goes on by itself."""
    waited: list[float] = []
    kafka = MemoryLog(new_broker())

    def pauses() -> list[float]:
        return [each for each in waited if each not in {LOOK_EVERY, SOON}]

    failing = patch.object(kafka, "producer", side_effect=KafkaConnectionError("no broker"))
    async with front_door(tmp_path, kafka, clocks=quick(waited)) as running:
        await total(running)
        with failing:
            running.door.serve([])
            running.door.serve([served()])
            await until(lambda: len(pauses()) > 4)
            answer = await running.send("GET", "/Users")
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            (trouble,) = running.door.troubles()
            assert (trouble.about, trouble.state) == ("events.scim/1", "degraded")
            assert "KafkaConnectionError" in trouble.reason
        assert await total(running) == 0
        await until(lambda: [*running.door.troubles()] == [])
    assert pauses()[:4] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4, FIRST_PAUSE * 8]


@pytest.mark.parametrize("bytes_", ["of nothing", "of no resource"])
async def test_a_page_that_only_a_reader_meets_is_mended(tmp_path: Path, bytes_: str) -> None:
    """A leaver whose record the disk has lost can be deactivated soon after, though the log's tail never reads it."""
    kafka = MemoryLog(new_broker())
    async with front_door(tmp_path, kafka) as running:
        await until_served(running)
        ids = [
            (await running.send("POST", "/Users", {"userName": f"u{each}", "title": "x" * 3000})).body["id"]
            for each in range(60)
        ]
    with closing(sqlite3.connect(file(tmp_path))) as database:
        if bytes_ == "of no resource":
            database.execute("UPDATE document SET value = '{'")
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if bytes_ == "of nothing":
        content = file(tmp_path).read_bytes()
        half = len(content) // 2
        file(tmp_path).write_bytes(content[:half] + bytes(len(content) - half))
    async with front_door(tmp_path, kafka, clocks=quick([])) as running:
        await until_served(running)
        assert 503 in [(await running.send("GET", f"/Users/{each}")).status for each in ids]
        await until_served(running)
        out = {"Operations": [{"op": "replace", "path": "active", "value": False}]}
        answers = [await running.send("PATCH", f"/Users/{each}", out) for each in ids]
        assert {each.status for each in answers} == {200}


async def test_a_full_disk_is_told_as_that(tmp_path: Path) -> None:
    """Whoever is woken reads that there is no room, and not what SQLite makes of it; then all goes on."""
    kafka = MemoryLog(new_broker())
    async with front_door(tmp_path, kafka) as running:
        await until_served(running)
        running.door._partitions[1].tail()._store._database.execute("PRAGMA max_page_count = 25")
        reasons = set[str]()
        for each in range(12):
            await running.send("POST", "/Users", {"userName": f"u{each}", "title": "x" * 9000})
            reasons |= {trouble.reason for trouble in running.door.troubles()}
        assert any("disk is full" in reason for reason in reasons)
        assert not any("rollback" in reason for reason in reasons)
        assert await total(running) > 0


def test_nobody_waits_for_minutes() -> None:
    """However often it has failed, the next try is seconds away."""
    assert pause_after(10_000, 0.0) == LONGEST_PAUSE
    assert pause_after(10_000, 1.0) == LONGEST_PAUSE / 2


async def test_what_ends_a_tail_ends_nothing_else(tmp_path: Path) -> None:
    """A record of a later release, a full disk, or a mistake of ours: told and begun anew, without anybody's values."""
    kafka = MemoryLog(new_broker())
    async with front_door(tmp_path, kafka, clocks=quick([])) as running:
        assert await total(running) == 0
        run = Tail.run
        for failed, words in (
            (LaterFormatError("format 2"), "format 2"),
            (sqlite3.OperationalError("database or disk is full"), "disk is full"),
            (sqlite3.OperationalError("database is locked"), "a folder of its own"),
            (ZeroDivisionError("kim"), "ZeroDivisionError"),
        ):
            left: list[Exception] = [failed]

            async def once(tail: Tail, left: list[Exception] = left) -> None:
                if left:
                    raise left.pop()
                await run(tail)

            with patch.object(Tail, "run", once), structlog.testing.capture_logs() as lines:
                running.door.serve([])
                running.door.serve([served()])
                assert await total(running) == 0
            told = [line for line in lines if line["event"] == "a partition can't be followed"]
            assert [words in line["reason"] for line in told] == [True]
            assert "kim" not in told[0]["reason"]


async def test_a_file_that_is_no_use_is_made_again(tmp_path: Path) -> None:
    """Whatever lies there, of another log or damaged: the log makes it again, and nothing is lost."""
    kafka = MemoryLog(new_broker())
    async with front_door(tmp_path, kafka) as running:
        await until_served(running)
        assert (await running.send("POST", "/Users", KIM)).status == 201
    file(tmp_path).write_bytes(b"SQLite format 3\x00" + b"x" * 5000)
    async with front_door(tmp_path, kafka) as running:
        assert await total(running) == 1
    store = Store(file(tmp_path), "memory/1")  # as far as it goes, further than the log
    with store.batch(1_000):
        pass
    store.close()
    async with front_door(tmp_path, kafka) as running:
        assert await total(running) == 1
    assert file(tmp_path).stat().st_mode & 0o77 == 0


async def test_a_file_that_breaks_while_it_is_used_is_made_again(tmp_path: Path) -> None:
    """A disk that gives back something else costs a moment, not the state."""
    async with front_door(tmp_path, clocks=quick([])) as running:
        await until_served(running)
        made = await running.send("POST", "/Users", KIM)
        batch = Store.batch
        left = [sqlite3.DatabaseError("database disk image is malformed")]

        def broken(store: Store, next_offset: int) -> Any:
            if left:
                raise left.pop()
            return batch(store, next_offset)

        with patch.object(Store, "batch", broken):
            lost = await running.send("POST", "/Users", {"userName": "lee@example.com"})
            assert lost.status == 503
        assert await total(running) == 2
        assert (await running.send("GET", f"/Users/{made.body['id']}")).status == 200


async def test_another_log_in_the_topics_place_is_seen_while_it_runs(tmp_path: Path) -> None:
    """After the topic was made anew nobody is told what was in the one before."""
    which = ["one"]
    refused: list[Exception] = []

    async def identity() -> str:
        if refused:
            raise refused[0]
        return which[0]

    async with front_door(tmp_path, identity=identity, clocks=quick([])) as running:
        await until_served(running)
        refused.append(TopologyError("events.scim was made anew"))
        await until(lambda: any("made anew" in each.reason for each in running.door.troubles()))
        assert (await running.send("GET", "/Users")).status == 503
        refused.clear()
        assert await total(running) == 0
        store = Store  # the file of the log before is thrown away
        opened: list[str] = []

        def noted(path: Path, of: str) -> Store:
            opened.append(of)
            return store(path, of)

        with patch("streamproc.gateway.scim.partition.Store", noted):
            which[0] = "two"
            await until(lambda: opened == ["two/1"])
            assert await total(running) == 0


async def test_brokers_that_dont_answer_for_a_moment_change_nothing(tmp_path: Path) -> None:
    """Whether it is the same log is asked again later."""
    asked: list[int] = []

    async def identity() -> str:
        asked.append(1)
        if len(asked) % 2 == 0:
            raise KafkaConnectionError("not now")
        return "one"

    async with front_door(tmp_path, identity=identity, clocks=quick([])) as running:
        await until_served(running)
        before = len(asked)
        await until(lambda: len(asked) > before + 6)
        assert (await running.send("GET", "/Users")).status == 200


def ordering(kafka: MemoryLog) -> Callable[..., Any]:
    """How an operator orders a connection: returns the order's offset."""

    async def order(*tokens: str, **more: Any) -> int:
        wanted = ConnectionDefinition("okta", 1, tuple(ConnectionToken(hashed(each)) for each in tokens), **more)
        control = Control("c", "connection", None, None, "Kim", "a test", Millis(1), connection=wanted)
        sent = await kafka.producer().send_and_wait(CONTROLS, orjson.dumps(control), CONNECTIONS.encode())
        return int(sent.offset)

    return order


async def test_a_gateway_that_is_stopped_while_something_fails_ends(tmp_path: Path) -> None:
    """The order to end isn't lost in what goes wrong at the same moment."""
    following, swallowed = asyncio.Event(), list[int]()

    async def fails(_: Partition) -> None:
        following.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if swallowed:
                raise
            swallowed.append(1)
            raise KafkaConnectionError("gone") from None

    async with asyncio.timeout(20):
        with patch.object(Partition, "_follow", fails):
            async with front_door(tmp_path):
                await following.wait()


async def test_a_log_that_is_still_being_read_is_told(tmp_path: Path) -> None:
    """Whoever asks how a new gateway is hears how far it has read, as long as its clients are told to come again."""
    with patch.object(Tail, "barrier", side_effect=UnavailableError("later")):
        async with front_door(tmp_path, clocks=quick([])) as running:
            await until(lambda: "being read, up to 0" in next(running.door.troubles()).reason)
            assert (await running.send("GET", "/Users")).status == 503


async def test_a_gateway_that_starts_opens_when_it_can_serve(tmp_path: Path) -> None:
    """Behind a load balancer a restart costs no client a 503: first the orders and the log are read."""
    kafka = MemoryLog(new_broker())
    async with front_door(tmp_path, kafka, connections=[]) as running:
        waiting = asyncio.create_task(running.door.until_served(asyncio.sleep))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        running.door.serve([served()])
        await waiting
        assert (await running.send("GET", "/Users")).status == 200


async def test_what_operators_order_is_served_at_once(tmp_path: Path) -> None:
    """A connection that is ordered is served, one that is changed goes on, and one that is removed is refused."""
    kafka = MemoryLog(new_broker())
    order = ordering(kafka)
    async with front_door(tmp_path, kafka, connections=[]) as running:
        assert (await running.send("GET", "/Users")).status == 503
        followed = ConnectionsFollowed(kafka, (), running.door, SYSTEM)
        following = asyncio.create_task(followed.run())
        await until(lambda: running.door.is_known)
        assert (await running.send("GET", "/Users")).status == 401
        at = await order(TOKEN)
        await until(lambda: running.door.who(TOKEN) is not None)
        assert await total(running) == 0
        made = await running.send("POST", "/Groups", {"displayName": "Sales"})
        change = {"Operations": [{"op": "add", "path": "members", "value": [{"value": "x"}]}]}
        assert (await running.send("PATCH", f"/Groups/{made.body['id']}", change)).status == 204
        at = await order(TOKEN, "another", base=at, patch_body=True)
        await until(lambda: running.door.who("another") is not None)
        assert (await running.send("PATCH", f"/Groups/{made.body['id']}", change)).status == 200
        await order(base=at, removed=True)
        await until(lambda: running.door.who(TOKEN) is None)
        assert (await running.send("GET", "/Users")).status == 401
        assert list(followed.troubles()) == []
        following.cancel()


async def test_orders_that_cant_be_read_are_told_and_nobody_is_put_out(tmp_path: Path) -> None:
    """Those who are known are served on; the trouble says what isn't known meanwhile, and ends by itself."""
    kafka, waited = MemoryLog(new_broker()), list[float]()
    order = ordering(kafka)
    async with front_door(tmp_path, kafka) as running:
        followed = ConnectionsFollowed(kafka, (), running.door, quick(waited))
        failing = patch.object(kafka, "consumer", side_effect=KafkaConnectionError("no broker"))
        await until_served(running)
        with failing:
            following = asyncio.create_task(followed.run())
            await until(lambda: len(waited) > 2)
            (trouble,) = followed.troubles()
            assert (trouble.code, trouble.about, trouble.state) == ("connections", CONTROLS, "degraded")
            assert (await running.send("GET", "/Users")).status == 200
        await order(TOKEN, "another")
        await until(lambda: running.door.who("another") is not None)
        assert list(followed.troubles()) == []
        following.cancel()


async def test_a_name_in_settings_and_orders_is_told(tmp_path: Path) -> None:
    """The settings' file counts, so nobody loses a token by an order that was meant for another cluster."""
    kafka = MemoryLog(new_broker())
    await ordering(kafka)("ordered")
    fixed = ConnectionDefinition("okta", 1, (ConnectionToken(hashed(TOKEN)),))
    async with front_door(tmp_path, kafka, connections=[]) as running:
        followed = ConnectionsFollowed(kafka, [fixed], running.door, SYSTEM)
        following = asyncio.create_task(followed.run())
        await until(lambda: running.door.is_known)
        assert await total(running) == 0
        assert (await running.send("GET", "/Users", token="ordered")).status == 401
        (trouble,) = followed.troubles()
        assert (trouble.code, trouble.about) == ("connection_twice", "okta")
        following.cancel()
