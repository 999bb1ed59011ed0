"""Values of which one half is clear: blanks before words, odd words beside clear ones, marks of spreadsheets."""

from typing import Any, Final

import orjson

from streamproc.core.parsed_payload import ParsedPayload
from streamproc.sources.hris.people import envelope
from tests.field.case import Case
from tests.field.debezium import POSITIONS, row
from tests.field.pipeline import play
from tests.field.pipelines import hris, joins
from tests.field.says import NOW, now, says
from tests.field.statuses import okta, workday, worker

READ: Final = {"streamproc-read": str((NOW - 60_000) * 1000).encode()}
RISC: Final = "https://schemas.openid.net/secevent/risc/event-type"


def _said(source: str, value: Any, settings: str = "", *, fetched: bool = False) -> ParsedPayload:
    return says(source, orjson.dumps(value), settings, READ if fetched else None)


def _fields(said: ParsedPayload) -> list[str | None]:
    return [each.field for each in said.ignored]


def _blank_before_a_word() -> None:
    for blank in ("", "  ", "\u00a0", "\u200b", None):
        assert now(_said("workday", worker(Active=blank, Worker_Status="Terminated")), "active") == [False], blank
        ended = worker(Last_Day_Of_Work=blank, Termination_Last_Day_of_Work="2026-11-02")
        assert now(_said("workday", ended), "active") == [False], blank
        contract = worker(Employee_ID=blank, Contingent_Worker_ID="C77", Worker_Status="Terminated")
        (event,) = _said("workday", contract).events
        assert (event.anchor, event.attributes["active"]) == ("C77", False), blank
        table = {"op": "u", "after": {"employee_id": 1, "is_active": blank, "status": "Terminated"}, "source": {}}
        assert now(_said("debezium", table), "active") == [False], blank
    ran = play([workday(Active="1"), workday(1, Active="", Worker_Status="Terminated")])
    assert ran.active("F210") is False


def _pending_beginning() -> None:
    for word in ("Pending Hire", "Pending Start", "Hire Pending", "Pending Background Check", "Pending"):
        said = _said("workday", worker(Worker_Status=word, Hire_Date=..., Termination_Date="2031-01-01"))
        assert (now(said, "active"), _fields(said)) == ([], ["active"]), word
    ending = worker(Worker_Status="Separation Pending", Termination_Date="2031-01-01")
    assert now(_said("workday", ending), "active") == [True]


def _end_within_a_status() -> None:
    for word in ("Active (term 11/30/2026)", "Active - Term Date 30.11.2026", "Active - Term: eff. 1 Dec"):
        said = _said("workday", worker(Worker_Status=word))
        assert (now(said, "active"), _fields(said)) == ([], ["active"]), word
    assert now(_said("workday", worker(Worker_Status="Active - Fixed Term")), "active") == [True]


def _marks_around_numbers() -> None:
    for number in ("'4400", '="4400"', '"4400"', "'4400'", "'4400.0"):
        assert [each.anchor for each in _said("workday", worker(Employee_ID=number)).events] == ["4400"], number
    for dash in "\u2010\u2011\u2013\u2212":
        assert _said("workday", worker(Employee_ID=f"EMP{dash}7")).events[0].anchor == "EMP-7"
    for number in ("1.2417E4", "12.417,00", "12417,0", "${employeeId}", "{{employee.id}}", "[object Object]"):
        said = _said("workday", worker(Employee_ID=number))
        assert (said.events, _fields(said)) == ((), ["employeeNumber"]), number
    for number in ("Not Provided", "to be determined", "not yet assigned", "No Employee ID"):
        assert _said("workday", worker(Employee_ID=number)).events == (), number
    leaver = okta(profile={"employeeNumber": "'F210"}, status="DEPROVISIONED")
    assert play([workday(), okta(profile={"employeeNumber": "'F210"}), leaver]).active("F210") is False


