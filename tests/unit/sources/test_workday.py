"""Workday's report: dates and statuses, a row as a snapshot, rows ahead."""

from dataclasses import replace
from typing import Any

import pytest

from streamproc.core.fold.effective_dating import as_of
from streamproc.core.fold.facts import absorb
from streamproc.core.identity.resolve import changes
from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import Fact, Origin, SourceFacts
from streamproc.core.records.units import Millis
from streamproc.sources import raw_record
from streamproc.sources.workday import DEFAULTS, elements, read
from tests.support.workday import NOON, OPTIONS, at, fixture, published, row, us, utc

KEPT = "kept"
"""In the place of `active`: what was known of it stays."""


def now_and_ahead(payload: Any, moment: str = NOON) -> tuple[Any, list[tuple[Any, str]]]:
    """Whether the one worker is active, and each turn that lies ahead with its moment."""
    snapshot, *rows = at(payload, moment).events
    assert snapshot.kind == "snapshot"
    dated = [each for each in rows if each.effective is not None and each.effective.at > us(moment)]
    turns = [(each.attributes["active"], each.effective.at) for each in dated if each.effective is not None]
    assert ("active" in snapshot.attributes) is not ("active" in snapshot.kept)
    return snapshot.attributes.get("active", KEPT), [(active, utc(when)) for active, when in turns]


