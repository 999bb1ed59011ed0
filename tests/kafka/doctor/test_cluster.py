"""The doctor on a Kafka with ACLs: nothing to find on a healthy one, and each fault by its name."""

from pathlib import Path

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streamproc import rights
from streamproc.adapters.kafka import topic_identity
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.records.topic_names import CONTROLS, FINDINGS, OPERATIONS, OUTCOMES
from streamproc.doctor.kafka import cluster
from streamproc.doctor.line import Line
from streamproc.rights import Right
from streamproc.settings import KafkaSettings, load_settings
from tests.support.secured import SecuredKafka, secured_kafka

NEEDED = rights.sink("streamproc")


async def found(kafka: KafkaSettings) -> list[Line]:
    """What is said to a sink's user."""
    return await cluster(kafka, {"sink": NEEDED})


async def wrong(kafka: KafkaSettings) -> list[tuple[str, str]]:
    """The errors and warnings, by what they are about."""
    return [(line.about, line.text) for line in await found(kafka) if line.severity != "ok"]


async def altered(secured: SecuredKafka, topic: str, name: str, value: str) -> None:
    """Change a topic's configuration."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})
    for answer in await secured.admin.alter_configs([resource]):
        assert not answer.resources[0][0], answer


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_healthy_cluster_is_ok_and_each_fault_is_named(tmp_path: Path) -> None:
    """Rights, configuration, partitions, a topic that isn't there and one that was made anew; nothing is written."""
    async with secured_kafka(tmp_path) as secured:
        anybody = load_settings(kafka=secured.broker.bootstrap, partitions=2).kafka
        await ensure_topics(anybody)
        topics = [right.name for right in NEEDED if right.operation == "DescribeConfigs"]
        await topic_identity.accept(anybody, topics)
        own = await secured.user("sink", NEEDED)
        kafka = load_settings(**own, partitions=2).kafka
        healthy = await found(kafka)
        assert [line.about for line in healthy] == ["cluster", "rights of sink", "topics"]
        assert {line.severity for line in healthy} == {"ok"}

        right = Right("Read", "topic", OPERATIONS)  # which hides the topic
        await secured.revoke("sink", right)
        assert await wrong(kafka) == [("rights of sink", f"User:sink lacks Read on topic {OPERATIONS}")]
        await secured.grant("sink", right)
        ids = Right("Write", "transactional-id", "streamproc-sink-", prefixed=True)
        await secured.revoke("sink", ids)
        expected = [("rights of sink", "User:sink lacks Write on transactional-id streamproc-sink-*")]
        assert await wrong(kafka) == expected
        await secured.grant("sink", ids)

        await altered(secured, OUTCOMES, "retention.ms", "1000")
        expected = [(f"topic {OUTCOMES}", f"{OUTCOMES} has retention.ms=1000, not -1")]
        assert await wrong(kafka) == expected
        (line,) = [each for each in await found(kafka) if each.severity == "error"]
        assert line.do.endswith(f" --entity-name {OUTCOMES} --add-config cleanup.policy=delete,retention.ms=-1")
        await altered(secured, OUTCOMES, "retention.ms", "-1")

        more = await wrong(kafka.model_copy(update={"partitions": 3}))
        assert (f"topic {OPERATIONS}", f"{OPERATIONS} has 2 partitions, not 3 (STREAMPROC_PARTITIONS)") in more
        assert len(more) == len(topics)

        await secured.admin.delete_topics([CONTROLS, FINDINGS])
        await ensure_topics(anybody, [Right("Create", "topic", CONTROLS)])
        assert await wrong(kafka) == [
            (f"topic {FINDINGS}", "isn't there"),
            (f"topic {CONTROLS}", "was made anew since it was used: its offsets mean something else"),
        ]
        # a sink of a cluster on which nobody compares goes on without findings
        odd = [(line.severity, line.about) for line in await found(kafka) if line.severity != "ok"]
        assert odd == [("warning", f"topic {FINDINGS}"), ("error", f"topic {CONTROLS}")]
