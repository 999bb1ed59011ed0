"""Dates of hire and of leaving, as reports and spreadsheets write them."""

from typing import Any, Final

import orjson

from streamproc.core.parsed_payload import ParsedPayload
from tests.field.case import Case
from tests.field.pipeline import Pause, play
from tests.field.says import now, says
from tests.field.statuses import told, workday, worker

UNREAD: Final = ("not_understood", "F210", "terminationDate")


def _read(settings: str = "", **columns: Any) -> ParsedPayload:
    return says("workday", orjson.dumps(worker(**columns)), settings)


def _ends(said: ParsedPayload) -> list[str]:
    return [
        event.effective.said for event in said.events if event.effective and event.attributes.get("active") is False
    ]


def _past_in_any_format() -> None:
    for written in (
        "15/11/2026",
        "11/15/2026",
        "15-Nov-2026",
        "Nov 15, 2026",
        "20261115",
        "15.11.2026",
        "2026-11-15T00:00:00",
    ):
        assert now(_read(Termination_Date=written), "active") == [False], written


def _ahead_in_any_format() -> None:
    for written in ("15/11/2031", "15-Nov-2031", "2031/11/15", "２０３１-１１-１５"):
        said = _read(Termination_Date=written)
        assert (now(said, "active"), len(_ends(said))) == ([True], 1), written


def _none() -> None:
    for written in (
        "",
        "  ",
        "0000-00-00",
        "00/00/0000",
        0,
        "0001-01-01",
        "1900-01-01",
        "9999-12-31",
        "31-Dec-9999",
        None,
    ):
        said = _read(Termination_Date=written)
        assert (now(said, "active"), _ends(said), list(said.ignored)) == ([True], [], []), written


def _not_understood() -> None:
    wrong: list[Any] = ["soon", "TBD", "N/A", 45992, "45992", 1_763_164_800_000, {}, ["2026-11-15"], "31/02/2026"]
    for written in (*wrong, "0203-05-01", "15-dic-2026", "1970-01-01"):
        said = _read(Termination_Date=written)
        assert now(said, "active") == [], written
        assert told("workday", worker(Termination_Date=written)) == {("not_understood", "F210", "terminationDate")}, (
            written
        )
        assert now(_read(Termination_Date=written, Worker_Status="Terminated"), "active") == [False], written


def _either_could_be_the_month() -> None:
    ambiguous = {"Termination_Date": "05/12/2026"}
    assert now(_read(**ambiguous), "active") == [], "12 May is past, 5 December isn't"
    assert told("workday", worker(**ambiguous)) == {UNREAD}
    day_first = _read('workday = { dates = ["%d/%m/%Y"] }', **ambiguous)
    assert (now(day_first, "active"), len(_ends(day_first))) == ([True], 1)
    month_first = _read('workday = { dates = ["%m/%d/%Y"] }', **ambiguous)
    assert now(month_first, "active") == [False]
    assert now(_read(Hire_Date="02/03/2024", Termination_Date="05/06/2025"), "active") == [False], "past, whichever"
    assert now(_read(Hire_Date="02/03/2024"), "active") == [True]


def _known_end_stays() -> None:
    """An end that was known holds, though the date can't be read when it comes again."""
    records = [workday(), workday(1, Termination_Date="2026-12-04"), workday(2, Termination_Date="12-04")]
    ran = play([*records, Pause(8 * 86_400)])
    assert ran.active("F210") is False
    assert UNREAD in ran.told()


def _known_start_stays_closed() -> None:
    """Nobody is let in before a first day that can't be read."""
    assert now(_read(Hire_Date="Monday"), "active") == []
    ran = play([workday(Hire_Date="2031-06-01"), workday(1, Hire_Date="next June")])
    assert ran.active("F210") in {False, None}


def _columns_in_any_spelling() -> None:
    for column in ("Termination_date", "TERMINATION_DATE", "\ufeffTermination_Date", "Termination_Date\u00a0"):
        assert now(_read(**{column: "2026-11-15"}), "active") == [False], column


def _old_end_without_a_new_start() -> None:
    """Dates win for good: a status that lags behind isn't told from a termination that was taken back."""
    assert now(_read(Termination_Date="2025-06-30", Original_Hire_Date="2020-01-01"), "active") == [False]
    assert now(_read(Termination_Date="2025-06-30", Hire_Date="2026-09-01"), "active") == [True]


CASES: Final = (
    Case("K2", "termination-past-in-any-format", _past_in_any_format),
    Case("K2", "termination-ahead-in-any-format", _ahead_in_any_format),
    Case("K2", "blank-zeros-and-ends-of-calendars", _none),
    Case("K2", "what-isnt-a-date", _not_understood),
    Case("K2", "either-could-be-the-month", _either_could_be_the_month),
    Case("K2", "a-known-end-stays", _known_end_stays),
    Case("K2", "a-first-day-that-cant-be-read", _known_start_stays_closed),
    Case("K2", "columns-in-any-spelling", _columns_in_any_spelling),
    Case("K2", "old-end-without-a-new-start", _old_end_without_a_new_start),
)
