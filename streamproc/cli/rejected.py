"""Operators' commands about what couldn't be understood. An order needs a name and a reason, which are logged."""

import asyncio
import sys
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

import click
import orjson

from streamproc.adapters.kafka.log import Log
from streamproc.cli.operator_order import BY, REASON, cluster_of, now_ms, shown_moment
from streamproc.cli.options import JSON, KAFKA, Moment
from streamproc.cli.screen import complain, put, put_json, put_lines
from streamproc.cli.table import table
from streamproc.core.records.control import Action
from streamproc.core.records.topic_names import CONTROLS, OPERATIONS, REJECTIONS
from streamproc.operators.controls import order
from streamproc.operators.rejections import (
    RejectedInput,
    UserProblem,
    address,
    order_of,
    rejected_inputs,
    user_problems,
)
from streamproc.sources.replayable import source_in

_NAMES = click.argument("names", nargs=-1, metavar="[NAME]...")
_CODE = click.option("--code", help="All that are open with this code.")
_SOURCE = click.option("--source", help="Only this source's.")
PROBLEM: Final = "problem"
"""Code of what is in a user's record: a fact whose value the mapping can't read, or that says more than one thing."""


@click.group()
def rejected() -> None:
    """What couldn't be understood: list it, show it whole, take it up again or set it aside for good."""


@rejected.command("list", epilog="Example: streamproc rejected list --source workday --since 2026-11-01")
@_SOURCE
@click.option("--code", help="Only this code.")
@click.option("--subject", help="Only this subject's, or this user's.")
@click.option("--since", type=Moment(), help="Only what was appended, or told, from this moment on.")
@click.option("--all", "everything", is_flag=True, help="What was replayed or dropped, too.")
@KAFKA
@JSON
def list_(
    source: str | None,
    code: str | None,
    subject: str | None,
    since: int | None,
    everything: bool,
    kafka: str | None,
    as_json: bool,
) -> None:
    """What is open: inputs, and parts of them, that nobody understood, and problems in users' facts (code `problem`).

    The first end by `replay` or `drop`; the second when the source says something else, or by another mapping.
    """
    cluster = cluster_of(kafka, reads=[REJECTIONS, CONTROLS, OPERATIONS])
    rows = [
        row
        for each in asyncio.run(rejected_inputs(cluster))
        if everything or each.state == "open"
        for row in _rows(each)
    ] + [_user_row(each) for each in asyncio.run(user_problems(cluster))]
    wanted = {"source": source, "code": code, "subject": subject}
    rows = [
        row
        for row in rows
        if all(value is None or row[name] == value for name, value in wanted.items())
        and (since is None or row["at"] >= since)
    ]
    if as_json:
        put_json(rows, orjson.OPT_INDENT_2)
        return
    cells = [("NAME", "WHEN", "STATE", "CODE", "SUBJECT", "FIELD", "REASON")] if rows else []
    last = ""
    for row, times in _newest(rows):
        again, last = row["name"] == last, row["name"]
        more = (" (the rest counts)" if row["partial"] else "") + (f" ({times} times)" if times > 1 else "")
        front = ("", "", "") if again else (row["name"], shown_moment(row["at"]), row["state"])
        cells.append((*front, row["code"], row["subject"] or "", row["field"] or "", row["reason"] + more))
    put_lines(table(cells))
    counts = ", ".join(f"{name} {count}" for name, count in sorted(Counter(row["code"] for row in rows).items()))
    put(f"{len(rows)} in all" + (f": {counts}" if counts else ""), err=True)


@rejected.command("show", epilog="Example: streamproc rejected show events.workday/0/17 --value")
@click.argument("name")
@click.option("--value", "with_value", is_flag=True, help="Its value, too: that is personal data.")
@KAFKA
def show(name: str, with_value: bool, kafka: str | None) -> None:
    """One rejected input: where it lies, what is wrong, its key and headers, and what was ordered of it."""
    cluster = cluster_of(kafka, reads=[REJECTIONS, CONTROLS])
    (found,) = _chosen(_everything(cluster, lambda each: each == name), [name])
    value = found.rejected
    shown: dict[str, Any] = {
        "name": found.name,
        "state": found.state,
        "topic": value.topic,
        "partition": value.partition,
        "offset": value.offset,
        "at": shown_moment(value.appended),
        "partial": value.partial,
        "problems": value.problems,
        "untold": value.untold,
        "key": _text(value.key),
        "headers": [(header, _text(content)) for header, content in value.headers],
        "replay": found.irreplayable or "it can be replayed",
        "orders": [
            {
                "order": address(place),
                "action": each.action,
                "by": each.by,
                "reason": each.reason,
                "at": shown_moment(each.at),
            }
            for place, each in found.orders
        ],
    }
    if with_value:
        shown["value"] = _text(value.value)
        shown["cut"] = value.cut
    put_json(shown, orjson.OPT_INDENT_2)


