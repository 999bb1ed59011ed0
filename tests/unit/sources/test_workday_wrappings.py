"""Workday's report: wrappings, columns, and the answers of Get_Workers with their transaction log."""

from dataclasses import replace
from typing import Any

import pytest

from streamproc.core.parsed_payload import ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.units import Micros
from streamproc.sources.workday import DEFAULTS, elements, read
from tests.support.workday import NOON, at, fixture, row, us, utc


@pytest.mark.parametrize(
    "wrapped",
    [
        {"Report_Entry": [row()]},
        {"Report_Entry": row()},
        {"root": {"Report_Entry": [row()]}},
        {"wd:Report_Data": {"@xmlns:wd": "urn:com.workday.report/x", "wd:Report_Entry": [row()]}},
        [row()],
        row(),
    ],
)
def test_wrappings_of_a_report(wrapped: Any) -> None:
    """A list, one row alone, a root around it, XML's names: the same row."""
    assert elements(wrapped) == [row()]
    assert at(wrapped) == at(row())


@pytest.mark.parametrize(
    "empty", [[], {"Report_Entry": []}, {"Report_Entry": None}, {"Response_Data": {}}, {"Response_Results": {}}]
)
def test_a_page_with_nobody_says_nothing(empty: Any) -> None:
    """Missing from a page isn't left."""
    assert at(empty) == ParsedPayload()


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (None, "not_understood"),
        ("x", "not_understood"),
        ({}, "not_understood"),
        ({"Report_Entry": ["x"]}, "not_understood"),
        ({"Preferred_Name": "Ana Ruiz"}, "incomplete"),
        ({"Employee_ID": "21001"}, "incomplete"),
        ({"Employee_ID": "21001", "Title": " "}, "incomplete"),
    ],
)
def test_what_is_ignored(payload: Any, code: str) -> None:
    """What names no worker, or nothing but a worker, would clear everything: it is ignored."""
    parsed = at(payload)
    assert [each.code for each in parsed.ignored] == [code]
    assert (parsed.events, parsed.notifications) == ((), ())
    assert all("Ana" not in each.reason and "21001" not in each.reason for each in parsed.ignored)


def test_columns_are_configured() -> None:
    """Aliases with blanks and dots, another anchor, another status."""
    options = DEFAULTS.model_copy(
        update={
            "anchor": "universalId",
            "attributes": {
                "active": "Emp. Status",
                "employeeNumber": "Legacy ID",
                "universalId": "Person",
                "job": "CF - Job",
                "lastDayOfWork": "Letzter Tag",
            },
            "active": ("aktiv",),
            "zone": "Europe/Berlin",
        }
    )
    columns = {
        "Legacy ID": 7,
        "Person": "U-7",
        "Emp. Status": "Aktiv",
        "CF - Job": "Agent",
        "Letzter Tag": "2026-05-14",
    }
    snapshot, ahead = read(columns, Receipt(Micros(us(NOON))), options).events
    assert (snapshot.subject, snapshot.anchor, snapshot.attributes["active"]) == ("7", "U-7", True)
    assert snapshot.attributes.keys() == {"active", "employeeNumber", "universalId", "job"}
    assert ahead.effective is not None
    assert utc(ahead.effective.at) == "2026-05-14T22:00:00Z"


def test_a_worker_of_get_workers() -> None:
    """Its facts: the primary job, addresses at work and not at home, organizations by type."""
    snapshot, ahead = at(fixture("get_workers")["Get_Workers_Response"]["Response_Data"]["Worker"][0]).events
    assert snapshot.attributes == {
        "userName": "ana@example.com",
        "email": "ana@example.com",
        "displayName": "Ana Ruiz",
        "active": True,
        "phone": "+61370100100",
        "job": "Senior Agent",
        "department": "Spanish Support",
        "manager": "21000",
        "employeeNumber": "21001",
        "began": us("2024-01-31T13:00:00Z"),
    } | dict.fromkeys(["division", "mobile", "universalId", "genesysQueue", "genesysLanguage", "genesysRole"])
    assert ahead.effective is not None
    assert (utc(ahead.effective.at), ahead.effective.zone) == ("2026-05-14T14:00:00Z", "Australia/Melbourne")
    assert (ahead.row, ahead.attributes) == ("e1", {"active": False})
    assert ahead.order[0] == us("2026-04-20T10:15:00Z")  # when it was entered


def test_spellings_of_xml() -> None:
    """Prefixes, namespaces, attributes as an object, one child as an object: the same worker."""

    def told(name: str) -> list[SourceEvent]:
        return [replace(event, event="", order=(*event.order[:2], "")) for event in at(fixture(name)).events[:2]]

    assert told("get_workers") == told("get_workers_prefixed") == told("get_workers_attributes")


