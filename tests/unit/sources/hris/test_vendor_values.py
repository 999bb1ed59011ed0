"""HRIS vendors' hooks: what is complete, what is about nobody, and values that aren't understood."""

from typing import Any

import pytest

from streamproc.core.parsed_payload import ParsedPayload, Receipt
from streamproc.core.records.units import Micros
from streamproc.sources import configured
from streamproc.sources.hris.vendors import read

NOON = 1_796_040_000_000_000  # 2026-11-30T12:00:00Z
TAKEN = Receipt(received=Micros(NOON))


def said(payload: Any, options: str = "") -> ParsedPayload:
    """What a hook says; constructed."""
    return read(payload, TAKEN, configured(f"[hris]\n{options}", "test")["hris"])


def bamboohr(fields: Any, *changed: str, **employee: Any) -> ParsedPayload:
    """A field-based hook of BambooHR about one employee."""
    whole = {"id": 12345, "action": "Updated", "timestamp": "2026-11-29T18:42:00+0000", "changedFields": list(changed)}
    return said({"employees": [whole | {"fields": fields} | employee]})


def facts(parsed: ParsedPayload) -> list[dict[str, Any]]:
    """Of everything that is said of now."""
    return [event.attributes for event in parsed.events if event.effective is None]


def urgent(parsed: ParsedPayload) -> list[tuple[str, bool]]:
    """Whom to fetch, and whether at once."""
    return [(notice.subject, notice.urgent) for notice in parsed.notifications]


def told(parsed: ParsedPayload) -> list[tuple[str, str | None, str | None]]:
    """Code, subject and field of what wasn't understood."""
    return [(each.code, each.subject, each.field) for each in parsed.ignored]


@pytest.mark.parametrize("label", ["Status", "status", "STATUS ", "\ufeffStatus"])
@pytest.mark.parametrize(
    "value", ["Inactive", {"value": "inactive"}, {"value": " INACTIVE\u200b"}, {"value": "Terminated"}]
)
def test_labels_mean_the_same_in_any_case(label: str, value: Any) -> None:
    """With and without blanks; nothing has to be fetched where everything was read."""
    parsed = bamboohr({label: value, "employee#": "00123"}, "status")
    assert facts(parsed) == [{"active": False, "employeeNumber": "00123"}]
    assert (urgent(parsed), parsed.events[0].anchor) == ([], "00123")


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"employeeStatus": {"value": "Inactive"}, "Employee #": "1"}, ["employeeStatus"]),
        ({"Status": {"value": None}, "Employee #": "1"}, ["Status"]),
        ({"Status": None, "Employee #": "1"}, ["Status"]),
        ({"Employee #": "1"}, ["Status"]),
        ({"Employee #": "1"}, []),
        ({"Employee #": "1", "Home Phone": "2"}, ["Home Phone"]),
        (None, ["Status"]),
        ({}, ["Status"]),
        ([], ["Status"]),
    ],
)
def test_what_nobody_read_is_fetched(fields: Any, changed: list[str]) -> None:
    """A field that changed and that no option reads, or that has no value, may be a leaver's."""
    parsed = bamboohr(fields, *changed)
    assert urgent(parsed) == [("12345", True)]
    assert all("active" not in each for each in facts(parsed))


@pytest.mark.parametrize("value", ["Part time", 2, ["Inactive", "Active"], {"a": 1}, "Active - Terminated"])
def test_a_status_that_isnt_understood_is_told_and_fetched(value: Any) -> None:
    """It turns access neither on nor off."""
    parsed = bamboohr({"Status": {"value": value}, "Job Title": "Lead"}, "Status")
    assert facts(parsed) == [{"job": "Lead"}]
    assert (told(parsed), urgent(parsed)) == ([("not_understood", "12345", "active")], [("12345", True)])


