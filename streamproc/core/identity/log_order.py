"""Log order: what a change log of a database says of one subject, in the order of the log.

A snapshot's row carries the time at which it was read, and shows what held at the snapshot's beginning; so a change
that was committed in between has a higher position and an earlier time. By time alone it would count as stale, and an
old row that is read again later would count as new. So times are made to follow positions, before anything else sees
them: an event is never earlier than one at a lower position of the same log, and never later than one at a higher.

Rule 1: within one log the position decides, and at one position a change is newer than a snapshot's row.
Rule 2: the clock decides between logs, between events of one position, and where a log begins anew: a change at a lower
position that was committed after everything heard so far, or a snapshot from before the first one that was read later
than everything. Any other snapshot's row overtakes no change at a higher position, whenever it was read.
Rule 3: without positions a change is newer than the snapshot's rows before it, and than those that were read within a
day after it; the clock does the rest. What has no position lies before all that has one.
Rule 4: what belongs to the log before the present one stays there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from streamproc.core.parsed_payload import Place, SourceEvent
from streamproc.core.records.link import HeardLog, Mark
from streamproc.core.records.units import Micros

MOST: Final = 8
"""Marks of one log, and logs of one subject. Of older ones the clock is all that counts."""
NEVER: Final = Micros(0)
LONGEST: Final = 24 * 3_600_000_000
"""µs; no snapshot takes longer, so what is read that much later than a change was committed shows the change."""

_CHANGED: Final = "/1"
"""The mark of changes without a position: behind a row without one, before all that have one."""


def in_log_order(
    heard: dict[str, HeardLog], said: Sequence[SourceEvent]
) -> tuple[Sequence[SourceEvent], dict[str, HeardLog]]:
    """What one record says of one subject, in the order of its log; and what is then known of the subject's logs."""
    if all(event.place is None for event in said):
        return said, heard
    logs = dict(heard)
    ordered: list[SourceEvent] = []
    for event in said:
        if event.place is None:
            ordered.append(event)
            continue
        event_, log = _in_order(logs.pop(event.place.log, HeardLog()), event, event.place)
        ordered.append(event_)
        logs[event.place.log] = log  # the last one heard of comes last
    return ordered, dict(list(logs.items())[-MOST:])


def doubtful(heard: Mapping[str, HeardLog], said: Sequence[SourceEvent]) -> bool:
    """Whether a snapshot's row, which overtakes nothing, may be one of another server: it was read more than a day
    after all that is known, at a lower position. Somebody has to say so, by another name of the log.
    """
    for event in said:
        place, clock = event.place, event.order[0]
        log = None if place is None else heard.get(place.log)
        if place is None or log is None or not log.marks or not place.snapshot or not place.at:
            continue
        at = f"{place.at}/0"
        later = at < log.marks[-1].at and clock > log.clock + LONGEST
        if later and at != log.first and not _begins_anew(log, place, at, clock):
            return True
    return False


def _in_order(log: HeardLog, event: SourceEvent, place: Place) -> tuple[SourceEvent, HeardLog]:
    clock = event.order[0]
    if not place.at and not place.snapshot:
        time = max(clock, log.snapshot)
        return _at(event, time, f"{clock:019}"), replace(
            log, marks=_marked(log, _CHANGED, time), clock=max(clock, log.clock)
        )
    at = place.at + ("/0" if place.snapshot else "/1")
    if log.before is not None and at <= log.before.at and clock <= log.before.time:
        return _at(event, clock, at), log
    if _begins_anew(log, place, at, clock):
        log = HeardLog(before=Mark(log.marks[-1].at, log.clock))
    earliest = max((mark.time for mark in log.marks if mark.at < at), default=NEVER)
    latest = min((mark.time for mark in log.marks if mark.at > at), default=None)
    if not place.at and clock > log.clock + LONGEST and all(mark.at == _CHANGED for mark in log.marks if mark.at > at):
        latest = None
    time = max(clock, earliest)
    time = time if latest is None else min(time, latest)
    first = min(at, log.first or at) if place.snapshot and place.at else log.first
    newest = latest is None
    return _at(event, time, at), replace(
        log,
        marks=_marked(log, at, time),
        clock=max(clock, log.clock) if newest else log.clock,
        first=first,
        snapshot=max(time, log.snapshot) if place.snapshot and newest else log.snapshot,
    )


def _begins_anew(log: HeardLog, place: Place, at: str, clock: Micros) -> bool:
    """Whether the positions have begun again (rule 2): on another server, or after a reset."""
    if not log.marks or not place.at or at >= log.marks[-1].at or clock <= log.clock:
        return False
    return not place.snapshot or (log.first is not None and at < log.first)


def _marked(log: HeardLog, at: str, time: Micros) -> tuple[Mark, ...]:
    """The log's marks with this one."""
    held = max((mark.time for mark in log.marks if mark.at == at), default=NEVER)
    marks = [*(mark for mark in log.marks if mark.at != at), Mark(at, max(time, held))]
    return tuple(sorted(marks, key=lambda mark: mark.at)[-MOST:])


def _at(event: SourceEvent, time: Micros, at: str) -> SourceEvent:
    _, sequence, name = event.order
    return replace(event, order=(time, sequence, f"{at}/{name}"))