@pytest.mark.parametrize(
    ("subject", "active", "cancelled", "ahead"),
    [
        ("21001", True, [], [("e1", False, "2026-05-14T14:00:00Z")]),
        ("21002", True, ["e2", "e3"], []),
        ("21003", True, ["e4"], [("e5", False, "2026-06-14T14:00:00Z")]),
        ("21004", False, [], [("e6", True, "2026-06-01T10:00:00Z")]),
        ("21005", False, ["e7"], []),
    ],
)
def test_transaction_log(subject: str, active: bool, cancelled: list[str], ahead: list[Any]) -> None:
    """Entries are rows by their WID; what was rescinded or corrected is taken back."""
    snapshot, *rows = [event for event in at(fixture("get_workers")).events if event.subject == subject]
    assert snapshot.attributes["active"] is active
    assert [each.cancels for each in rows if each.cancels is not None] == cancelled
    turns = [(each.row, each.attributes["active"], each.effective) for each in rows if each.effective is not None]
    assert [(name, turn, utc(effective.at)) for name, turn, effective in turns] == ahead
    assert len({each.event for each in rows}) == len(rows)
    assert all(each.order[0] < us(NOON) for each in rows)


def test_a_rescind_takes_back_the_entry_that_it_points_at() -> None:
    """Also one that isn't in the answer; the worker itself, which entries point at too, is no entry."""
    worker = fixture("get_workers")["Get_Workers_Response"]["Response_Data"]["Worker"][1]
    entry = worker["Worker_Data"]["Transaction_Log_Entry_Data"]["Transaction_Log_Entry"][1]["Transaction_Log_Data"]
    entry["Transaction_Target_Reference"].append({"ID": [{"@type": "WID", "#text": "e0"}]})
    assert [event.cancels for event in at(worker).events[1:]] == ["e2", "e3", "e0"]


def changed_log(flag: str, effective: str, status_date: str | None) -> list[SourceEvent]:
    """Ana's termination as `Transaction_Log_Corrected_And_Rescinded_Data` tells of it."""
    worker = fixture("get_workers")["Get_Workers_Response"]["Response_Data"]["Worker"][0]
    data = worker["Worker_Data"]
    (main,) = data.pop("Transaction_Log_Entry_Data")["Transaction_Log_Entry"]
    main["Transaction_Log_Data"]["Transaction_Effective_Moment"] = f"{effective}T00:00:00.000-07:00"
    done = {
        "Transaction_Log_Reference": {"ID": {"@type": "WID", "#text": "e9"}},
        flag: "1",
        "Prior_Effective_Moment": "2026-05-31T00:00:00.000-07:00",
        "Transaction_Entry_Moment": "2026-04-25T03:15:00.000-07:00",
    }
    both = {"Main_Transaction_Data": main, "Correction_Or_Rescind_Data": [done]}
    data["Transaction_Log_Corrected_And_Rescinded_Data"] = [{"Corrected_Or_Rescinded_Transaction_Log_Data": [both]}]
    status = data["Employment_Data"]["Worker_Status_Data"]
    status |= {"Termination_Date": status_date, "Termination_Last_Day_of_Work": None}
    return list(at(worker).events[1:])


def test_what_was_done_to_a_transaction_is_believed() -> None:
    """A rescind takes its row back; a correction moves it, entered when it was corrected."""
    (rescinded,) = changed_log("Is_Rescind", "2026-05-31", None)
    assert (rescinded.cancels, rescinded.attributes) == ("e1", {})
    assert (
        ahead := at(fixture("get_workers")["Get_Workers_Response"]["Response_Data"]["Worker"][0]).events[1]
    ).row == "e1"
    assert rescinded.order > ahead.order
    (moved,) = changed_log("Is_Correction", "2026-06-14", "2026-06-14")
    assert moved.effective is not None
    assert (moved.row, utc(moved.effective.at)) == ("e1", "2026-06-14T14:00:00Z")
    assert moved.order[0] == rescinded.order[0] == us("2026-04-25T10:15:00Z")


def test_a_corrected_entry_that_the_dates_contradict_is_taken_back() -> None:
    """The log doesn't say which of the corrected entries holds; the worker's dates do."""
    taken_back, ahead = changed_log("Is_Correction", "2026-05-31", "2026-06-14")
    assert taken_back.cancels == "e1"
    assert ahead.row == "dates/end/2026-06-14"
