"""People whom HR vendors' hooks only name, and the answers of their APIs: from a hook to the account."""

from typing import Any, Final

from streamproc.sources.hris.people import envelope
from tests.field.case import Case
from tests.field.pipeline import play
from tests.field.says import NOW

WHO: Final = "3332883854254932743"
HOOK: Final = {
    "companyId": 636192,
    "type": "employee.left",
    "triggeredBy": "system",
    "triggeredAt": "2026-11-29T00:00:03.114",
    "version": "v2",
    "data": {"employeeId": WHO},
}
"""Constructed, in the shape of HiBob's."""


def _hibob(status: Any, **more: Any) -> dict[str, Any]:
    """A person, as HiBob's API answers."""
    fields = {
        "root/id": WHO,
        "root/email": "noor@example.com",
        "root/displayName": "Noor Test",
        "work/employeeIdInCompany": "F700",
        "work/startDate": "2020-03-02",
        "internal/status": status,
        "internal/terminationDate": None,
        **more,
    }
    return {f"/{name}": {"value": value} for name, value in fields.items()}


def _fetched(minute: int, person: dict[str, Any]) -> dict[str, Any]:
    """The hydrator's record, so many minutes after the first."""
    read = (NOW - 600_000 + minute * 60_000) * 1000
    headers = {"streamproc-kind": "snapshot", "streamproc-read": str(read), "streamproc-subject": WHO}
    headers |= {"streamproc-source": "hris", "streamproc-received": str(read)}
    return {"topic": "intake.hris", "key": WHO, "headers": headers, "value": envelope("hibob", person)}


JOINS: Final = _fetched(0, _hibob("Active"))


def _hook_without_values() -> None:
    ran = play([JOINS, {"topic": "intake.hris", "key": WHO, "value": HOOK}, _fetched(2, _hibob("Inactive"))])
    assert [key for key, _ in ran.appended["notifications.hris"]] == [WHO.encode()]
    assert ran.active("F700") is False
    assert not ran.told()


def _status_in_another_shape() -> None:
    ran = play([JOINS, _fetched(2, _hibob({"id": 3, "name": "Active"}))])
    assert ran.active("F700") is True, "what isn't understood changes nothing"
    assert ran.told() == {("not_understood", WHO, "active")}


def _last_day_in_another_format() -> None:
    ran = play([JOINS, _fetched(2, _hibob("Active", **{"internal/terminationDate": "the end of the month"}))])
    assert ran.active("F700") is True
    assert ran.told() == {("not_understood", WHO, "lastDayOfWork")}


def _field_that_may_not_be_seen() -> None:
    person = _hibob("Active")
    del person["/internal/status"], person["/root/email"]
    ran = play([JOINS, _fetched(2, person)])
    assert ran.active("F700") is True
    assert ran.account("F700")["userName"] == "noor@example.com"
    assert ran.told() == {("not_understood", WHO, "active")}


def _deleted_at_the_vendor() -> None:
    gone = _fetched(2, {})
    gone["headers"]["streamproc-kind"] = "gone"
    assert play([JOINS, gone]).active("F700") is False


CASES: Final = (
    Case("K6", "hr-hook-without-values", _hook_without_values),
    Case("K6", "hr-person-deleted-at-the-vendor", _deleted_at_the_vendor),
    Case("K2", "hr-status-in-another-shape", _status_in_another_shape),
    Case("K2", "hr-last-day-in-another-format", _last_day_in_another_format),
    Case("K2", "hr-field-that-may-not-be-seen", _field_that_may_not_be_seen),
)
