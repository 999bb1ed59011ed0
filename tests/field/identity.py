"""Numbers that aren't one person's: placeholders, and one number with two people."""

from typing import Any, Final

from tests.field.case import Case
from tests.field.pipeline import play


def _worker(number: str, name: str, status: str = "Active", **columns: Any) -> dict[str, Any]:
    row = {
        "Employee_ID": number,
        "Preferred_Name": name,
        "Email_Address": f"{name}@example.com",
        "Worker_Status": status,
    }
    return {"topic": "events.workday", "key": number, "value": {"Report_Entry": [row | columns]}}


def _account(subject: str, number: Any, minute: int = 0, status: str = "ACTIVE") -> dict[str, Any]:
    profile = {"login": f"{subject}@example.com", "firstName": "T", "lastName": subject, "employeeNumber": number}
    user = {"id": subject, "status": status, "created": "2024-01-01T00:00:00.000Z", "profile": profile}
    said = user | {"lastUpdated": f"2026-11-29T17:{minute:02}:00.000Z", "_embedded": {"groups": []}}
    return {"topic": "events.okta", "key": subject, "value": said}


def _placeholders_merge_nobody() -> None:
    for number in ("N/A", "n/a ", "null", "0", "000000", "TBD", "-", "\ufeff", 0):
        ran = play([_account("00uA", number), _account("00uB", number), _account("00uA", number, 5, "DEPROVISIONED")])
        assert (ran.accounts, ran.records) == ([], {}), number


def _one_number_in_many_spellings() -> None:
    spellings: tuple[Any, ...] = ("\ufeff4400", "4400\u200b", 4400.0)
    for number in spellings:
        ran = play([_account("00uA", number), _worker("4400", "ann"), _worker("4400", "ann", "Terminated")])
        assert [each["externalId"] for each in ran.accounts] == ["4400"], number
        assert ran.active("4400") is False


def _two_under_one_number() -> None:
    both = [_account("00uA", "CONTRACT"), _account("00uB", "CONTRACT", 1)]
    ran = play([*both, _account("00uA", "CONTRACT", 2, "DEPROVISIONED")])
    assert ran.active("CONTRACT") is False
    assert ran.account("CONTRACT")["userName"] == "00uA@example.com", "the second takes nobody's login, then or later"
    (problem,) = ran.records["CONTRACT"].problems
    assert problem.startswith("okta: ambiguous: another subject is held")
    assert ("ambiguous", "okta/00uB", None) in ran.told()
    assert play([_account("00uA", "C1"), _account("00uB", "C2")]).records["C1"].problems == []


CASES: Final = (
    Case("K4", "placeholders-merge-nobody", _placeholders_merge_nobody),
    Case("K4", "two-under-one-number-are-told", _two_under_one_number),
    Case("K3", "one-number-in-many-spellings", _one_number_in_many_spellings),
)
