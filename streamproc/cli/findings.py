"""Operators' commands about what disagrees with the target. An order needs a name and a reason, which are logged."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn, get_args

import click
import orjson

from streamproc.adapters.kafka.log import Log
from streamproc.cli.finding_table import HEADER, cells
from streamproc.cli.operator_order import BY, REASON, cluster_of, now_ms, shown_moment
from streamproc.cli.options import JSON, KAFKA, Moment
from streamproc.cli.screen import complain, put, put_json, put_lines
from streamproc.cli.table import table
from streamproc.core.records.control import Control
from streamproc.core.records.finding import Difference, Kind, account_key
from streamproc.core.records.topic_names import CONTROLS, DELIVERIES, FINDINGS
from streamproc.core.records.units import Millis
from streamproc.operators.controls import order
from streamproc.operators.findings import CurrentFinding, adopt, adoption, current_findings, deactivate, ignore

OPEN: Final = {"open", "ordered"}
"""States of what still has to be decided, or done."""


@click.group()
def findings() -> None:
    """Where Genesys Cloud differs from what is desired: list, show; adopt, ignore or deactivate an account by name."""


@findings.command("list", epilog="Example: streamproc findings list --class orphan --before 2026-11-01")
@click.option("--class", "kind", type=click.Choice(get_args(Kind)), help="Only this class.")
@click.option("--attribute", help='Only this attribute: email, "group NAME", account.')
@click.option("--incidents", is_flag=True, help="Only access of somebody who is to have none.")
@click.option("--since", type=Moment(), help="Only what was seen first from this moment on.")
@click.option("--before", type=Moment(), help="Only what was seen first before this moment.")
@click.option("--all", "everything", is_flag=True, help="What is answered or settled, too.")
@KAFKA
@JSON
def list_(
    kind: str | None,
    attribute: str | None,
    incidents: bool,
    since: int | None,
    before: int | None,
    everything: bool,
    kafka: str | None,
    as_json: bool,
) -> None:
    """What disagrees now, incidents first, then the oldest: class, attribute, since when, and who changed it.

    Classes: `pending` is on its way, `changed` by somebody whom the audit log of Genesys names, `unknown` by nobody
    knows whom, `orphan` is an account of nobody's, `missing` somebody of ours who has none.
    """
    chosen = [
        (
            each,
            [
                one
                for one in each.finding.differences
                if kind in {None, one.kind} and attribute in {None, one.attribute}
            ],
        )
        for each in _current(cluster_of(kafka, reads=[FINDINGS, CONTROLS])).values()
        if (everything or each.state in OPEN)
        and (each.finding.incident or not incidents)
        and (since is None or each.finding.since >= since)
        and (before is None or each.finding.since < before)
    ]
    if kind is not None or attribute is not None:
        chosen = [(each, differences) for each, differences in chosen if differences]
    if as_json:
        put_json([_row(each, differences) for each, differences in chosen], orjson.OPT_INDENT_2)
        return
    rows = [row for each, differences in chosen for row in cells(each.finding, differences, _state(each))]
    put_lines(table([HEADER, *rows] if rows else []))
    counts = Counter(each.kind for _, differences in chosen for each in differences)
    told = [f"{name} {count}" for name, count in sorted(counts.items())]
    if incident := sum(each.finding.incident for each, _ in chosen):
        told.append(f"incidents {incident}")
    put(f"{len(chosen)} in all" + (f": {', '.join(told)}" if told else ""), err=True)


@findings.command("show", epilog="Example: streamproc findings show account/8f3c...")
@click.argument("name")
@KAFKA
def show(name: str, kafka: str | None) -> None:
    """All that was found of one user or account: what is desired, what is held, who changed it, what was ordered."""
    (found,) = _chosen(_current(cluster_of(kafka, reads=[FINDINGS, CONTROLS])), [name])
    orders = [
        {"id": each.id, "action": each.action, "by": each.by, "reason": each.reason, "at": shown_moment(each.at)}
        for each in found.orders
    ]
    finding = found.finding
    compared = {"seq": finding.seq, "offset": finding.offset, "place": found.place, "answered": finding.answered}
    put_json(_row(found, finding.differences) | compared | {"orders": orders}, orjson.OPT_INDENT_2)


@findings.command(
    "adopt", epilog='Example: streamproc findings adopt E1001 8f3c... --by "Kim Berg" --reason "the same"'
)
@click.argument("user")
@click.argument("account")
@BY
@REASON
@KAFKA
def adopt_(user: str, account: str, by: str, reason: str, kafka: str | None) -> None:
    """Take an account over for a user who is parked as ambiguous, whatever externalId it has.

    ACCOUNT is Genesys's id. From then on the account is theirs: what the sources say of the user is written there.
    """
    account = _id_of(account)
    cluster = cluster_of(kafka, reads=[DELIVERIES], writes=[CONTROLS])
    control = adopt(asyncio.run(adoption(cluster, user, account)), user, account, by, reason, now_ms())
    if isinstance(control, str):
        _refuse(f"nothing was ordered: {control}")
    asyncio.run(order(cluster, [control]))
    put(f"{user}: to take over account {account}, as soon as a sink reads it")


@findings.command("ignore", epilog='Example: streamproc findings ignore account/8f3c... --by "Kim" --reason "a robot"')
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@BY
@REASON
@KAFKA
def ignore_(names: Sequence[str], by: str, reason: str, kafka: str | None) -> None:
    """Close findings until something else disagrees. NAME is the list's."""
    _order(ignore, names, by, reason, kafka, "to be ignored")


