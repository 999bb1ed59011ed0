"""Batches of every codec and format are read; one that can't be is told, and hides nothing before or after it."""

import importlib
import inspect
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
from aiokafka import TopicPartition, codec
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from streamproc.adapters.kafka import unreadable
from streamproc.core.errors import HistoryError
from streamproc.core.records.headers import UNREADABLE
from tests.support.paths import REPOSITORY

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def batch(values: list[bytes], base: int = 0, codec_id: int = 0) -> bytes:
    """A batch as brokers keep it, in today's format."""
    builder = DefaultRecordBatchBuilder(2, codec_id, 0, -1, -1, -1, 1_000_000)
    for number, value in enumerate(values):
        assert builder.append(number, timestamp=1_700_000_000_000, key=b"E1", value=value, headers=[])
    return base.to_bytes(8, "big") + bytes(builder.build())[8:]  # the base offset is outside the checksum


def broken(whole: bytes) -> bytes:
    """The same with its last byte changed."""
    return whole[:-1] + bytes([whole[-1] ^ 1])


def records(data: bytes, topic: str = "events.hris", at: int = 0) -> Iterator[Any]:
    """What a consumer is given of an answer, as its fetcher makes it."""
    made = fetcher.PartitionRecords(TopicPartition(topic, 3), MemoryRecords(data), None, at, None, None, True, 1)
    return iter(made)


def values(data: bytes) -> list[bytes]:
    """Of its records."""
    return [record.value for record in records(data)]


@pytest.fixture(autouse=True)
def _installed() -> None:
    importlib.import_module("streamproc.adapters.kafka.client")  # whoever makes clients has it
    assert fetcher.PartitionRecords is unreadable.ReadableRecords


def test_it_is_the_release_that_was_read() -> None:
    """Another release has to be read again: how its fetcher makes, gives out and drops what it was answered."""
    assert version("aiokafka") == "0.14.0"
    dependencies = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert "aiokafka[lz4,snappy,zstd]==0.14.0" in dependencies
    assert list(inspect.signature(fetcher.PartitionRecords._unpack_records).parameters) == ["self"]


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_is_read(name: str) -> None:
    """What producers and brokers compress with."""
    assert values(batch([b"first", b"second"], codec_id=CODECS[name])) == [b"first", b"second"]


OLD = [(0, "none"), (0, "gzip"), (0, "snappy"), (1, "none"), (1, "gzip"), (1, "snappy"), (1, "lz4")]


@pytest.mark.parametrize(("magic", "name"), OLD)
def test_old_formats_are_read(magic: int, name: str) -> None:
    """Brokers still serve what was written in formats 0 and 1."""
    builder = LegacyRecordBatchBuilder(magic, CODECS[name], 1_000_000)
    for number, value in enumerate([b"first", b"second"]):
        assert builder.append(number, timestamp=1_700_000_000_000, key=b"E1", value=value)
    assert values(bytes(builder.build())) == [b"first", b"second"]


def test_a_batch_of_others_that_cant_be_read_is_a_record_that_says_so() -> None:
    """It stands at the batch's last offset; what lies before and after it is given."""
    data = batch([b"a"], 0) + broken(batch([b"b", b"c", b"d"], 1)) + batch([b"e"], 4)
    given = list(records(data))
    assert [(each.offset, each.value) for each in given] == [(0, b"a"), (3, None), (4, b"e")]
    ((name, why),) = given[1].headers
    assert name == UNREADABLE
    assert why == b"offsets 1 to 3 can't be read: Invalid CRC"


def test_a_batch_of_ours_that_cant_be_read_stops_whoever_reads() -> None:
    """What comes before it is given first; then its topic, partition and offsets are said, as often as it is read."""
    data = batch([b"a"], 0) + broken(batch([b"b", b"c"], 1)) + batch([b"d"], 3)
    assert [each.value for each in records(data, "identity.changes")] == [b"a"]
    for _ in range(2):
        with pytest.raises(
            HistoryError, match=r"identity.changes, partition 3: offsets 1 to 2 can't be read: Invalid CRC"
        ):
            next(records(data[len(batch([b"a"])) :], "identity.changes", 1))


def test_a_codec_that_isnt_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a codec of tomorrow nor a missing library stops what comes after."""
    data = batch([b"a", b"b"], 0, CODECS["zstd"]) + batch([b"c"], 2)
    monkeypatch.setattr(codec, "has_zstd", lambda: False)
    given = list(records(data))
    assert [each.offset for each in given] == [1, 2]
    assert b"Libraries for zstd compression codec not found" in dict(given[0].headers)[UNREADABLE]


@given(
    st.lists(st.tuples(st.lists(st.binary(max_size=9), min_size=1, max_size=4), st.booleans()), max_size=6),
    st.sampled_from([*CODECS.values()]),
)
def test_each_offset_is_given_or_named(batches: list[tuple[list[bytes], bool]], codec_id: int) -> None:
    """Whatever is damaged: no record is lost, given twice, or given in another order."""
    data, base, expected = b"", 0, list[tuple[int, bytes | None]]()
    for content, damaged in batches:
        whole = batch(content, base, codec_id)
        data += broken(whole) if damaged else whole
        end = base + len(content)
        expected += [(end - 1, None)] if damaged else list(zip(range(base, end), content, strict=True))
        base = end
    assert [(each.offset, each.value) for each in records(data)] == expected
    position = 0
    for _ in range(len(batches) + 1):  # as our own: up to the first that is damaged, again and again
        given = [each.offset for each in ours(data, position)]
        position = given[-1] + 1 if given else position
    readable = next((offset for offset, value in expected if value is None), None)
    assert position <= base if readable is None else position <= readable


def ours(data: bytes, at: int) -> list[Any]:
    """What is given of a topic of ours before it stops."""
    given = []
    try:
        for record in records(data, "scim.operations", at):
            given.append(record)  # noqa: PERF402 - what came before the error counts
    except HistoryError:
        pass
    return given
