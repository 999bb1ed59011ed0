"""As of, for the command line: what access somebody had at a moment, why, and what the target had acknowledged."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from streamproc.archive.history import opened
from streamproc.archive.per_partition import map_partitions
from streamproc.archive.reader import ArchivedHistory
from streamproc.audit.asof.answer import AsOf
from streamproc.audit.asof.query import NEEDED, within
from streamproc.audit.asof.text import HEADER, answered, row
from streamproc.audit.words import iso_moment
from streamproc.cli.options import first_moment, last_moment, say
from streamproc.cli.table import table, wrapped
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.stored_record import History
from streamproc.core.records.topic_names import CHANGES
from streamproc.settings import KafkaSettings

Result = TypeVar("Result")


def run_as_of(
    kafka: KafkaSettings,
    *,
    at: int,
    user: str | None = None,
    archive: Path | None = None,
    offline: bool = False,
    assumed: MappingInForce | None = None,
    as_json: bool = False,
    clock: Callable[[], float] = time.time,
) -> None:
    """Answer for the moment `at` (ms since 1970), of one user or of all; as JSON, one line for each user.

    Of what is yet to come nothing is known: then the answer is as of now, or as of the archive's end, and says so.
    Exits with 1 where nothing had been said of the user, or what is recorded doesn't agree. `assumed`: the mapping
    that logs begin with which name none. `clock`: seconds since 1970. Raises what `opened` and `as_of` raise;
    click.UsageError.
    """
    if user is not None and not user.strip():
        raise click.UsageError("--user wants a user ID; without --user it is everybody")
    asked = _Asked(at, user, assumed, as_json, at)
    if not offline:
        asked = _until_now(asked, round(clock() * 1000))
    shown = asyncio.run(_shown(kafka, asked, archive, offline))
    if not shown.users:
        begun = "" if shown.begun is None or shown.begun <= at else f"; the log begins at {iso_moment(shown.begun)}"
        whom = "anybody" if user is None else f"user {user}"
        click.echo(f"streamproc: nothing had been said of {whom} by {iso_moment(at)}{begun}", err=True)
    if (not shown.users and user is not None) or shown.wrong:
        sys.exit(1)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked; see `run_as_of`. `said`: the moment as it was given, be it later than what can be known."""

    at: int
    user: str | None
    assumed: MappingInForce | None
    as_json: bool
    said: int


@dataclass(slots=True)
class _Shown:
    """How many users were shown, and of how many the record is wrong. `begun`: when the log begins, of nobody."""

    users: int = 0
    wrong: int = 0
    begun: int | None = None

    def __add__(self, other: "_Shown") -> "_Shown":
        return _Shown(self.users + other.users, self.wrong + other.wrong)


async def _shown(kafka: KafkaSettings, asked: _Asked, archive: Path | None, offline: bool) -> _Shown:
    async with opened(kafka, archive, topics=NEEDED, key=asked.user, live=not offline, say=say) as history:
        asked = _ended(asked, history, archive) if offline else asked
        shown, rows = _Shown(), list[tuple[str, ...]]()
        for counted, some in _done(history, asked):
            shown += counted
            if asked.user is None and not asked.as_json:
                rows += some
                continue
            for line in chain.from_iterable(some):
                click.echo("\n".join([line] if asked.as_json else wrapped(line)))
        if asked.user is None and not asked.as_json:
            for line in table([HEADER, *sorted(rows)]):
                click.echo(line)
        if not shown.users:
            only = None if asked.user is None else [partition_of(asked.user.encode(), history.partitions)]
            shown.begun = first_moment(history, CHANGES, only)
        return shown


def _until_now(asked: _Asked, now: int) -> _Asked:
    """As of now (ms since 1970), where what is asked of is yet to come."""
    if asked.at <= now:
        return asked
    say(f"{iso_moment(asked.at)} is yet to come: the answer is as of now, {iso_moment(now)}")
    return replace(asked, at=now)


def _ended(asked: _Asked, history: ArchivedHistory, archive: Path | None) -> _Asked:
    """As of the archive's last record, where it can't tell what came after."""
    last = last_moment(history, NEEDED) - 1
    if not 0 <= last < asked.at:
        return asked
    say(f"{archive} ends at {iso_moment(last)}: the answer is as of then")
    return replace(asked, at=last)


def _done(history: History, asked: _Asked) -> Iterator[tuple[_Shown, list[tuple[str, ...]]]]:
    """What is shown of each partition, one after the other: see `_lines`."""
    if asked.user is not None:
        yield _lines(history, partition_of(asked.user.encode(), history.partitions), asked)
        return
    for _, done in _in_order(map_partitions(history, partial(_lines, asked=asked)), history.partitions):
        yield done


def _lines(history: History, partition: int, asked: _Asked) -> tuple[_Shown, list[tuple[str, ...]]]:
    """What is shown of one partition: of each user the cells of a row, or lines."""
    shown, lines = _Shown(), list[tuple[str, ...]]()
    for answer in within(history, partition, asked.at, asked.user, asked.assumed):
        shown += _Shown(1, answer.recorded in {"differs", "altered"})
        if asked.as_json:
            lines.append((orjson.dumps(_whole(answer, asked.said)).decode(),))
        else:
            lines.append(row(answer) if asked.user is None else tuple(answered(answer)))
    return shown, lines


def _whole(answer: AsOf, said: int) -> dict[str, Any]:
    """For machines: `asked` is T as it was given, `at` the moment that the answer is of."""
    found = {each.name: getattr(answer, each.name) for each in fields(answer)}
    return {"user": found.pop("user"), "asked": said} | found


def _in_order(done: Iterator[tuple[int, Result]], partitions: int) -> Iterator[tuple[int, Result]]:
    """By partition, as soon as all before it are there."""
    waiting: dict[int, Result] = {}
    following = 0
    for partition, result in done:
        waiting[partition] = result
        say(f"partition {partition}: done, {len(waiting) + following} of {partitions}")
        while following in waiting:
            yield following, waiting.pop(following)
            following += 1
