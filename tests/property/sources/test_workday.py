"""Source `workday` against anything that JSON can be, and one worker's snapshots in any order."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.fold.effective_dating import as_of
from streamproc.core.fold.facts import absorb
from streamproc.core.parsed_payload import Receipt, SourceEvent
from streamproc.core.records.change_event import CHANGE_EVENT, SourceFacts
from streamproc.core.records.units import Micros, Millis
from streamproc.sources import workday
from streamproc.sources.employment import Employment, working
from streamproc.sources.lenient_json import micros
from tests.property.sources.test_okta import TAKEN, arrivals, changed, ending, fixtures, mutated, values
from tests.support.consistent import consistent

KIM = fixtures("workday")["report"]["Report_Entry"][1]
DAYS = st.none() | st.dates(date(2026, 1, 1), date(2026, 12, 31))
ZONES = st.sampled_from(["Australia/Melbourne", "Pacific/Honolulu", "Europe/Berlin", "UTC"])
EMPLOYMENTS = st.builds(
    Employment, ZONES, DAYS, DAYS, st.none() | st.booleans(), over=st.booleans(), rescinded=st.booleans()
)
NOON = micros("2026-05-01T12:00:00Z") or 0
NOWS = st.integers(1_767_225_600_000_000, 1_798_761_600_000_000)  # 2026


def checked(payload: Any) -> None:
    """The payload is read, twice the same, as the concatenation of its elements, each of which is understood alone."""
    found, _ = consistent(workday, payload, TAKEN)
    assert all(said.effective is None or said.effective.at > TAKEN.received for said in found.events)


@given(payload=values)
def test_no_json_is_too_much(payload: Any) -> None:
    """Whatever comes, it is read or ignored, and never raises."""
    checked(payload)


@settings(max_examples=35)  # the answers of Get_Workers are long
@given(payload=mutated("workday"))
def test_no_near_miss_is_too_much(payload: Any) -> None:
    """Nor does a payload in which things are missing, null or of another type."""
    checked(payload)


@pytest.mark.parametrize("opening", ["[", '{"Body":', '{"Worker_Data":', '{"Employee_ID":'])
def test_no_depth_is_too_deep(opening: str) -> None:
    """As deep as JSON's reader allows."""
    closing = "]" if opening == "[" else "}"
    checked(orjson.loads(opening * 1000 + "1" + closing * 1000))


@given(one=EMPLOYMENTS, now=NOWS)
def test_what_was_announced_is_what_is_said_once_it_has_come(one: Employment, now: int) -> None:
    """An end that lay ahead finds nobody working from its moment on; a start that lay ahead finds them working."""
    end, start = one.leaving(Micros(now)), one.coming(Micros(now))
    if end is not None and not one.renewed:
        assert one.works(end) is False
    if start is not None and not one.over and (end is None or start < end):
        assert one.works(start) is True
        assert one.works(Micros(start - 1)) is not True or one.renewed


@given(employments=st.lists(EMPLOYMENTS, min_size=1, max_size=3), now=NOWS)
def test_nobody_works_by_an_employment_that_is_over(employments: list[Employment], now: int) -> None:
    """Someone works only by an employment that isn't over or rescinded, whose end isn't past and start not ahead."""
    if working(employments, Micros(now)):
        by = [employment for employment in employments if employment.works(Micros(now))]
        assert by
        for each in by:
            assert not each.over
            assert not each.rescinded
            assert each.renewed or each.ends is None or each.ends > now


@given(one=EMPLOYMENTS, others=st.lists(EMPLOYMENTS, max_size=2), now=NOWS)
def test_an_end_is_left_out_only_where_somebody_goes_on(one: Employment, others: list[Employment], now: int) -> None:
    """Whoever isn't told of the end works the day after, by what is known now."""
    end = one.ends
    if end is None or end <= now or one.over or one.rescinded or one.renewed or one.last is None:
        return
    if one.leaving(Micros(now), (), others) is None:
        after = one.last + timedelta(days=1)
        assert any(other.first == after or other.covers(after, Micros(now)) for other in others)


def life(moments: list[int]) -> list[SourceEvent]:
    """Kim as reports tell of her, read at these moments: leaving, left, and back again."""
    rows = [KIM, KIM | {"Worker_Status": "Terminated"}, KIM | {"Hire_Date": "2026-05-20", "Title": "Lead"}]
    reads = [
        workday.read(one, Receipt(Micros(max(moments)), Micros(now)))
        for one, now in zip(rows, sorted(moments), strict=True)
    ]
    return [said for found in reads for said in found.events if said.kind == "snapshot"]


@given(moments=st.lists(NOWS, min_size=3, max_size=3, unique=True), data=st.data())
def test_any_shuffle_with_repeats_ends_the_same(moments: list[int], data: st.DataObject) -> None:
    """The facts are those of the snapshot that was read last, whenever it arrives."""
    told = life(moments)
    facts = ending(data.draw(arrivals(told)), "workday")
    assert facts["active"] == told[-1].attributes["active"]
    assert facts["job"] == "Lead"


