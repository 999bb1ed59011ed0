"""A worker of Workday's over time: a snapshot of now, and beside it the turns that lie ahead."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal

from streamproc.core.parsed_payload import Ignored, Receipt, SourceEvent
from streamproc.core.records.change_event import BEGAN, Effective, Fact
from streamproc.core.records.fact_names import DATES, FROM_DATES
from streamproc.sources.employment import LAG, Employment, working
from streamproc.sources.lenient_json import anchor, digest, micros, moment, starts, text
from streamproc.sources.options import SourceOptions
from streamproc.sources.workday import columns, report

FROM_FIRST_DAY: Final = f"{FROM_DATES}/start"
"""The same, of first days alone."""
ROWS: Final = "rows"
"""The same, of those that are rows of a report that hold from a day ahead."""


@dataclass(frozen=True, slots=True)
class _Worker:
    """A row or worker as read. `begins`: from when the row holds, if it says so, in µs since 1970."""

    row: dict[str, Any]
    employment: Employment
    begins: int | None


@dataclass(frozen=True, slots=True)
class _Turn:
    """A row of the timeline, of one worker. `on`: an employment with this date alone. `entered`: µs since 1970."""

    kind: Literal["end", "start"]
    day: date
    on: Employment
    of: _Worker
    written: str
    row: str
    entered: int


def dated_events(
    subject: str, rows: list[dict[str, Any]], event: str, taken: Receipt, options: SourceOptions
) -> Iterator[SourceEvent | Ignored]:
    """One worker's snapshot, and beside it what lies ahead. `event`: its id, of all that the rows came with."""
    now = taken.received if taken.read is None else taken.read
    workers = [
        _Worker(row, columns.employment(row, options), _from(row, options))
        for row in (rows if len(rows) < 2 else sorted(rows, key=lambda row: columns.rank(row, options)))
        if _full(row, options)
    ]
    if len(workers) < len(rows):
        yield Ignored("incomplete", "nothing but the worker's id under the configured names", subject)
    # What is said last counts: of one day and one entry that of the row which speaks first.
    ahead = [each for each in reversed(workers) if each.begins is not None and each.begins > now]
    present = _standing([each for each in workers if each not in ahead], options)
    if present:
        yield from _present(subject, present, event, now, options)
    ahead.sort(key=lambda one: _entered(one, now, options))
    if any(each.begins is not None for each in workers):  # of days ahead it says all: what it leaves out is taken back
        name = f"{subject}/{ROWS}@{now}"
        yield SourceEvent(subject, name, "change", (now, 0, name), {}, cancels=ROWS, reason="rows ahead anew")
    for place, each in enumerate(ahead):
        yield _ahead(subject, each, present, (now, 1 + place), options)


def _standing(workers: list[_Worker], options: SourceOptions) -> list[_Worker]:
    """Of each position the rows that hold from the last day on: those before are past.

    A termination with its date is the worker's, not a position's: then no position's older row counts.
    """
    day_ = max((each.begins or 0 for each in workers), default=0)
    newest = [each for each in workers if (each.begins or 0) == day_]
    if any(each.employment.over and each.employment.last for each in newest):
        return newest
    last: dict[str | None, int] = {}
    for each in workers:
        position = text(columns.own(each.row, "position", options))
        last[position] = max(last.get(position, 0), each.begins or 0)
    return [each for each in workers if (each.begins or 0) == last[text(columns.own(each.row, "position", options))]]


def _full(row: dict[str, Any], options: SourceOptions) -> bool:
    said = columns.facts_of(row, options)
    return any(value is not None for name, value in said.items() if name not in columns.NUMBERS)


def _from(row: dict[str, Any], options: SourceOptions) -> int | None:
    """From when a row of a report holds, if it says so: µs since 1970."""
    day = columns.day_of(columns.own(row, "effectiveDate", options))
    return None if day is None else starts(day, columns.zone(row, options))


def _entered(worker: _Worker, now: int, options: SourceOptions) -> int:
    return moment(micros(columns.own(worker.row, "eventTime", options)), now)


def _ahead(
    subject: str, worker: _Worker, present: list[_Worker], place: tuple[int, int], options: SourceOptions
) -> SourceEvent:
    """A row of a report that holds from a day ahead. It was entered at some time; known is that it stands now.

    Whether its status is that of today or of its day is up to the report. So it tells of an end unless today's reason
    is a hire ahead, and of a start only if it differs from the row of today.
    """
    row, one, now = worker.row, worker.employment, place[0]
    said = columns.facts_of(row, options)
    who = anchor(subject, said, options)
    said.pop("active", None)
    if one.active is False and one.coming(now) is None:
        said["active"] = False
    elif one.active and any(each.employment.active is False for each in present):
        said["active"] = True
    written = text(columns.own(row, "effectiveDate", options)) or ""
    name = f"{ROWS}/{columns.day_of(written)}"
    event = digest(row)
    effective = Effective(worker.begins or now, written, one.zone)
    return SourceEvent(subject, event, "change", (*place, event), said, who, effective, name, reason="row ahead")