def test_statuses_are_configured() -> None:
    """Words of a company's own, on either side."""
    body = {"employees": [{"id": "7", "changedFields": ["Status"], "fields": {"Status": "Part time"}}]}
    assert facts(said(body, "inactive = ['part time']")) == [{"active": False}]
    assert facts(said(body, "active = ['Part Time']")) == [{"active": True}]


@pytest.mark.parametrize("number", ["N/A", "0", 1.5, {"a": 1}, "-", "\ufeffnull"])
def test_a_number_that_is_none_names_nobody(number: Any) -> None:
    """A placeholder is no user; as the hook's own id it names no person at all."""
    parsed = bamboohr({"Status": "Active", "Employee #": {"value": number}}, "Status")
    assert (parsed.events[0].anchor, told(parsed)) == (None, [("not_understood", "12345", "employeeNumber")])
    assert told(bamboohr({"Status": "Active"}, "Status", id=number)) == [("not_understood", None, "subject")]
    assert told(said({"type": "employee.left", "companyId": 1, "data": {"employeeId": number}})) == [
        ("not_understood", None, "subject")
    ]


def test_a_form_is_its_employees() -> None:
    """BambooHR posts fields under names with brackets; form parsers make each a list."""
    form = {
        "employees[123][changedFields][0]": ["Status"],
        "employees[123][Status]": ["Inactive"],
        "employees[123][Employee #]": ["00123"],
        "employees[124][changedFields][0]": "Home Phone",
        "employees[124][action]": "Updated",
    }
    parsed = said(form)
    assert [(event.subject, event.anchor, event.attributes["active"]) for event in parsed.events] == [
        ("123", "00123", False)
    ]
    assert urgent(parsed) == [("124", True)]
    assert facts(bamboohr({"Status": "Inactive"}, "Status", id=None, employeeId=7)) == [{"active": False}]


def merge(**data: Any) -> ParsedPayload:
    """Merge's Employee."""
    employee = {
        "id": "m1",
        "employee_number": 7.0,
        "first_name": "Test",
        "last_name": "Person",
        "display_full_name": None,
    }
    employee |= {"employment_status": "ACTIVE", "start_date": "2024-01-01T00:00:00Z", "termination_date": None}
    return said(
        {"hook": {"event": "Employee.changed"}, "data": employee | {"modified_at": "2026-11-29T00:00:00Z"} | data}
    )


def test_a_name_from_its_parts() -> None:
    """Where the whole is missing; and a whole float is an integer."""
    parsed = merge()
    assert (facts(parsed)[0]["displayName"], parsed.events[0].anchor) == ("Test Person", "7")
    assert facts(merge(display_full_name="T. P."))[0]["displayName"] == "T. P."
    parsed = bamboohr({"First Name": "A", "Last Name": "B"}, "First Name", "Last Name")
    assert (facts(parsed), urgent(parsed)) == ([{"displayName": "A B"}], [])
    assert "displayName" not in facts(bamboohr({"First Name": "A", "Job Title": "x"}, "First Name"))[0]


@pytest.mark.parametrize(
    ("data", "active", "field"),
    [
        ({"termination_date": "soon"}, ..., "termination_date"),
        ({"termination_date": "soon", "employment_status": "INACTIVE"}, False, "termination_date"),
        ({"termination_date": "0000-00-00"}, True, None),
        ({"termination_date": "2026-11-01"}, False, None),
        ({"employment_status": "SABBATICAL"}, ..., "active"),
        ({"employment_status": "SABBATICAL", "termination_date": "2026-11-01"}, False, "active"),
        ({"employment_status": "ACTIVE", "start_date": {"y": 1}}, ..., "start_date"),
        ({"employment_status": "PENDING", "start_date": None}, False, None),
    ],
)
def test_merges_dates_and_statuses_are_understood_or_told(data: dict[str, Any], active: Any, field: str | None) -> None:
    """A no holds beside what can't be read; a yes doesn't."""
    parsed = merge(**data)
    assert facts(parsed)[0].get("active", ...) is active
    assert [name for _, _, name in told(parsed)] == ([] if field is None else [field])


