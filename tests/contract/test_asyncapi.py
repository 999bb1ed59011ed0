"""The AsyncAPI document: references, topics, operations and examples."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from streamproc import schemas, topics
from tests.support.schemas import FOLDER, accepts, cloudevent, formats, worker_accepts


def asyncapi() -> dict[str, Any]:
    """The committed document."""
    document: dict[str, Any] = json.loads((FOLDER / schemas.ASYNCAPI).read_text(encoding="utf-8"))
    return document


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_asyncapi_references_lead_somewhere() -> None:
    """Each reference is to a file under schemas/ or to a place in the document, and is there."""
    found = list(references(asyncapi()))
    assert found
    for reference in found:
        file, _, pointer = reference.partition("#")
        target: Any = json.loads((FOLDER / (file or schemas.ASYNCAPI)).read_text(encoding="utf-8"))
        for part in pointer.split("/")[1:]:
            target = target[part]
        assert target


def test_asyncapi_has_every_topic_as_it_is_created() -> None:
    """Channels and their Kafka bindings are the topology, no more and no less."""
    channels = asyncapi()["channels"]
    assert list(channels) == [topic.name for topic in topics.TOPICS]
    for topic in topics.TOPICS:
        channel = channels[topic.name]
        config = channel["bindings"]["kafka"]["topicConfiguration"]
        told = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in config.items()}
        assert told == topic.config
        assert channel["address"] == topic.name
        for message in channel["messages"].values():
            assert message["bindings"]["kafka"]["key"]["description"] == topic.key


def test_asyncapi_operations_are_what_streamproc_does() -> None:
    """Every writer and reader in the topology is either a part of streamproc or known to be somebody else."""
    operations = asyncapi()["operations"]
    expected = set()
    for topic in topics.TOPICS:
        for action, parties in (("send", topic.writer), ("receive", topic.reader)):
            for party in parties.split("; "):
                assert party in schemas.OURS or party in {"producers", "operators", "auditors", "auditors (--raw)"}
                if party in schemas.OURS:
                    expected.add((action, party, f"#/channels/{topic.name}"))
    assert {
        (operation["action"], operation["title"], operation["channel"]["$ref"]) for operation in operations.values()
    } == expected


def test_asyncapi_example_is_a_valid_event() -> None:
    """What a producer copies from the document works."""
    (example,) = asyncapi()["channels"]["events.hris"]["messages"]["plain"]["examples"]
    assert accepts(example["payload"])
    assert worker_accepts(example["payload"])


@pytest.mark.parametrize("kind", ["snapshot", "change"])
def test_binary_mode_is_told_as_the_worker_reads_it(kind: str) -> None:
    """Headers and data that the document describes are accepted, and an incomplete snapshot isn't."""
    message = asyncapi()["channels"]["events.hris"]["messages"][f"cloudeventBinary{kind.capitalize()}"]
    _, _, pointer = message["payload"]["schema"]["$ref"].partition("#")
    value = cloudevent(kind)
    names = ("specversion", "type", "source", "id", "subject", "time")
    headers = {f"ce_{name}": value[name] for name in names}
    Draft202012Validator(message["headers"], format_checker=formats).validate(headers)
    assert not Draft202012Validator(message["headers"]).is_valid(headers | {"ce_type": "other"})
    assert accepts(value["data"], schemas.CLOUDEVENT, f"#{pointer}")
    assert worker_accepts(value["data"], {name: each.encode() for name, each in headers.items()})
    if kind == "snapshot":
        assert not accepts({"attributes": {"active": False}}, schemas.CLOUDEVENT, f"#{pointer}")
