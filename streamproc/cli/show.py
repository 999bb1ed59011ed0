"""What `streamproc settings` and `streamproc topics` print."""

from typing import Any

from pydantic import SecretStr

from streamproc.settings import FIELDS, PREFIX, Settings
from streamproc.topics import Topic


def topic_json(topic: Topic, partitions: int) -> dict[str, Any]:
    """A topic for machines."""
    return {
        "name": topic.name,
        "key": topic.key,
        "value": topic.schema,
        "partitions": partitions,
        "writer": topic.writer,
        "reader": topic.reader,
        "purpose": topic.purpose,
        "config": topic.config,
    }


def topic_lines(topic: Topic, partitions: int) -> str:
    """A topic for people."""
    config = ", ".join(f"{name}={value}" for name, value in sorted(topic.config.items()))
    value = f"schemas/{topic.schema}" if topic.schema else "the source's own"
    return (
        f"{topic.name}: {topic.purpose}\n"
        f"    key: {topic.key}; value: {value}; {partitions} partitions; {config}\n"
        f"    written by {topic.writer}, read by {topic.reader}"
    )


def settings(shown: Settings) -> list[dict[str, str]]:
    """Every setting; secrets stay hidden."""
    values = shown.by_name()
    return [
        {
            "variable": PREFIX + name.upper(),
            "value": _shown(values[name]),
            "default": _shown(field.default),
            "meaning": field.description or "",
        }
        for name, field in FIELDS.items()
    ]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return "(secret)"
    return str(value)
