"""Is each topic still the one that our positions are of? Kafka gives a topic that is made anew another id.

The ids are kept in `streamproc.topics`, by whoever uses a topic first. Offsets and seqs that state holds mean nothing
in another topic: there a leaver's record looks like one that was read long ago. So a difference ends the process, at
its start and while it runs. Raw topics are another matter at the start: their positions are compared with times, too.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import orjson
import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import CommitFailedError, started
from streamproc.adapters.kafka.topics import admin_of
from streamproc.core.errors import TopologyError
from streamproc.core.records.topic_identity import TOPIC_IDENTITY, TopicIdentity
from streamproc.core.records.topic_names import CURSORS, IDENTITIES, is_raw
from streamproc.rights import Right, essential
from streamproc.settings import KafkaSettings

log = structlog.get_logger("streamproc.kafka")

NOT_ALLOWED: Final = 29
"""Kafka's code where a topic may not be described."""
LOOK_EVERY: Final = 3.0
"""Seconds between two looks, while a process runs."""
ABSENT: Final = 3
"""Looks in a row without a topic, after which it counts as deleted: a broker that starts knows it a moment later."""


async def while_the_same(
    kafka: KafkaSettings, rights: Iterable[Right], service: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Run a service that has these rights for as long as its topics are what they were.

    Raises TopologyError where one was made anew, since the service ran last or while it runs, or is gone.
    """
    needed = essential(rights)
    async with admin_of(kafka, needed) as admin:
        watching = asyncio.create_task(_watch(admin, await _checked(kafka, admin, needed)), name="topic ids")
        running = asyncio.create_task(service(), name="service")
        try:
            done, _ = await asyncio.wait([running, watching], return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for each in (running, watching):
                each.cancel()
            await asyncio.gather(running, watching, return_exceptions=True)


async def accept(kafka: KafkaSettings, topics: Sequence[str]) -> None:
    """Keep the ids that these topics have now. Raises TopologyError where one isn't there, KafkaError."""
    async with admin_of(kafka) as admin:
        ids = await identities(admin, topics)
    if missing := [name for name in topics if name not in ids]:
        raise TopologyError(f"there is no topic {', '.join(missing)}")
    await _keep(kafka, ids)


async def identities(
    admin: AIOKafkaAdminClient, topics: Sequence[str], before: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Name → id of those that exist. None at all where the brokers don't tell (before Kafka 2.8).

    `before`: what is taken of those that we may not see any more, which says nothing of whether they exist.
    """
    try:
        answer = await admin._send_request(_Metadata(topics))  # noqa: SLF001 - aiokafka asks for less
    except NotImplementedError:
        return {}
    found = {name: _spelled(topic_id) for code, name, topic_id, *_ in answer.topics if not code and any(topic_id)}
    hidden = {name for code, name, *_ in answer.topics if code == NOT_ALLOWED}
    return found | {name: each for name, each in (before or {}).items() if name in hidden}


async def of_cluster(admin: AIOKafkaAdminClient, topic: str) -> str | None:
    """Cluster's id and topic's id, as one text. None: the brokers don't tell (before Kafka 2.8), or there is none.

    Raises KafkaError.
    """
    try:
        answer = await admin._send_request(_Metadata([topic]))  # noqa: SLF001 - see above
    except NotImplementedError:
        return None
    found = [_spelled(topic_id) for code, _, topic_id, *_ in answer.topics if not code and any(topic_id)]
    return f"{answer.cluster_id}/{found[0]}" if found else None


async def _checked(kafka: KafkaSettings, admin: AIOKafkaAdminClient, rights: Sequence[Right]) -> dict[str, str]:
    """The ids now. Keeps those that weren't known. Raises TopologyError."""
    read = {right.name for right in rights if right.operation == "Read"}
    groups = [right.name for right in rights if right.resource == "group"]
    ids = await identities(admin, sorted({right.name for right in rights if right.resource == "topic"}))
    known = await _kept(kafka)
    other = {name: each for name, each in ids.items() if known.get(name, each) != each}
    if ours := [name for name in other if not _forgiving(name)]:
        raise _anew(ours, known, ids)
    for name in other:
        log.warning("a topic was made anew: what nobody had read of it is lost", topic=name, before=known[name])
        for group in groups if name in read else ():
            await _begin_anew(KafkaLog(kafka), group, name)
    await _keep(kafka, {name: each for name, each in ids.items() if known.get(name) != each})
    return ids


async def _watch(admin: AIOKafkaAdminClient, before: Mapping[str, str]) -> None:
    """Returns never. Raises TopologyError."""
    absent = dict.fromkeys(before, 0)
    while True:
        await asyncio.sleep(LOOK_EVERY)
        ids = await identities(admin, list(before), before)
        if other := [name for name in ids if ids[name] != before[name]]:
            raise _anew(other, before, ids)
        absent = {name: 0 if name in ids else absent[name] + 1 for name in before}
        if gone := [name for name, looks in absent.items() if looks >= ABSENT]:
            raise TopologyError(f"{', '.join(gone)}: deleted while it was in use. Its records can't be made again")


async def made_anew(kafka: KafkaSettings, admin: AIOKafkaAdminClient, topics: Sequence[str]) -> list[str]:
    """Those of these topics whose id isn't the one that is kept; keeps nothing. Raises KafkaError."""
    known = await _kept(kafka)
    return [name for name, each in (await identities(admin, topics)).items() if known.get(name, each) != each]


async def _kept(kafka: KafkaSettings) -> dict[str, str]:
    kept = reading.read_topic(KafkaLog(kafka), IDENTITIES, TOPIC_IDENTITY.validate_json)
    return {name: identity.id async for name, identity in kept if identity is not None}


async def _keep(kafka: KafkaSettings, ids: Mapping[str, str]) -> None:
    if ids:
        async with started(KafkaLog(kafka).producer()) as producer:
            for name, each in ids.items():
                await producer.send_and_wait(IDENTITIES, orjson.dumps(TopicIdentity(name, each)), name.encode())


async def _begin_anew(kafka: KafkaLog, group: str, topic: str) -> None:
    """Set the group to the topic's first records: whoever read the one before may have committed its offsets here.

    Raises TopologyError while somebody of the group is still there, who might do that again.
    """
    places = reading.partitions_of(kafka, topic)
    async with started(kafka.consumer(group=group)) as outsider:
        outsider.assign(places)
        try:
            await outsider.commit(await outsider.beginning_offsets(places))
        except CommitFailedError as error:
            raise TopologyError(
                f"{topic} was made anew, and members of group {group} still read the one before: once they have ended, "
                "start again"
            ) from error


def _forgiving(name: str) -> bool:
    """Whether nothing depends on its positions that isn't compared with times too, or read again from the beginning."""
    return name == CURSORS or is_raw(name)


def _anew(names: Sequence[str], before: Mapping[str, str], now: Mapping[str, str]) -> TopologyError:
    told = "; ".join(f"{name} was made anew (its id is {now[name]}, and was {before[name]})" for name in names)
    if all(map(_forgiving, names)):
        return TopologyError(f"{told}. What nobody had read of it is lost; started again, we go on with the new one")
    return TopologyError(
        f"{told}. What we know is of the topic before: going on could pass over leavers. Restore it with the same "
        f"offsets, and then `streamproc topics --accept {' --accept '.join(names)}`; or begin anew without any of "
        "streamproc's topics and groups"
    )


def _spelled(topic_id: bytes) -> str:
    return urlsafe_b64encode(topic_id).decode().rstrip("=")


class _Uuid:
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)

    @classmethod
    def repr(cls, value: bytes) -> str:
        return _spelled(value)


_TEXT: Final = CompactString("utf-8")
_PARTITION: Final = (
    ("error_code", Int16),
    ("partition", Int32),
    ("leader", Int32),
    ("leader_epoch", Int32),
    ("replicas", CompactArray(Int32)),
    ("isr", CompactArray(Int32)),
    ("offline_replicas", CompactArray(Int32)),
    ("tags", TaggedFields),
)


class _MetadataResponse(Response):  # type: ignore[misc]
    """Metadata v10, in which each topic has its id (Kafka's KIP-516)."""

    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), ("tags", TaggedFields)),
        ),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                ("partitions", CompactArray(*_PARTITION)),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("topic", _TEXT), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _Metadata(Request[_MetadataStruct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataStruct]) -> Any:
        return request_struct_class([(bytes(16), name, {}) for name in self._topics], False, False, False, {})
