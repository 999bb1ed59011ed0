"""Operators' commands about what goes to and fro. A release needs a name and a reason, which are logged."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import click
import orjson

from streamproc.cli.operator_order import BY, REASON, cluster_of, now_ms, shown_moment
from streamproc.cli.options import JSON, KAFKA
from streamproc.cli.screen import complain, put, put_json, put_lines
from streamproc.cli.table import table
from streamproc.core.flow.loop_case import Party
from streamproc.core.records.delivery import Round
from streamproc.core.records.topic_names import CONTROLS, DELIVERIES
from streamproc.operators.controls import order
from streamproc.operators.loops import FrozenItem, frozen_items, unfreeze


@click.group()
def loops() -> None:
    """What goes to and fro between streamproc and others, and is frozen: list, show, release by name."""


@loops.command("list", epilog="Example: streamproc loops list --json")
@KAFKA
@JSON
def list_(kafka: str | None, as_json: bool) -> None:
    """What is frozen of whom, since when, how often we wrote it before, and who the parties are."""
    rows = [_row(each) for each in asyncio.run(frozen_items(cluster_of(kafka, reads=[DELIVERIES])))]
    if as_json:
        put_json(rows, orjson.OPT_INDENT_2)
        return
    cells: list[tuple[str, ...]] = []
    for row in rows:
        about = (row["user"], row["item"], row["since"], str(row["writes"]))
        for each in row["parties"] or [{"name": "", "by": [""], "times": [""]}]:
            times = str(len(each["times"])) if each["name"] else ""
            cells.append((*about, each["name"], times, each["times"][-1], each["by"][-1]))
            about = ("", "", "", "")
    if cells:
        cells = [("USER", "WHAT", "SINCE", "WRITES", "PARTY", "TIMES", "LAST", "BY"), *cells]
    put_lines(table(cells))
    put(f"{len(rows)} in all", err=True)


@loops.command("show", epilog="Example: streamproc loops show E1001")
@click.argument("user")
@KAFKA
def show(user: str, kafka: str | None) -> None:
    """All that is known of what is frozen of one user: each write, what was there, and who had written that."""
    found = _chosen(asyncio.run(frozen_items(cluster_of(kafka, reads=[DELIVERIES]))), [user], [])
    put_json(
        [{**_row(each), "rounds": [_round(one) for one in each.frozen.rounds]} for each in found], orjson.OPT_INDENT_2
    )


@loops.command("release", epilog='Example: streamproc loops release E1001 --by "Kim Berg" --reason "permission taken"')
@click.argument("users", nargs=-1, required=True, metavar="USER...")
@click.option(
    "--item", "items", multiple=True, help='Only this, as `list` names it: email, "group NAME". May be repeated.'
)
@BY
@REASON
@KAFKA
def release(users: Sequence[str], items: Sequence[str], by: str, reason: str, kafka: str | None) -> None:
    """Write it again: each user is read, and what is desired now is written. The other party should have stopped."""
    cluster = cluster_of(kafka, reads=[DELIVERIES], writes=[CONTROLS])
    found = _chosen(asyncio.run(frozen_items(cluster)), users, items)
    asyncio.run(order(cluster, unfreeze(dict.fromkeys(users), dict.fromkeys(items), by, reason, now_ms())))
    for each in found:
        put(f"{each.user}: {each.item} is released, as soon as a sink reads it")


def _chosen(frozen: list[FrozenItem], users: Sequence[str], items: Sequence[str]) -> list[FrozenItem]:
    """All of them or none: an order about what isn't in the list is a mistake to look at first."""
    there = {(each.user, each.item) for each in frozen}
    whole = {user for user, _ in there}
    strangers = [user for user in users if user not in whole]
    strangers += [
        f"{item} of {user}" for user in users for item in items if user in whole and (user, item) not in there
    ]
    if strangers:
        complain(f"nothing is frozen: {', '.join(strangers)}; see `streamproc loops list`")
        sys.exit(1)
    return [each for each in frozen if each.user in users and (not items or each.item in items)]


def _row(each: FrozenItem) -> dict[str, Any]:
    case = each.case
    return {
        "user": each.user,
        "item": each.item,
        "since": shown_moment(case.at),
        "writes": case.writes,
        "parties": [_party(party) for party in case.parties],
    }


def _party(party: Party) -> dict[str, Any]:
    times = [shown_moment(at) for at in party.times]
    return {"name": party.name, "ours": party.ours, "by": list(party.by), "times": times}


def _round(each: Round) -> dict[str, Any]:
    changed = each.changed
    return {
        "at": shown_moment(each.at),
        "seq": each.seq,
        "cause": each.cause,
        "found": each.found,
        "wrote": each.wrote,
        "theirs": each.theirs,
        "changed": changed
        and {
            "entry": changed.entry,
            "at": shown_moment(changed.at),
            "client": changed.client,
            "person": changed.person,
            "name": changed.name,
        },
    }
