"""HRIS vendors' envelopes: what each becomes, and that they are told apart."""

import json
from typing import Any

import pytest

from streamproc.core.parsed_payload import EVERYBODY, FetchRequest, Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import Effective
from streamproc.core.records.units import Micros
from streamproc.sources.hris.vendors import DEFAULTS, elements, read
from streamproc.sources.lenient_json import micros
from tests.support.paths import PAYLOADS

FIXTURES = PAYLOADS / "vendors"
SENT = 1_772_442_005_000_000  # 2026-03-02T09:00:05Z
TAKEN = Receipt(Micros(SENT + 60_000_000))
MELBOURNE = DEFAULTS.model_copy(update={"zones": {"Melbourne": "Australia/Melbourne"}})


def fixture(name: str, **changes: Any) -> Any:
    """A constructed payload."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8")) | changes


@pytest.mark.parametrize(
    ("name", "subject", "reason", "urgent", "sent"),
    [
        ("gusto", "7087d288-bca1-438b-ac5c-5af0d2ac0001", "employee.terminated", True, True),
        ("bamboohr", "123", "employee.updated", True, True),
        ("bamboohr_form", "123", "employee.created", False, True),
        ("finch", "i-1", "employment.updated", True, False),
        ("hibob", "3332883884017713938", "employee.left", True, False),
        ("personio", "991", "person.updated", True, False),
        ("rippling", "r-1", "deleted", True, False),
        ("deel", "d-1", "GP termination confirmed", True, True),
        ("paylocity", "1001", "changed", True, False),
    ],
)
def test_hooks_without_values(name: str, subject: str, reason: str, urgent: bool, sent: bool) -> None:
    """Each is one notice, at the vendor's time if it gives one, else when it was received."""
    parsed = read(fixture(name), TAKEN)
    (notice,) = parsed.notifications
    assert parsed == ParsedPayload(notifications=(notice,))
    assert (notice.subject, notice.reason, notice.urgent) == (subject, reason, urgent)
    assert notice.at == (SENT if sent else TAKEN.received)
    assert read(fixture(name), TAKEN) == parsed


@pytest.mark.parametrize(
    ("kind", "urgent"),
    [
        ("employee.created", False),
        ("employee.onboarded", False),
        ("employee.updated", True),
        ("employee.deleted", True),
        ("employee.termination_cancelled", False),
        ("employee.rehired", False),
        ("employee.rehire_cancelled", True),
        ("employee.something_new", True),
    ],
)
def test_urgent_is_what_may_hide_a_leaver(kind: str, urgent: bool) -> None:
    """Also a type that isn't known; no record is taken for a leaver because it was deleted."""
    parsed = read(fixture("gusto", event_type=kind), TAKEN)
    assert [notice.urgent for notice in parsed.notifications] == [urgent]
    assert parsed.events == ()
    assert read(fixture("hibob", type="employee.inactivated"), TAKEN).notifications[0].urgent is True
    assert read(fixture("hibob", type="employee.activated"), TAKEN).notifications[0].urgent is False


def test_a_termination_that_took_effect() -> None:
    """Gusto says so by itself; older versions of its API have numbers."""
    body = fixture("gusto", event_type="employee.terminated_effective", entity_uuid=None, entity_id=7)
    parsed = read(body, TAKEN)
    assert parsed.events == (
        SourceEvent(
            "7",
            "g-1",
            "change",
            (Micros(SENT), 1, "g-1"),
            {"active": False},
            reason="employee.terminated_effective",
        ),
    )
    assert parsed.notifications == (
        FetchRequest("7", "g-1", Micros(SENT), "employee.terminated_effective", urgent=True),
    )


