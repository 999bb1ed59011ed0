"""Operators' commands about SCIM connections: whose app may push users and groups to the gateway.

A token is printed once, alone on standard output, and only its hash is kept. An order needs a name and a reason, which
are logged.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Any

import click
import orjson

from streamproc.adapters.kafka.log import Log
from streamproc.cli.operator_order import BY, REASON, cluster_of, now_ms, shown_moment
from streamproc.cli.options import JSON, KAFKA, Duration, say
from streamproc.cli.screen import put, put_json, put_lines
from streamproc.cli.table import table
from streamproc.core.provider.connection_token import new_token, valid
from streamproc.core.provider.connections import unknown_anchor
from streamproc.core.records.connection_definition import ANCHOR, SELF, ConnectionDefinition, ConnectionToken
from streamproc.core.records.topic_names import CONTROLS
from streamproc.core.records.units import Millis
from streamproc.operators.connections import (
    Known,
    NotOrderedError,
    added,
    bring,
    changed,
    first_token,
    known,
    removed,
    with_token,
)
from streamproc.settings import load_settings
from streamproc.sources import configured
from streamproc.sources.scim.read import SOURCE

_NAME = click.argument("name")


_PROBE = click.option(
    "--probe",
    "probes",
    multiple=True,
    metavar="PATTERN",
    help="userNames of test users, which reach nobody: *@jumpcloud-test.example. Only with the anchor `self`; repeats.",
)
_REPEATED = click.option(
    "--repeated-within",
    type=Duration(),
    metavar="TIME",
    help="Answer a POST that comes again so soon as the first one, and not with 409: 10m.",
)


@click.group()
def connections() -> None:
    """Whose app may push users and groups by SCIM: add, list, change, rotate tokens, remove."""


@connections.command(epilog='Example: streamproc connections add okta --by "Kim Berg" --reason "CHG-4711"')
@_NAME
@BY
@REASON
@click.option(
    "--anchor", default=ANCHOR, show_default=True, help=f"Fact that says who somebody is; or `{SELF}`. For ever."
)
@click.option("--partition", type=click.IntRange(0), help="Of events.scim, for ever. Left out: the least used one.")
@click.option("--delivered", is_flag=True, help="Answer a deactivation when Genesys Cloud has it, or after 4 s.")
@click.option("--patch-body", is_flag=True, help="Answer PATCH of a group with the group, and not with 204.")
@_REPEATED
@_PROBE
@KAFKA
@JSON
def add(
    name: str,
    by: str,
    reason: str,
    anchor: str,
    partition: int | None,
    delivered: bool,
    patch_body: bool,
    repeated_within: Millis | None,
    probes: tuple[str, ...],
    kafka: str | None,
    as_json: bool,
) -> None:
    """A new connection NAME, or one that was removed. Its token is printed, once."""
    _check_anchor(anchor, kafka)
    token, sha256 = new_token(os.urandom)
    wanted = ConnectionDefinition(
        name=name,
        partition=0,
        tokens=first_token(sha256),
        anchor=anchor,
        probes=probes,
        patch_body=patch_body,
        repeated_within=repeated_within or Millis(0),
        delivered=delivered,
    )
    made = _order(kafka, by, reason, lambda there, _: added(there, wanted, partition))
    _hand_out(made, token, load_settings(kafka=kafka).gateway.url, as_json=as_json)


@connections.command("list", epilog="Example: streamproc connections list --json")
@click.option("--all", "everything", is_flag=True, help="Those too that were removed.")
@KAFKA
@JSON
def list_(everything: bool, kafka: str | None, as_json: bool) -> None:
    """Which there are, how they are set, how many tokens are valid, and who ordered it. Never a token."""
    fixed = load_settings(kafka=kafka).connections()
    there, now = asyncio.run(known(cluster_of(kafka, reads=[CONTROLS]), fixed)), now_ms()
    found = there.connections.all() if everything else there.connections.served()
    rows = [_row(there, each, now) for each in found.values()]
    if as_json:
        put_json(rows, orjson.OPT_INDENT_2)
        return
    cells = [
        (row["name"], str(row["partition"]), row["anchor"], _tokens(row), row["set"], row["since"] or "", row["by"])
        for row in rows
    ]
    if cells:
        cells = [("NAME", "PARTITION", "ANCHOR", "TOKENS", "SET", "SINCE", "BY"), *cells]
    put_lines(table(cells))
    put(f"{len(rows)} in all", err=True)
    for name in there.connections.clashing:
        say(f"{name} is in the settings' file and was ordered as well: remove it from one of them; the file's counts")


@connections.command(epilog='Example: streamproc connections change okta --delivered --by "Kim Berg" --reason "audit"')
@_NAME
@BY
@REASON
@click.option(
    "--delivered/--accepted", default=None, help="Answer a deactivation when Genesys Cloud has it; or at once."
)
@click.option("--patch-body/--no-patch-body", default=None, help="Answer PATCH of a group with the group; or with 204.")
@_REPEATED
@_PROBE
@click.option("--no-probes", is_flag=True, help="There are no test users any more.")
@KAFKA
def change(
    name: str,
    by: str,
    reason: str,
    delivered: bool | None,
    patch_body: bool | None,
    repeated_within: Millis | None,
    probes: tuple[str, ...],
    no_probes: bool,
    kafka: str | None,
) -> None:
    """Set options of NAME anew; what isn't named stays. Its anchor and partition never change."""
    wanted = probes if probes or no_probes else None
    _order(
        kafka,
        by,
        reason,
        lambda there, _: changed(
            there,
            name,
            probes=wanted,
            patch_body=patch_body,
            repeated_within=repeated_within,
            delivered=delivered,
        ),
    )
    put(f"{name} is changed, as soon as gateways and workers read it: within about a second")


