"""Changes of the mapping on a real broker: each partition switches at one offset, and can be folded again exactly."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from click.testing import CliRunner, Result

from streamproc.adapters.kafka.client import KafkaLog, connection
from streamproc.adapters.kafka.mappings_in_force import in_force
from streamproc.cli.mapping import mapping
from streamproc.core.errors import MappingError
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.refold import Refold, first_mapping
from streamproc.core.records import partitioner
from streamproc.core.records.control import Control
from streamproc.core.records.mapping_in_force import mapping_event
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS, MAPPINGS, OPERATIONS, REJECTIONS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import UserRecord, decode
from streamproc.demo.play import held
from streamproc.demo.processes import stack
from streamproc.operators.controls import order, set_aside
from streamproc.settings import Settings
from tests.kafka.test_pipeline import _until, read, unread
from tests.kafka.worker.test_worker import send

SPANISH = '\n[[rule]]\nwhen = { department = "Care" }\nskills = { Spanish = 4.0 }\n'
FLOOR = '\n[[rule]]\nwhen = { floor = "1" }\nskills = { Upstairs = 2.0 }\n'
"""It reads a fact that the shipped mapping doesn't."""


def hired(number: int, **custom: Any) -> tuple[str, Any]:
    """Somebody comes, as HR tells it."""
    subject = f"E{number:04}"
    said = {"userName": f"{subject}@example.com", "displayName": subject, "active": True, "job": "Agent"}
    said |= {"department": "Care" if number % 2 else "Sales"}
    event = {"id": f"h{number}", "type": "snapshot", "subject": subject, "time": "2026-03-02T09:00:00Z"}
    floor = {"floor": str(number % 3)}
    return subject, event | {"attributes": said | {"custom": floor | custom}}


def moved(number: int, users: int) -> tuple[str, Any]:
    """Somebody goes to another department."""
    subject = f"E{number % users:04}"
    event = {"id": f"m{number}", "type": "change", "subject": subject, "time": f"2026-03-03T09:{number % 60:02}:00Z"}
    return subject, event | {"sequence": number, "attributes": {"department": ["Care", "Billing"][number % 2]}}


async def apply(settings: Settings, folder: Path, text: str, *options: str) -> Result:
    """`streamproc mapping apply`, as an operator runs it."""
    file = folder / "new.toml"
    file.write_text(text, encoding="utf-8")
    who = ("--by", "Kim", "--reason", "new queue")
    to = ("--no-doctor", "--kafka", settings.kafka.bootstrap_servers)  # the target is no concern of these
    arguments = ["apply", str(file), *who, *to, *options]
    return await asyncio.to_thread(CliRunner().invoke, mapping, arguments)


async def log_of(settings: Settings, topic: str) -> dict[int, list[StoredRecord]]:
    """The topic's records, by partition."""
    found: dict[int, list[StoredRecord]] = {number: [] for number in range(settings.kafka.partitions)}
    for each in (await read(settings, topic))[topic]:
        found[each.partition].append(
            StoredRecord(each.topic, each.partition, each.offset, each.timestamp, each.key, each.value)
        )
    return found


async def folded_again(settings: Settings) -> dict[int, list[tuple[int, str]]]:
    """Fold the log again and compare every record that was ever written with it, byte for byte.

    Returns of each partition from which offset on which mapping was in force.
    """
    changes, operations = await log_of(settings, CHANGES), await log_of(settings, OPERATIONS)
    switches: dict[int, list[tuple[int, str]]] = {}
    for partition, log in changes.items():
        written: dict[tuple[str, int], set[bytes]] = {}
        for each in operations[partition]:
            assert each.value is not None
            record = decode(each.value)
            written.setdefault((record.user, record.seq), set()).add(each.value)

        def before(offset: int, log: list[StoredRecord] = log) -> list[StoredRecord]:
            return [each for each in log if each.offset < offset]

        refold = Refold(before, first_mapping(log))
        again: dict[tuple[str, int], set[bytes]] = {}
        at = switches.setdefault(partition, [])
        for each in log:
            for user, value in refold.take(each).records.items():
                again[user, each.offset] = {value}
            assert refold.rules is not None
            if not at or at[-1][1] != refold.rules.digest:
                at.append((each.offset, refold.rules.digest))
        assert again == written, f"partition {partition}"
    return switches


async def records(settings: Settings) -> list[UserRecord]:
    """All records ever written; repeats once."""
    found = {each.value: None for log in (await log_of(settings, OPERATIONS)).values() for each in log}
    return [decode(value) for value in found if value is not None]


async def everywhere(settings: Settings, digest: str) -> bool:
    """Whether a mapping is in force in all partitions."""
    known = await in_force(KafkaLog(settings.kafka))
    return len(known) == settings.kafka.partitions and {each.digest for each in known.values()} == {digest}


