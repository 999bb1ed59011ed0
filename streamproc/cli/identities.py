"""Operators' commands about who is who. An order needs a name and a reason, which are logged with both users."""

import asyncio
import sys
from typing import Any, Final, Literal, NoReturn

import click
import orjson

from streamproc.adapters.kafka.log import Log
from streamproc.cli.operator_order import BY, REASON, cluster_of, now_ms, shown_moment
from streamproc.cli.options import JSON, KAFKA
from streamproc.cli.screen import complain, put, put_json, put_lines
from streamproc.cli.table import table
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import Control
from streamproc.core.records.link import Link
from streamproc.core.records.topic_names import CONTROLS, LINKS, OPERATIONS
from streamproc.core.records.units import Millis
from streamproc.core.text import unseen
from streamproc.operators.controls import order
from streamproc.operators.links import all_links, held_claims
from streamproc.sources import SOURCES

AMBIGUOUS: Final = "held: another subject of its source is this user; link it if they are one person, or split it"
NOWHERE: Final = Origin("", 0, -1, Millis(0))

_SUBJECT = click.argument("subject", metavar="SOURCE/SUBJECT")


@click.group()
def identities() -> None:
    """Which user each source's subject is: list who waits for a link, show, link or split."""


@identities.command("list", epilog="Example: streamproc identities list --all --json")
@click.option("--all", "everybody", is_flag=True, help="Those too whose user is known.")
@KAFKA
@JSON
def list_(everybody: bool, kafka: str | None, as_json: bool) -> None:
    """Whose user isn't known, since when, and how many of their events wait; and whose claim is held as ambiguous."""
    links, held = asyncio.run(_links_and_held(cluster_of(kafka, reads=[LINKS, OPERATIONS])))
    rows = [
        _row(name, link, held.get(name))
        for name, link in links.items()
        if everybody or link.user is None or held.get(name) == link.user
    ]
    if as_json:
        put_json(rows, orjson.OPT_INDENT_2)
        return
    cells = [
        (row["subject"], row["user"] or "-", str(row["waiting"]), row["since"] or "", row["why"] or "") for row in rows
    ]
    put_lines(table(cells, numbers={2}))
    put(f"{len(rows)} in all", err=True)


@identities.command(epilog="Example: streamproc identities show okta/00u1abcd")
@_SUBJECT
@KAFKA
def show(subject: str, kafka: str | None) -> None:
    """All that is known of one subject: its user, by whose word, what it has said, and what waits."""
    link = asyncio.run(all_links(cluster_of(kafka, reads=[LINKS]))).get(subject)
    if link is None:
        _refuse(f"{subject} isn't known; see streamproc identities list --all")
    put_json(link, orjson.OPT_INDENT_2)


@identities.command(
    epilog='Example: streamproc identities link okta/00u1abcd E1001 --by "Kim Berg" --reason "asked HR"'
)
@_SUBJECT
@click.argument("user")
@BY
@REASON
@KAFKA
def link(subject: str, user: str, by: str, reason: str, kafka: str | None) -> None:
    """Say which user a subject is. It holds until the source says something else than it does now."""
    _order_link("link", subject, user, by, reason, kafka)


@identities.command(epilog='Example: streamproc identities split okta/00u1abcd --by "Kim Berg" --reason "wrong number"')
@_SUBJECT
@BY
@REASON
@KAFKA
def split(subject: str, by: str, reason: str, kafka: str | None) -> None:
    """Say that a subject isn't the user it is linked to. It waits then, and so do its events."""
    _order_link("split", subject, None, by, reason, kafka)


def _order_link(
    action: Literal["link", "split"], subject: str, user: str | None, by: str, reason: str, kafka: str | None
) -> None:
    source, _, name = subject.partition("/")
    if user is not None and (character := unseen(f"{subject}{user}")) is not None:
        _refuse(f"nothing was ordered: there is {character} in it, which isn't seen")
    if source not in SOURCES or not name:
        _refuse(f"nothing was ordered: {subject} isn't SOURCE/SUBJECT; sources are {', '.join(SOURCES)}")
    cluster = cluster_of(kafka, reads=[LINKS], writes=[CONTROLS])
    if action == "split" and subject not in asyncio.run(all_links(cluster)):
        _refuse(f"nothing was ordered: {subject} isn't known; see streamproc identities list --all")
    at = now_ms()
    asyncio.run(order(cluster, [Control(f"{action}-{subject}-{at}", action, user, None, by, reason, at, subject)]))
    put(f"{subject}: {action} ordered, as soon as a worker reads it")


async def _links_and_held(kafka: Log) -> tuple[dict[str, Link], dict[str, str]]:
    held = await held_claims(kafka)
    links = await all_links(kafka)
    for name, user in held.items():  # of a subject whose name is the user's no link is kept
        source, _, subject = name.partition("/")
        links.setdefault(name, Link(0, source, subject, NOWHERE, user=user, claim=user))
    return links, held


def _row(name: str, link: Link, held: str | None = None) -> dict[str, Any]:
    since = link.waiting[0].origin.appended if link.waiting else None
    by = link.ruling and f"by {link.ruling.by}: {link.ruling.reason}"
    ambiguous = held is not None and held == link.user
    why = "the source says so" if link.user else "the source doesn't say who this is"
    return {
        "subject": name,
        "user": link.user,
        "claim": link.claim,
        "waiting": len(link.waiting) + link.forgotten,
        "since": None if since is None else shown_moment(since),
        "held": ambiguous,
        "why": AMBIGUOUS if ambiguous else by or why,
    }


def _refuse(why: str) -> NoReturn:
    complain(why)
    sys.exit(1)