def test_merges_employments_are_somebodys() -> None:
    """A termination may show there first."""
    body = {"hook": {"event": "Employment.changed"}, "data": {"id": "e1", "employee": "m1"}}
    assert urgent(said(body)) == [("m1", True)]
    assert told(said({"hook": {"event": "BankInfo.changed"}, "data": {"id": "b1", "employee": "m1"}})) == [
        ("type", None, None)
    ]


@pytest.mark.parametrize(
    ("kind", "data", "calm"),
    [
        ("table.entry.created", {"tableId": "lifecycle"}, False),
        ("table.entry.created", {"tableId": "employment"}, False),
        ("table.entry.updated", {"tableId": "work"}, False),
        ("table.entry.deleted", {"tableId": "Site_0815"}, False),
        ("table.entry.created", {}, False),
        ("table.entry.created", {"tableId": "payroll"}, True),
        ("employee.created", {}, True),
        ("employee.updated", {}, False),
        ("employee.left", {}, False),
    ],
)
def test_hibobs_tables(kind: str, data: dict[str, Any], calm: bool) -> None:
    """A termination is a new row of a table."""
    body = {"companyId": 1, "type": kind, "version": "v2", "data": {"employeeId": 3_332_883_854_254_932_743} | data}
    assert urgent(said(body)) == [("3332883854254932743", not calm)]


def test_hibobs_first_version() -> None:
    """It has the employee beside the type."""
    body = {"companyId": 1, "type": "employee.left", "triggeredAt": "2026-11-29T13:06:26.9", "employee": {"id": "77"}}
    assert urgent(said(body)) == [("77", True)]


@pytest.mark.parametrize(
    "body",
    [
        {"companyId": 1, "type": "company.bank.updated", "version": "v2", "data": {"id": "9"}},
        {"uuid": "g", "event_type": "bank_account.created", "entity_type": "BankAccount", "entity_uuid": "b"},
        {"uuid": "g", "event_type": "payroll.submitted", "entity_type": "Payroll", "entity_uuid": "b"},
        {"event_type": "company.updated", "connection_id": "k", "data": {"company_id": "c"}},
        {"event_type": "payment.created", "connection_id": "k", "data": {"individual_id": "i"}},
        {"data": {"meta": {"event_type": "Bank account updated"}, "resource": {"id": "b"}}},
        {"event_name": ["company.updated"], "company_id": ["c"], "id": ["c"]},
    ],
)
def test_what_is_about_no_person_names_none(body: dict[str, Any]) -> None:
    """A company, its bank account, its payroll: nobody is asked for by their ids."""
    assert [each.code for each in said(body).ignored] == ["type"]
    assert (said(body).events, said(body).notifications) == ((), ())


def jumpcloud(*changes: tuple[str, Any]) -> ParsedPayload:
    """JumpCloud's change of a user."""
    sent = [{"field": field, "from": None, "to": to} for field, to in changes]
    return said({"id": "j", "event_type": "user_update", "resource": {"id": "5f", "type": "user"}, "changes": sent})


def test_jumpclouds_changes_are_read_or_fetched() -> None:
    """Those that no option reads may hide a leaver; a status that isn't understood is told besides."""
    assert (facts(jumpcloud(("state", "SUSPENDED"))), urgent(jumpcloud(("state", "SUSPENDED")))) == (
        [{"active": False}],
        [],
    )
    assert urgent(jumpcloud(("account_locked", True))) == [("5f", True)]
    parsed = jumpcloud(("state", "ODD"), ("jobTitle", "Lead"))
    assert (facts(parsed), told(parsed)) == ([{"job": "Lead"}], [("not_understood", "5f", "active")])
    assert told(jumpcloud(("suspended", "perhaps"))) == [("not_understood", "5f", "active")]
