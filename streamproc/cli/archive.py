"""The command that keeps the topics beyond Kafka's retention."""

import asyncio
from pathlib import Path

import click
import orjson

from streamproc.archive.copy import AUDIT, RAW, Summary
from streamproc.archive.copy import archive as copied_into
from streamproc.cli.options import JSON, KAFKA, say
from streamproc.cli.screen import put_json, put_lines
from streamproc.cli.table import table
from streamproc.settings import load_settings
from streamproc.topics import TOPICS


@click.command(epilog="Example: streamproc archive ./archive --kafka kafka:9092")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--topic",
    "chosen",
    multiple=True,
    metavar="TOPIC",
    type=click.Choice([topic.name for topic in TOPICS]),
    help=f"Only this one; as often as wanted. Else {', '.join(AUDIT)}.",
)
@click.option(
    "--raw",
    is_flag=True,
    help="What the sources sent, too, as it came. It holds personal data that no mapping asks for, and Kafka keeps it "
    "for 30 days on purpose: here it stays until somebody deletes it.",
)
@click.option("--allow-gaps", is_flag=True, help="Go on where Kafka has removed what wasn't archived yet.")
@KAFKA
@JSON
def archive(
    folder: Path, chosen: tuple[str, ...], raw: bool, allow_gaps: bool, kafka: str | None, as_json: bool
) -> None:
    """Write what the topics have got since the last time into DIR, as Parquet by topic, partition and day.

    It can be stopped, and killed, at any moment; the next run goes on from there. DIR holds personal data: its files
    are for their owner alone.
    """
    settings = load_settings(kafka=kafka)
    topics = list(dict.fromkeys((*(chosen or AUDIT), *(RAW if raw else ()))))
    summary = asyncio.run(copied_into(settings.kafka, folder, topics, say, allow_gaps=allow_gaps))
    if as_json:
        put_json(_as_object(folder, summary), orjson.OPT_NON_STR_KEYS)
        return
    cells = [
        (
            topic.topic,
            f"{topic.records} records",
            f"{topic.bytes} bytes",
            f"{topic.files} files",
            ", ".join(f"partition {partition} begins at offset {first}" for partition, first in topic.begins.items()),
        )
        for topic in summary.topics
    ]
    cells += [(name, "isn't there", "", "", "") for name in summary.absent]
    put_lines(table(cells, numbers={1, 2, 3}))


def _as_object(folder: Path, summary: Summary) -> dict[str, object]:
    totals = {name: sum(getattr(topic, name) for topic in summary.topics) for name in ("records", "bytes", "files")}
    return {"archive": str(folder), **totals, "topics": summary.topics, "absent": summary.absent}
