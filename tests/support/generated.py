"""Blocks of the documentation that the code writes, between `<!-- NAME -->` and `<!-- /NAME -->`, on whatever page.

    python -m tests.support.generated

writes all of them anew.
"""

import re
from collections.abc import Callable
from typing import Final

import click
from prometheus_client.metrics import MetricWrapperBase

from streamproc import rights, telemetry, topic_picture, topics
from streamproc.cli import show
from streamproc.cli.main import LATE, cli
from streamproc.core.records import topic_names
from streamproc.core.scim import response_policy
from streamproc.core.scim.dialect import DIALECTS, ENTERPRISE, GENESYS, Dialect
from streamproc.core.scim.place import Keyed, Typed
from streamproc.settings import Settings
from tests.support.pages import pages
from tests.support.paths import REPOSITORY


def commands_by_name() -> dict[str, click.Command]:
    """The commands of the first level."""
    context = click.Context(cli)
    commands = {name: cli.get_command(context, name) for name in [*cli.commands, *LATE]}
    return {name: command for name, command in commands.items() if command is not None}


def _table(*rows: tuple[str, ...]) -> str:
    """A Markdown table; the first row is its head."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def _picture() -> str:
    return f"```text\n{topic_picture.picture()}\n```"


def _commands() -> str:
    rows = [(f"`streamproc {name}`", command.get_short_help_str(200)) for name, command in commands_by_name().items()]
    return _table(("Command", "What it does"), *rows)


def _settings() -> str:
    """Defaults, whatever this machine's environment says."""
    rows = show.settings(Settings())
    return _table(
        ("Variable", "Default", "Meaning"),
        *((f"`{row['variable']}`", row["default"] and f"`{row['default']}`", row["meaning"]) for row in rows),
    )


def _retention(topic: topics.Topic) -> str:
    """How long a topic's records are kept, in words."""
    config = topic.config
    if config["cleanup.policy"] == "compact":
        lag = int(config.get("min.compaction.lag.ms", 0)) // topic_names.DAY
        return "the newest per key" + (f", and all of {lag} days" if lag else "")
    retention = int(config["retention.ms"])
    return "for ever" if retention < 0 else f"{retention // topic_names.DAY} days"


def _topics() -> str:
    return _table(
        ("Topic", "Key", "Value", "Written by", "Read by", "Kept"),
        *(
            (f"`{topic.name}`", topic.key, topic.purpose, topic.writer, topic.reader, _retention(topic))
            for topic in topics.TOPICS
        ),
    )


def _metrics() -> str:
    metrics = [value for value in vars(telemetry).values() if isinstance(value, MetricWrapperBase)]
    names = {metric._name + ("_total" if metric._type == "counter" else ""): metric for metric in metrics}
    rows = (
        (f"`{name}`", ", ".join(metric._labelnames), metric._documentation) for name, metric in sorted(names.items())
    )
    return _table(("Metric", "Labels", "What it says"), *rows)


def _attributes() -> str:
    """Where each attribute of a mapping lives at a target of each dialect."""
    names = dict.fromkeys(name for dialect in DIALECTS.values() for name in dialect.places)
    places = [[_place(dialect, name) for dialect in DIALECTS.values()] for name in names]
    rows = ((f"`{name}`", *found) for name, found in zip(names, places, strict=True))
    return _table(("Attribute", *(f"`{name}`" for name in DIALECTS)), *rows)


def _place(dialect: Dialect, name: str) -> str:
    place = dialect.places.get(name)
    if place is None:
        return ""
    extension = {ENTERPRISE: "enterprise ", GENESYS: "Genesys "}.get(place.urn, "")
    match place.written:
        case Typed(kind):
            return f"{extension}`{place.name}`, {kind}"
        case Keyed(key):
            return f"{extension}`{place.name}`, by {key}"
        case _:
            return f"{extension}`{place.name}`"


def _rights() -> str:
    """By process, with the groups and ids of the default STREAMPROC_GROUP."""
    columns = ("Read", "Write", "Create", "Describe", "DescribeConfigs")
    rows = []
    for process in rights.PROCESSES:
        found = process.rights("streamproc")
        topics = [[each for each in found if each.resource == "topic" and each.operation == name] for name in columns]
        others = "; ".join(
            f"{each.operation} on {each.resource} `{show.names([each])}`" for each in found if each.resource != "topic"
        )
        read, write, create, describe, configs = topics
        more = ["Create, Describe and DescribeConfigs on all topics"] if create or describe else []
        more += ["DescribeConfigs on these topics"] if configs and not more else []
        rows.append(
            (
                f"{process.name}: {process.does}",
                show.names(read),
                show.names(write),
                "; ".join([*more, *filter(None, [others])]),
            )
        )
    return _table(("Process", "Read", "Write", "And"), *rows)


GENERATED: Final[dict[str, Callable[[], str]]] = {
    "picture": _picture,
    "commands": _commands,
    "settings": _settings,
    "topics": _topics,
    "verdicts": response_policy.table,
    "metrics": _metrics,
    "rights": _rights,
    "attributes": _attributes,
}


def block(name: str) -> re.Pattern[str]:
    """A generated block: marker, content, marker."""
    return re.compile(rf"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)


def rewritten(text: str) -> str:
    """A page's text with each of its generated blocks anew."""
    for name, make in GENERATED.items():
        content = make()
        text = block(name).sub(lambda match, content=content: f"{match[1]}{content}\n{match[3]}", text)  # type: ignore[misc]
    return text


def main() -> None:
    """Write the generated blocks of all pages anew."""
    for page in pages():
        (REPOSITORY / page.path).write_text(rewritten(page.text), encoding="utf-8")


if __name__ == "__main__":
    main()
