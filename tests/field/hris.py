"""Hooks of HR vendors: what they leave out, what isn't about people, and words that nobody configured."""

from typing import Any, Final

import orjson

from streamproc.core.parsed_payload import ParsedPayload
from tests.field.case import Case
from tests.field.pipeline import play
from tests.field.pipelines import hris, joins
from tests.field.says import now, says, words


def _said(body: Any, settings: str = "") -> ParsedPayload:
    return says("hris", orjson.dumps(body), settings)


def _bamboohr(fields: Any, *changed: str, settings: str = "") -> ParsedPayload:
    employee = {"id": 881, "action": "Updated", "timestamp": "2026-11-29T18:42:00+0000", "changedFields": list(changed)}
    return _said({"employees": [employee | {"fields": fields}]}, settings)


def _aliases() -> None:
    for label in ("status", "STATUS", "Status"):
        assert now(_bamboohr({label: {"value": "Inactive"}}, label), "active") == [False]


def _form() -> None:
    form = {"employees[881][changedFields][0]": ["Status"], "employees[881][Status]": ["Inactive"]}
    said = _said(form)
    assert (said.events[0].subject, now(said, "active")) == ("881", [False])


def _changed_and_not_read() -> None:
    ways: list[tuple[Any, str]] = [
        ({"empStatus": "Inactive", "Employee #": "5"}, "empStatus"),
        ({"Status": {"value": None}, "Employee #": "5"}, "Status"),
        ({"Employee #": "5"}, "terminationDate"),
        (None, "Status"),
    ]
    for fields, changed in ways:
        said = _bamboohr(fields, changed)
        assert [(each.subject, each.urgent) for each in said.notifications] == [("881", True)], fields
        assert now(said, "active") == []


def _words() -> None:
    said = _bamboohr({"Status": "Full-time"}, "Status")
    assert (now(said, "active"), [each.field for each in said.ignored]) == ([], ["active"])
    settings = "hris.inactive = ['Full-time']"
    assert now(_bamboohr({"Status": "Full-time"}, "Status", settings=settings), "active") == [False]


def _tables() -> None:
    for table in ("lifecycle", "employment", "work", "custom_leavers"):
        body = {
            "companyId": 4,
            "type": "table.entry.created",
            "version": "v2",
            "data": {"employeeId": "77", "tableId": table},
        }
        assert [(each.subject, each.urgent) for each in _said(body).notifications] == [("77", True)]


def _no_person() -> None:
    bodies: list[dict[str, Any]] = [
        {"uuid": "1", "event_type": "bank_account.updated", "entity_type": "BankAccount", "entity_uuid": "ba-1"},
        {"uuid": "1", "event_type": "company.suspended", "entity_type": "Company", "entity_uuid": "co-1"},
        {"event_type": "pay_statement.created", "connection_id": "k", "data": {"individual_id": "i-1"}},
        {"companyId": 4, "type": "company.bank.updated", "version": "v2", "data": {"id": "b"}},
    ]
    for body in bodies:
        said = _said(body)
        assert (said.events, said.notifications, words(said)) == ((), (), ["type"])


def _placeholders() -> None:
    for number in ("N/A", "null", "0", "TBD", "-", "\ufeff"):
        said = _bamboohr({"Status": "Active", "Employee #": number}, "Status")
        assert said.events[0].anchor is None, number
    ran = play([joins("N/A"), joins("900"), hris("900.0", 3, active=False)])
    assert [each["externalId"] for each in ran.accounts] == ["900"], "a placeholder is nobody"
    assert ran.active("900") is False


def _merge(**data: Any) -> ParsedPayload:
    employee = {
        "id": "m9",
        "employee_number": "9",
        "first_name": "Nia",
        "last_name": "Vo",
        "employment_status": "ACTIVE",
    }
    return _said({"hook": {"event": "Employee.changed"}, "data": employee | {"start_date": "2024-01-01"} | data})


def _merged_values() -> None:
    assert now(_merge(display_full_name=None), "displayName") == ["Nia Vo"]
    assert now(_merge(termination_date="31-31-2026"), "active") == []
    assert now(_merge(employment_status="SABBATICAL"), "active") == []
    assert now(_merge(employment_status="INACTIVE", termination_date="?"), "active") == [False]


CASES: Final = (
    Case("K5", "bamboohr-aliases", _aliases),
    Case("K5", "bamboohr-form", _form),
    Case("K5", "bamboohr-changed-and-not-read", _changed_and_not_read),
    Case("K2", "hris-unknown-words", _words),
    Case("K6", "hibob-tables", _tables),
    Case("K6", "hooks-about-no-person", _no_person),
    Case("K4", "hris-placeholders", _placeholders),
    Case("K11", "merge-names-dates-words", _merged_values),
)
