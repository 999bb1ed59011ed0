"""Operators' commands about what is set aside, and about the sinks. Each needs a name and a reason: it is logged."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click
import orjson

from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.cli.table import table
from streamproc.core.records.control import APPLIES, HELD, Action
from streamproc.core.records.delivery import DeliveredState
from streamproc.operators.controls import control, order, set_aside
from streamproc.settings import KafkaSettings, load_settings

_KAFKA = click.option("--kafka", metavar="HOST:PORT", help="Bootstrap servers; else STREAMPROC_KAFKA.")
_JSON = click.option("--json", "as_json", is_flag=True, help="For machines.")


def _said(context: click.Context, param: click.Parameter, value: str) -> str:  # noqa: ARG001 - click's signature
    if not value.strip():
        raise click.BadParameter("it is kept in the log for whoever asks later, so it can't be blank")
    return value.strip()


BY = click.option("--by", required=True, metavar="NAME", callback=_said, help="Who orders it; kept in the log.")
REASON = click.option("--reason", required=True, callback=_said, help="Why; kept in the log.")
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
@_KAFKA
@_JSON
def held_list(kafka: str | None, as_json: bool) -> None:
    """Who is held, since when, and why."""
    _list(kafka, lambda code: code in HELD, as_json=as_json)


@held.command("release", epilog='Example: streamproc held release E1001 --by "Kim Berg" --reason "really left"')
@_USERS
@BY
@REASON
@_KAFKA
def held_release(users: Sequence[str], by: str, reason: str, kafka: str | None) -> None:
    """Let the revocations go out."""
    _order("release", users, by, reason, kafka)


@held.command("reject", epilog='Example: streamproc held reject E1001 --by "Kim Berg" --reason "broken file"')
@_USERS
@BY
@REASON
@_KAFKA
def held_reject(users: Sequence[str], by: str, reason: str, kafka: str | None) -> None:
    """Keep the users active until a source says that they are; `release` still changes that."""
    _order("reject", users, by, reason, kafka)


@click.group()
def parked() -> None:
    """What the target refused, or what waits for something: list, show, try again, or give up by name."""


@parked.command("list", epilog="Example: streamproc parked list")
@_KAFKA
@_JSON
def parked_list(kafka: str | None, as_json: bool) -> None:
    """Who is parked, since when, and why."""
    _list(kafka, lambda code: code not in HELD, as_json=as_json)


@parked.command("show", epilog="Example: streamproc parked show E1001")
@click.argument("user")
@_KAFKA
def parked_show(user: str, kafka: str | None) -> None:
    """All that is known of one user who is parked or held: what was wanted, what is there, and the reason."""
    (delivery,) = _chosen(_everybody(_cluster(kafka)), [user], lambda _: True, "set aside")
    click.echo(orjson.dumps(delivery, option=orjson.OPT_INDENT_2))


@parked.command("retry", epilog='Example: streamproc parked retry E1001 --by "Kim Berg" --reason "skill was added"')
@_USERS
@BY
@REASON
@_KAFKA
def parked_retry(users: Sequence[str], by: str, reason: str, kafka: str | None) -> None:
    """Try again, now that the cause is gone."""
    _order("retry", users, by, reason, kafka)


@parked.command("skip", epilog='Example: streamproc parked skip E1001 --by "Kim Berg" --reason "not needed"')
@_USERS
@BY
@REASON
@_KAFKA
def parked_skip(users: Sequence[str], by: str, reason: str, kafka: str | None) -> None:
    """Give up what is parked; the user's next change tries again."""
    _order("skip", users, by, reason, kafka)


def pause_or_resume(action: Action) -> click.Command:
    """`sink pause` or `sink resume`."""
    meaning = {"pause": "Send nothing more to the target until `resume`, revocations included.", "resume": "Go on."}

    @BY
    @REASON
    @_KAFKA
    def command(by: str, reason: str, kafka: str | None) -> None:
        asyncio.run(order(_cluster(kafka), [control(action, None, by, reason, _now())]))
        click.echo(f"{action}: ordered, for all sinks")

    example = f'Example: streamproc sink {action} --by "Kim Berg" --reason "maintenance"'
    return click.command(action, help=meaning[action], epilog=example)(command)


def _cluster(kafka: str | None) -> KafkaSettings:
    cluster = load_settings(kafka=kafka).kafka
    asyncio.run(ensure_topics(cluster))
    return cluster


def _everybody(cluster: KafkaSettings) -> list[DeliveredState]:
    return asyncio.run(set_aside(cluster))


def _list(kafka: str | None, wanted: Callable[[str], bool], *, as_json: bool) -> None:
    rows = [_row(each) for each in _everybody(_cluster(kafka)) if each.parked and wanted(each.parked.code)]
    if as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
        return
    cells: list[tuple[str, ...]] = []
    for row in rows:
        cells.append((row["user"], row["code"], row["at"], row["reason"]))
        cells += [("", "", "", f"{name}: {why}") for name, why in row["attributes"].items()]
    click.echo("".join(f"{line}\n" for line in table(cells)), nl=False)
    click.echo(f"{len(rows)} in all", err=True)


def _row(delivery: DeliveredState) -> dict[str, Any]:
    parked = delivery.parked
    assert parked is not None
    return {
        "user": delivery.user,
        "code": parked.code,
        "since": parked.since,
        "at": datetime.fromtimestamp(parked.at / 1000, UTC).isoformat(timespec="seconds"),
        "reason": parked.reason,
        "attributes": parked.attributes,
        "status": parked.status,
        "correlation_id": parked.correlation_id,
    }


def _order(action: Action, users: Sequence[str], by: str, reason: str, kafka: str | None) -> None:
    cluster = _cluster(kafka)
    codes = APPLIES[action]
    chosen = _chosen(_everybody(cluster), users, lambda code: code in codes, " or ".join(sorted(codes)))
    asyncio.run(order(cluster, [control(action, each, by, reason, _now()) for each in chosen]))
    for each in chosen:
        click.echo(f"{each.user}: {_DONE[action]}, as soon as a sink reads it")


def _chosen(
    everybody: list[DeliveredState], users: Sequence[str], fits: Callable[[str], bool], words: str
) -> list[DeliveredState]:
    """All of them or none: an order about somebody who isn't there is a mistake to look at first."""
    by_user = {each.user: each for each in everybody if each.parked and fits(each.parked.code)}
    if strangers := [user for user in users if user not in by_user]:
        click.echo(f"streamproc: nothing was ordered: {', '.join(strangers)} isn't {words}; see the list", err=True)
        sys.exit(1)
    return [by_user[user] for user in users]


def _now() -> int:
    return round(time.time() * 1000)
