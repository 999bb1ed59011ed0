"""Numbers that say who somebody is: in every spelling one person, and never what stands for nobody."""

from typing import Any, Final

import orjson

from tests.field.case import Case
from tests.field.pipeline import play
from tests.field.says import says
from tests.field.statuses import okta, told, workday, worker


def _whole_floats() -> None:
    for number in (100234, 100234.0, "100234.0", " 100234", "\ufeff100234", "100234\u200b", "１００２３４"):
        (event,) = says("workday", orjson.dumps(worker(Employee_ID=number))).events
        assert (event.subject, event.anchor) == ("100234", "100234"), number
        (event,) = says("okta", orjson.dumps(okta(profile={"employeeNumber": number})["value"])).events
        assert event.anchor == "100234", number


def _placeholders() -> None:
    placeholders: list[Any] = ["N/A", "null", "NULL", "none", "0", "00000", "TBD", "-", "?", "unknown", "#N/A"]
    for number in (*placeholders, 0, 12417.5, 1e17, True, {}):
        value = okta(profile={"employeeNumber": number})["value"]
        (event,) = says("okta", orjson.dumps(value)).events
        assert event.anchor is None, number
        assert told("okta", value) == {("not_understood", "00uField", "employeeNumber")}, number
        assert told("workday", worker(Employee_ID=number)) == {("not_understood", None, "employeeNumber")}, number


def _two_without_a_number() -> None:
    """Contractors without a number aren't one person: the leaving of one is nothing to the other."""
    people = [
        okta(id=f"00u{n}", profile={"login": f"c{n}@example.com", "employeeNumber": "N/A"}) | {"key": f"00u{n}"}
        for n in (1, 2)
    ]
    left = okta(id="00u1", status="DEPROVISIONED", profile={"login": "c1@example.com", "employeeNumber": "N/A"})
    ran = play([*people, left | {"key": "00u1"}])
    assert ran.records == {}
    assert {subject for _, subject, _ in ran.told()} == {"00u1", "00u2"}


def _number_becomes_a_placeholder() -> None:
    """On leaving the number is often overwritten: the account was theirs, and stays it."""
    gone = okta(status="DEPROVISIONED", lastUpdated="2026-11-29T18:00:00.000Z", profile={"employeeNumber": "n/a"})
    assert play([okta(), gone]).active("F200") is False


def _contractor_becomes_employee() -> None:
    """With the Universal ID as anchor, which both have, one person goes on working."""
    contract: dict[str, Any] = {
        "Employee_ID": ...,
        "Contingent_Worker_ID": "C77",
        "Worker_Type": "Contingent Worker",
        "Universal_ID": "UN1",
    }
    ended = worker(**contract, Worker_Status="Terminated", Hire_Date="2025-01-01", Termination_Date="2026-11-20")
    employed = worker(Employee_ID="100777", Universal_ID="UN1", Hire_Date="2026-11-21", Original_Hire_Date="2026-11-21")
    record = workday(5)
    record["value"] = {"Report_Entry": [ended, employed]}
    ran = play([workday(**contract, Hire_Date="2025-01-01"), record], settings='workday = { anchor = "universalId" }')
    assert ran.active("UN1") is True


CASES: Final = (
    Case("K3", "whole-floats-and-marks", _whole_floats),
    Case("K4", "placeholders-as-numbers", _placeholders),
    Case("K4", "two-people-without-a-number", _two_without_a_number),
    Case("K4", "number-overwritten-on-leaving", _number_becomes_a_placeholder),
    Case("K4", "contractor-becomes-employee", _contractor_becomes_employee),
)
