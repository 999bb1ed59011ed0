"""What is said where Kafka refuses something: the line, and the log before it."""

import asyncio
import io
import logging
from typing import Any

import pytest

from streamproc.adapters.kafka import trouble
from streamproc.adapters.kafka.allowed import refused
from streamproc.adapters.kafka.log import KafkaConnectionError, NotAllowedError
from streamproc.adapters.kafka.trouble import OneLine, explained
from streamproc.core.errors import KafkaRightsError, KafkaUnavailableError, TopologyError
from streamproc.rights import Right, sink
from streamproc.settings import load_settings
from streamproc.topics import TOPICS

KAFKA = load_settings(kafka_security="SASL_SSL", kafka_username="sink", kafka_password="x").kafka


@pytest.mark.parametrize(
    ("error", "kind", "line"),
    [
        (NotAllowedError("scim.outcomes"), KafkaRightsError, "User:sink: what it needs on topic scim.outcomes."),
        (NotAllowedError({"a", "b"}), KafkaRightsError, "what it needs on topic "),
        (NotAllowedError(), KafkaRightsError, "what it needs on topic (not told which)."),
        (KafkaConnectionError("gone"), KafkaUnavailableError, "has stopped answering, or refuses: KafkaConnection"),
        (TopologyError("differs"), TopologyError, "differs"),
        (ValueError("ours"), ValueError, "ours"),
    ],
)
def test_an_error_is_explained_where_asking_again_tells_nothing(
    error: Exception, kind: type[Exception], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its type; what isn't Kafka's stays what it is."""

    async def nothing(*_: Any) -> None: ...

    monkeypatch.setattr(trouble, "connection_problem", nothing)
    monkeypatch.setattr(trouble, "_missing", nothing)
    found = asyncio.run(explained(KAFKA, (), error))
    assert type(found) is kind
    assert line in str(found)


def test_a_refused_topic_is_told_with_what_is_done_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where asking again tells nothing, the rights of the process on that topic are named, and no others."""

    async def nothing(*_: Any) -> None: ...

    monkeypatch.setattr(trouble, "connection_problem", nothing)
    monkeypatch.setattr(trouble, "_missing", nothing)
    found = asyncio.run(explained(KAFKA, sink("g"), NotAllowedError({"scim.outcomes"})))
    assert "User:sink: Write on topic scim.outcomes. " in str(found)


def test_many_rights_are_one_short_line() -> None:
    """By operation and resource; names beyond some are counted."""
    rights = [Right("Read", "topic", topic.name) for topic in TOPICS]
    rights += [Right("Read", "group", "g-worker"), Right("Write", "transactional-id", "g-sink-", prefixed=True)]
    text = str(refused(KAFKA, rights))
    assert text.startswith("Kafka doesn't allow User:sink: Read on topic events.hris, ")
    assert f" and {len(TOPICS) - 8} more; Read on group g-worker; Write on transactional-id g-sink-*. " in text
    assert "\n" not in text


def test_the_log_has_no_tracebacks_of_kafkas_errors() -> None:
    """Theirs is one line, and none for what a task of asyncio leaves behind; other errors keep theirs."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(OneLine())
    for name, error in (("aiokafka", NotAllowedError("t")), ("asyncio", NotAllowedError("t")), ("ours", KeyError("k"))):
        record = logging.LogRecord(name, logging.ERROR, "", 0, "it failed\nfor %s", ("x",), (type(error), error, None))
        handler.handle(record)
    assert stream.getvalue().splitlines() == [
        "it failed: [Error 29] TopicAuthorizationFailedError: t",
        "it failed",
        "for x",
        "KeyError: 'k'",
    ]