def _last_day_of_zero() -> None:
    merge = {"id": "m9", "employment_status": "ACTIVE", "start_date": "2024-01-01", "termination_date": "1970-01-01"}
    person = envelope("bamboohr", {"id": "1", "status": "Active", "terminationDate": "1970-01-01"})
    table = {"op": "u", "after": {"employee_id": 1, "status": "active", "last_day": "1970-01-01"}, "source": {}}
    user = {"id": "u1", "accountEnabled": True, "deletedDateTime": "1970-01-01T00:00:00Z"}
    for said in (
        _said("hris", {"hook": {"event": "Employee.changed"}, "data": merge}),
        _said("hris", person, fetched=True),
        _said("debezium", table, "debezium.attributes.terminationDate = 'last_day'"),
        _said("entra", user),
    ):
        assert now(said, "active") == []
        assert said.ignored


def _status_that_isnt_there() -> None:
    at = POSITIONS["postgresql"]
    rows = [row(at(1), 0, active=1), row(at(2), 1, active=0), row(at(3), 2, active=None)]
    account = okta(profile={"employeeNumber": "31"})
    assert play([rows[0], account, *rows[1:]]).active("31") is False, "null takes no word back"
    settings = "debezium.attributes.hireDate = 'first_day'"
    table = {"op": "u", "after": {"employee_id": 1, "status": None, "first_day": "2020-01-01"}, "source": {}}
    assert now(_said("debezium", table, settings), "active") == [True], "dates count without a status"


def _gusto() -> None:
    known = {"uuid": "1", "first_name": "A", "last_name": "B", "jobs": [{"hire_date": "2020-01-01"}]}
    spellings: tuple[tuple[Any, list[bool]], ...] = (
        ("true", [False]),
        (1, [False]),
        ("Yes", [False]),
        ("false", [True]),
        (0, [True]),
        ("perhaps", []),
        ({}, []),
        (None, []),
    )
    for terminated, active in spellings:
        said = _said("hris", envelope("gusto", known | {"terminated": terminated}), fetched=True)
        assert (now(said, "active"), bool(said.ignored)) == (active, not active), terminated
    new = known | {"jobs": [], "terminated": False, "onboarded": "false"}
    assert now(_said("hris", envelope("gusto", new), fetched=True), "active") == []
    hook = {"uuid": "g", "event_type": "terminated", "entity_type": "Employee", "entity_uuid": "ge"}
    assert [(each.subject, each.urgent) for each in _said("hris", hook).notifications] == [("ge", True)]


def _finch() -> None:
    job = {"is_active": True, "employment_status": "TERMINATED ", "start_date": "2020-01-01"}
    assert now(_said("hris", envelope("finch", {"id": "1"}, [job]), fetched=True), "active") == [False]


def _jumpcloud() -> None:
    body = {"id": "j", "event_type": "user_update", "resource": {"type": "user", "id": "j9"}}
    for suspended, active in ((False, []), (True, [False])):
        changes = [{"field": "state", "to": "FROZEN"}, {"field": "suspended", "to": suspended}]
        said = _said("hris", body | {"changes": changes})
        assert (now(said, "active"), [each.urgent for each in said.notifications]) == (active, [True])


def _leaver_in_a_list() -> None:
    left = hris("F9", 1, active=False, phone=[])["value"]
    for body in ([left], [hris("F8", 1, job="Lead")["value"], left]):
        ran = play([joins("F8"), joins("F9"), {"topic": "events.hris", "key": "F9", "value": body}])
        assert (ran.active("F9"), ran.active("F8")) == (False, True)
        assert ("invalid", "F9", "phone") in ran.told()


def _results_of_another_year() -> None:
    activity = {"id": "a", "action": {"type": "USER.DELETED"}, "resources": [{"type": "USER", "id": "p1"}]}
    for status in ("OK", "PARTIAL_SUCCESS"):
        said = _said("pingone", activity | {"result": {"status": status}})
        assert [(each.subject, each.urgent) for each in said.notifications] == [("p1", True)], status
    assert _said("pingone", activity | {"result": {"status": "FAILED"}}).notifications == ()
    targets = [{"id": "00u1", "type": "User"}]
    archived = {"uuid": "u", "eventType": "user.lifecycle.archive", "target": targets}
    assert [each.urgent for each in _said("okta", archived).notifications] == [True]
    notice = {"subscriptionId": "s", "changeType": "updated,deleted", "resource": "Users/u1"}
    assert [each.urgent for each in _said("entra", {"value": [notice]}).notifications] == [True]


