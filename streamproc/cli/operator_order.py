"""What the commands that order something share: who orders it and why, and a cluster that has the topics for it."""

import asyncio
import time
from collections.abc import Collection

import click

from streamproc.adapters.kafka.log import Log
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.compose import KafkaLog
from streamproc.core.records.units import Millis
from streamproc.core.shown import moment
from streamproc.rights import operator
from streamproc.settings import load_settings


def _not_blank(context: click.Context, param: click.Parameter, value: str) -> str:  # noqa: ARG001 - click's signature
    if not value.strip():
        raise click.BadParameter("it is kept in the log for whoever asks later, so it can't be blank")
    return value.strip()


BY = click.option("--by", required=True, metavar="NAME", callback=_not_blank, help="Who orders it; kept in the log.")
REASON = click.option("--reason", required=True, callback=_not_blank, help="Why; kept in the log.")


def cluster_of(kafka: str | None, *, reads: Collection[str], writes: Collection[str] = ()) -> Log:
    """A cluster that has these topics, and lets us read and write them: missing ones are created.

    Raises what `ensure_topics` raises.
    """
    settings = load_settings(kafka=kafka).kafka
    asyncio.run(ensure_topics(settings, operator(reads=reads, writes=writes)))
    return KafkaLog(settings)


def shown_moment(at: int) -> str:
    """ISO 8601 in seconds, of ms since 1970, as operators' lists have it."""
    return moment(at).replace("Z", "+00:00")


def now_ms() -> Millis:
    """Now, in milliseconds since 1970."""
    return Millis(round(time.time() * 1000))