def _present(
    subject: str, workers: list[_Worker], event: str, now: int, options: SourceOptions
) -> Iterator[SourceEvent]:
    # Of several rows the one that speaks for the person: who works now, else who started last, else the first by rank.
    speaks = max(workers, key=lambda one: (one.employment.works(now) is True, one.employment.first or date.min))
    said = columns.facts_of(speaks.row, options)
    who = anchor(subject, said, options)
    said["active"] = working((each.employment for each in workers), now)
    if (begins := speaks.employment.starts) is not None:
        said[BEGAN] = begins
    # Without dates it takes back a first day ahead, which may have been rescinded, and never an end; with an end of its
    # own also those that events told before.
    dated = any(each.employment.first or each.employment.last for each in workers)
    ends = any(each.employment.last is not None and not each.employment.renewed for each in workers)
    cancels = DATES if ends else FROM_DATES if dated else FROM_FIRST_DAY
    yield SourceEvent(subject, event, "snapshot", (now, 0, event), said, who, cancels=cancels)
    turns: list[_Turn] = []
    for worker in workers:
        logged, cancelled = _logged(worker, now, options)
        for row, entered in cancelled.items():
            name = f"{subject}/{row}/cancelled"
            # After the row itself, which may have been entered at the same moment.
            yield SourceEvent(subject, name, "change", (entered, 2, name), {}, who, cancels=row, reason="cancelled")
        known = {(each.kind, each.day) for each in logged}
        turns += logged + [each for each in _dated(worker, now, options) if (each.kind, each.day) not in known]
    firsts = [each.day for each in turns if each.kind == "start" and _anew(each)]
    for turn in sorted(turns, key=lambda each: each.day):
        others = [each.employment for each in workers if each is not turn.of]
        at = turn.on.coming(now) if turn.kind == "start" else turn.on.leaving(now, firsts, others)
        begun = turn.on.starts
        if turn.kind == "start" and said["active"] and begun is not None and now - LAG < begun <= now:
            at = begun  # it lifts an end on the day before, which an event has told (timeline, rule 4)
        if at is not None:
            name = f"{subject}/{turn.row}@{turn.day}"
            effective = Effective(at, turn.written, turn.on.zone)
            active: dict[str, Fact] = {"active": turn.kind == "start"}
            order = (turn.entered, 1, name)
            yield SourceEvent(subject, name, "change", order, active, who, effective, turn.row, reason=turn.kind)


def _anew(turn: _Turn) -> bool:
    """Whether a start keeps an end on that day or the one before from counting."""
    one = turn.of.employment
    return not turn.on.rescinded and (one.renewed or turn.day != one.last)


def _dated(worker: _Worker, now: int, options: SourceOptions) -> Iterator[_Turn]:
    """The turns that a worker's own dates tell of. They were entered at some time; known is that they stand now."""
    one = worker.employment
    if one.last is not None:
        written = columns.last_day(worker.row, options)
        on = replace(one, first=None)
        yield _Turn("end", one.last, on, worker, written or "", f"{FROM_DATES}/end/{one.last}", now)
    over = one.over and not one.renewed  # before its first day: it never began
    if one.first is not None and not over and not one.doubtful:
        written = text(columns.own(worker.row, "hireDate", options))
        on = replace(one, last=None)
        yield _Turn("start", one.first, on, worker, written or "", f"{FROM_FIRST_DAY}/{one.first}", now)


def _logged(worker: _Worker, now: int, options: SourceOptions) -> tuple[list[_Turn], dict[str, int]]:
    """The turns that stand in a worker's transaction log, and the rows that don't any more, each with when that was
    entered.

    Which of two entries with a flag did it to the other isn't said (the flags read "is a rescind or was rescinded").
    Neither of a rescinded pair stands. Of those corrected the one stands that was entered last, if it is what the
    worker's dates say.
    """
    one = worker.employment
    ended = columns.day_of(columns.own(worker.row, "terminationDate", options))
    standing: dict[tuple[str | None, str], _Turn] = {}
    cancelled: dict[str, int] = {}
    for entry in report.log(worker.row):
        kind, day_ = columns.turn_of(entry.names), columns.day_of(entry.effective)
        entered = moment(entry.entered, now)
        if entry.rescinded:
            pointed_at = [each for each in entry.targets if each != worker.row.get("Workday_ID")]
            cancelled |= dict.fromkeys((entry.wid, *pointed_at), entered)
        elif kind is not None and day_ is not None:
            worked = one.last if kind == "end" and day_ == ended and one.last is not None else day_
            on = replace(one, first=None, last=worked) if kind == "end" else replace(one, first=worked, last=None)
            written = entry.effective if worked == day_ else columns.last_day(worker.row, options)
            turn = _Turn(kind, worked, on, worker, written or "", entry.wid, entered)
            place = (kind, "corrected" if entry.corrected else entry.wid)
            if place in standing:
                cancelled[standing[place].row] = entered
            standing[place] = turn
    for kind, said in (("end", one.last), ("start", one.first)):
        corrected = standing.get((kind, "corrected"))
        if corrected is not None and said is not None and corrected.day != said:
            cancelled[standing.pop((kind, "corrected")).row] = corrected.entered
    return [each for each in standing.values() if each.row not in cancelled], cancelled