def _subjects_that_are_nobody() -> None:
    subjects = (
        {"format": "opaque", "id": "null"},
        {"format": "email", "email": "N/A"},
        {"format": "scim", "uri": "/Users/undefined"},
    )
    for subject in subjects:
        token = {"iss": "https://i", "iat": 1_795_960_000, "jti": "s", "sub_id": subject}
        said = _said("set", token | {"events": {f"{RISC}/account-disabled": {}}})
        assert (said.events, _fields(said)) == ((), ["sub_id"]), subject
    activity = {"id": "a", "action": {"type": "USER.DELETED"}, "resources": [{"href": "https://api/users/null"}]}
    assert _said("pingone", activity).events == ()
    notice = {"subscriptionId": "s", "changeType": "deleted", "resource": "Users/undefined"}
    assert _said("entra", {"value": [notice]}).notifications == ()


def _part_of_active() -> None:
    for path in ("active[value eq true]", "active.value"):
        operations = {"data": {"Operations": [{"op": "replace", "path": path, "value": False}]}}
        token = {"iss": "https://i", "iat": 1_795_960_000, "jti": "s", "sub_id": {"format": "opaque", "id": "k4"}}
        said = _said("set", token | {"events": {"urn:ietf:params:scim:event:prov:patch:full": operations}})
        assert _fields(said) == [path]


def _half_a_position() -> None:
    """MySQL's file without its place in it, beside a GTID."""
    at = POSITIONS["mysql"]
    half = {"file": "mysql-bin.000007", "pos": None, "gtid": "24bc7850-2c16-11e6-a073-0242ac110002:7"}
    left = row(half, 1, active=0, connector="mysql")
    assert play([row(at(1), 0, active=1, connector="mysql"), left]).active("31") is False
    back = row(at(9), 2, active=1, connector="mysql")
    assert play([row(at(1), 0, active=1, connector="mysql"), left, back]).active("31") is True


def _no_user_in_a_user() -> None:
    """An answer that isn't a user clears nothing."""
    put = "urn:ietf:params:scim:event:prov:put:full"
    bodies: tuple[Any, ...] = ({"detail": "not found", "status": "404"}, {"id": "k4"}, [], "x")
    for data in bodies:
        token = {"iss": "https://i", "iat": 1_795_960_000, "jti": "s", "sub_id": {"format": "opaque", "id": "k4"}}
        said = _said("set", token | {"events": {put: {"data": data}}})
        assert (said.events, len(said.notifications)) == ((), 1), data


def _levels_as_an_object() -> None:
    levels: Any = {"Spanish": 4}
    user = {"id": "p1", "username": "p", "enabled": True, "_links": {"self": {"href": "x"}}}
    for said in (
        _said("pingone", user | {"genesysLanguage": levels}),
        _said("okta", okta(profile={"genesysLanguage": levels})["value"]),
    ):
        assert (said.events[0].attributes["genesysLanguage"], _fields(said)) == (levels, [])
    deep = _said("pingone", user | {"genesysLanguage": {"Spanish": {"level": 4}}})
    assert (deep.events[0].kept, _fields(deep)) == (("genesysLanguage",), ["genesysLanguage"])


CASES: Final = (
    Case("K2", "blank-before-a-word", _blank_before_a_word),
    Case("K7", "pending-beginning", _pending_beginning),
    Case("K7", "end-within-a-status", _end_within_a_status),
    Case("K4", "marks-around-numbers", _marks_around_numbers),
    Case("K2", "last-day-of-zero", _last_day_of_zero),
    Case("K2", "status-that-isnt-there", _status_that_isnt_there),
    Case("K2", "gusto-terminated-in-all-types", _gusto),
    Case("K2", "finch-status-in-capitals", _finch),
    Case("K2", "jumpcloud-odd-state-beside-suspended", _jumpcloud),
    Case("K2", "leaver-refused-in-a-list", _leaver_in_a_list),
    Case("K5", "results-and-types-of-another-year", _results_of_another_year),
    Case("K4", "subjects-that-are-nobody", _subjects_that_are_nobody),
    Case("K2", "set-part-of-active", _part_of_active),
    Case("K1", "half-a-position", _half_a_position),
    Case("K2", "no-user-in-a-user", _no_user_in_a_user),
    Case("K2", "levels-as-an-object", _levels_as_an_object),
)
