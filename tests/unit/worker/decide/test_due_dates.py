"""Due dates: each is given once, when it has come, and is checked against the user's newest record."""

from typing import Any

import orjson
import pytest

from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Effective, Origin
from streamproc.core.records.topic_names import CHANGES
from streamproc.core.records.units import Micros, Millis
from streamproc.worker.decide.due_dates import DueDates, due

MAPPING = parse_mapping('[attributes]\ntitle = "job"\n')
NOW = 1_780_000_000_000
"""ms since 1970."""


def leaver(in_ms: int | None, seq: int = 7) -> bytes:
    """The record of a user who leaves then; None: they stay."""
    effective = None if in_ms is None else Effective(Micros((NOW + in_ms) * 1000), "a day", "UTC")
    origin = Origin("events.hris", 0, seq, Millis(NOW - 100))
    said: dict[str, Any] = {"active": in_ms is None}
    order = (Micros((NOW - 100) * 1000), 0, "e")
    event = ChangeEvent("E1", "hris", "E1", "e", "change", order, said, origin, effective=effective)
    return orjson.dumps(fold(None, seq, event, MAPPING))


def test_dates_that_have_come_are_given_once_and_the_oldest_first() -> None:
    """A date of the very moment has come; one that lies ahead stays."""
    dates = DueDates()
    for user, in_ms in ((b"late", -1), (b"now", 0), (b"first", -9), (b"ahead", 1)):
        dates.note(user, leaver(in_ms), 3)
    assert dates.passed(Millis(NOW)) == [(b"first", 3), (b"late", 3), (b"now", 3)]
    assert dates.passed(Millis(NOW)) == []
    assert dates.passed(Millis(NOW + 1)) == [(b"ahead", 3)]


def test_the_newest_record_counts() -> None:
    """A date that was taken back, or whose partition has gone, isn't given."""
    dates = DueDates()
    dates.note(b"E1", leaver(-1), 3)
    dates.note(b"E1", leaver(None), 3)
    dates.note(b"E2", leaver(-1), 3)
    dates.note(b"E2", leaver(1), 3)
    assert dates.passed(Millis(NOW)) == []
    dates.forget()
    assert dates.passed(Millis(NOW + 1)) == []


def test_what_the_log_is_told() -> None:
    """That the date has come, at the record by which it was due."""
    found = due(leaver(-1), 3, Millis(NOW))
    assert found is not None
    assert (found.event.user, found.event.kind, found.event.origin) == ("E1", "due", Origin(CHANGES, 3, 7, Millis(NOW)))
    assert found.refetches == []


@pytest.mark.parametrize("value", [None, leaver(1), leaver(None)])
def test_nothing_is_told_before_its_time(value: bytes | None) -> None:
    """Nobody is known, their date was moved, or they have none any more."""
    assert due(value, 3, Millis(NOW)) is None
