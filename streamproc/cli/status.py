"""`streamproc status`: how all services are, as they say it themselves."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click
import orjson

from streamproc.cli.operator_order import cluster_of, now_ms, shown_moment
from streamproc.cli.options import JSON, KAFKA
from streamproc.cli.screen import put, put_json, put_lines
from streamproc.cli.table import table
from streamproc.compose.doctor import PROCESSES, processes
from streamproc.core.records.topic_names import STATUS
from streamproc.core.records.units import Millis
from streamproc.health.decide.overview import Row, overview
from streamproc.operators.states import heard_states
from streamproc.settings import load_settings


@click.command(epilog="Example: streamproc status --json")
@KAFKA
@JSON
def status(kafka: str | None, as_json: bool) -> None:
    """How each service is, since when, and what to do about it. 1: one isn't ok, is silent, or isn't there.

    Worker and sink have to be there, and gateway and hydrator where these settings configure doors and directories.
    """
    heard = asyncio.run(heard_states(cluster_of(kafka, reads=[STATUS])))
    now = max([now_ms(), *(each.at for each in heard)])
    rows = overview(heard, PROCESSES, processes(load_settings(kafka=kafka)), now)
    if as_json:
        put_json([_json(row) for row in rows], orjson.OPT_INDENT_2)
    else:
        put_lines(table([("SERVICE", "INSTANCE", "STATE", "SINCE", "WHAT, AND WHAT TO DO"), *_cells(rows, now)]))
        wrong = sum(row.wrong for row in rows)
        put(f"{wrong} of {len(rows)} need somebody" if wrong else "all is well", err=True)
    sys.exit(1 if any(row.wrong for row in rows) else 0)


def _cells(rows: Sequence[Row], now: Millis) -> Iterator[tuple[str, ...]]:
    for row in rows:
        if row.said is None or row.at is None:
            yield row.service, "", "not there", "", "nobody was heard of: start one" if row.wrong else "not in use"
            continue
        silent = f"last heard of {(now - row.at) // 1000} s ago" if row.seen == "silent" else ""
        yield row.service, row.said.instance, row.seen, shown_moment(row.said.started), silent
        for each in row.said.conditions:
            about = f"{each.code} {each.about}" if each.about != row.service else each.code
            yield "", "", each.state, shown_moment(each.since), f"{about}: {each.reason}"


def _json(row: Row) -> dict[str, Any]:
    said = row.said
    return {
        "service": row.service,
        "state": row.seen,
        "wrong": row.wrong,
        "heard": row.at,
        "instance": None if said is None else said.instance,
        "version": None if said is None else said.version,
        "said": None if said is None else said.state,
        "started": None if said is None else said.started,
        "conditions": [] if said is None else said.conditions,
    }
