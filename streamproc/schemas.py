"""Schemas for others: a JSON Schema (2020-12) of topics' values, and one AsyncAPI document of all topics.

What a source's hook or API sends is the source's own, and kept as it is: such a topic has no schema here.

Everything is derived from the models in `topics.TOPICS`. The files under `schemas/` are committed, and a test compares
them with what is built here. Rule: only `write` touches the disk.

    python -m streamproc.schemas [DIR]
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from streamproc import __version__
from streamproc.settings import FIELDS, PREFIX
from streamproc.sources.hris import contract
from streamproc.topics import PRODUCERS, TOPICS, Topic

Json = dict[str, Any]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI: Final = "asyncapi.json"
EVENTS: Final = f"events.{contract.SOURCE}"
CLOUDEVENT: Final = f"{EVENTS}.cloudevent.schema.json"
BINDING: Final = "0.5.0"
"""Version of AsyncAPI's Kafka bindings."""

OURS: Final = {
    "worker (resolve)": "resolve",
    "worker (push)": "push",
    "worker (fold)": "fold",
    "worker": "worker",
    "sink": "sink",
    "reconcile": "reconcile",
    "gateway": "gateway",
    "gateway (if SCIM is served)": "gateway",
    "hydrator": "hydrator",
    "hydrator (if the directory is configured)": "hydrator",
    "worker (table `users`)": "users",
    "worker (table `rules`)": "rules",
    "worker (table `provider`)": "provider",
}
"""Writers and readers in TOPICS that are parts of streamproc. The others are who it is described for."""

UNSAID: Final = (
    f"What no JSON Schema can say: a record has at most {contract.MAX_BYTES // 1024} KiB; `time` is at most "
    f"{contract.MAX_AHEAD // timedelta(hours=1)} hours ahead of the broker's clock; `effective` isn't in the future; "
    "integers are written without a fraction."
)
IN_ENVELOPE: Final = ("id", "type", "subject", "time")
"""What a CloudEvent says in its context attributes, so that its data needn't."""
SOURCE: Final[Json] = {
    "description": "Which system. With the id of the event it has at most 255 characters.",
    "type": "string",
    "minLength": 1,
    "maxLength": 254,
    "pattern": r"^\S(.*\S)?$",
}
ID: Final[Json] = {"description": "Unique per event of its source; a repeat carries the same id.", "maxLength": 254}


class _Generator(GenerateJsonSchema):
    """Without pydantic's title per property. What streamproc writes is always written whole: no defaults there."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:
        return field["type"] == "dataclass-field" or super().field_is_required(field, total)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def documents() -> dict[str, Json]:
    """File name → content, of everything under `schemas/`."""
    made = {topic.schema: value_schema(topic) for topic in TOPICS if topic.value is not None}
    made[CLOUDEVENT] = _cloudevent(made[f"{EVENTS}.schema.json"])
    made[ASYNCAPI] = _asyncapi()
    return made


def text(document: Json) -> str:
    """A document as it is written."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path) -> list[Path]:
    """Write all documents; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, document in documents().items():
        files.append(folder / name)
        files[-1].write_text(text(document), encoding="utf-8")
    return files


def value_schema(topic: Topic) -> Json:
    """JSON Schema of a topic's value."""
    adapter = topic.value if isinstance(topic.value, TypeAdapter) else TypeAdapter(topic.value)
    mode: Any = "validation" if _from_producers(topic) else "serialization"
    schema = adapter.json_schema(mode=mode, schema_generator=_Generator)
    title, said = schema.pop("title"), schema.pop("description")
    said = f"{said} {UNSAID}" if _from_producers(topic) else f"{said} Fields that aren't named here may be added."
    return _head(topic.name, title, said) | schema


def _head(name: str, title: str, description: str) -> Json:
    return {"$schema": DRAFT, "$id": f"urn:streamproc:{name}:v1", "title": title, "description": description}


def _from_producers(topic: Topic) -> bool:
    return PRODUCERS in topic.writers


def _cloudevent(event: Json) -> Json:
    """A CloudEvent in structured mode around the plain event's data."""
    plain = event["properties"]
    data = deepcopy({name: event[name] for name in ("type", "additionalProperties")})
    data["properties"] = {name: deepcopy(each) for name, each in plain.items() if name not in IN_ENVELOPE}
    data["required"] = ["attributes"]
    envelope: Json = {
        "specversion": {"const": "1.0"},
        "type": {"enum": list(contract.CLOUDEVENT_TYPES)},
        "source": SOURCE,
        "id": plain["id"] | ID,
        "subject": plain["subject"],
        "time": plain["time"],
        "data": {"$ref": "#/$defs/Data"},
    }
    said = (
        f"A CloudEvent 1.0 in structured mode, as a value of `{EVENTS}`. Other context attributes are passed over, the "
        f"sequence extension too: `sequence` is part of the data. Only JSON data is read, not data_base64. {UNSAID}"
    )
    snapshot = next(name for name, kind in contract.CLOUDEVENT_TYPES.items() if kind == "snapshot")
    whole = {"properties": {"attributes": {"required": list(contract.COMPLETE)}}}
    return _head(f"{EVENTS}.cloudevent", "HrisCloudEvent", said) | {
        "type": "object",
        "required": list(envelope),
        "properties": envelope,
        "if": {"properties": {"type": {"const": snapshot}}, "required": ["type"]},
        "then": {"properties": {"data": {"$ref": "#/$defs/SnapshotData"}}},
        "$defs": deepcopy(event["$defs"])
        | {
            "Data": {"description": "The event, less what the context attributes say.", **data},
            "SnapshotData": {
                "description": "Data of a snapshot, which must be complete.",
                "allOf": [{"$ref": "#/$defs/Data"}, whole],
            },
        },
    }


