"""Topics, created or checked against the topology."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from streamproc.adapters.kafka.client import connection
from streamproc.core.errors import KafkaUnavailableError, TopologyError
from streamproc.settings import KafkaSettings
from streamproc.topics import TOPICS, Topic


async def ensure_topics(kafka: KafkaSettings, *, create: bool = True) -> list[str]:
    """Create the topics that don't exist (unless told not to); returns the names of those that didn't.

    Raises TopologyError naming every difference of an existing topic, KafkaUnavailableError where nobody answers.
    """
    async with admin_of(kafka) as admin:
        existing = set(await admin.list_topics())
        absent = [topic for topic in TOPICS if topic.name not in existing]
        if create and absent:
            await _create(admin, absent, kafka)
        await _check(admin, [topic for topic in TOPICS if topic.name in existing], kafka)
    return [topic.name for topic in absent]


@asynccontextmanager
async def admin_of(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Who may ask for topics, and make them. Raises KafkaUnavailableError where nobody answers."""
    admin = AIOKafkaAdminClient(**connection(kafka))
    try:
        try:
            await admin.start()
        except (KafkaError, OSError) as error:
            raise nobody_answers(kafka, error) from error
        yield admin
    finally:
        await admin.close()


async def partition_counts(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> dict[str, int]:
    """Of those topics that exist, how many partitions each has, in the same order."""
    existing = set(await admin.list_topics())
    names = [topic for topic in topics if topic in existing]
    described = await admin.describe_topics(names) if names else ()
    counts = {topic["topic"]: len(topic["partitions"]) for topic in described}
    return {name: counts[name] for name in names}


def nobody_answers(kafka: KafkaSettings, error: Exception) -> KafkaUnavailableError:
    """What to say where a cluster can't be reached."""
    return KafkaUnavailableError(
        f"no Kafka cluster answers at {kafka.bootstrap_servers} ({error}). Is it up, and is STREAMPROC_KAFKA right?"
    )


async def _create(admin: AIOKafkaAdminClient, topics: list[Topic], kafka: KafkaSettings) -> None:
    wanted = [NewTopic(topic.name, kafka.partitions, kafka.replication, topic_configs=topic.config) for topic in topics]
    answer = await admin.create_topics(wanted)
    for name, code, *rest in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:  # another service was faster
            raise TopologyError(f"topic {name} can't be created: {for_code(code).__name__} {rest[0] if rest else ''}")
    for _ in range(100):  # the metadata of a new topic takes a moment to reach every broker
        described = await admin.describe_topics([topic.name for topic in topics])
        if all(not each["error_code"] and each["partitions"] for each in described):
            return
        await asyncio.sleep(0.05)
    raise TopologyError("the new topics don't show up in the cluster's metadata; see the broker's log")


async def _check(admin: AIOKafkaAdminClient, topics: list[Topic], kafka: KafkaSettings) -> None:
    if not topics:
        return
    differences: list[str] = []
    for described in await admin.describe_topics([topic.name for topic in topics]):
        count = len(described["partitions"])
        if count != kafka.partitions:
            differences.append(
                f"{described['topic']} has {count} partitions, not {kafka.partitions} (STREAMPROC_PARTITIONS)"
            )
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics]
    for answer in await admin.describe_configs(resources):
        for _, _, _, name, entries in answer.resources:
            actual = {entry[0]: entry[1] for entry in entries}
            wanted = next(topic.config for topic in topics if topic.name == name)
            differences += [
                f"{name} has {key}={actual.get(key)}, not {value}"
                for key, value in wanted.items()
                if actual.get(key) != value
            ]
    if differences:
        raise TopologyError(
            "existing topics differ: "
            + "; ".join(differences)
            + ". Alter them with kafka-configs, or use other topics."
        )