@rejected.command(
    "replay", epilog='Example: streamproc rejected replay --code not_understood --by "Kim" --reason "status added"'
)
@_NAMES
@_CODE
@click.option("--all", "everything", is_flag=True, help="All that are open.")
@_SOURCE
@BY
@REASON
@KAFKA
def replay(
    names: Sequence[str],
    code: str | None,
    everything: bool,
    source: str | None,
    by: str,
    reason: str,
    kafka: str | None,
) -> None:
    """Take inputs up again, after the options, or whatever it was, have changed.

    Their bytes are appended to their topic once more, as of when they came first: they overtake nothing that was said
    since. What was carried out of them already is a duplicate. What is rejected again is open again.
    """
    _order("replay", names, code, source, by, reason, kafka, everything=everything)


@rejected.command("drop", epilog='Example: streamproc rejected drop events.hris/3/9 --by "Kim" --reason "a test"')
@_NAMES
@_CODE
@_SOURCE
@BY
@REASON
@KAFKA
def drop(names: Sequence[str], code: str | None, source: str | None, by: str, reason: str, kafka: str | None) -> None:
    """Set inputs aside for good. They stay in the log, and in `list --all`."""
    _order("drop", names, code, source, by, reason, kafka)


def _order(
    action: Action,
    names: Sequence[str],
    code: str | None,
    source: str | None,
    by: str,
    reason: str,
    kafka: str | None,
    *,
    everything: bool = False,
) -> None:
    """All of them or none, where they are named."""
    if bool(names) + (code is not None) + everything != 1 or (names and source is not None):
        raise click.UsageError("name the inputs, or say --code" + (" or --all" if action == "replay" else ""))
    cluster = cluster_of(kafka, reads=[REJECTIONS, CONTROLS], writes=[CONTROLS])
    inputs = _everything(cluster)
    unfit: list[RejectedInput] = []
    if names:
        chosen = _chosen(inputs, names)
        if action == "replay" and (unfit := [each for each in chosen if each.irreplayable]):
            _refuse(f"nothing was ordered: {unfit[0].name} can't be replayed: {unfit[0].irreplayable}")
    else:
        open_ = [each for each in inputs if each.state == "open" and source in {None, source_in(each.rejected)}]
        chosen = [each for each in open_ if everything or code in {problem.code for problem in each.rejected.problems}]
        if action == "replay":
            unfit = [each for each in chosen if each.irreplayable]
            chosen = [each for each in chosen if not each.irreplayable]
    asyncio.run(order(cluster, [order_of(action, each, by, reason, now_ms()) for each in chosen]))
    for each in chosen:
        put(f"{each.name}: {action} ordered" + (", as soon as a worker reads it" if action == "replay" else ""))
    for each in unfit:
        put(f"{each.name}: can't be replayed: {each.irreplayable}", err=True)
    put(f"{len(chosen)} in all", err=True)


def _everything(cluster: Log, keep: Callable[[str], bool] = lambda _: False) -> list[RejectedInput]:
    return asyncio.run(rejected_inputs(cluster, keep))


def _chosen(inputs: list[RejectedInput], names: Sequence[str]) -> list[RejectedInput]:
    """All of them or none: an order about what isn't there is a mistake to look at first."""
    by_name = {each.name: each for each in inputs}
    if strangers := [name for name in names if name not in by_name]:
        _refuse(f"{', '.join(strangers)} wasn't rejected; see streamproc rejected list --all")
    return [by_name[name] for name in dict.fromkeys(names)]


def _rows(found: RejectedInput) -> list[dict[str, Any]]:
    """One for each thing that wasn't understood."""
    value = found.rejected
    return [
        {
            "name": found.name,
            "at": value.appended,
            "state": found.state,
            "source": source_in(value),
            "code": problem.code,
            "subject": problem.subject,
            "field": problem.field,
            "reason": problem.reason,
            "partial": value.partial,
            "replay": found.irreplayable is None,
        }
        for problem in value.problems
    ]


def _newest(rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], int]]:
    """The newest of those that say the same of one subject, with how many there are: each reading of a report may."""
    alike: dict[Any, list[dict[str, Any]]] = {}
    for row in rows:
        same = [row[name] for name in ("state", "source", "code", "subject", "field", "reason")]
        alike.setdefault(tuple(same) if row["subject"] else id(row), []).append(row)
    return [(max(each, key=lambda row: row["at"]), len(each)) for each in alike.values()]


def _user_row(found: UserProblem) -> dict[str, Any]:
    fact, _, reason = found.problem.partition(": ")
    return {
        "name": f"user {found.user}",
        "at": found.at,
        "state": "open",
        "source": "",
        "code": PROBLEM,
        "subject": found.user,
        "field": fact,
        "reason": reason,
        "partial": True,
        "replay": False,
    }


def _text(content: str | None) -> str | None:
    """What base64 stands for, or itself where that is no text."""
    if content is None:
        return None
    try:
        return b64decode(content, validate=True).decode()
    except ValueError:
        return content


def _refuse(why: str) -> NoReturn:
    complain(why)
    sys.exit(1)
