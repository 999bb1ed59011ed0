"""Operators' commands about parked work and about the sinks. Each needs a name and a reason, which are logged."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import click
import orjson

from streamproc.adapters.kafka.log import Log
from streamproc.cli.operator_order import BY, REASON, cluster_of, now_ms, shown_moment
from streamproc.cli.options import JSON, KAFKA
from streamproc.cli.screen import complain, put, put_json, put_lines
from streamproc.cli.table import table
from streamproc.core.records.control import APPLIES, HELD, Action
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.topic_names import CONTROLS, DELIVERIES
from streamproc.operators.controls import control, order, set_aside

_USERS = click.argument("users", nargs=-1, required=True, metavar="USER...")

_DONE: Final[dict[Action, str]] = {
    "release": "released",
    "reject": "rejected",
    "retry": "to be tried again",
    "skip": "skipped",
}


@click.group()
def held() -> None:
    """Revocations that the mass guard holds: list them, release or reject them by name."""


@held.command("list", epilog="Example: streamproc held list --json")
@KAFKA
@JSON
def held_list(kafka: str | None, as_json: bool) -> None:
    """Who is held, since when, and why."""
    _list(kafka, lambda code: code in HELD, as_json=as_json)


@held.command("release", epilog='Example: streamproc held release E1001 --by "Kim Berg" --reason "really left"')
@_USERS
@BY
@REASON
@KAFKA
def held_release(users: Sequence[str], by: str, reason: str, kafka: str | None) -> None:
    """Let the revocations go out."""
    _order_by_name("release", users, by, reason, kafka)


@held.command("reject", epilog='Example: streamproc held reject E1001 --by "Kim Berg" --reason "broken file"')
@_USERS
@BY
@REASON
@KAFKA
def held_reject(users: Sequence[str], by: str, reason: str, kafka: str | None) -> None:
    """Keep the users active until a source says that they are; `release` still changes that."""
    _order_by_name("reject", users, by, reason, kafka)


@click.group()
def parked() -> None:
    """What the target refused, or what waits for something: list, show, try again, or give up by name."""


@parked.command("list", epilog="Example: streamproc parked list")
@KAFKA
@JSON
def parked_list(kafka: str | None, as_json: bool) -> None:
    """Who is parked, since when, and why."""
    _list(kafka, lambda code: code not in HELD, as_json=as_json)


@parked.command("show", epilog="Example: streamproc parked show E1001")
@click.argument("user")
@KAFKA
def parked_show(user: str, kafka: str | None) -> None:
    """All that is known of one user who is parked or held: what was wanted, what is there, and the reason."""
    (delivery,) = _chosen(_everybody(cluster_of(kafka, reads=[DELIVERIES])), [user], lambda _: True, "set aside")
    put_json(delivery, orjson.OPT_INDENT_2)


@parked.command("retry", epilog='Example: streamproc parked retry E1001 --by "Kim Berg" --reason "skill was added"')
@_USERS
@BY
@REASON
@KAFKA
def parked_retry(users: Sequence[str], by: str, reason: str, kafka: str | None) -> None:
    """Try again, now that the cause is gone."""
    _order_by_name("retry", users, by, reason, kafka)


@parked.command("skip", epilog='Example: streamproc parked skip E1001 --by "Kim Berg" --reason "not needed"')
@_USERS
@BY
@REASON
@KAFKA
def parked_skip(users: Sequence[str], by: str, reason: str, kafka: str | None) -> None:
    """Give up what is parked; the user's next change tries again."""
    _order_by_name("skip", users, by, reason, kafka)


def pause_or_resume(action: Action) -> click.Command:
    """`sink pause` or `sink resume`."""
    meaning = {"pause": "Send nothing more to the target until `resume`, revocations included.", "resume": "Go on."}

    @BY
    @REASON
    @KAFKA
    def command(by: str, reason: str, kafka: str | None) -> None:
        asyncio.run(
            order(cluster_of(kafka, reads=[], writes=[CONTROLS]), [control(action, None, by, reason, now_ms())])
        )
        put(f"{action}: ordered, for all sinks")

    example = f'Example: streamproc sink {action} --by "Kim Berg" --reason "maintenance"'
    return click.command(action, help=meaning[action], epilog=example)(command)


def _everybody(cluster: Log) -> list[DeliveredState]:
    return asyncio.run(set_aside(cluster))


def _list(kafka: str | None, wanted: Callable[[str], bool], *, as_json: bool) -> None:
    rows = [
        _row(delivery)
        for delivery in _everybody(cluster_of(kafka, reads=[DELIVERIES]))
        if delivery.parked and wanted(delivery.parked.code)
    ]
    if as_json:
        put_json(rows, orjson.OPT_INDENT_2)
        return
    cells: list[tuple[str, ...]] = []
    for row in rows:
        cells.append((row["user"], row["code"], row["at"], row["reason"]))
        cells += [("", "", "", f"{name}: {why}") for name, why in row["attributes"].items()]
    put_lines(table(cells))
    put(f"{len(rows)} in all", err=True)


def _row(delivery: DeliveredState) -> dict[str, Any]:
    parked = delivery.parked
    assert parked is not None
    return {
        "user": delivery.user,
        "code": parked.code,
        "since": parked.since,
        "at": shown_moment(parked.at),
        "reason": parked.reason,
        "attributes": parked.attributes,
        "status": parked.status,
        "correlation_id": parked.correlation_id,
    }


def _order_by_name(action: Action, users: Sequence[str], by: str, reason: str, kafka: str | None) -> None:
    cluster = cluster_of(kafka, reads=[DELIVERIES], writes=[CONTROLS])
    codes = APPLIES[action]
    chosen = _chosen(_everybody(cluster), users, lambda code: code in codes, " or ".join(sorted(codes)))
    asyncio.run(order(cluster, [control(action, delivery, by, reason, now_ms()) for delivery in chosen]))
    for delivery in chosen:
        put(f"{delivery.user}: {_DONE[action]}, as soon as a sink reads it")


def _chosen(
    everybody: list[DeliveredState], users: Sequence[str], fits: Callable[[str], bool], words: str
) -> list[DeliveredState]:
    """All of them or none: an order about somebody who isn't in the list is a mistake to look at first."""
    by_user = {delivery.user: delivery for delivery in everybody if delivery.parked and fits(delivery.parked.code)}
    if strangers := [user for user in users if user not in by_user]:
        complain(f"nothing was ordered: {', '.join(strangers)} isn't {words}; see the list")
        sys.exit(1)
    return [by_user[user] for user in users]