def active_at(told: list[SourceEvent], moment: str) -> Any:
    """Whether Kim is active then, after these arrivals, by the timeline that the log keeps."""
    facts: SourceFacts | None = None
    for offset, said in enumerate(told):
        event = replace(changed(said, "workday", offset), effective=said.effective, row=said.row, cancels=said.cancels)
        facts, _ = absorb(facts, event, ("active",))
    now = micros(moment)
    assert facts is not None
    assert now is not None
    return as_of(facts, Millis(now // 1000))[0]["active"]


@given(data=st.data())
def test_a_last_day_that_is_moved_and_taken_back(data: st.DataObject) -> None:
    """In any order and with repeats: the last word on the last day counts, to the second, and no earlier one."""
    kim = KIM | {"Termination_Date": "", "Time_Zone": "Pacific/Honolulu"}
    reads = {"2026-05-01T12:00:00Z": "2026-05-14", "2026-05-02T12:00:00Z": "2026-05-31", "2026-05-03T12:00:00Z": ""}
    told = [
        list(workday.read(kim | {"Last_Day_Of_Work": last}, Receipt(Micros(now), Micros(now))).events)
        for now, last in ((micros(moment) or 0, last) for moment, last in reads.items())
    ]
    moved = data.draw(arrivals([*told[0], *told[1]]))
    assert active_at(moved, "2026-05-20T00:00:00Z") is True
    assert active_at(moved, "2026-06-01T09:59:59Z") is True
    assert active_at(moved, "2026-06-01T10:00:00Z") is False
    assert active_at(data.draw(arrivals([*told[0], *told[1], *told[2]])), "2026-06-10T00:00:00Z") is True


POSITIONS = st.fixed_dictionaries(
    {"Employee_ID": st.sampled_from(["21001", "21002"]), "Title": st.sampled_from(["Agent", "Lead", "Chief"])},
    optional={
        "Position_ID": st.sampled_from(["", "P-9", "P-10"]),
        "Primary_Job": st.sampled_from(["0", "1"]),
        "Active": st.sampled_from(["0", "1"]),
        "Hire_Date": st.sampled_from(["2026-02-01", "2026-09-01"]),
        "Last_Day_Of_Work": st.sampled_from(["2026-03-01", "2026-08-01"]),
        "Effective_Date": st.sampled_from(["2026-02-01", "2026-09-01"]),
        "Entry_Moment": st.sampled_from(["2026-01-05T10:00:00Z", "2026-01-06T10:00:00Z"]),
        "Time_Zone": ZONES,
    },
)


def by_subject(payload: Any) -> dict[str, list[SourceEvent]]:
    """Whom a report tells of, and what."""
    found: dict[str, list[SourceEvent]] = {}
    for said in workday.read(payload, Receipt(Micros(NOON), Micros(NOON))).events:
        found.setdefault(said.subject, []).append(said)
    return found


@given(rows=st.lists(POSITIONS, min_size=2, max_size=5), data=st.data())
def test_the_order_of_rows_says_nothing(rows: list[dict[str, str]], data: st.DataObject) -> None:
    """A person's positions in whatever order the report has them, tied or not: the same is said of each."""
    shuffled = data.draw(st.permutations(rows))
    assert by_subject({"Report_Entry": shuffled}) == by_subject({"Report_Entry": rows})


@given(
    jobs=st.lists(
        st.tuples(st.sampled_from([None, "P-9", "P-10"]), st.booleans(), st.sampled_from(["Agent", "Lead"])),
        min_size=2,
        max_size=4,
    ),
    data=st.data(),
)
def test_the_order_of_a_workers_jobs_says_nothing(jobs: list[tuple[Any, bool, str]], data: st.DataObject) -> None:
    """The same, where they are inside one worker of Get_Workers."""

    def title(ordered: list[tuple[Any, bool, str]]) -> Any:
        told = [
            {"@Primary_Job": "1" if primary else "0", "Position_Data": {"Position_ID": id_, "Business_Title": name}}
            for id_, primary, name in ordered
        ]
        data_ = {"Worker_ID": "21001", "Employment_Data": {"Worker_Job_Data": told}}
        return [event.attributes.get("job") for event in workday.read({"Worker_Data": data_}, TAKEN).events]

    assert title(data.draw(st.permutations(jobs))) == title(jobs)


def test_what_is_said_fits_into_the_log() -> None:
    """Everything that the constructed payloads say survives the log's own encoding."""
    for said in workday.read(list(fixtures("workday").values()), TAKEN).events:
        event = changed(said, "workday", 0)
        assert CHANGE_EVENT.validate_json(CHANGE_EVENT.dump_json(event)) == event
