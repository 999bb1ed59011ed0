"""State tables: the record with the higher seq wins, wherever it stands in the changelog."""

from dataclasses import dataclass
from typing import Literal

import pytest
from faust.types import TP
from structlog.testing import capture_logs

from streamproc.settings import KafkaSettings, WorkerSettings
from streamproc.worker.faust_bridge.app import FaustApp, _options
from streamproc.worker.faust_bridge.state_table import StateTable


@dataclass
class Message:
    """Where an event was read."""

    partition: int
    value: bytes | None
    topic: str = "scim.operations"
    offset: int = 7


@dataclass
class Event:
    """A record of the changelog, as Faust's recovery gives it."""

    key: bytes
    value: bytes | None
    message: Message


def event(seq: int | None, key: bytes = b"E1", partition: int = 3) -> Event:
    """A record with this seq; None: a tombstone."""
    value = None if seq is None else record(seq)
    return Event(key, value, Message(partition, value))


def record(seq: int) -> bytes:
    """As it is encoded."""
    return b'{"user":"E1","seq":%d,"prev":null}' % seq


@pytest.fixture
async def table() -> StateTable:
    """In memory, empty."""
    return FaustApp(KafkaSettings(), WorkerSettings()).table("users", "scim.operations")


async def test_recovery_keeps_the_newest_and_tells_who_regressed(table: StateTable) -> None:
    """Also over several batches; a tombstone says nothing; who is written once more afterwards has not regressed."""
    table.apply_changelog_batch([event(5), event(7), event(None), event(6)])
    assert table.read(b"E1", 3) == record(7)
    assert table.regressed == {b"E1": 3}
    table.apply_changelog_batch([event(4), event(2, b"E2", 1)])
    assert (table.read(b"E1", 3), table.regressed) == (record(7), {b"E1": 3})
    table.apply_changelog_batch([event(7)])
    assert table.regressed == {}
    assert sorted(table.records()) == [(b"E1", record(7), 3), (b"E2", record(2), 1)]
    assert table.keys_of(1) == [b"E2"]


@pytest.mark.parametrize(
    "value", [None, b"", b"no json", b"{}", b'{"user":"E1"}', b'{"user":"E1","seq":"x"}', b"\0\0{"]
)
async def test_recovery_passes_over_what_isnt_ours(table: StateTable, value: bytes | None) -> None:
    """It is told with its place; what its key had before stays, and is to be appended again behind it."""
    strange = Event(b"E1", value, Message(3, value))
    with capture_logs() as logs:
        table.apply_changelog_batch([event(5), strange, Event(b"E9", value, Message(3, value))])
    assert (table.read(b"E1", 3), table.read(b"E9", 3)) == (record(5), None)
    assert table.regressed == {b"E1": 3}
    assert [(each["topic"], each["partition"], each["offset"]) for each in logs] == [("scim.operations", 3, 7)] * 2
    table.apply_changelog_batch([event(5)])
    assert table.regressed == {}


async def test_what_was_acknowledged_never_takes_back_what_is_newer(table: StateTable) -> None:
    """An acknowledgement that comes after recovery has brought a newer record changes nothing."""
    table.keep(b"E1", record(5), 3)
    table.keep(b"E1", record(4), 3)
    assert table.read(b"E1", 3) == record(5)


async def test_what_is_only_read_along_isnt_appended_again(table: StateTable) -> None:
    """It is another worker's, who may have written something newer meanwhile: ours would stand behind it."""
    appended: list[dict[bytes, int]] = []

    async def recovered() -> None:
        appended.append(dict(table.regressed))

    table.on_recover(recovered)
    table.apply_changelog_batch([event(5), event(4), event(5, b"E2", 1), event(4, b"E2", 1)])
    own, another = TP("scim.operations", 3), TP("scim.operations", 1)
    await table.on_recovery_completed({own}, {another})
    assert appended == [{b"E1": 3}]


def test_no_worker_reads_along_what_it_would_throw_away() -> None:
    """Faust's store in memory drops the keys of partitions that it only reads along, each time."""
    stores: tuple[Literal["memory", "rocksdb"], ...] = ("memory", "rocksdb")
    replicas = [
        _options(KafkaSettings(), WorkerSettings(table_store=store))["table_standby_replicas"] for store in stores
    ]
    assert replicas == [0, 1]