def _asyncapi() -> Json:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "streamproc",
            "version": __version__,
            "description": (
                f"Every topic that streamproc reads or writes. To tell it of a change, send a record to `{EVENTS}`. "
                "The other topics are streamproc's own: read them, but don't write there."
            ),
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": f"Your cluster: setting {PREFIX}KAFKA, and {PREFIX}KAFKA_SECURITY for TLS and SASL.",
                "variables": {"bootstrap": {"default": FIELDS["kafka"].default}},
            }
        },
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic)},
    }


def _channel(topic: Topic) -> Json:
    config: Json = {
        name: int(value) if re.fullmatch(r"-?\d+", value) else value for name, value in topic.config.items()
    }
    config["cleanup.policy"] = topic.config["cleanup.policy"].split(",")
    return {
        "address": topic.name,
        "title": topic.name,
        "summary": topic.purpose,
        "description": f"Written by {topic.writer}, read by {topic.reader}.",
        "messages": _event_messages(topic) if topic.name == EVENTS else _record(topic),
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": FIELDS["partitions"].default,
                "topicConfiguration": config,
                "bindingVersion": BINDING,
            }
        },
    }


def _operations(topic: Topic) -> Iterator[tuple[str, Json]]:
    for action, parties in (("send", topic.writers), ("receive", topic.readers)):
        for party in map(str, parties):
            if party in OURS:
                operation = {"action": action, "title": party, "channel": {"$ref": f"#/channels/{topic.name}"}}
                yield f"{OURS[party]}.{action}.{topic.name}", operation


def _record(topic: Topic) -> Json:
    if topic.value is None:
        message = {"title": "As the source sends it", "bindings": _key(topic)}
        return {"raw": message}
    schema = value_schema(topic)
    return {schema["title"]: _message(topic, schema["title"], "application/json", f"./{topic.schema}")}


def _event_messages(topic: Topic) -> Json:
    """The plain contract, and CloudEvents in the two modes of their Kafka binding."""
    plain = _message(topic, "Plain JSON", "application/json", f"./{topic.schema}")
    plain["examples"] = [{"name": "move", "summary": "Only what changed.", "payload": EXAMPLE}]
    structured = _message(topic, "CloudEvent, structured mode", "application/cloudevents+json", f"./{CLOUDEVENT}")
    structured["description"] = (
        "Known by the header content-type, which begins with application/cloudevents, or by a member specversion."
    )
    messages = {"plain": plain, "cloudeventStructured": structured}
    for name, kind in contract.CLOUDEVENT_TYPES.items():
        data = "SnapshotData" if kind == "snapshot" else "Data"
        title = f"CloudEvent, binary mode, {kind}"
        binary = _message(topic, title, "application/json", f"./{CLOUDEVENT}#/$defs/{data}")
        binary["description"] = "Known by the header ce_specversion. The context attributes are headers, in UTF-8."
        binary["headers"] = _binary_headers(name, value_schema(topic)["properties"])
        messages[f"cloudeventBinary{kind.capitalize()}"] = binary
    return messages


def _binary_headers(name: str, plain: Json) -> Json:
    headers: Json = {
        "ce_specversion": {"const": "1.0"},
        "ce_type": {"const": name},
        "ce_source": SOURCE,
        "ce_id": plain["id"] | ID,
        "ce_subject": plain["subject"],
        "ce_time": plain["time"],
    }
    return {"type": "object", "required": list(headers), "properties": headers}


def _message(topic: Topic, title: str, content_type: str, schema: str) -> Json:
    return {
        "title": title,
        "contentType": content_type,
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": schema},
        },
        "bindings": _key(topic),
    }


def _key(topic: Topic) -> Json:
    return {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": BINDING}}


EXAMPLE: Final[Json] = {
    "id": "hr-4711",
    "type": "change",
    "subject": "E1001",
    "time": "2026-03-02T09:00:00+01:00",
    "reason": "transfer request",
    "attributes": {"department": "Spanish Support", "custom": {"genesysLanguage": "Spanish:4, English"}},
}


def main() -> None:
    """Write the files, and tell their names."""
    parser = argparse.ArgumentParser(
        prog="python -m streamproc.schemas",
        description="Write the JSON Schemas and the AsyncAPI document.",
        epilog="Example: python -m streamproc.schemas schemas",
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("schemas"), help="default: schemas")
    for file in write(parser.parse_args().folder):
        sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main()
