"""`streamproc topics` and `streamproc settings`: what there is, and what it needs."""

import asyncio
import sys

import click
import orjson

from streamproc.adapters.kafka import topic_identity
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.cli import show
from streamproc.cli.options import JSON, KAFKA
from streamproc.cli.table import table
from streamproc.settings import KafkaSettings, load_settings
from streamproc.topics import TOPICS, picture


@click.command(epilog="Example: streamproc topics --create --kafka kafka:9092")
@KAFKA
@click.option("--create", is_flag=True, help="Create those that don't exist.")
@click.option("--check", is_flag=True, help="Compare with the cluster; 1 where something is missing or differs.")
@click.option("--accept", multiple=True, metavar="TOPIC", help="Go on with a topic that was made anew.")
@click.option("--acls", is_flag=True, help="Which rights each process needs on a cluster that has ACLs.")
@click.option("--commands", is_flag=True, help="With --acls: as commands of Kafka's kafka-acls.")
@JSON
def topics(
    kafka: str | None, create: bool, check: bool, accept: tuple[str, ...], acls: bool, commands: bool, as_json: bool
) -> None:
    """The topics: who writes and reads them, how they are kept, and the picture; or the rights that they need."""
    if commands and not acls:
        raise click.UsageError("--commands goes with --acls")
    settings = load_settings(kafka=kafka)
    if acls:
        click.echo(_acls(settings.kafka, commands=commands, as_json=as_json))
        return
    if accept:
        asyncio.run(topic_identity.accept(settings.kafka, accept))
        return
    if create or check:
        absent = asyncio.run(ensure_topics(settings.kafka, create=create))
        word = "created" if create else "missing"
        click.echo(orjson.dumps({word: absent}) if as_json else f"{word}: {', '.join(absent) or 'none'}")
        sys.exit(1 if absent and not create else 0)
    if as_json:
        click.echo(
            orjson.dumps(
                [show.topic_json(topic, settings.kafka.partitions) for topic in TOPICS], option=orjson.OPT_INDENT_2
            )
        )
        return
    click.echo(picture())
    click.echo()
    for topic in TOPICS:
        click.echo(show.topic_lines(topic, settings.kafka.partitions))


def _acls(kafka: KafkaSettings, *, commands: bool, as_json: bool) -> str:
    if as_json:
        return orjson.dumps(show.acls_json(kafka.group), option=orjson.OPT_INDENT_2).decode()
    lines = show.acl_commands(kafka.group, kafka.bootstrap_servers) if commands else show.acl_lines(kafka.group)
    return "\n".join(lines)


@click.command(name="settings", epilog="Example: streamproc settings --json")
@JSON
def settings(as_json: bool) -> None:
    """Every setting, its value now, and what it means."""
    rows = show.settings(load_settings())
    if as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    else:
        click.echo("\n".join(table([(row["variable"], row["value"], row["meaning"]) for row in rows])))
