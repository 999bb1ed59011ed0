"""A Workday worker over time: a snapshot of now, and beside it the turns that lie ahead.

A date or status that isn't understood neither opens nor closes anything: what was known of `active` stays, and so do
the rows that were made from earlier dates.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal

from streamproc.core.parsed_payload import Ignored, Receipt, SourceEvent
from streamproc.core.records.change_event import BEGAN, Effective, Fact
from streamproc.core.records.fact_names import DATES, FROM_DATES
from streamproc.core.records.units import Micros
from streamproc.sources.employment import LAG, Employment, working
from streamproc.sources.lenient_json import anchor, digest, micros, moment, starts, text
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import Reading, not_understood
from streamproc.sources.values.unread import UNREAD
from streamproc.sources.workday import columns, report

FROM_FIRST_DAY: Final = f"{FROM_DATES}/start"
"""Prefix of rows from first days."""
FROM_LAST_DAY: Final = f"{FROM_DATES}/end"
ROWS: Final = "rows"
"""Prefix of rows that are rows of a report which hold from a day ahead."""


@dataclass(frozen=True, slots=True)
class _Worker:
    """A row or worker as read."""

    row: dict[str, Any]
    reading: Reading
    employment: Employment
    begins: Micros | None
    """From when the row holds, if it says so: µs since 1970."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A row of one worker's timeline."""

    kind: Literal["end", "start"]
    day: date
    alone: Employment
    """An employment with only this date."""
    worker: _Worker
    written: str
    row: str
    entered: Micros
    """µs since 1970."""


def dated_events(
    subject: str, rows: list[dict[str, Any]], event: str, receipt: Receipt, options: SourceOptions
) -> Iterator[SourceEvent | Ignored]:
    """One worker's snapshot, and beside it what lies ahead. `event`: the snapshot's id."""
    now = receipt.received if receipt.read_at is None else receipt.read_at
    read = [
        _Worker(row, columns.facts_of(row, options), columns.employment(row, options, now), _from(row, options))
        for row in (rows if len(rows) < 2 else sorted(rows, key=lambda row: columns.rank(row, options)))
    ]
    workers = [worker for worker in read if _full(worker, options)]
    if len(workers) < len(rows):
        yield Ignored("incomplete", "nothing but the worker's id under the configured names", subject)
    if any(_undated(worker, now, options) for worker in workers):
        yield not_understood(subject, "effectiveDate", "date")
        return
    # The last event counts: for one day and one entry that is the row which is first by rank.
    ahead = [worker for worker in reversed(workers) if worker.begins is not None and worker.begins > now]
    present = _standing([worker for worker in workers if worker not in ahead], options)
    if present:
        yield from _present(subject, present, event, now, options)
    ahead.sort(key=lambda worker: _entered(worker, now, options))
    unread_ahead = [worker for worker in ahead if worker.employment.unread]
    if any(worker.begins is not None for worker in workers) and not unread_ahead:
        # All rows ahead are there: others are cancelled.
        name = f"{subject}/{ROWS}@{now}"
        yield SourceEvent(subject, name, "change", (now, 0, name), {}, cancels=ROWS, reason="rows ahead anew")
    for index, worker in enumerate(worker for worker in ahead if not worker.employment.unread):
        yield _ahead(subject, worker, present, (now, 1 + index), options)
    unread: dict[str, str] = {}
    for worker in workers:
        unread |= worker.reading.unread | columns.unread_of(worker.row, worker.employment, options, now)
    for name, expected in unread.items():
        yield not_understood(subject, name, expected)


def _standing(workers: list[_Worker], options: SourceOptions) -> list[_Worker]:
    """For each position the rows that hold from the latest day: those before are past.

    A termination with its date is the worker's, not a position's: then older rows of other positions don't count.
    """
    day_ = max((worker.begins or 0 for worker in workers), default=0)
    newest = [worker for worker in workers if (worker.begins or 0) == day_]
    if any(worker.employment.over and worker.employment.last for worker in newest):
        return newest
    last: dict[str | None, int] = {}
    for worker in workers:
        position = text(columns.own(worker.row, "position", options))
        last[position] = max(last.get(position, 0), worker.begins or 0)
    return [
        worker for worker in workers if (worker.begins or 0) == last[text(columns.own(worker.row, "position", options))]
    ]


