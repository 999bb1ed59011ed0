"""The whole way, from records to accounts."""

from typing import Any, Final

from tests.field.case import Case
from tests.field.pipeline import play


def hris(user: str, number: int, kind: str = "change", **attributes: Any) -> dict[str, Any]:
    """The user's event of that number, each a minute after the one before, by the contract."""
    value = {"id": f"{user}-{number}", "type": kind, "subject": user, "time": f"2026-11-29T18:{number:02}:00Z"}
    return {"topic": "events.hris", "key": user, "value": value | {"attributes": attributes}}


def joins(user: str, **attributes: Any) -> dict[str, Any]:
    """Everything about somebody who has just come."""
    known = {"userName": f"{user.lower()}@example.com", "displayName": f"Test {user}", "active": True}
    return hris(user, 0, "snapshot", **{**known, **attributes})


def _binary_cloudevent() -> None:
    context = {"specversion": "1.0", "id": "c1", "source": "/people", "type": "streamproc.user.snapshot.v1"}
    context |= {"subject": "F100", "time": "2026-11-29T18:00:00Z"}
    record = joins("F100")
    record["headers"] = {f"ce_{name}": content for name, content in context.items()}
    record["value"] = {"attributes": record["value"]["attributes"]}
    assert play([record]).active("F100")


def _entra(number: str, login: str, *, enabled: bool) -> dict[str, Any]:
    user = {"id": "22222222-2222-4222-8222-222222222222", "accountEnabled": enabled, "userPrincipalName": login}
    user |= {"displayName": "Test Person", "employeeId": number, "mail": "p@example.com"}
    return {"topic": "events.entra", "key": user["id"], "value": user}


def _number_marked_on_leaving() -> None:
    before = _entra("200345", "p@example.com", enabled=True)
    ran = play([before, _entra("_200345", "sep_p@example.com", enabled=False)])
    assert ran.active("200345") is False, "the account was theirs, whatever the number is made into"


def _managers_in_a_ring() -> None:
    ran = play([joins("F130", manager="F130"), joins("F131", manager="F132"), joins("F132", manager="F131")])
    assert [ran.active(user) for user in ("F130", "F131", "F132")] == [True] * 3
    assert len(ran.requests) < 30


def _user_name_in_another_case() -> None:
    spellings = ["Case.Two@Example.com", "case.two@example.com", "CASE.TWO@example.com"]
    said = [joins("F140", userName=spellings[0]), *(hris("F140", n, userName=spellings[n]) for n in (1, 2))]
    ran = play(said)
    assert (len(ran.accounts), ran.parked()) == (1, {})


CASES: Final = (
    Case("K2", "binary-cloudevent-without-content-type", _binary_cloudevent),
    Case("K4", "number-marked-on-leaving", _number_marked_on_leaving),
    Case("B", "managers-in-a-ring", _managers_in_a_ring),
    Case("B", "user-name-in-another-case", _user_name_in_another_case),
)