def test_finch_has_its_event_in_headers() -> None:
    """Id and time; without them a hash and the receipt."""
    headers = {"finch-event-id": "f-1", "finch-timestamp": "1772442005"}
    (notice,) = read(fixture("finch"), Receipt(TAKEN.received, headers=headers)).notifications
    assert (notice.event, notice.at) == ("f-1", SENT)
    assert read(fixture("finch"), TAKEN).notifications[0].event.startswith("sha256:")


def test_bamboohr_fields() -> None:
    """One event for each employee; labels as configured; what changed and isn't sent has to be fetched."""
    body = fixture("bamboohr_fields")
    assert [[employee["id"] for employee in part["employees"]] for part in elements(body)] == [["123"], ["124"]]
    parsed = read(body, TAKEN)
    gone, new = parsed.events
    assert (gone.subject, gone.anchor, gone.kind, gone.order[:2]) == ("123", "E1001", "change", (SENT, 1))
    assert gone.attributes == {
        "active": False,
        "job": "Lead",
        "employeeNumber": "E1001",
        "email": None,
        "userName": None,
    }
    assert (new.anchor, new.attributes) == ("E1002", {"active": True, "employeeNumber": "E1002"})
    assert [(notice.subject, notice.urgent) for notice in parsed.notifications] == [("124", False)]
    body["employees"][0]["action"] = "Deleted"
    deleted = read(elements(body)[0], TAKEN)
    assert (deleted.events, [notice.urgent for notice in deleted.notifications]) == ((), [True])


def merged(received: str, **data: Any) -> list[SourceEvent]:
    """What Merge's employee says, received at a moment."""
    at = micros(received)
    assert at is not None
    body = fixture("merge")
    body["data"] |= data
    parsed = read(body, Receipt(Micros(at)), MELBOURNE)
    assert (parsed.notifications, parsed.ignored) == ((), ())
    return list(parsed.events)


def test_merge() -> None:
    """A change of what is sent, and the last day as a row: its end at the place of work."""
    said, ahead = merged("2026-03-03T00:00:00Z")
    assert said.attributes == {
        "userName": "ana.ruiz@example.com",
        "displayName": "Ana Ruiz",
        "active": True,
        "email": "ana.ruiz@example.com",
        "phone": None,
        "manager": "m-2",
        "employeeNumber": "E1001",
    }
    assert (said.subject, said.anchor, said.order[0], said.cancels) == ("m-1", "E1001", SENT + 120_000, "dates")
    revoked = micros("2026-05-14T14:00:00Z")
    assert revoked is not None
    assert ahead.effective == Effective(Micros(revoked), "2026-05-14T00:00:00Z", "Australia/Melbourne")
    assert (ahead.attributes, ahead.row, ahead.anchor) == ({"active": False}, "dates/end/2026-05-14", "E1001")
    assert said.order < ahead.order


@pytest.mark.parametrize(
    ("received", "data", "active", "ahead"),
    [
        ("2026-05-14T13:59:59Z", {}, True, [False]),
        ("2026-05-14T14:00:00Z", {}, False, []),
        ("2026-03-03T00:00:00Z", {"employment_status": "INACTIVE"}, False, [False]),
        ("2026-03-03T00:00:00Z", {"employment_status": "INACTIVE", "termination_date": None}, False, []),
        (
            "2026-03-03T00:00:00Z",
            {"employment_status": "PENDING", "start_date": "2026-04-01T00:00:00Z", "termination_date": None},
            False,
            [True],
        ),
    ],
)
def test_merge_over_time(received: str, data: dict[str, Any], active: bool, ahead: list[bool]) -> None:
    """Statuses and dates, by the dates' end in Melbourne."""
    said, *rows = merged(received, **data)
    assert said.attributes["active"] is active
    assert [row.attributes["active"] for row in rows] == ahead