def _full(worker: _Worker, options: SourceOptions) -> bool:
    named = {name for name, value in worker.reading.facts.items() if value is not None} | worker.reading.unread.keys()
    return not named <= set(columns.NUMBERS) or columns.own(worker.row, "active", options) not in (None, "")


def _from(row: dict[str, Any], options: SourceOptions) -> Micros | None:
    """From when a row of a report holds, if it says so: µs since 1970."""
    day = columns.day_of(columns.own(row, "effectiveDate", options), options)
    return starts(day, columns.zone(row, options)) if isinstance(day, date) else None


def _undated(worker: _Worker, now: Micros, options: SourceOptions) -> bool:
    """Whether it isn't known when a row holds, and that matters: not of one with an end in the past."""
    if columns.day_of(columns.own(worker.row, "effectiveDate", options), options) is not UNREAD:
        return False
    end = worker.employment.ends
    return end is None or end > now or worker.employment.judged(now) is not False


def _entered(worker: _Worker, now: Micros, options: SourceOptions) -> Micros:
    return moment(micros(columns.own(worker.row, "eventTime", options)), now)


def _ahead(
    subject: str, worker: _Worker, present: list[_Worker], position: tuple[Micros, int], options: SourceOptions
) -> SourceEvent:
    """A row of a report that holds from a day ahead. When it was entered isn't known, only that it stands now.

    Reports differ in whether its status is that of today or of its day. So it means an end unless the cause is a hire
    ahead, and a start only if it differs from today's row.
    """
    row, employment, now = worker.row, worker.employment, position[0]
    attributes = dict(worker.reading.facts)
    who = anchor(subject, attributes, options)
    if employment.active is False and employment.coming(now) is None:
        attributes["active"] = False
    elif employment.active and any(other.employment.active is False for other in present):
        attributes["active"] = True
    written = text(columns.own(row, "effectiveDate", options)) or ""
    name = f"{ROWS}/{columns.day_of(written, options)}"
    event = digest(row)
    effective = Effective(worker.begins or now, written, employment.zone)
    return SourceEvent(
        subject, event, "change", (*position, event), attributes, who, effective, name, reason="row ahead"
    )


def _present(
    subject: str, workers: list[_Worker], event: str, now: Micros, options: SourceOptions
) -> Iterator[SourceEvent]:
    # Of several rows one gives the facts: that of present work, else of the latest start, else the first by rank.
    speaks = max(
        workers,
        key=lambda candidate: (candidate.employment.judged(now) is True, candidate.employment.first or date.min),
    )
    reading = Reading(dict(speaks.reading.facts), dict(speaks.reading.unread))
    attributes, who = reading.facts, anchor(subject, reading.facts, options)
    works = working((worker.employment for worker in workers), now)
    if works is None or works is UNREAD:
        reading.take("active", UNREAD, "status")
    else:
        attributes["active"] = works
    if (begins := speaks.employment.starts) is not None:
        attributes[BEGAN] = begins
    elif "first" in speaks.employment.unread:
        reading.take(BEGAN, UNREAD, "date")
    order = (now, 0, event)
    cancels = _outdated(workers)
    yield SourceEvent(subject, event, "snapshot", order, attributes, who, cancels=cancels, kept=reading.kept)
    turns: list[_Turn] = []
    for worker in workers:
        logged, cancelled = _logged(worker, now, options)
        for row, entered in cancelled.items():
            name = f"{subject}/{row}/cancelled"
            # After the row itself, which may have been entered at the same moment.
            yield SourceEvent(subject, name, "change", (entered, 2, name), {}, who, cancels=row, reason="cancelled")
        logged_days = {(turn.kind, turn.day) for turn in logged}
        turns += logged + [turn for turn in _dated(worker, now, options) if (turn.kind, turn.day) not in logged_days]
    firsts = [turn.day for turn in turns if turn.kind == "start" and _anew(turn)]
    for turn in sorted(turns, key=lambda turn: turn.day):
        if turn.kind == "start" and _start_is_unread(turn.worker.employment):
            continue
        others = [other.employment for other in workers if other is not turn.worker]
        at = turn.alone.coming(now) if turn.kind == "start" else turn.alone.leaving(now, firsts, others)
        begun = turn.alone.starts
        if turn.kind == "start" and works is True and begun is not None and now - LAG < begun <= now:
            at = begun  # it lifts an end on the day before, which an event has set (timeline, rule 4)
        if at is not None:
            name = f"{subject}/{turn.row}@{turn.day}"
            effective = Effective(at, turn.written, turn.alone.zone)
            active: dict[str, Fact] = {"active": turn.kind == "start"}
            order = (turn.entered, 1, name)
            yield SourceEvent(subject, name, "change", order, active, who, effective, turn.row, reason=turn.kind)


