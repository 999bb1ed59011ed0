"""Topics, created or checked against the topology, and the rights that are needed on them."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, TopicAuthorizationFailedError, for_code

from streamproc import rights as needed
from streamproc.adapters.kafka.allowed import lacking, look, refused
from streamproc.adapters.kafka.client import connection
from streamproc.adapters.kafka.probe import connection_problem
from streamproc.adapters.kafka.trouble import explained
from streamproc.core.errors import KafkaRightsError, TopologyError
from streamproc.rights import Right
from streamproc.settings import KafkaSettings
from streamproc.topics import TOPICS, Topic

log = structlog.get_logger("streamproc.kafka")

FIRST_ANSWER: Final = 5.0
"""Seconds after which it is looked at what keeps a cluster from answering."""


async def ensure_topics(
    kafka: KafkaSettings, rights: Sequence[Right] | None = None, *, create: bool = True
) -> list[str]:
    """See that these rights are there, and the topics that they are about; None: all topics.

    Topics that don't exist are created, unless told not to; returns their names. What a service does its work without
    needn't be there, and where it can't be created, that is told. Raises TopologyError naming every
    difference of an existing topic, KafkaRightsError naming every right that is missing; KafkaUnavailableError and
    KafkaIdentityError where there is no connection.
    """
    spared = set(rights or ()) - set(needed.essential(rights or ()))
    rights = needed.creator(create=False) if rights is None else needed.essential(rights)
    names = {right.name for right in rights if right.resource == "topic"}
    topics = [topic for topic in TOPICS if topic.name in names]
    async with admin_of(kafka, rights) as admin:
        seen = await look(admin, [topic.name for topic in topics])
        if missing := await lacking(admin, rights, seen, kafka.partitions):
            raise refused(kafka, missing)
        absent = [topic for topic in topics if not seen[topic.name].partitions]
        if create and absent:
            await _create(admin, absent, kafka)
            seen |= await look(admin, [topic.name for topic in absent])
            if missing := await lacking(admin, [right for right in rights if right.resource == "topic"], seen, 0):
                raise refused(kafka, missing)
        there = [topic for topic in topics if topic not in absent]
        if there:
            await _check(admin, there, {topic.name: seen[topic.name].partitions for topic in there}, kafka)
        if create:
            await _create_spared(admin, {right.name for right in spared}, kafka)
    return [topic.name for topic in absent]


async def _create_spared(admin: AIOKafkaAdminClient, names: set[str], kafka: KafkaSettings) -> None:
    topics = [topic for topic in TOPICS if topic.name in names]
    seen = await look(admin, [topic.name for topic in topics])
    if absent := [topic for topic in topics if not seen[topic.name].partitions and not seen[topic.name].hidden]:
        try:
            await _create(admin, absent, kafka)
        except (KafkaRightsError, TopologyError) as error:
            log.warning("goes on without a topic", topics=[topic.name for topic in absent], reason=str(error))


@asynccontextmanager
async def admin_of(kafka: KafkaSettings, rights: Sequence[Right] = ()) -> AsyncIterator[AIOKafkaAdminClient]:
    """Who may ask for topics, and make them. Raises KafkaUnavailableError, KafkaIdentityError, KafkaRightsError.

    What fails inside is explained as well; `rights`: what it needs.
    """
    admin = AIOKafkaAdminClient(**connection(kafka))
    try:
        try:
            await _start(admin, kafka)
        except (KafkaError, OSError) as error:
            raise await explained(kafka, (), error) from error
        try:
            yield admin
        except KafkaError as error:
            raise await explained(kafka, rights, error) from error
    finally:
        await admin.close()


async def _start(admin: AIOKafkaAdminClient, kafka: KafkaSettings) -> None:
    """Aiokafka waits 40 s for an answer, however long nobody gives one."""
    try:
        async with asyncio.timeout(FIRST_ANSWER):
            await admin.start()
    except TimeoutError:
        if (problem := await connection_problem(kafka)) is not None:
            raise problem from None
        await admin.start()


async def partition_counts(admin: AIOKafkaAdminClient, kafka: KafkaSettings, topics: Iterable[str]) -> dict[str, int]:
    """Of those topics that exist, how many partitions each has, in the same order. Raises KafkaRightsError."""
    names = list(topics)
    seen = await look(admin, names)
    if missing := await lacking(admin, needed.auditor(names), seen, 0):
        raise refused(kafka, missing)
    return {name: seen[name].partitions for name in names if seen[name].partitions}


async def _create(admin: AIOKafkaAdminClient, topics: list[Topic], kafka: KafkaSettings) -> None:
    wanted = [NewTopic(topic.name, kafka.partitions, kafka.replication, topic_configs=topic.config) for topic in topics]
    answer = await admin.create_topics(wanted)
    refusals: list[Right] = []
    for name, code, *rest in answer.topic_errors:
        error = for_code(code)
        if error is TopicAuthorizationFailedError:
            refusals.append(Right("Create", "topic", name))
        elif code and error is not TopicAlreadyExistsError:  # another service was faster
            raise TopologyError(f"topic {name} can't be created: {error.__name__} {rest[0] if rest else ''}")
    if refusals:
        raise refused(
            kafka, refusals, "They don't exist yet: let whoever may create them, with `streamproc topics --create`. "
        )
    for _ in range(100):  # the metadata of a new topic takes a moment to reach every broker
        seen = await look(admin, [topic.name for topic in topics])
        if all(each.partitions or each.hidden for each in seen.values()):
            return
        await asyncio.sleep(0.05)
    raise TopologyError("the new topics don't show up in the cluster's metadata; see the broker's log")


async def _check(
    admin: AIOKafkaAdminClient, topics: list[Topic], partitions: Mapping[str, int], kafka: KafkaSettings
) -> None:
    found = [each for texts in (await differences(admin, topics, partitions, kafka)).values() for each in texts]
    if found:
        raise TopologyError(
            "existing topics differ: " + "; ".join(found) + ". Alter them with kafka-configs, or use other topics."
        )


async def differences(
    admin: AIOKafkaAdminClient, topics: Sequence[Topic], partitions: Mapping[str, int], kafka: KafkaSettings
) -> dict[str, list[str]]:
    """Topic → how it differs from what it has to be, of those that differ. `partitions`: of each. Raises KafkaError."""
    found: dict[str, list[str]] = {
        name: [f"{name} has {count} partitions, not {kafka.partitions} (STREAMPROC_PARTITIONS)"]
        for name, count in partitions.items()
        if count != kafka.partitions
    }
    configs = {topic.name: topic.config for topic in topics}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in configs]
    for answer in await admin.describe_configs(resources):
        for code, _, _, name, entries in answer.resources:
            if code:
                raise for_code(code)(name)
            actual = {entry[0]: entry[1] for entry in entries}
            for key, value in configs[name].items():
                if actual.get(key) != value:
                    found.setdefault(name, []).append(f"{name} has {key}={actual.get(key)}, not {value}")
    return found