@connections.command(epilog='Example: streamproc connections rotate okta --keep 24h --by "Kim Berg" --reason "yearly"')
@_NAME
@BY
@REASON
@click.option(
    "--keep",
    type=Duration(),
    default="24h",
    show_default=True,
    metavar="TIME",
    help="The old tokens; 0h: end them now.",
)
@KAFKA
@JSON
def rotate(name: str, by: str, reason: str, keep: Millis, kafka: str | None, as_json: bool) -> None:
    """Another token for NAME, printed once. The old ones are valid for a while, so that nothing is refused."""
    token, sha256 = new_token(os.urandom)
    made = _order(kafka, by, reason, lambda there, now: with_token(there, name, sha256, now, Millis(now + keep)))
    _hand_out(made, token, load_settings(kafka=kafka).gateway.url, as_json=as_json)
    ends = "at once" if not keep else f"at {shown_moment(min(each.until for each in made.tokens if each.until))}"
    say(f"the old tokens end {ends}" if keep == 0 or len(made.tokens) > 1 else "there was no other token")


@connections.command(epilog='Example: streamproc connections remove okta --by "Kim Berg" --reason "moved to Entra"')
@_NAME
@BY
@REASON
@KAFKA
def remove(name: str, by: str, reason: str, kafka: str | None) -> None:
    """End NAME: its tokens are refused. What it has said stays, and nobody loses access by this."""
    _order(kafka, by, reason, lambda there, _: removed(there, name))
    put(f"{name} is removed: its tokens are refused as soon as gateways read it, within about a second")


@connections.command(epilog="Example: streamproc connections token --json")
@JSON
def token(as_json: bool) -> None:
    """A token and its hash, for a connection in the file of STREAMPROC_SCIM_CONNECTIONS. Nothing is kept or ordered."""
    made, sha256 = new_token(os.urandom)
    if as_json:
        put_json({"token": made, "sha256": sha256})
        return
    put(made)
    say(f"for the file: sha256 = {sha256}")


def _order(
    kafka: str | None, by: str, reason: str, make: Callable[[Known, Millis], ConnectionDefinition]
) -> ConnectionDefinition:
    """Bring what is made of those there are into force. Raises NotOrderedError."""
    fixed, now = load_settings(kafka=kafka).connections(), now_ms()
    cluster = cluster_of(kafka, reads=[CONTROLS], writes=[CONTROLS])

    async def ordered(cluster: Log, fixed: Iterable[ConnectionDefinition]) -> ConnectionDefinition:
        made = make(await known(cluster, fixed), now)
        await bring(cluster, made, fixed, by, reason, now)
        return made

    return asyncio.run(ordered(cluster, fixed))


def _hand_out(made: ConnectionDefinition, token: str, url: str | None, *, as_json: bool) -> None:
    if as_json:
        put_json({"name": made.name, "partition": made.partition, "anchor": made.anchor, "token": token})
        return
    put(token)
    say(f"{made.name}, partition {made.partition}, anchor {made.anchor}: this token is shown once, and kept nowhere")
    where = "the gateway's URL with /scim/v2 behind it" if url is None else f"{url.rstrip('/')}/scim/v2"
    say(f"put it into the app, and as its URL {where}; streamproc/gateway/scim/README.md says where")


def _check_anchor(anchor: str, kafka: str | None) -> None:
    """A name that nothing ever gives would leave everybody unlinked, and couldn't be changed later."""
    facts = configured(*load_settings(kafka=kafka).sources_text())[SOURCE].attributes
    if (why := unknown_anchor(anchor, facts)) is not None:
        raise NotOrderedError(f"nothing was ordered: {why}; an extension's attribute is named with its URN")


def _row(there: Known, each: ConnectionDefinition, now: Millis) -> dict[str, Any]:
    by = there.orders.get(each.name) if each.name not in there.connections.fixed else None
    return {
        "name": each.name,
        "partition": each.partition,
        "anchor": each.anchor,
        "tokens": [_token(one) for one in valid(each.tokens, now)],
        "set": " ".join(_set(each)),
        "since": None if by is None else shown_moment(by.at),
        "by": "the settings' file" if by is None else by.by,
        "reason": None if by is None else by.reason,
    }


def _set(each: ConnectionDefinition) -> Iterable[str]:
    """Its options, as `add` has them."""
    if each.removed:
        yield "removed"
    if each.delivered:
        yield "delivered"
    if each.patch_body:
        yield "patch-body"
    if each.repeated_within:
        yield f"repeated-within={each.repeated_within // 1000}s"
    yield from (f"probe={pattern}" for pattern in each.probes)


def _token(one: ConnectionToken) -> dict[str, Any]:
    """By so much of its hash that two are told apart."""
    return {"sha256": f"{one.sha256[:8]}…", "until": None if one.until is None else shown_moment(one.until)}


def _tokens(row: dict[str, Any]) -> str:
    ending = [each["until"] for each in row["tokens"] if each["until"] is not None]
    return f"{len(row['tokens'])}" + (f", the next ends {min(ending)}" if ending else "")