def _outdated(workers: list[_Worker]) -> str | None:
    """Which rows of earlier snapshots don't hold any more, now that there are these dates.

    Without dates it is a first day ahead, which may have been rescinded, but no end; with an end of its own it also is
    those of earlier events. What isn't understood cancels nothing.
    """
    if any(_start_is_unread(worker.employment) for worker in workers):
        return None if any("last" in worker.employment.unread for worker in workers) else FROM_LAST_DAY
    if any("last" in worker.employment.unread for worker in workers):
        return FROM_FIRST_DAY
    dated = any(worker.employment.first or worker.employment.last for worker in workers)
    ends = any(worker.employment.last is not None and not worker.employment.renewed for worker in workers)
    return DATES if ends else FROM_DATES if dated else FROM_FIRST_DAY


def _start_is_unread(employment: Employment) -> bool:
    """Whether a first day ahead may be none: of somebody who won't come, or whose status isn't understood."""
    return not employment.unread <= {"last"}


def _anew(turn: _Turn) -> bool:
    """Whether a start overrides an end on the same day or the day before."""
    employment = turn.worker.employment
    return not turn.alone.rescinded and (employment.renewed or turn.day != employment.last)


def _dated(worker: _Worker, now: Micros, options: SourceOptions) -> Iterator[_Turn]:
    """The turns in a worker's own dates. When they were entered isn't known, only that they stand now."""
    employment = worker.employment
    if employment.last is not None:
        ends = columns.last_day(worker.row, options)[1]
        alone = replace(employment, first=None)
        yield _Turn("end", employment.last, alone, worker, ends, f"{FROM_LAST_DAY}/{employment.last}", now)
    over = employment.over and not employment.renewed  # before its first day: it never began
    if employment.first is not None and not over and not employment.doubtful:
        begins = text(columns.own(worker.row, "hireDate", options)) or ""
        alone = replace(employment, last=None)
        yield _Turn("start", employment.first, alone, worker, begins, f"{FROM_FIRST_DAY}/{employment.first}", now)


def _logged(worker: _Worker, now: Micros, options: SourceOptions) -> tuple[list[_Turn], dict[str, Micros]]:
    """The turns that stand in a worker's transaction log, and the cancelled rows, each with when that was entered.

    The flags don't show which of two entries rescinded or corrected the other ("is a rescind or was rescinded").
    Neither of a rescinded pair stands. Of corrected entries the one that was entered last stands, if it agrees with
    the worker's dates.
    """
    employment = worker.employment
    ended = columns.day_of(columns.own(worker.row, "terminationDate", options), options)
    standing: dict[tuple[str | None, str], _Turn] = {}
    cancelled: dict[str, Micros] = {}
    for entry in report.log(worker.row):
        kind, day_ = columns.turn_of(entry.names), columns.day_of(entry.effective, options)
        entered = moment(entry.entered, now)
        if entry.rescinded:
            pointed_at = [target for target in entry.targets if target != worker.row.get("Workday_ID")]
            cancelled |= dict.fromkeys((entry.wid, *pointed_at), entered)
        elif kind is not None and isinstance(day_, date):
            worked = employment.last if kind == "end" and day_ == ended and employment.last is not None else day_
            alone = (
                replace(employment, first=None, last=worked)
                if kind == "end"
                else replace(employment, first=worked, last=None)
            )
            written = entry.effective if worked == day_ else columns.last_day(worker.row, options)[1]
            turn = _Turn(kind, worked, alone, worker, written or "", entry.wid, entered)
            key = (kind, "corrected" if entry.corrected else entry.wid)
            if key in standing:
                cancelled[standing[key].row] = entered
            standing[key] = turn
    for kind, day_now in (("end", employment.last), ("start", employment.first)):
        corrected = standing.get((kind, "corrected"))
        if corrected is not None and day_now is not None and corrected.day != day_now:
            cancelled[standing.pop((kind, "corrected")).row] = corrected.entered
    return [turn for turn in standing.values() if turn.row not in cancelled], cancelled