async def test_each_partition_switches_at_one_offset(settings: Settings, tmp_path: Path) -> None:
    """Three mappings come into force while events stream in, with two workers; the log gives the same bytes again."""
    shipped, users = settings.worker.mapping_text()[0], 48
    digests = [parse_mapping(text).digest for text in (shipped, shipped + SPANISH, shipped + FLOOR)]

    async def stream(stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            await send(settings, "events.hris", *(moved(number + n, users) for n in range(20)))
            number += 20
            await asyncio.sleep(0.05)

    async with stack(settings, tmp_path) as running:
        await running.start("worker", "worker-2")
        await send(settings, "events.hris", *(hired(number) for number in range(users)))
        await _until(lambda: read(settings, OPERATIONS), lambda found: len(found[OPERATIONS]) >= users)
        stop = asyncio.Event()
        streaming = asyncio.create_task(stream(stop))
        said = [await apply(settings, tmp_path, shipped + SPANISH, "--json")]
        said += [await apply(settings, tmp_path, shipped + SPANISH)]
        said += [await apply(settings, tmp_path, shipped + FLOOR, "--json")]
        stop.set()
        await streaming
        await asyncio.gather(
            *(apply(settings, tmp_path / name, text, "--no-wait") for name, text in _folders(tmp_path, shipped))
        )
        await _quiet(settings)
    assert [each.exit_code for each in said] == [0, 1, 0], [each.output for each in said]
    assert "in force already, in every partition" in said[1].output
    switches = await folded_again(settings)
    told = await records(settings)
    for number, answer in ((1, said[0]), (2, said[2])):
        partitions = orjson.loads(answer.stdout)["partitions"]
        assert sum(each["users"] for each in partitions) == users
        assert sum(each["changed"] for each in partitions) > 0
        for each in partitions:
            assert (each["offset"], digests[number]) in switches[each["partition"]]
    by_seq = {(each.user, each.seq): each for each in told}
    homes = {each.user: partitioner.partition_of(each.user.encode(), settings.kafka.partitions) for each in told}
    for (user, seq), each in by_seq.items():
        assert each.mapping == [digest for offset, digest in switches[homes[user]] if offset <= seq][-1]
    for user, partition in homes.items():
        for offset, digest in switches[partition][1:]:
            record = by_seq[user, offset]
            assert (record.cause.source, record.cause.event, record.cause.reason) == ("mapping", digest, "new queue")
    assert any("Upstairs" in each.desired.get("skills", {}) for each in told), "what was said before was heard anew"


def _folders(folder: Path, shipped: str) -> list[tuple[str, str]]:
    """Two orders at the same time."""
    for name in ("one", "two"):
        (folder / name).mkdir()
    return [("one", shipped + SPANISH + FLOOR), ("two", shipped)]


async def _quiet(settings: Settings) -> None:
    """Wait until the worker has nothing more to do: everything is read, and what it writes doesn't grow."""
    before: dict[str, int] = {}

    async def count() -> bool:
        nonlocal before
        found = await read(settings, CHANGES, OPERATIONS, MAPPINGS)
        now = {topic: len(each) for topic, each in found.items()}
        same, before = now == before, now
        await asyncio.sleep(1)
        return same and await unread(settings) == 0

    await _until(count, bool)


@pytest.mark.long
async def test_a_worker_killed_while_it_plans_anew(settings: Settings, tmp_path: Path) -> None:
    """Killed three times in the middle of it, its tables on disk, and with facts to be heard anew: the same bytes."""
    shipped, users, cut, orders = settings.worker.mapping_text()[0], 4_000, 0, 0
    file = tmp_path / "first.toml"
    file.write_text(shipped, encoding="utf-8")
    settings = settings.changed(mapping=file, table_store="rocksdb", data=tmp_path / "data")
    texts = [shipped + FLOOR, shipped + SPANISH, shipped + SPANISH + FLOOR, shipped] * 3  # it may be done too soon
    async with stack(settings, tmp_path) as running:
        await running.start("worker")
        await send(settings, "events.hris", *(hired(number) for number in range(users)))
        async with _counting(settings, OPERATIONS) as count:
            await _until(count, lambda written: written >= users)
            for text in texts:
                orders += 1
                begun = await count()
                said = await apply(settings, tmp_path, text, "--no-wait", "--json")
                async with asyncio.timeout(60):
                    while await count() <= begun + 300 * cut:  # noqa: ASYNC110 - it is another process
                        await asyncio.sleep(0)
                await running.children["worker"].kill()
                place = orjson.loads(said.stdout)["order"]["offset"]
                causes = [(each.user, each.cause) for each in await records(settings)]
                done = {user for user, cause in causes if (cause.source, cause.origin.offset) == ("mapping", place)}
                cut += 0 < len(done) < users
                await running.children["worker"].start()
                await _until(lambda text=text: everywhere(settings, parse_mapping(text).digest), bool)
                if cut == 3:
                    break
        await send(settings, "events.hris", *(moved(number, users) for number in range(100)))
        await _quiet(settings)
        told = running.children["worker"].log.read_text()
    assert cut == 3
    assert "`streamproc mapping apply` would change that" in told, "the settings' file doesn't count any more"
    switches = await folded_again(settings)
    assert {len(each) for each in switches.values()} == {1 + orders}


@asynccontextmanager
async def _counting(settings: Settings, topic: str) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """A quick way to ask how many records there are."""
    reader = KafkaLog(settings.kafka).consumer()
    await reader.start()
    places = [TopicPartition(topic, number) for number in range(settings.kafka.partitions)]

    async def count() -> int:
        return int(sum((await reader.end_offsets(places)).values()))

    try:
        yield count
    finally:
        await reader.stop()


def _order(text: str | None, number: int) -> Control:
    return Control(f"c{number}", "mapping", None, None, "Kim", "by hand", Millis(0), mapping=text)


@pytest.mark.long
async def test_orders_that_cant_be_obeyed(settings: Settings, tmp_path: Path) -> None:
    """What is no mapping is rejected, and what needs facts that are gone; the worker lives, and nothing changes."""
    shipped = settings.worker.mapping_text()[0]
    async with stack(settings, tmp_path) as running:
        await running.start("worker")
        await send(settings, "events.hris", *(hired(number) for number in range(40)))
        await _until(lambda: read(settings, OPERATIONS), lambda found: len(found[OPERATIONS]) == 40)
        bad = ["[[rule]]\nwhen = 3", None, '[authority]\nactive = ["nobody"]\n', "x" * 300_000]
        await order(KafkaLog(settings.kafka), [_order(text, number) for number, text in enumerate(bad)])
        await send(settings, CONTROLS, ("mapping", {"action": "mapping"}))
        told = await _rejections(settings, 5)
        assert [each["code"] for each in told] == ["mapping"] * 4 + ["invalid"]
        await _forget_beginning(settings)
        refused = await apply(settings, tmp_path, shipped + FLOOR)
        assert (refused.exit_code, "has lost its first records" in refused.output) == (1, True), refused.output
        await order(KafkaLog(settings.kafka), [_order(shipped + FLOOR, 9)])
        assert (await _rejections(settings, 6))[-1]["code"] == "mapping"
        assert isinstance((await apply(settings, tmp_path, "[[rule]]\nwhen = 3")).exception, MappingError)
        applied = await apply(settings, tmp_path, shipped + SPANISH)
        assert applied.exit_code == 0, applied.output
    kept = [mapping_event(each) for log in (await log_of(settings, CHANGES)).values() for each in log]
    ordered = {each.event for each in kept if each is not None and each.mapping and not each.mapping.first}
    assert ordered == {parse_mapping(shipped + SPANISH).digest}


async def _rejections(settings: Settings, count: int) -> list[dict[str, Any]]:
    found = await _until(lambda: read(settings, REJECTIONS), lambda found: len(found[REJECTIONS]) >= count)
    told = [orjson.loads(record.value) for record in found[REJECTIONS]]
    return sorted(told, key=lambda each: each["offset"])


async def _forget_beginning(settings: Settings) -> None:
    """As retention, or somebody's kafka-delete-records, does it."""
    admin = AIOKafkaAdminClient(**connection(settings.kafka))
    await admin.start()
    try:
        places = [TopicPartition(CHANGES, number) for number in range(settings.kafka.partitions)]
        await admin.delete_records({place: RecordsToDelete(1) for place in places})
    finally:
        await admin.close()


@pytest.mark.long
async def test_an_order_from_before_the_first_mapping(settings: Settings, tmp_path: Path) -> None:
    """Whatever was folded without a mapping in the log was folded by the settings' one: it stands before the order."""
    shipped = settings.worker.mapping_text()[0]
    assert (await apply(settings, tmp_path, shipped + SPANISH, "--no-wait")).exit_code == 0
    wanted = [parse_mapping(text).digest for text in (shipped, shipped + SPANISH)]
    async with stack(settings, tmp_path) as running:
        await running.start("worker")
        await _until(lambda: everywhere(settings, wanted[1]), bool)
    for log in (await log_of(settings, CHANGES)).values():
        assert [each.event for each in map(mapping_event, log) if each is not None] == wanted


@pytest.mark.long
async def test_a_mapping_that_lets_everybody_go_is_held(settings: Settings, tmp_path: Path) -> None:
    """All of it is one cause for the mass guard; with the mapping before, everybody is let be."""
    shipped, users = settings.worker.mapping_text()[0], 60
    wrong = shipped.replace('active = "active"', 'active = "contractor"')
    assert wrong != shipped

    async def active() -> int:
        return sum(each["active"] is True for each in (await held(http, running.simulator)).values())

    async with stack(settings, tmp_path) as running, aiohttp.ClientSession() as http:
        await running.start("worker", "sink")
        everybody = [hired(number, contractor=False) for number in range(users)]
        await send(settings, "events.hris", *everybody)
        await _until(active, lambda count: count == users)
        assert (await apply(settings, tmp_path, wrong)).exit_code == 0
        aside = await _until(lambda: set_aside(KafkaLog(settings.kafka)), lambda found: len(found) >= users - 10)
        assert {each.parked.code for each in aside if each.parked} == {"held"}
        assert await active() == users - 10, "one cause gets half of what the guard lets through"
        assert (await apply(settings, tmp_path, shipped)).exit_code == 0
        await _until(active, lambda count: count == users)
        # The target shows it before the sink's transaction is through.
        await _until(lambda: set_aside(KafkaLog(settings.kafka)), lambda parked: parked == [])