@pytest.mark.parametrize(
    ("event", "data", "code"),
    [
        ("Employee.removed", {}, None),
        ("Employee.changed", {"remote_was_deleted": True}, None),
        ("Employee.changed", {"employment_status": None}, None),
        ("Employee.synced", {}, "type"),
        ("LinkedAccount.synced", {}, "type"),
        ("Employee.changed", {"id": None}, "incomplete"),
    ],
)
def test_merge_without_a_person_s_values(event: str, data: dict[str, Any], code: str | None) -> None:
    """A removed record is no leaver: it is looked up. Syncs are about nobody."""
    body = fixture("merge")
    body["hook"]["event"] = event
    body["data"] |= data
    parsed = read(body, TAKEN)
    assert parsed.events == ()
    assert [notice.urgent for notice in parsed.notifications] == ([True] if code is None else [])
    assert [each.code for each in parsed.ignored] == ([] if code is None else [code])


@pytest.mark.parametrize(
    ("changes", "attributes"),
    [
        ([("state", "SUSPENDED"), ("suspended", True)], {"active": False}),
        ([("state", "ACTIVATED"), ("suspended", False)], {"active": True}),
        ([("suspended", "true")], {"active": False}),
        ([("suspended", False)], {"active": True}),
        ([("state", "STAGED"), ("suspended", False)], {"active": False}),
        ([("jobTitle", "Lead"), ("employeeIdentifier", "E1001")], {"job": "Lead", "employeeNumber": "E1001"}),
    ],
)
def test_jumpcloud(changes: list[Any], attributes: dict[str, Any]) -> None:
    """Its changes carry the new values; nothing has to be fetched."""
    sent = [{"field": field, "from": None, "to": to} for field, to in changes]
    parsed = read(fixture("jumpcloud", changes=sent), TAKEN)
    (event,) = parsed.events
    assert parsed == ParsedPayload(events=(event,))
    assert (event.subject, event.event, event.attributes) == ("5f0c", "j-1", attributes)
    assert event.order == (SENT + 120_000, int(attributes.get("active") is False), "j-1")
    assert event.anchor == attributes.get("employeeNumber")


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (fixture("jumpcloud", event_type="sso_auth"), "type"),
        (fixture("jumpcloud", resource={"id": "d", "type": "device"}), "type"),
        (fixture("gusto", event_type="company.updated"), "type"),
        (fixture("gusto", entity_uuid=None), "incomplete"),
        (fixture("rippling", id=None), "incomplete"),
        (fixture("finch", event_type="account.updated", data={}), "type"),
        (fixture("finch", event_type="pay_statement.created"), "type"),
        (fixture("finch", event_type="employment.updated", data={}), "incomplete"),
        (fixture("personio", type="employment.terminated"), "incomplete"),
        (fixture("deel", data={"meta": {"event_type": "invoice paid"}, "resource": {"id": "1"}}), "type"),
        ({"id": "hr-1", "type": "change", "subject": "E1", "attributes": {}}, "not_understood"),
        ({}, "not_understood"),
        (None, "not_understood"),
    ],
)
def test_what_is_ignored(payload: Any, code: str) -> None:
    """What names no person, is about none, or isn't a vendor's; reasons quote nothing."""
    parsed = read(payload, TAKEN)
    assert [each.code for each in parsed.ignored] == [code]
    assert (parsed.events, parsed.notifications) == ((), ())
    assert parsed.ignored[0] == Ignored(code, parsed.ignored[0].reason, parsed.ignored[0].subject)


def test_a_user_without_changes_is_fetched() -> None:
    """JumpCloud's creation and deletion say no values; a deletion may be a leaver."""
    for kind, urgent in (("user_create", False), ("user_delete", True), ("user_update", True)):
        parsed = read(fixture("jumpcloud", event_type=kind, changes=[]), TAKEN)
        assert [notice.urgent for notice in parsed.notifications] == [urgent]


def test_kombos_hook_has_everybody_synchronised() -> None:
    """It names models that changed, and no person."""
    (request,) = read(fixture("kombo"), TAKEN).notifications
    assert (request.subject, request.urgent) == (EVERYBODY, True)
