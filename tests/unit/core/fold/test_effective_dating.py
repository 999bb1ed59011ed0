"""From a source's payload, by its link and the fold, to who is to have access at which second. The log is the clock."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from streamproc.core.fold.fold import fold, fold_encoded, passed
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.plan import plan
from streamproc.core.identity.resolve import resolve
from streamproc.core.parsed_payload import Receipt, SourceEvent
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.link import Link
from streamproc.core.records.operation import Create, Deactivate
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import UserRecord, decode, encode
from streamproc.sources import okta, workday
from streamproc.sources.hris.contract import parse
from streamproc.sources.lenient_json import micros
from streamproc.sources.raw_record import parse_record
from streamproc.worker.decide.due_dates import due_refetches

MAPPING = parse_mapping("""
[attributes]
title = "job"
[[rule]]
when = { "group:Spanish Agents" = "*" }
groups = ["Spanish Queue"]
""")
ZONES = {"Melbourne": "Australia/Melbourne", "Honolulu": "Pacific/Honolulu", "Berlin": "Europe/Berlin"}
OPTIONS = workday.DEFAULTS.model_copy(update={"zones": ZONES})
MAY = "2026-05-01T12:00:00Z"


def us(moment: str) -> int:
    """µs since 1970."""
    found = micros(moment)
    assert found is not None
    return found


class Log:
    """One user's events as they come into the log, and the record that they fold to."""

    def __init__(self) -> None:
        self.record: UserRecord | None = None
        self.links: dict[str, Link] = {}
        self.offset = 0

    def fold(self, *events: ChangeEvent) -> None:
        """Take events in."""
        for event in events:
            self.offset += 1
            self.record = fold(self.record, self.offset, event, MAPPING)

    def say(self, source: str, said: tuple[SourceEvent, ...], moment: str) -> None:
        """A record of a source that the broker appends at a moment."""
        self.offset += 1
        by_subject: dict[str, list[SourceEvent]] = {}
        for each in said:
            by_subject.setdefault(each.subject, []).append(each)
        for subject, them in by_subject.items():
            origin = Origin(f"events.{source}", 0, self.offset, Millis(us(moment) // 1000))
            self.links[subject], events = resolve(self.links.get(subject), source, them, origin)
            self.fold(*events)

    def workday(self, moment: str, *rows: dict[str, Any]) -> None:
        """A report that is read at a moment."""
        taken = Receipt(received=Micros(us(moment)), read_at=Micros(us(moment)))
        self.say("workday", workday.read({"Report_Entry": list(rows)}, taken, OPTIONS).events, moment)

    def hris(self, moment: str, **event: Any) -> None:
        """An event of the generic contract about E1, at a moment."""
        whole = {"type": "change", "subject": "E1", "time": moment} | event
        self.offset += 1
        self.fold(*parse(orjson.dumps(whole), {}, Origin("events.hris", 0, self.offset, Millis(us(moment) // 1000))))

    def at(self, microsecond: int) -> bool | None:
        """The worker's timer looks at the calendar. Whether the user is to have access then."""
        assert self.record is not None
        if self.record.due is not None and self.record.due <= microsecond:
            self.fold(passed(self.record, Origin("identity.changes", 0, self.record.seq, Millis(microsecond // 1000))))
        return self.record.desired.get("active")

    @property
    def active(self) -> bool | None:
        """Whether the user is to have access now."""
        assert self.record is not None
        return self.record.desired.get("active")


def row(**columns: Any) -> dict[str, Any]:
    """A report's row of E1, who works in Melbourne; `...` leaves a column out."""
    whole = {
        "Employee_ID": "E1",
        "Preferred_Name": "Ana Ruiz",
        "Worker_Status": "Active",
        "Hire_Date": "2024-02-01",
        "Location": "Melbourne",
    } | columns
    return {name: value for name, value in whole.items() if value is not ...}


@pytest.mark.parametrize(
    ("location", "last_day", "revoked"),
    [
        ("Melbourne", "2026-05-14", "2026-05-14T14:00:00Z"),
        ("Honolulu", "2026-05-14", "2026-05-15T10:00:00Z"),
        ("Berlin", "2026-10-24", "2026-10-24T22:00:00Z"),  # the night after, the clocks go back
        ("Berlin", "2026-10-25", "2026-10-25T23:00:00Z"),  # a day of 25 hours
        ("Berlin", "2027-03-28", "2027-03-28T22:00:00Z"),  # a day of 23 hours
        ("America/Santiago", "2026-09-05", "2026-09-06T04:00:00Z"),  # there midnight itself is skipped
    ],
)
def test_access_ends_to_the_second_where_the_worker_is(location: str, last_day: str, revoked: str) -> None:
    """A last day of work is worked to its end in the worker's zone; the record says when, and by which zone."""
    log = Log()
    log.workday(MAY, row(Location=location, Last_Day_Of_Work=last_day))
    assert log.record is not None
    assert log.record.due == us(revoked)
    assert log.at(us(revoked) - 1_000_000) is True
    assert log.at(us(revoked)) is False
    assert log.record.operations == [Deactivate()]
    assert log.record.due is None
    (dated,) = [each.effective for facts in log.record.facts.values() for each in facts.rows.values()]
    assert dated is not None
    assert (dated.said, dated.zone) == (last_day, ZONES.get(location, location))


def test_a_future_hire_comes_on_their_day() -> None:
    """A future hire isn't active before their day, is created on it, and until then there is nothing to create."""
    log = Log()
    log.workday(MAY, row(Worker_Status="Pre-Hire", Hire_Date="2026-06-01"))
    assert log.record is not None
    assert log.active is False
    assert plan(None, log.record.desired) == []
    assert log.at(us("2026-05-31T13:59:59Z")) is False
    assert log.at(us("2026-05-31T14:00:00Z")) is True
    assert plan(None, log.record.desired) == [Create()]


def test_a_backdated_end_acts_at_once() -> None:
    """An end that is entered after its day is no row that waits."""
    log = Log()
    log.workday(MAY, row())
    log.workday("2026-05-20T09:00:00Z", row(Last_Day_Of_Work="2026-05-14"))
    assert log.active is False
    log = Log()
    log.hris("2026-05-20T09:00:00Z", id="a", attributes={"active": True})
    log.hris("2026-05-20T09:00:01Z", id="b", attributes={"active": False}, effective="2026-05-14T00:00:00Z")
    assert log.active is False


def test_a_rescinded_end_never_comes() -> None:
    """Before its moment: the row is gone and nothing is due."""
    log = Log()
    log.workday(MAY, row(Last_Day_Of_Work="2026-05-14"))
    log.workday("2026-05-10T12:00:00Z", row())
    assert log.record is not None
    assert log.record.due is None
    assert log.at(us("2026-05-15T00:00:00Z")) is True


@pytest.mark.parametrize("late", [False, True])
def test_a_row_is_taken_out_whenever_that_is_said(late: bool) -> None:
    """Before and after its moment, what cancels it leaves what was known without it; also if it comes first."""
    log = Log()
    log.hris("2026-05-01T00:00:00Z", id="hire", attributes={"active": True, "job": "Agent"})
    end = {"id": "end", "attributes": {"active": False, "job": None}, "effective": "2026-05-14T14:00:00Z"}
    undo = {"id": "undo", "attributes": {"department": "Care"}, "cancels": "end"}
    log.hris("2026-05-02T00:00:00Z", **end)
    if late:
        assert log.at(us("2026-05-14T14:00:00Z")) is False
    log.hris("2026-05-15T00:00:00Z" if late else "2026-05-03T00:00:00Z", **undo)
    assert log.record is not None
    assert (log.active, log.record.desired["title"], log.record.due) == (True, "Agent", None)
    assert log.at(us("2026-06-01T00:00:00Z")) is True
    log.hris("2026-05-02T00:00:00Z", **end)  # once more, late
    assert log.active is True


def test_a_corrected_row_takes_the_place_of_the_first() -> None:
    """A correction under the same name moves the moment; the first one passes without effect."""
    log = Log()
    (event,) = parse(
        b'{"id":"x","type":"change","subject":"E1","time":"2026-05-01T00:00:00Z","attributes":{"active":true}}',
        {},
        Origin("events.hris", 0, 0, Millis(us(MAY) // 1000)),
    )
    log.fold(event)
    log.hris("2026-05-02T00:00:00Z", id="end", attributes={"active": False}, effective="2026-05-14T00:00:00Z")
    assert log.record is not None
    first = log.record
    corrected = replace(
        event,
        event="corrected",
        row="end",
        order=(Micros(us("2026-05-03T00:00:00Z")), 0, "corrected"),
        attributes={"active": False},
        effective=replace(first.facts["hris/E1"].rows["end"].effective, at=us("2026-05-20T00:00:00Z")),  # type: ignore[type-var]
        origin=Origin("events.hris", 0, 99, Millis(us("2026-05-03T00:00:00Z") // 1000)),
    )
    log.fold(corrected)
    assert log.at(us("2026-05-14T00:00:00Z")) is True
    assert log.at(us("2026-05-20T00:00:00Z")) is False


def test_any_event_after_the_moment_brings_it_about() -> None:
    """The log is the clock: a row counts with the first event that was appended after its moment, of any source."""
    log = Log()
    log.hris("2026-05-01T00:00:00Z", id="hire", attributes={"active": True})
    log.hris("2026-05-02T00:00:00Z", id="end", attributes={"active": False}, effective="2026-05-14T14:00:00Z")
    log.hris("2026-05-14T14:00:01Z", id="other", attributes={"department": "Care"})
    assert log.active is False
    assert log.record is not None
    assert log.record.due is None


def test_time_never_goes_back() -> None:
    """An event whose raw record was appended earlier, in another partition, doesn't undo what has come about."""
    log = Log()
    log.hris("2026-05-01T00:00:00Z", id="hire", attributes={"active": True})
    log.hris("2026-05-02T00:00:00Z", id="end", attributes={"active": False}, effective="2026-05-14T14:00:00Z")
    assert log.at(us("2026-05-14T14:00:00Z")) is False
    log.say("okta", (SourceEvent("00u1", "o1", "change", (Micros(1), 0, "o1"), {"active": True}, "E1"),), MAY)
    assert log.active is False


def test_a_second_due_event_changes_nothing() -> None:
    """Two workers, or one that was killed in between, may both say that a row has come."""
    log = Log()
    log.hris("2026-05-01T00:00:00Z", id="hire", attributes={"active": True})
    log.hris("2026-05-02T00:00:00Z", id="end", attributes={"active": False}, effective="2026-05-14T14:00:00Z")
    assert log.record is not None
    due = passed(log.record, Origin("identity.changes", 0, log.record.seq, Millis(us("2026-05-14T14:00:00Z") // 1000)))
    assert (due.kind, due.source, due.subject, due.event) == ("due", "hris", "E1", "due/end")
    log.fold(due)
    assert (log.record.effect, log.record.cause.event) == ("changed", "due/end")
    log.fold(due)
    assert (log.record.effect, log.record.operations) == ("duplicate", [])


def test_late_dates_come_together() -> None:
    """After a long downtime one event brings all that has passed; nobody is let in for a moment in between."""
    log = Log()
    log.hris("2026-05-01T00:00:00Z", id="now", attributes={"active": False})
    log.hris("2026-05-01T00:00:01Z", id="start", attributes={"active": True}, effective="2026-05-10T00:00:00Z")
    log.hris("2026-05-01T00:00:02Z", id="end", attributes={"active": False}, effective="2026-05-14T00:00:00Z")
    assert log.at(us("2026-06-01T00:00:00Z")) is False
    assert log.record is not None
    assert (log.record.effect, log.record.due) == ("unchanged", None)


def test_a_snapshot_enables_only_if_it_was_read_after_the_disable() -> None:
    """Okta's own event disables at once; a user that was read before that stays disabled, one read later doesn't."""
    user = {
        "id": "00u1",
        "status": "ACTIVE",
        "lastUpdated": "2026-05-01T09:00:00.000Z",
        "profile": {"login": "ana@example.com", "employeeNumber": "E1"},
    }
    left = {
        "uuid": "u1",
        "eventType": "user.lifecycle.deactivate",
        "published": "2026-05-01T12:00:00.000Z",
        "outcome": {"result": "SUCCESS"},
        "target": [{"id": "00u1", "type": "User"}],
    }
    log = Log()

    def read(moment: str) -> None:
        log.say(
            "okta",
            okta.read(user, Receipt(Micros(us("2026-05-02T00:00:00Z")), Micros(us(moment)))).events,
            "2026-05-02T00:00:00Z",
        )

    read("2026-05-01T11:00:00Z")
    assert log.active is True
    log.say("okta", okta.read(left, Receipt(Micros(us("2026-05-01T12:00:01Z")))).events, "2026-05-01T12:00:01Z")
    assert log.active is False
    read("2026-05-01T11:59:59.999Z")
    assert log.active is False
    read("2026-05-01T12:00:00.001Z")
    assert log.active is True


def test_a_contract_that_ends_doesnt_disable_who_goes_on() -> None:
    """A contractor becomes an employee under the same number: two subjects, one person, and no gap between them."""
    log = Log()
    contract = {"Worker_Type": "Contingent Worker", "Hire_Date": "2025-01-01"}
    log.workday(MAY, row(**contract))
    log.workday("2026-06-01T00:00:00Z", row(Hire_Date="2026-06-01"))
    log.workday("2026-06-02T00:00:00Z", row(**contract, Last_Day_Of_Work="2026-05-31", Worker_Status="Terminated"))
    assert log.record is not None
    assert len(log.record.facts) == 2
    assert log.active is True


def test_a_groups_event_and_a_silent_snapshot() -> None:
    """What an event says of a group outlives a snapshot that doesn't speak of groups, and not one that does."""
    log = Log()
    profile = {"id": "00u1", "status": "ACTIVE", "profile": {"login": "ana@example.com", "employeeNumber": "E1"}}
    joined = SourceEvent(
        "00u1", "g1", "change", (Micros(us(MAY)), 0, "g1"), {"group:Spanish Agents": "Spanish Agents"}, "E1"
    )
    log.say("okta", (joined,), MAY)
    later = Receipt(Micros(us("2026-05-02T00:00:00Z")), Micros(us("2026-05-02T00:00:00Z")))
    log.say("okta", okta.read(profile, later).events, "2026-05-02T00:00:00Z")
    assert log.record is not None
    assert log.record.desired["groups"] == ["Spanish Queue"]
    latest = Receipt(Micros(us("2026-05-03T00:00:00Z")), Micros(us("2026-05-03T00:00:00Z")))
    log.say("okta", okta.read(profile | {"_embedded": {"groups": []}}, latest).events, "2026-05-03T00:00:00Z")
    assert log.record.desired["groups"] == []
    member = {"_embedded": {"groups": [{"id": "00g1", "profile": {"name": "Spanish Agents"}}]}}
    newest = Receipt(Micros(us("2026-05-04T00:00:00Z")), Micros(us("2026-05-04T00:00:00Z")))
    log.say("okta", okta.read(profile | member, newest).events, "2026-05-04T00:00:00Z")
    assert log.record.desired["groups"] == ["Spanish Queue"]


def test_what_is_recalled_has_its_timeline() -> None:
    """Rows, cancels and links survive the worker's quick reading of its own records."""
    log = Log()
    log.hris("2026-05-01T00:00:00Z", id="hire", attributes={"active": True}, cancels="nothing")
    log.hris("2026-05-02T00:00:00Z", id="end", attributes={"active": False}, effective="2026-05-14T14:00:00Z")
    log.say(
        "okta",
        (SourceEvent("00u1", "o1", "snapshot", (Micros(1), 0, "o1"), {"active": True, "group:": True}, "E1"),),
        MAY,
    )
    assert log.record is not None
    value = encode(log.record)
    event = passed(log.record, Origin("identity.changes", 0, 9, Millis(us("2026-05-14T14:00:00Z") // 1000)))
    expected = encode(fold(decode(value), 999, event, MAPPING))
    assert fold_encoded(value, 999, event, MAPPING) == expected


def asked(log: Log, moment: str) -> list[str]:
    """Whom the worker's timer has fetched when it looks at the calendar at a moment."""
    assert log.record is not None
    taken = (
        parse_record(workday.read, OPTIONS, each.value, dict(each.headers), Millis(0))
        for each in due_refetches(log.record, Millis(us(moment) // 1000))
    )
    return [notice.subject for each in taken for notice in each.notifications]


def test_a_hire_known_from_a_row_ahead_alone_is_asked_for_on_the_day() -> None:
    """Nothing that was read says that they are active then, and no reading of new entries shows them again."""
    log, day = Log(), "2026-05-19T14:00:00Z"
    ahead = row(Hire_Date="2026-05-20", Effective_Date="2026-05-20")
    log.workday(MAY, ahead)
    assert asked(log, "2026-05-19T13:59:59Z") == []
    assert asked(log, day) == ["E1"]
    assert log.at(us(day)) is not True
    log.workday("2026-05-19T14:00:03Z", ahead)
    assert log.at(us("2026-05-19T14:00:04Z")) is True


def test_a_termination_that_was_rescinded_unheard_is_asked_for_when_it_comes() -> None:
    """It takes access, as the report last said; what is asked for then gives it back."""
    log, end = Log(), "2026-05-14T14:00:00Z"
    log.workday(MAY, row(Last_Day_Of_Work="2026-05-14"))
    assert asked(log, end) == ["E1"]
    assert log.at(us(end)) is False
    assert asked(log, end) == [], "once for each date"
    log.workday("2026-05-14T14:00:03Z", row())
    assert log.at(us("2026-05-14T14:00:04Z")) is True


def test_nobody_is_asked_for_because_of_a_title() -> None:
    """Many may change theirs on one day; and where no report can be asked, nobody is."""
    log = Log()
    log.workday(MAY, row(), row(Effective_Date="2026-05-20", Title="Lead"))
    assert log.at(us("2026-05-19T13:59:59Z")) is True
    assert asked(log, "2026-05-20T00:00:00Z") == []
    log = Log()
    log.hris(MAY, id="a", type="snapshot", attributes={"userName": "e", "displayName": "E", "active": True})
    log.hris(MAY, id="b", attributes={"active": False}, effective="2026-05-20T00:00:00Z")
    assert asked(log, "2026-05-21T00:00:00Z") == []
