"""`streamproc topics` and `streamproc settings`: what there is, and what it needs."""

import asyncio
import sys

import click
import orjson

from streamproc.adapters.kafka import topic_identity
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.cli import show
from streamproc.cli.options import JSON, KAFKA
from streamproc.cli.screen import put, put_content, put_json, put_lines
from streamproc.cli.table import table
from streamproc.core.shown import shown
from streamproc.settings import KafkaSettings, load_settings
from streamproc.topic_picture import picture
from streamproc.topics import TOPICS


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
        _put_acls(settings.kafka, commands=commands, as_json=as_json)
        return
    if accept:
        asyncio.run(topic_identity.accept(settings.kafka, accept))
        return
    if create or check:
        absent = asyncio.run(ensure_topics(settings.kafka, create=create))
        word = "created" if create else "missing"
        put_json({word: absent}) if as_json else put(f"{word}: {', '.join(absent) or 'none'}")
        sys.exit(1 if absent and not create else 0)
    if as_json:
        put_json([show.topic_json(topic, settings.kafka.partitions) for topic in TOPICS], orjson.OPT_INDENT_2)
        return
    put_lines(picture().split("\n"))
    put()
    for topic in TOPICS:
        put_lines(show.topic_lines(topic, settings.kafka.partitions))


def _put_acls(kafka: KafkaSettings, *, commands: bool, as_json: bool) -> None:
    if as_json:
        put_json(show.acls_json(kafka.group), orjson.OPT_INDENT_2)
    elif commands:  # which are copied, so they aren't wrapped
        lines = show.acl_commands(kafka.group, kafka.bootstrap_servers)
        put_content("".join(f"{shown(line)}\n" for line in lines).encode())
    else:
        put_lines(show.acl_lines(kafka.group))


@click.command(name="settings", epilog="Example: streamproc settings --json")
@JSON
def settings(as_json: bool) -> None:
    """Every setting, its value now, and what it means."""
    rows = show.settings(load_settings())
    if as_json:
        put_json(rows, orjson.OPT_INDENT_2)
    else:
        put_lines(table([(row["variable"], row["value"], row["meaning"]) for row in rows]))
