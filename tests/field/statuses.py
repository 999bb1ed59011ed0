"""Statuses as HR systems and directories write them: known, or told and not acted on."""

from typing import Any, Final

import orjson

from tests.field.case import Case
from tests.field.pipeline import play
from tests.field.says import now, says

USER: Final = {
    "id": "00uField",
    "status": "ACTIVE",
    "created": "2024-01-01T00:00:00.000Z",
    "lastUpdated": "2026-11-29T17:00:00.000Z",
    "profile": {"login": "field@example.com", "firstName": "Test", "lastName": "Field", "employeeNumber": "F200"},
    "_embedded": {"groups": []},
}
"""Constructed, as Okta's API has it."""


def okta(**changes: Any) -> dict[str, Any]:
    """A record of `events.okta` with the user."""
    profile = {**USER["profile"], **changes.pop("profile", {})}  # type: ignore[dict-item]
    return {"topic": "events.okta", "key": "00uField", "value": USER | {"profile": profile} | changes}


def worker(**columns: Any) -> dict[str, Any]:
    """A row of Workday's report. Constructed; `...` leaves a column out."""
    row = {
        "Employee_ID": "F210",
        "Preferred_Name": "Test Worker",
        "Email_Address": "f210@example.com",
        "Worker_Status": "Active",
        "Hire_Date": "2024-02-01",
    } | columns
    return {name: value for name, value in row.items() if value is not ...}


def workday(minute: int = 0, **columns: Any) -> dict[str, Any]:
    """A record of `intake.workday` with the row as it was read at a minute of the hour."""
    read = str(1_795_990_000_000_000 + minute * 60_000_000).encode()
    return {
        "topic": "intake.workday",
        "key": "F210",
        "headers": {"streamproc-read": read.decode()},
        "value": {"Report_Entry": [worker(**columns)]},
    }


def told(source: str, value: Any, settings: str = "") -> set[tuple[str, str | None, str | None]]:
    """Code, subject and field of what isn't understood."""
    said = says(source, orjson.dumps(value), settings)
    return {(part.code, part.subject, part.field) for part in said.ignored}


def _pending() -> None:
    said = says(
        "workday", orjson.dumps(worker(Worker_Status="Active - Pending Termination", Termination_Date="2031-01-31"))
    )
    assert now(said, "active") == [True]
    assert [event.attributes["active"] for event in said.events if event.effective] == [False]
    alone = worker(Worker_Status="Pending Termination", Termination_Date="2031-01-31")
    assert now(says("workday", orjson.dumps(alone)), "active") == [True], "a date ahead wins over the word"
    past = worker(Worker_Status="Pending Termination", Termination_Date="2026-11-20")
    assert now(says("workday", orjson.dumps(past)), "active") == [False]
    company = 'workday = { inactive = ["Active - Pending Termination"] }'
    pending = orjson.dumps(worker(Worker_Status="Active - Pending Termination", Termination_Date="2031-01-31"))
    assert now(says("workday", pending, company), "active") == [False], "what is configured wins"


def _words_for_leavers() -> None:
    for word in ("Terminated", "Retired", "Deceased", "Resigned", "INACTIVE ", "terminated - involuntary", "Left"):
        assert now(says("workday", orjson.dumps(worker(Worker_Status=word))), "active") == [False], word


def _blank_column_before_another() -> None:
    row = worker(Active=" ", Worker_Status="Terminated")
    assert now(says("workday", orjson.dumps(row)), "active") == [False], "a blank hides no other column"
    row = worker(lastDayOfWork="", Termination_Date="", terminationDate="2026-11-20")
    assert now(says("workday", orjson.dumps(row)), "active") == [False]


def _unknown_words() -> None:
    for word in (
        "Sabbatical",
        "Actve",
        "No longer active",
        "Active - Terminated",
        "Full-time",
        2,
        0.5,
        {"value": "Active"},
    ):
        value = worker(Worker_Status=word)
        assert now(says("workday", orjson.dumps(value)), "active") == [], word
        assert told("workday", value) == {("not_understood", "F210", "active")}, word