@findings.command(
    "deactivate", epilog='Example: streamproc findings deactivate account/8f3c... --by "Kim" --reason "left in 2024"'
)
@click.argument("names", nargs=-1, required=True, metavar="account/ID...")
@BY
@REASON
@KAFKA
def deactivate_(names: Sequence[str], by: str, reason: str, kafka: str | None) -> None:
    """Take the access of accounts that are nobody's: `active` becomes false, all else stays as it is."""
    _order(deactivate, names, by, reason, kafka, "to be deactivated")


def _order(
    decide: Callable[[CurrentFinding, str, str, Millis], Control | str],
    names: Sequence[str],
    by: str,
    reason: str,
    kafka: str | None,
    done: str,
) -> None:
    """All of them or none: an order about what isn't in the list is a mistake to look at first."""
    cluster = cluster_of(kafka, reads=[FINDINGS, CONTROLS], writes=[CONTROLS])
    controls: list[Control] = []
    for found in _chosen(_current(cluster), names):
        control = decide(found, by, reason, now_ms())
        if isinstance(control, str):
            _refuse(f"nothing was ordered: {control}")
        controls.append(control)
    asyncio.run(order(cluster, controls))
    for control in controls:
        put(f"{control.key}: {done}, as soon as reconcile reads it")


def _current(cluster: Log) -> dict[str, CurrentFinding]:
    return asyncio.run(current_findings(cluster))


def _chosen(found: dict[str, CurrentFinding], names: Sequence[str]) -> list[CurrentFinding]:
    """By user ID, account/ID, or the target's id alone."""
    chosen = {name: found.get(name) or found.get(account_key(name)) for name in names}
    if strangers := [name for name, each in chosen.items() if each is None]:
        _refuse(f"nothing was found of {', '.join(strangers)}; see streamproc findings list --all")
    return list({id(each): each for each in chosen.values() if each is not None}.values())


def _id_of(account: str) -> str:
    return account.removeprefix(account_key(""))


def _state(found: CurrentFinding) -> str:
    return "" if found.state == "open" else found.state


def _row(found: CurrentFinding, differences: Sequence[Difference]) -> dict[str, Any]:
    finding = found.finding
    return {
        "name": finding.key,
        "user": finding.user,
        "account": finding.account,
        "userName": finding.name,
        "incident": finding.incident,
        "state": found.state,
        "since": shown_moment(finding.since),
        "at": shown_moment(finding.at),
        "differences": differences,
    }


def _refuse(why: str) -> NoReturn:
    complain(why)
    sys.exit(1)
