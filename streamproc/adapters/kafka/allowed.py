"""What we may do on a cluster, asked before anything is done: brokers tell it with their metadata.

Whoever may not describe a topic isn't told whether it exists, so "not there" and "not allowed" are different answers.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from streamproc.adapters.kafka.principal import principal
from streamproc.core.errors import KafkaRightsError
from streamproc.rights import Right, alike
from streamproc.settings import KafkaSettings

CODES: Final = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
"""Kafka's numbers of operations: bits of what is allowed."""
UNTOLD: Final = -(1 << 31)
"""What stands for these bits where a broker doesn't tell them."""
TRANSACTION: Final = 1
WHERE: Final = "`streamproc topics --acls` lists the rights that each process needs"
TRIES: Final = 30
AGAIN: Final = 0.1
"""How often a group is asked for, and s in between."""
_UNTIL_OFFLINE: Final = 5
"""Fields of a partition in metadata of before Kafka 1.0; later, replicas that are offline come last."""
NAMED: Final = 8
"""Names of a kind that a message has at most."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A topic, as far as we may see it."""

    partitions: int
    """0: it isn't there, or isn't shown to us."""
    hidden: bool
    """It may be there: we aren't allowed to describe it."""
    operations: int | None
    """Bits; None: the broker doesn't tell."""
    leaderless: int = 0
    """Partitions that nobody serves."""
    behind: int = 0
    """Partitions of which a replica isn't in sync."""
    replicas: int = 0
    """The fewest of a partition."""

    def allows(self, right: Right) -> bool:
        """Whether it may be done, as far as we are told."""
        return not self.hidden and (self.operations is None or bool(self.operations >> CODES[right.operation] & 1))


async def look(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, Seen]:
    """These topics, without creating any. Raises KafkaError for what is neither absence nor a missing right."""
    if not topics:
        return {}
    try:
        answer = await admin._send_request(_Metadata(list(topics)))  # noqa: SLF001 - aiokafka asks for less
    except NotImplementedError:  # a broker of before Kafka 2.3, or another maker's
        answer = await admin._send_request(MetadataRequest(list(topics), False))  # noqa: SLF001
    seen: dict[str, Seen] = {}
    for code, name, _, partitions, *more in answer.topics:
        operations = more[0] if more else UNTOLD
        error = for_code(code)
        if error not in {UnknownTopicOrPartitionError, TopicAuthorizationFailedError} and code and not partitions:
            raise error(name)
        told = None if operations == UNTOLD else operations
        replicas = [each[-3:-1] if len(each) > _UNTIL_OFFLINE else each[-2:] for each in partitions]
        seen[name] = Seen(
            len(partitions),
            error is TopicAuthorizationFailedError,
            told,
            leaderless=sum(each[2] < 0 for each in partitions),
            behind=sum(len(in_sync) < len(assigned) for assigned, in_sync in replicas),
            replicas=min((len(assigned) for assigned, _ in replicas), default=0),
        )
    return seen


async def lacking(
    admin: AIOKafkaAdminClient, rights: Iterable[Right], seen: Mapping[str, Seen], partitions: int
) -> list[Right]:
    """Those of these rights that we don't have. Of topics that aren't there nothing is told. Raises KafkaError."""
    found: list[Right] = []
    for right in rights:
        if right.resource == "topic":
            topic = seen[right.name]
            allowed = topic.allows(right) or not (topic.hidden or topic.partitions)
        elif right.resource == "group":
            allowed = await _allows_group(admin, right)
        else:
            allowed = await _allows_id(admin, right, partitions)
        if not allowed:
            found.append(right)
    return found


def refused(kafka: KafkaSettings, rights: Sequence[Right], more: str = "") -> KafkaRightsError:
    """What to say where these are missing."""
    kinds = []
    for each in alike(rights):
        names = [right.pattern for right in each]
        rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        kinds.append(f"{each[0].operation} on {each[0].resource} {', '.join(names[:NAMED])}{rest}")
    return KafkaRightsError(f"Kafka doesn't allow {principal(kafka)}: {'; '.join(kinds)}. {more}{WHERE}")


async def _allows_group(admin: AIOKafkaAdminClient, right: Right) -> bool:
    for _ in range(TRIES):
        try:
            node = await admin.find_coordinator(right.name)
            ((code, *_, operations),) = (await admin._send_request(_Groups(right.name), node)).groups  # noqa: SLF001
        except GroupAuthorizationFailedError:
            return False
        except NotImplementedError:  # a broker of before Kafka 2.3, or another maker's
            return True
        except KafkaError:  # its coordinator is on its way somewhere; a new cluster's is being made
            await asyncio.sleep(AGAIN)
            continue
        if for_code(code) is GroupAuthorizationFailedError:
            return False
        if not code:
            return bool(operations == UNTOLD or operations >> CODES[right.operation] & 1)
        await asyncio.sleep(AGAIN)
    return True


async def _allows_id(admin: AIOKafkaAdminClient, right: Right, partitions: int) -> bool:
    """Whether we may see it, which Write includes: more isn't told without taking it from who uses it now."""
    for name in [f"{right.name}{number}" for number in range(partitions)] if right.prefixed else [right.name]:
        try:
            await admin.find_coordinator(name, TRANSACTION)
        except TransactionalIdAuthorizationFailed:
            return False
        except KafkaError:
            return True  # its coordinator is on its way somewhere
    return True


class _DescribeGroups(DescribeGroupsRequest_v3):  # type: ignore[misc]
    RESPONSE_TYPE = DescribeGroupsResponse_v3  # aiokafka reads it as one of version 2


class _Groups(Request[_DescribeGroups]):  # type: ignore[misc]
    """One group, with what we may do with it. Brokers since Kafka 2.3 answer it."""

    API_KEY = 15

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: type[_DescribeGroups]) -> _DescribeGroups:
        return request_struct_class([self._group], True)


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8")))),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("name", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _MetadataRequest(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _Metadata(Request[_MetadataRequest]):  # type: ignore[misc]
    """Of these topics, with what we may do with each. Brokers since Kafka 2.3 answer it."""

    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics: Any = topics

    def build(self, request_struct_class: type[_MetadataRequest]) -> _MetadataRequest:
        return request_struct_class(self._topics, False, False, True)
