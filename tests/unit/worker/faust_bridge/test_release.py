"""What the bridge takes from Faust's insides is as it was read in the release that it was written for."""

import inspect
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest
from faust.stores import memory, rocksdb
from faust.tables.base import Collection
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka
from mode import Service

from streamproc.settings import KafkaSettings, WorkerSettings
from streamproc.worker.faust_bridge.app import FaustApp
from streamproc.worker.faust_bridge.state_table import PartitionedMemory
from tests.support.paths import REPOSITORY

RELEASE = "0.15.3"


def test_it_is_the_release_that_was_read() -> None:
    """Another release has to be read again: what the package's head lists, and what recovery and rebalances do."""
    assert version("faust-streaming") == RELEASE
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    assert f"faust-streaming=={RELEASE}" in project["dependencies"]


@pytest.mark.parametrize(
    ("member", "parameters", "waits"),
    [
        (aiokafka.Consumer._getmany, ["self", "active_partitions", "timeout"], True),
        (aiokafka.Consumer._new_offset, ["self", "tp"], False),
        (aiokafka.Consumer._commit, ["self", "offsets"], True),
        (aiokafka.Consumer._should_commit, ["self", "tp", "offset"], False),
        (rocksdb.Store._db_for_partition, ["self", "partition"], False),
        (memory.Store.on_rebalance, ["self", "assigned", "revoked", "newly_assigned", "generation_id"], True),
        (Collection.apply_changelog_batch, ["self", "batch"], False),
        (Collection._new_store, ["self"], False),
        (Service.crash, ["self", "reason"], True),
    ],
    ids=lambda member: getattr(member, "__qualname__", ""),
)
def test_methods_that_are_called_or_replaced(member: Callable[..., Any], parameters: list[str], waits: bool) -> None:
    """Each takes what the bridge gives, or is given."""
    assert list(inspect.signature(member).parameters) == parameters
    assert inspect.iscoroutinefunction(member) == waits


async def test_state_that_is_read_or_replaced() -> None:
    """What is kept of acknowledged offsets makes missing keys, and stores know the partition of each key."""
    assert "self._acked = defaultdict(list)" in inspect.getsource(Consumer.__init__)
    table = FaustApp(KafkaSettings(), WorkerSettings()).table("users", "scim.operations")
    assert isinstance(table.data, PartitionedMemory)
    assert (table.data.data, table.data._key_partition) == ({}, {})
    assert "_dbs" in inspect.get_annotations(rocksdb.Store)
    assert isinstance(rocksdb.Store.offset_key, bytes)
