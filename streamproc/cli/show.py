"""What `streamproc settings` and `streamproc topics` print."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic import SecretStr

from streamproc.rights import PROCESSES, Right, alike
from streamproc.settings import FIELDS, PREFIX, Settings
from streamproc.topics import TOPICS, Topic

_PATTERNS: Final = {False: "literal", True: "prefixed"}


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


def topic_lines(topic: Topic, partitions: int) -> Iterator[str]:
    """A topic for people."""
    config = ", ".join(f"{name}={value}" for name, value in sorted(topic.config.items()))
    value = f"schemas/{topic.schema}" if topic.schema else "the source's own"
    yield f"{topic.name}: {topic.purpose}"
    yield f"    key: {topic.key}; value: {value}; {partitions} partitions; {config}"
    yield f"    written by {topic.writer}, read by {topic.reader}"


def acls_json(group: str) -> list[dict[str, str]]:
    """Each process's rights for machines: an entry is one ACL."""
    return [
        {
            "process": process.name,
            "operation": right.operation,
            "resource": right.resource,
            "name": right.name,
            "pattern": _PATTERNS[right.prefixed],
        }
        for process in PROCESSES
        for right in process.rights(group)
    ]


def acl_lines(group: str) -> Iterator[str]:
    """Each process's rights for people."""
    for process in PROCESSES:
        yield f"{process.name}: {process.does}"
        for rights in alike(process.rights(group)):
            yield f"    {rights[0].operation} on {rights[0].resource}: {names(rights)}"


def acl_commands(group: str, bootstrap: str) -> Iterator[str]:
    """The same as commands of Kafka's own `kafka-acls`, each process with a user that is called after it."""
    for process in PROCESSES:
        yield f"# {process.name}: {process.does}"
        user = f"{group}-{process.name.replace(' --', '-').replace(' of events.', '-')}"
        for rights in alike(process.rights(group)):
            what = " ".join(f"--{right.resource} {right.name}" for right in rights)
            pattern = " --resource-pattern-type prefixed" if rights[0].prefixed else ""
            yield (
                f"kafka-acls --bootstrap-server {bootstrap} --add --allow-principal User:{user} "
                f"--operation {rights[0].operation} {what}{pattern}"
            )


def names(rights: Sequence[Right]) -> str:
    """On what these are."""
    found = [right.pattern for right in rights]
    return "all topics" if found == [topic.name for topic in TOPICS] else ", ".join(found)


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
