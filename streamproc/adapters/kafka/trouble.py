"""What Kafka's errors mean, in one line: who is refused what, by which broker, or who doesn't answer.

aiokafka's errors name neither the right that is missing nor the cause of a connection that wasn't made. So when
something has failed, the cluster is asked anew: for a connection, then for the rights.
"""

import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from streamproc.adapters.kafka.allowed import WHERE, lacking, look, refused
from streamproc.adapters.kafka.client import connection
from streamproc.adapters.kafka.principal import principal
from streamproc.adapters.kafka.probe import connection_problem
from streamproc.core.errors import KafkaRightsError, KafkaUnavailableError, StreamprocError
from streamproc.rights import Right, essential
from streamproc.settings import KafkaSettings

TRIES: Final = 3
_KINDS: Final[dict[type[Exception], str]] = {
    TopicAuthorizationFailedError: "what it needs on topic",
    GroupAuthorizationFailedError: "Read on group",
    TransactionalIdAuthorizationFailed: "Write on transactional-id",
    ClusterAuthorizationFailedError: "what it needs on the cluster",
}


async def explained(kafka: KafkaSettings, rights: Sequence[Right], error: Exception) -> Exception:
    """What to raise in place of an error; `rights`: those that were needed. The error itself where it isn't Kafka's."""
    if isinstance(error, StreamprocError):
        return error
    if (problem := await connection_problem(kafka)) is not None:
        return problem
    if missing := await _missing(kafka, rights):
        return refused(kafka, missing)
    for kind, words in _KINDS.items():
        if isinstance(error, kind):
            about = {name.strip() for name in re.split("[,;]", _names(error))}
            if used := [each for each in rights if each.name in about and each.operation != "DescribeConfigs"]:
                return refused(kafka, used)
            return KafkaRightsError(f"Kafka doesn't allow {principal(kafka)}: {words} {_names(error)}. {WHERE}")
    if isinstance(error, KafkaError):
        return KafkaUnavailableError(
            f"Kafka at {kafka.bootstrap_servers} has stopped answering, or refuses: {type(error).__name__}: {error}"
        )
    return error


@asynccontextmanager
async def told(kafka: KafkaSettings, rights: Sequence[Right]) -> AsyncIterator[None]:
    """What fails inside because of Kafka ends as one line: KafkaUnavailableError, KafkaIdentityError, KafkaRightsError.

    `rights`: what is needed inside.
    """
    try:
        yield
    except Exception as error:
        explanation = await explained(kafka, rights, error)
        if explanation is error:
            raise
        raise explanation from error


class OneLine(logging.Filter):
    """What libraries log of Kafka's errors, as a line without a traceback; how a process ends is told by `told`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False: it isn't to be logged."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if not isinstance(error, KafkaError):
            return True
        if record.name == "asyncio":  # of tasks that end with the process
            return False
        record.msg, record.args, record.exc_info = f"{record.getMessage().splitlines()[0]}: {error}", (), None
        return True


def without_tracebacks() -> None:
    """Of Kafka's errors, in this process's log."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(OneLine())


async def _missing(kafka: KafkaSettings, rights: Sequence[Right]) -> list[Right]:
    """Nothing where it can't be asked."""
    if not (rights := essential(rights)):
        return []
    for _ in range(TRIES):
        admin = AIOKafkaAdminClient(**connection(kafka))
        try:
            await admin.start()
            names = dict.fromkeys(right.name for right in rights if right.resource == "topic")
            return await lacking(admin, rights, await look(admin, list(names)), kafka.partitions)
        except (KafkaError, OSError):
            continue
        finally:
            await admin.close()
    return []


def _names(error: Exception) -> str:
    """Which resource an error is about."""
    told = [", ".join(map(str, each)) if isinstance(each, set | frozenset | list) else str(each) for each in error.args]
    return "; ".join(filter(None, told)) or "(not told which)"