def gone(moment: str) -> tuple[SourceEvent, ...]:
    """What the hydrator's word says that the worker wasn't found at a moment."""
    headers = {"streamproc-kind": b"gone", "streamproc-subject": b"21001"}
    return raw_record.parse_record(read, DEFAULTS, b"{}", headers, Millis(us(moment) // 1000)).events


def active_at(moment: str, *said: tuple[SourceEvent, ...]) -> Fact:
    """Whether the one worker is active at a moment, by records in this order of arrival."""
    facts: SourceFacts | None = None
    for offset, each in enumerate(said):
        origin = Origin("events.workday", 0, offset, Millis(us(NOON) // 1000 + offset))
        for event_ in changes("21001", "workday", each, origin):
            facts, _ = absorb(facts, event_, None)
    assert facts is not None
    return as_of(facts, Millis(us(moment) // 1000))[0].get("active")


@pytest.mark.parametrize(
    ("location", "last_day", "revoked"),
    [
        ("Melbourne Office", "2026-05-14", "2026-05-14T14:00:00Z"),
        ("Honolulu Office", "2026-05-14", "2026-05-15T10:00:00Z"),
        ("Berlin Office", "2026-05-14", "2026-05-14T22:00:00Z"),
        ("Berlin Office", "2027-03-27", "2027-03-27T23:00:00Z"),  # the night after, the clocks go forward
        ("Berlin Office", "2027-03-28", "2027-03-28T22:00:00Z"),  # a day of 23 hours
        ("Berlin Office", "2026-10-25", "2026-10-25T23:00:00Z"),  # a day of 25 hours
        ("Melbourne Office", "2026-10-04", "2026-10-04T13:00:00Z"),  # the other hemisphere's spring
        ("America/Santiago", "2026-09-05", "2026-09-06T04:00:00Z"),  # there midnight itself is skipped
        ("Somewhere", "2026-05-14", "2026-05-15T00:00:00Z"),  # not configured: the configured zone, UTC
    ],
)
def test_the_moment_of_revocation(location: str, last_day: str, revoked: str) -> None:
    """A last day of work is over at its end at the worker's location, to the second, and the zone is told."""
    leaver = row(Location=location, Last_Day_Of_Work=last_day)
    assert now_and_ahead(leaver) == (True, [(False, revoked)])
    second_before, second_after = us(revoked) - 1_000_000, us(revoked)
    assert now_and_ahead(leaver, utc(second_before))[0] is True
    assert now_and_ahead(leaver, utc(second_after)) == (False, [])
    said = at(leaver).events[1]
    assert said.effective is not None
    assert (said.effective.said, said.row) == (last_day, f"dates/end/{last_day}")
    assert said.effective.zone == OPTIONS.zones.get(location, location if "/" in location else "UTC")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param({}, (True, []), id="works"),
        pytest.param({"Termination_Date": "2026-05-31"}, (True, [(False, "2026-05-31T14:00:00Z")]), id="no last day"),
        pytest.param(
            {"Last_Day_Of_Work": "2026-05-14", "Termination_Date": "2026-05-31"},
            (True, [(False, "2026-05-14T14:00:00Z")]),
            id="the last day of work counts",
        ),
        pytest.param({"Termination_Date": "2026-04-30"}, (False, []), id="past, though the status lags behind"),
        pytest.param({"Worker_Status": "Terminated"}, (False, []), id="terminated, no date"),
        pytest.param(
            {"Worker_Status": "Terminated", "Termination_Date": "2026-05-31"},
            (False, []),
            id="terminated before its day",
        ),
        pytest.param({"Worker_Status": "On Leave"}, (True, []), id="leave is no end"),
        pytest.param({"Worker_Status": "Suspended Contract"}, (KEPT, []), id="a status that isn't configured"),
        pytest.param({"Worker_Status": "1"}, (True, []), id="a flag as text"),
        pytest.param({"Worker_Status": "N"}, (False, []), id="a flag that says no"),
        pytest.param({"Worker_Status": ...}, (True, []), id="dates alone"),
        pytest.param({"Worker_Status": "", "Hire_Date": None}, (KEPT, []), id="neither status nor dates"),
        pytest.param(
            {"Worker_Status": "Pre-Hire", "Hire_Date": "2026-06-01T00:00:00-07:00"},
            (False, [(True, "2026-05-31T14:00:00Z")]),
            id="hire ahead",
        ),
        pytest.param(
            {"Hire_Date": "2026-06-01"}, (False, [(True, "2026-05-31T14:00:00Z")]), id="hire ahead, status too early"
        ),
        pytest.param(
            {"Worker_Status": "N", "Hire_Date": "2026-05-01"}, (True, []), id="first day, by Pacific time still ahead"
        ),
        pytest.param({"Worker_Status": "N", "Hire_Date": "2026-04-30"}, (False, []), id="no excuse a day later"),
        pytest.param({"Hire_Date": "2026-06-01", "Hire_Rescinded": "1"}, (False, []), id="hire rescinded"),
        pytest.param({"Hire_Date": "2026-06-01", "Terminated": "1"}, (False, []), id="over before the first day"),
        pytest.param({"Hire_Rescinded": "1"}, (False, []), id="hire rescinded after the start"),
        pytest.param(
            {"Hire_Date": "2026-03-01", "Termination_Date": "2025-01-31"}, (True, []), id="rehired: an old termination"
        ),
        pytest.param(
            {
                "Worker_Status": "Terminated",
                "Original_Hire_Date": "2020-02-03",
                "Hire_Date": "2026-06-01",
                "Termination_Date": "2025-01-31",
            },
            (False, [(True, "2026-05-31T14:00:00Z")]),
            id="rehire ahead",
        ),
        pytest.param(
            {"Worker_Status": "N", "Hire_Date": "2026-06-01", "Termination_Date": "2026-04-28"},
            (False, []),
            id="won't come, or comes back: not said",
        ),
        pytest.param(
            {
                "Worker_Status": "N",
                "Original_Hire_Date": "2026-06-01",
                "Hire_Date": "2026-06-01",
                "Termination_Date": "2026-04-28",
            },
            (False, []),
            id="won't come",
        ),
        pytest.param(
            {"Hire_Date": "2026-06-01", "Termination_Date": "2026-05-14"},
            (True, [(False, "2026-05-14T14:00:00Z"), (True, "2026-05-31T14:00:00Z")]),
            id="leaves and comes back",
        ),
        pytest.param(
            {"Hire_Date": "2026-05-15", "Last_Day_Of_Work": "2026-05-14"},
            (True, [(True, "2026-05-14T14:00:00Z")]),
            id="an end and a start that meet: the start wins",
        ),
        pytest.param(
            {"Hire_Date": "2026-05-14", "Last_Day_Of_Work": "2026-05-14"},
            (True, [(True, "2026-05-13T14:00:00Z")]),
            id="an end and a start on one day: the start wins",
        ),
        pytest.param({"Termination_Date": "soon"}, (KEPT, []), id="no date"),
        pytest.param({"Termination_Date": "9999-12-31"}, (True, []), id="the end of time"),
    ],
)
def test_what_dates_and_statuses_mean(columns: dict[str, Any], expected: Any) -> None:
    """What holds on 1 May in Melbourne, and what lies ahead."""
    assert now_and_ahead(row(**columns)) == expected


def test_a_row_is_a_snapshot() -> None:
    """Every configured fact is said, empty columns as None, in the order of reading; the number is the anchor."""
    parsed = at(fixture("report")["Report_Entry"][1])
    snapshot = parsed.events[0]
    assert snapshot.attributes == {
        "userName": "kim.berg@example.com",
        "email": "kim.berg@example.com",
        "displayName": "Kim Berg",  # of first and last name
        "active": True,
        "job": "Agent",
        "employeeNumber": "21002",
        "began": us("2024-02-01T10:00:00Z"),  # the first day, where she works
    } | dict.fromkeys(
        [
            *("department", "division", "manager", "mobile", "phone", "universalId"),
            *("genesysQueue", "genesysLanguage", "genesysRole"),
        ]
    )
    assert (snapshot.subject, snapshot.anchor, snapshot.kind) == ("21002", "21002", "snapshot")
    assert snapshot.order == (us(NOON), 0, snapshot.event)
    assert snapshot.event.startswith("sha256:")
    assert (parsed.ignored, parsed.notifications) == ((), ())


def test_a_snapshot_takes_back_what_snapshots_before_it_said_of_days_ahead() -> None:
    """Its `cancels` is the beginning of those rows' ids; the rows that it says itself come after it."""
    first, ahead = at(row(Last_Day_Of_Work="2026-05-14")).events
    later = at(row(), "2026-05-02T12:00:00Z").events
    assert ahead.row is not None
    assert ahead.row.startswith(f"{later[0].cancels}/")
    assert first.order < ahead.order < later[0].order
    assert at(row(Hire_Date=...)).events[0].cancels == "dates/start"  # it doesn't speak of dates: an end stays


def test_a_first_day_ahead_is_withdrawn() -> None:
    """Rescinded, and the column is empty or the worker isn't there any more: nobody comes on that day."""
    hired = at(row(Worker_Status="Pre-Hire", Hire_Date="2026-06-01")).events
    later = "2026-05-02T12:00:00Z"
    for after in (at(row(Worker_Status="Pre-Hire", Hire_Date=...), later).events, gone(later)):
        assert active_at("2026-06-02T00:00:00Z", hired, after) is False
        assert active_at("2026-06-02T00:00:00Z", after, hired) is False  # whatever comes first
    assert active_at("2026-06-02T00:00:00Z", hired) is True


def test_gone_leaves_an_end_that_lies_ahead() -> None:
    """A worker whom one reading misses and the next has again still leaves on the day that an event told."""
    (ended,) = published(location="Melbourne Office").events
    back = at(row(Hire_Date=...), "2026-05-03T12:00:00Z").events
    missed = gone("2026-05-02T12:00:00Z")
    assert active_at("2026-05-14T13:59:59Z", (ended,), missed, back) is True
    assert active_at("2026-05-14T14:00:00Z", (ended,), missed, back) is False


def test_an_end_told_by_an_event_holds_while_the_report_lags_behind() -> None:
    """Without a column of dates the report says Active until the day is over where Workday is."""
    (ended,) = published(location="Melbourne Office").events
    lagging = at(row(Hire_Date=...), "2026-05-15T06:00:00Z").events
    assert active_at("2026-05-15T07:00:00Z", (ended,), lagging) is False
    assert active_at("2026-05-15T07:00:00Z", lagging, (ended,)) is False
    anew = at(row(Hire_Date=...), "2026-05-16T06:00:00Z").events
    assert active_at("2026-05-16T07:00:00Z", (ended,), lagging, anew) is True


def test_two_positions_of_one_worker() -> None:
    """The last word of each position counts; without the column only the last of all does."""
    going = row(Effective_Date="2024-02-01", Position_ID="P1")
    closed = row(Effective_Date="2026-04-30", Position_ID="P2", Worker_Status="Terminated")
    for rows in ([going, closed], [closed, going]):
        assert [event.attributes["active"] for event in at(rows).events if event.attributes] == [True]


def test_of_tied_positions_the_primary_one_speaks() -> None:
    """Else that of the lowest number; wherever they stand in the report."""
    chief = row(Position_ID="P-10", Title="Chief", Primary_Job="1")
    lead, agent = row(Position_ID="P-9", Title="Lead"), row(Position_ID="P-11", Title="Agent")
    for rows, job in (([agent, lead], "Lead"), ([lead, chief, agent], "Chief")):
        for ordered in (rows, rows[::-1]):
            assert at({"Report_Entry": ordered}).events[0].attributes["job"] == job


def test_the_same_row_read_again_is_the_same_event_later() -> None:
    """Overlapping polls: the event's id stays, its place in the order is that of the reading."""
    first, again = at(row()).events[0], at(row(), "2026-05-02T12:00:00Z").events[0]
    assert first.event == again.event
    assert first.order < again.order


def test_several_rows_of_one_worker_stay_together() -> None:
    """Where a report has two rows of one number, who works is active, wherever the row stands."""
    gone, there = (
        row(Worker_Status="Terminated", Termination_Date="2026-04-30"),
        row(Hire_Date="2026-05-01", Title="Lead"),
    )
    for rows in ([gone, there], [there, gone]):
        other = row(Employee_ID="21002")
        report = {"Report_Entry": [rows[0], other, rows[1]]}
        assert elements(report["Report_Entry"]) == elements(report)
        assert elements(report) == [{"Report_Entry": rows}, other]
        assert elements(elements(report)[0]) == [{"Report_Entry": rows}]
        snapshot, *_ = at(report).events
        assert (snapshot.attributes["active"], snapshot.attributes["job"]) == (True, "Lead")


@pytest.mark.parametrize("first_day", ["2026-05-10", "2026-05-14", "2026-05-15"])
def test_a_contract_that_ends_as_an_employment_starts_disables_nobody(first_day: str) -> None:
    """Both rows of the number are there: nothing is said of the end, whether they overlap, share a day or meet."""
    contract = row(Last_Day_Of_Work="2026-05-14")
    employment = row(Worker_Status="N", Hire_Date=first_day)
    for rows in ([contract, employment], [employment, contract]):
        active, ahead = now_and_ahead({"Report_Entry": rows})
        assert active is True
        assert [turn for turn, _ in ahead] == [True]
    active, ahead = now_and_ahead({"Report_Entry": [contract, row(Worker_Status="N", Hire_Date="2026-05-16")]})
    assert [turn for turn, _ in ahead] == [False, True]  # a day between them is a day without access


AHEAD = {"Effective_Date": "2026-05-20", "Entry_Moment": "2026-04-10T08:00:00Z"}


def test_a_row_of_a_day_ahead() -> None:
    """It is a row of the timeline, and known is that it stands now; the row of today is the snapshot."""
    today, anew, ahead = at({"Report_Entry": [row(Effective_Date=""), row(**AHEAD, Title="Lead")]}).events
    assert (anew.cancels, anew.attributes) == ("rows", {})
    assert anew.order < ahead.order
    assert (today.kind, today.attributes["job"], today.attributes["active"]) == ("snapshot", None, True)
    assert ahead.effective is not None
    assert (utc(ahead.effective.at), ahead.effective.zone) == ("2026-05-19T14:00:00Z", "Australia/Melbourne")
    assert (ahead.kind, ahead.row, ahead.order[0]) == ("change", "rows/2026-05-20", us(NOON))
    assert ahead.attributes["job"] == "Lead"
    assert "active" not in ahead.attributes
    alone = at(row(**AHEAD, Title="Lead")).events[1]
    assert replace(ahead, event=alone.event, order=alone.order) == alone


def test_a_row_ahead_that_the_report_has_no_more_lets_nobody_in() -> None:
    """Today's row takes it back, or the other rows ahead do, whenever it was entered. Else it would count."""
    today = row(Effective_Date="2024-02-01", Worker_Status="N")
    later, changed = "2026-05-02T12:00:00Z", row(**(AHEAD | {"Effective_Date": "2026-05-25"}), Title="Lead")
    for before, after in (([today, row(**AHEAD)], [today]), ([row(**AHEAD, Title="Chief")], [changed])):
        facts: SourceFacts | None = None
        events = changes(
            "21001", "workday", at(before).events, Origin("events.workday", 0, 0, Millis(us(NOON) // 1000))
        )
        events += changes(
            "21001", "workday", at(after, later).events, Origin("events.workday", 0, 1, Millis(us(later) // 1000))
        )
        for event in events:
            facts, _ = absorb(facts, event, None)
        assert facts is not None
        values, _ = as_of(facts, Millis(us("2026-05-21T00:00:00Z") // 1000))
        assert values.get("active") is not True
        assert values.get("job") is None


@pytest.mark.parametrize(
    ("today", "ahead", "active"),
    [
        ({}, {"Worker_Status": "Terminated"}, False),
        (None, {"Worker_Status": "N"}, False),
        (None, {}, ...),
        ({}, {}, ...),
        ({"Worker_Status": "N"}, {}, True),
        ({"Worker_Status": "N", "Hire_Date": "2026-05-10"}, {"Worker_Status": "N", "Hire_Date": "2026-05-10"}, ...),
    ],
)
def test_what_a_row_ahead_says_of_active(today: Any, ahead: dict[str, Any], active: Any) -> None:
    """Its status may be that of today: only what can't be read in two ways counts."""
    rows = [] if today is None else [row(**today)]
    (said,) = [event for event in at([*rows, row(**AHEAD, **ahead)]).events if event.row == "rows/2026-05-20"]
    assert said.attributes.get("active", ...) is active


def test_of_rows_that_are_past_the_last_counts() -> None:
    """A status that was true before a termination isn't true any more."""
    before, after = row(Effective_Date="2024-02-01"), row(Effective_Date="2026-04-30", Worker_Status="Terminated")
    for rows in ([before, after], [after, before]):
        assert [event.attributes["active"] for event in at(rows).events if event.attributes] == [False]


def test_contract_and_employment_are_two_subjects_of_one_person() -> None:
    """The same number twice: each subject says its own, and both lead to the same person."""
    contract, employment, start = at(fixture("conversion")).events
    assert (start.subject, start.attributes, start.row) == ("21006", {"active": True}, "dates/start/2026-05-01")
    assert (contract.subject, contract.attributes["active"]) == ("Contingent_Worker_ID/21006", False)
    assert (employment.subject, employment.attributes["active"]) == ("21006", True)
    assert contract.anchor == employment.anchor == "21006"
    assert contract.attributes["universalId"] == employment.attributes["universalId"] == "U-6"
    assert at(row(Worker_Type="Contingent Worker")).events[0].subject == "Contingent_Worker_ID/21001"
