"""The same of rows of databases, hooks of HR vendors and security event tokens: nothing that isn't understood changes
anybody's access.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.sources.test_understood import (
    GARBAGE,
    NOW,
    SPELLINGS,
    Situation,
    access,
    changed,
    known,
    leaves,
    said,
)

NUMBERS = frozenset(
    {"employee_id", "EMPLOYEE_ID", "employee_number", "id", "Employee #", "employeeNumber", "uri", "iss"}
)
"""Names of what says who it is."""
STATUS = {
    "status",
    "IS_ACTIVE",
    "value",
    "employment_status",
    "termination_date",
    "start_date",
    "active",
    "to",
    "state",
}
"""Names of what says whether somebody has access."""


def _debezium(**columns: Any) -> Situation:
    row = {"employee_id": "100234", "full_name": "Ána Ruiz", "work_email": "a@example.com", "job_title": "Agent"}
    return Situation("debezium", {"op": "u", "after": row | columns}, NUMBERS)


def _flattened(active: Any) -> Situation:
    return Situation("debezium", {"EMPLOYEE_ID": "100234", "IS_ACTIVE": active, "WORK_EMAIL": "a@example.com"}, NUMBERS)


def _bamboohr(status: str) -> Situation:
    fields = {"Status": {"value": status}, "Employee #": {"value": "100234"}, "Job Title": {"value": "Agent"}}
    employee = {"id": "123", "action": "Updated", "changedFields": ["Status", "Job Title"], "fields": fields}
    return Situation("hris", {"employees": [employee]}, NUMBERS)


def _merge(**data: Any) -> Situation:
    employee = {"id": "m-1", "employee_number": "100234", "first_name": "Ána", "last_name": "Ruiz"}
    employee |= {"employment_status": "ACTIVE", "start_date": "2024-02-01", "work_email": "a@example.com"}
    body = {"hook": {"event": "Employee.changed"}, "data": employee | data}
    return Situation("hris", body, NUMBERS, (NOW,))


def _jumpcloud(state: str) -> Situation:
    changes = [{"field": "state", "to": state}, {"field": "jobTitle", "to": "Agent"}]
    body = {"id": "j", "event_type": "user_update", "resource": {"id": "5f", "type": "user"}, "changes": changes}
    return Situation("hris", body, NUMBERS)


def _set(event: str, data: dict[str, Any]) -> Situation:
    token = {"iss": "https://idp.example.com", "jti": "t", "sub_id": {"format": "scim", "uri": "/Users/7"}}
    events = {f"urn:ietf:params:scim:event:prov:{event}:full": {"data": data}}
    return Situation("set", token | {"events": events}, NUMBERS)


def _user(active: Any) -> dict[str, Any]:
    user = {"userName": "a@example.com", "displayName": "Ána Ruiz", "active": active, "employeeNumber": "100234"}
    return user | {"emails": [{"value": "a@example.com", "primary": True}], "title": "Agent"}


SITUATIONS = [
    *(_debezium(status=word) for word in ("Active", "on leave", "Terminated")),
    *(_flattened(active) for active in (1, 0, True, "Y ", "f")),
    *(_bamboohr(word) for word in ("Active", "Inactive")),
    _merge(),
    _merge(employment_status="INACTIVE"),
    _merge(termination_date="2026-10-31"),
    _merge(termination_date="2031-10-31"),
    *(_jumpcloud(word) for word in ("ACTIVATED", "SUSPENDED")),
    *(_set("put", _user(active)) for active in (True, False, "False")),
    _set("patch", {"Operations": [{"op": "replace", "path": "active", "value": "False"}]}),
    _set("patch", {"Operations": [{"op": "Replace", "value": {"active": True}}]}),
]
NAMES = [f"{number}-{situation.source}" for number, situation in enumerate(SITUATIONS)]
STRANGE = [each for each in GARBAGE if each != "AQ=="]


@pytest.mark.parametrize("situation", SITUATIONS, ids=NAMES)
def test_a_spelling_changes_nothing(situation: Situation) -> None:
    """Case, blanks, marks and composition of any value: the same access."""
    expected = access(situation, known(situation, said(situation, situation.payload)))
    for holder, key in leaves(situation.payload):
        for spelling, spelled in SPELLINGS.items():
            if isinstance(holder[key], str) and key not in situation.identifying:
                parsed = said(situation, changed(situation.payload, (holder, key), spelled(holder[key])))
                assert access(situation, known(situation, parsed)) == expected, (key, spelling)


@pytest.mark.parametrize("situation", SITUATIONS, ids=NAMES)
def test_what_isnt_understood_changes_no_access(situation: Situation) -> None:
    """Whatever stands in any one place: what was known stays; and where it is less than before, that is told."""
    before = known(situation, said(situation, situation.payload))
    expected = access(situation, before)
    for holder, key in leaves(situation.payload):
        if key in situation.identifying:
            continue
        for garbage in GARBAGE if key in STATUS else (GARBAGE[0], GARBAGE[3], GARBAGE[8]):
            if garbage == "AQ==" and situation.source == "debezium":
                continue  # there it is 1
            parsed = said(situation, changed(situation.payload, (holder, key), garbage), 1)
            assert access(situation, known(situation, parsed, before)) == expected, (key, garbage)
            if access(situation, known(situation, parsed)) != expected:
                assert parsed.notifications or [
                    each for each in parsed.ignored if each.code in {"not_understood", "incomplete"}
                ], (key, garbage)


@given(situation=st.sampled_from(SITUATIONS), data=st.data())
def test_two_things_that_arent_understood_change_no_access(situation: Situation, data: st.DataObject) -> None:
    """Nor do two at once."""
    before, payload = known(situation, said(situation, situation.payload)), situation.payload
    for _ in range(2):
        found = [(holder, key) for holder, key in leaves(payload) if key not in situation.identifying]
        payload = changed(payload, data.draw(st.sampled_from(found)), data.draw(st.sampled_from(STRANGE)))
    after = known(situation, said(situation, payload, 1), before)
    assert access(situation, after) == access(situation, before)
