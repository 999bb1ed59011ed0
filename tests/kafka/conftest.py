"""A real Kafka for the tests here: embedded, `--kafka HOST:PORT` (an empty cluster), or `--kafka testcontainers`.

`--secure`: the embedded one with TLS, SCRAM and ACLs, connected to as a user who has every process's rights.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient

from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.embedded import embedded_kafka
from streamproc.rights import PROCESSES, Right
from streamproc.settings import Settings, load_settings
from streamproc.topics import TOPICS
from tests.support.secured import secured_kafka


@pytest_asyncio.fixture
async def kafka(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """Bootstrap servers of an empty cluster; how it is connected to is in the environment."""
    given = pytestconfig.getoption("--kafka")
    if pytestconfig.getoption("--secure"):
        async with secured_kafka(tmp_path_factory.mktemp("secured")) as secured:
            rights = dict.fromkeys(right for process in PROCESSES for right in process.rights("streamproc"))
            deleting: Any = [Right("Delete", "topic", topic.name) for topic in TOPICS]  # type: ignore[arg-type]
            for name, value in (await secured.user("tests", [*rights, *deleting])).items():
                monkeypatch.setenv(f"STREAMPROC_{name.upper()}", value)
            yield secured.broker.sasl_ssl
        return
    if given == "testcontainers":
        from testcontainers.kafka import KafkaContainer  # needs a container engine: not run where there is none

        with KafkaContainer("apache/kafka:4.3.1") as container:
            yield container.get_bootstrap_server()
    elif given:
        await _emptied(given)
        yield given
    else:
        async with embedded_kafka(progress=lambda _: None) as broker:
            yield broker.bootstrap


_OURS: set[str] = set()
"""Clusters whose topics were made by these tests, and may be deleted by them."""


async def _emptied(servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        names = {topic.name for topic in TOPICS}
        if found := names & set(await admin.list_topics()):
            assert servers in _OURS, f"{servers} holds {sorted(found)}: give an empty cluster, the tests delete these"
            await admin.delete_topics(sorted(found))
            while names & set(await admin.list_topics()):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.1)
            await asyncio.sleep(1)  # deleted topics linger in a broker's own metadata for a moment
        _OURS.add(servers)
    finally:
        await admin.close()


@pytest_asyncio.fixture
async def settings(kafka: str) -> Settings:
    """Settings for that cluster, with its topics created."""
    made = load_settings(kafka=kafka)
    await ensure_topics(made.kafka)
    return made
