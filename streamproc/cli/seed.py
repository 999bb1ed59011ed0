"""`streamproc seed`: the ids that an identity provider has kept go on working at the gateway."""

import asyncio
import sys
from collections import Counter
from typing import get_args

import click

from streamproc import telemetry
from streamproc.cli.options import JSON, KAFKA, say
from streamproc.cli.screen import put, put_json, put_lines
from streamproc.cli.table import table
from streamproc.compose.seed import SeedSummary, Wanted
from streamproc.compose.seed import seed as run_seed
from streamproc.gateway.scim.seeding import State
from streamproc.settings import load_settings


@click.command(epilog='Example: streamproc seed --connection okta --by "Kim Berg"')
@click.option("--connection", required=True, metavar="NAME", help="Whose users and groups they are to be.")
@click.option("--by", default="", metavar="NAME", help="Who does it; kept in the log.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be seeded.")
@click.option(
    "--external-ids",
    is_flag=True,
    help="Also externalId. Genesys shows each OAuth client its own, so ask with the token of the app "
    "(STREAMPROC_TOKEN).",
)
@KAFKA
@JSON
def seed(connection: str, by: str, dry_run: bool, external_ids: bool, kafka: str | None, as_json: bool) -> None:
    """Read users and groups of Genesys Cloud, so that a SCIM app finds them under the ids that it knows.

    It may be given again: what is there as it was read is left alone, and so is what a client has written or deleted.
    1: somebody new couldn't be seeded, or wasn't shown.
    """
    settings = load_settings(kafka=kafka)
    telemetry.configure("error", json=settings.observability.log_json, service="seed")
    wanted = Wanted(connection, by, external_ids=external_ids, dry=dry_run)
    summary = asyncio.run(run_seed(settings, wanted, say))
    if as_json:
        left = [{"type": type_, "id": id_, "why": why} for type_, id_, why in summary.left]
        put_json({"users": summary.users, "groups": summary.groups, "unseen": summary.unseen, "left": left})
    else:
        _print(summary, dry=dry_run)
    sys.exit(0 if summary.good else 1)


def _print(summary: SeedSummary, *, dry: bool) -> None:
    def row(name: str, counts: Counter[State]) -> tuple[str, ...]:
        return name, *(str(counts[state]) for state in get_args(State))

    states = [state.upper() for state in get_args(State)]
    rows = [("", *states), row("users", summary.users), row("groups", summary.groups)]
    put_lines(table(rows, numbers=range(1, len(rows[0]))))
    put_lines(f"{type_} {id_}: {why}" for type_, id_, why in summary.left)
    if summary.unseen:
        put(f"{summary.unseen} more are there by the target's count, and were on no page: give the command again")
    if dry:
        put("nothing was written")
