"""What `streamproc settings` and `streamproc topics` print."""

from typing import Any

from pydantic import SecretStr

from streamproc.settings import FIELDS, PREFIX, Settings
from streamproc.topics import Topic


def topic(each: Topic, partitions: int) -> dict[str, Any]:
    """A topic for machines."""
    return {
        "name": each.name,
        "key": each.key,
        "value": each.schema,
        "partitions": partitions,
        "writer": each.writer,
        "reader": each.reader,
        "purpose": each.purpose,
        "config": each.config,
    }


def topic_lines(each: Topic, partitions: int) -> str:
    """A topic for people."""
    kept = ", ".join(f"{name}={value}" for name, value in sorted(each.config.items()))
    value = f"schemas/{each.schema}" if each.schema else "the source's own"
    return (
        f"{each.name}: {each.purpose}\n"
        f"    key: {each.key}; value: {value}; {partitions} partitions; {kept}\n"
        f"    written by {each.writer}, read by {each.reader}"
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
