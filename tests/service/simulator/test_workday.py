"""Workday's stand-in: the report, its prompts and business events."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from yarl import URL

from tests.support.stand_ins import ADA, BEN, REPORT, Site


async def rows(site: Site, **prompts: str) -> list[Any]:
    query = {"format": "json", **prompts}
    return list((await site.get(str(URL(REPORT).with_query(query))))["Report_Entry"])


async def test_workdays_report_holds_strings_and_leaves_columns_empty_or_out(site: Site) -> None:
    """A cleared column is "", one that was never filled isn't there, booleans are digits; who left is no row."""
    await site.put("workday", {**BEN, "job": "Agent"})
    await site.change("workday", "1002", job=None)
    (row,) = await rows(site)
    assert (row["Employee_ID"], row["Mgr_ID"], row["Title"], row["Active"]) == ("1002", "1001", "", "1")
    assert "Department" not in row
    assert (await site.call("GET", REPORT, Authorization="Basic x")).status == 401
    assert (await site.call("GET", REPORT)).status == 400
    assert (await site.call("GET", f"{REPORT}?format=json&Salary=1")).status == 400
    await site.sim("DELETE", "workday/people/1002")
    assert await rows(site) == []


async def test_workdays_report_since_a_moment_and_of_one_worker(site: Site) -> None:
    """The prompts narrow it down: entered at or after a moment, and any column's value."""
    await site.put("workday", ADA)
    await asyncio.sleep(0.002)
    since = datetime.now(UTC)
    await site.put("workday", BEN)
    assert [row["Employee_ID"] for row in await rows(site, Updated_From=since.isoformat())] == ["1002"]
    assert [row["Employee_ID"] for row in await rows(site, Employee_ID="1001")] == ["1001"]


@pytest.mark.parametrize(
    ("hired", "last", "active"), [(-9, None, "1"), (9, None, "0"), (-9, 0, "1"), (-9, 9, "1"), (-9, -1, "0")]
)
async def test_workdays_active_follows_the_dates(site: Site, hired: int, last: int | None, active: str) -> None:
    """From the day of hire to the last day of work, both included: an end ahead leaves Active as it is."""
    today = datetime.now(UTC).date()
    dates = {"hireDate": hired} | ({} if last is None else {"lastDay": last})
    await site.put("workday", ADA | {name: (today + timedelta(days=days)).isoformat() for name, days in dates.items()})
    assert [row["Active"] for row in await rows(site)] == [active]


async def test_workdays_change_ahead_is_a_row_of_its_own(site: Site) -> None:
    """The present row stays as it is; one whose day has come is the present."""
    await site.put("workday", {**ADA, "job": "Agent"})
    day = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
    await site.change("workday", "1001", effective=day, job="Team Lead")
    await site.change("workday", "1001", effective="2020-01-01", department="Sales")
    shown = [(row["Effective_Date"], row["Title"], row["Department"]) for row in await rows(site)]
    assert shown == [("2020-01-01", "Agent", "Sales"), (day, "Team Lead", "Sales")]


async def test_workday_posts_business_events_only_if_it_is_set_up_to(site: Site, receiver: URL) -> None:
    """There is no hook of Workday's own; an integration may post process, worker and moments."""
    await site.put("workday", BEN)
    await site.sim("POST", "config", {"workday_events": True})
    await site.put("workday", ADA)
    await site.change("workday", "1001", terminationDate="2026-03-31")
    events = await site.sent()
    assert {(event["eventName"], event["workerId"], event["effectiveMoment"]) for event in events} == {
        ("Hire Employee", "1001", None),
        ("Terminate Employee", "1001", "2026-03-31"),
    }