def _numbers() -> None:
    for on, off in ((1, 0), (1.0, 0.0), ("1", "0"), ("t", "f"), ("TRUE", "false"), (True, False)):
        assert now(says("workday", orjson.dumps(worker(Worker_Status=on))), "active") == [True], on
        assert now(says("workday", orjson.dumps(worker(Worker_Status=off))), "active") == [False], off
    coded = 'workday = { active = ["A", "3"], inactive = ["T", "9"] }'
    for status, active in (("A", True), (3, True), (3.0, True), ("t", False), (9, False)):
        assert now(says("workday", orjson.dumps(worker(Worker_Status=status)), coded), "active") == [active], status


def _left_out_of_the_list() -> None:
    for status in ("LOCKED_OUT", "RECOVERY"):
        strict = says(
            "okta", orjson.dumps(okta(status=status)["value"]), 'okta = { active = ["ACTIVE", "PROVISIONED"] }'
        )
        assert now(strict, "active") == [False], "Okta's own statuses are known, whatever is configured"


def _future_status() -> None:
    ran = play([okta(), okta(status="SLEEPING", lastUpdated="2026-11-29T18:00:00.000Z")])
    assert ran.active("F200") is True
    assert ("not_understood", "00uField", "active") in ran.told()
    ran = play([okta(status="SUSPENDED"), okta(status="AWAKE", lastUpdated="2026-11-29T18:00:00.000Z")])
    assert ran.active("F200") in {False, None}, "a word that isn't known lets nobody in"


def _leaver_then_unknown() -> None:
    ran = play([workday(), workday(1, Worker_Status="Terminated"), workday(2, Worker_Status="Terminatd")])
    assert ran.active("F210") is False
    assert ("not_understood", "F210", "active") in ran.told()


def _clock() -> None:
    hook: dict[str, Any] = {"eventType": "user.lifecycle.unsuspend", "uuid": "1", "published": "29/11/2026 10:00"}
    hook |= {"outcome": {"result": "SUCCESS"}, "target": [{"id": "00u1", "type": "User"}]}
    said = says("okta", orjson.dumps(hook))
    assert (now(said, "active"), len(said.notifications)) == ([], 1), "it may be older than a suspension: it is fetched"
    said = says("okta", orjson.dumps(hook | {"eventType": "user.lifecycle.suspend"}))
    assert now(said, "active") == [False], "what takes access away doesn't wait for a clock"


def _entra() -> None:
    user = {"id": "u1", "accountEnabled": True, "displayName": "Test", "userPrincipalName": "t@example.com"}
    for value, active in (
        ("True", [True]),
        ("FALSE", [False]),
        (0, [False]),
        (None, []),
        ("disabled", [False]),
        ("on", []),
    ):
        assert now(says("entra", orjson.dumps(user | {"accountEnabled": value})), "active") == active, value
    for deleted, active in (
        ("", [True]),
        ("0001-01-01T00:00:00Z", [True]),
        ("yesterday", []),
        ("2026-11-01T00:00:00Z", [False]),
    ):
        assert now(says("entra", orjson.dumps(user | {"deletedDateTime": deleted})), "active") == active, deleted
    assert told("entra", user | {"deletedDateTime": "yesterday"}) >= {("not_understood", "u1", "deletedDateTime")}


def _pingone() -> None:
    user = {"id": "p1", "username": "p", "enabled": True, "name": {"given": "Test", "family": "Person"}}
    for value, active in (("false", [False]), ("TRUE ", [True]), (0, [False]), ("perhaps", []), ({}, [])):
        said = says("pingone", orjson.dumps(user | {"enabled": value}))
        assert now(said, "active") == active, value
    assert told("pingone", user | {"enabled": "perhaps"}) == {("not_understood", "p1", "active")}


CASES: Final = (
    Case("K7", "pending-termination", _pending),
    Case("K2", "words-for-leavers", _words_for_leavers),
    Case("K2", "blank-column-before-another", _blank_column_before_another),
    Case("K2", "words-that-nobody-knows", _unknown_words),
    Case("K2", "numbers-and-codes-as-statuses", _numbers),
    Case("K2", "known-status-left-out-of-the-list", _left_out_of_the_list),
    Case("K2", "status-that-comes-next-year", _future_status),
    Case("K2", "leaver-whose-status-is-misspelled-later", _leaver_then_unknown),
    Case("K2", "event-without-a-clock", _clock),
    Case("K2", "entra-enabled-and-deleted-in-all-types", _entra),
    Case("K2", "pingone-enabled-in-all-types", _pingone),
)
