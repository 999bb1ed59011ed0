"""`replay --as-of`: what access somebody had at a moment, why, and what the target had acknowledged."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, TypeAlias, TypeVar

import click

from streamproc.archive.per_partition import map_partitions
from streamproc.archive.reader import ArchivedHistory
from streamproc.audit.asof.answer import AsOf, as_object
from streamproc.audit.asof.query import BESIDE, NEEDED, within
from streamproc.audit.asof.text import HEADER, answered, row
from streamproc.audit.words import iso_moment
from streamproc.cli.history_source import HistorySource, first_moment, last_moment
from streamproc.cli.options import say
from streamproc.cli.screen import put_content, put_lines
from streamproc.cli.table import table, wrapped
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.stored_record import History
from streamproc.core.records.topic_names import CHANGES
from streamproc.core.shown import shown_json

Result = TypeVar("Result")

Lines: TypeAlias = list[tuple[str, ...]]
"""Of each user the cells of a table's row, or the lines of the whole answer."""


@dataclass(frozen=True, slots=True)
class AsOfRequest:
    """What is asked. Moments are ms since 1970."""

    asked: int
    """The moment as it was given, be it later than what can be known."""
    user: str | None = None
    """None: everybody."""
    assumed: MappingInForce | None = None
    """The mapping that a log begins with which names none."""
    as_json: bool = False
    """One line of JSON for each user, instead of text."""
    not_after: int | None = None
    """Where what is known ends: now, or the archive's last record."""

    @property
    def at(self) -> int:
        """The moment that the answer is of."""
        return self.asked if self.not_after is None else min(self.asked, self.not_after)

    @property
    def is_table(self) -> bool:
        """Whether all users are shown, a row for each."""
        return self.user is None and not self.as_json


@dataclass(slots=True)
class _Tally:
    """What was printed."""

    users: int = 0
    wrong: int = 0
    """Users whose record isn't what the log gives."""
    log_begins: int | None = None
    """When the log begins, in ms since 1970. Looked up only where no user was printed."""

    def __add__(self, other: "_Tally") -> "_Tally":
        return _Tally(self.users + other.users, self.wrong + other.wrong)


def run_as_of(source: HistorySource, request: AsOfRequest, clock: Callable[[], float] = time.time) -> None:
    """Print the answer. Where the moment lies after all that is known, say so and answer as of the last moment known.

    Exits with 1 where the log knew nothing of the user, or where what was recorded isn't what the log gives.
    `clock`: seconds since 1970. Raises what `opened` and `as_of` raise, and click.UsageError.
    """
    if request.user is not None and not request.user.strip():
        raise click.UsageError("--user wants a user ID; without --user it is everybody")
    if not source.offline:
        request = _until_now(request, round(clock() * 1000))
    tally = asyncio.run(_print_answers(source, request))
    if not tally.users:
        at, begins = request.asked, tally.log_begins
        beginning = "" if begins is None or begins <= at else f"; the log begins at {iso_moment(begins)}"
        whom = "anybody" if request.user is None else f"user {request.user}"
        say(f"streamproc: nothing had been said of {whom} by {iso_moment(at)}{beginning}")
    if (not tally.users and request.user is not None) or tally.wrong:
        sys.exit(1)


async def _print_answers(source: HistorySource, request: AsOfRequest) -> _Tally:
    async with source.history((*NEEDED, *BESIDE), optional=BESIDE, key=request.user) as history:
        if source.offline:
            request = _until_archive_ends(source, request, history)
        tally, rows = _Tally(), Lines()
        for counted, lines in _by_partition(history, request):
            tally += counted
            if request.is_table:
                rows += lines
                continue
            for line in chain.from_iterable(lines):
                put_content(f"{line}\n".encode()) if request.as_json else put_lines(wrapped(line))
        if request.is_table:
            put_lines(table([HEADER, *sorted(rows)]))
        if not tally.users:
            user = request.user
            partitions = None if user is None else [partition_of(user.encode(), history.partitions)]
            tally.log_begins = first_moment(history, CHANGES, partitions)
        return tally


def _until_now(request: AsOfRequest, now: int) -> AsOfRequest:
    """Nothing is known of what lies after now (ms since 1970)."""
    if request.asked > now:
        say(f"{iso_moment(request.asked)} is yet to come: the answer is as of now, {iso_moment(now)}")
    return replace(request, not_after=now)


def _until_archive_ends(source: HistorySource, request: AsOfRequest, history: ArchivedHistory) -> AsOfRequest:
    """An archive knows nothing of what came after its last record."""
    last = last_moment(history, NEEDED) - 1
    if not 0 <= last < request.asked:
        return request
    say(f"{source.archive} ends at {iso_moment(last)}: the answer is as of then")
    return replace(request, not_after=last)


def _by_partition(history: History, request: AsOfRequest) -> Iterator[tuple[_Tally, Lines]]:
    """The output of one partition after the other, as `_lines` gives it."""
    if request.user is not None:
        yield _lines(history, partition_of(request.user.encode(), history.partitions), request)
        return
    for _, output in _in_order(map_partitions(history, partial(_lines, request=request)), history.partitions):
        yield output


def _lines(history: History, partition: int, request: AsOfRequest) -> tuple[_Tally, Lines]:
    tally, lines = _Tally(), Lines()
    for answer in within(history, partition, request.at, request.user, request.assumed):
        tally += _Tally(1, answer.recorded in {"differs", "altered"})
        if request.as_json:
            lines.append((shown_json(_as_object(answer, request.asked)),))
        else:
            lines.append(row(answer) if request.is_table else tuple(answered(answer)))
    return tally, lines


def _as_object(answer: AsOf, asked: int) -> dict[str, Any]:
    """As JSON: `asked` is the moment as it was given, `at` the one that the answer is of."""
    shown = as_object(answer)
    return {"user": shown.pop("user"), "asked": asked} | shown


def _in_order(outputs: Iterator[tuple[int, Result]], partitions: int) -> Iterator[tuple[int, Result]]:
    """The outputs by partition, each as soon as all before it are done."""
    waiting: dict[int, Result] = {}
    following = 0
    for partition, output in outputs:
        waiting[partition] = output
        say(f"partition {partition}: done, {len(waiting) + following} of {partitions}")
        while following in waiting:
            yield following, waiting.pop(following)
            following += 1
