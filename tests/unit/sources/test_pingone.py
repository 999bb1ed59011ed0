"""Source `pingone`: what each documented payload becomes."""

import json
from typing import Any

import pytest

from streamproc.core.parsed_payload import FetchRequest, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.units import Micros
from streamproc.sources.pingone import DEFAULTS, elements, read
from tests.support.paths import PAYLOADS

FIXTURES = PAYLOADS / "pingone"
ANA = "a0000000-0000-4000-8000-000000000001"
BEN = "b0000000-0000-4000-8000-000000000002"
ADMIN = "d0000000-0000-4000-8000-000000000009"
BASE = "https://api.pingone.eu/v1/environments/e0000000-0000-4000-8000-000000000000"
RECORDED = 1_772_442_005_120_000  # 2026-03-02T09:00:05.120Z
TAKEN = Receipt(received=Micros(RECORDED + 2_000_000))
USER = {"type": "USER", "id": ANA, "name": "ana.ruiz", "href": f"{BASE}/users/{ANA}"}
MEMBERSHIP = {
    "type": "MEMBER_OF_GROUP",
    "id": "g-1",
    "name": " Spanish Agents ",
    "href": f"{BASE}/users/{ANA}/memberOfGroups/g-1",
}


def fixture(name: str) -> Any:
    """A constructed payload."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def activity(kind: str, *resources: Any, **changes: Any) -> dict[str, Any]:
    """One activity, done by an administrator; `...` leaves a field out."""
    whole = {
        "id": "c-1",
        "recordedAt": "2026-03-02T09:00:05.120Z",
        "action": {"type": kind},
        "actors": {"user": {"id": ADMIN, "type": "USER", "href": f"{BASE}/users/{ADMIN}"}},
        "resources": list(resources),
        "result": {"status": "SUCCESS", "description": "Updated title for User ana.ruiz"},
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}


def user(**changes: Any) -> dict[str, Any]:
    """Ana as the users API has her, with her groups; `...` leaves a field out."""
    return {name: value for name, value in (fixture("user") | changes).items() if value is not ...}


def one_said(payload: Any, taken: Receipt = TAKEN, **options: Any) -> SourceEvent:
    """The one thing that a payload says, and nothing beside it."""
    parsed = read(payload, taken, DEFAULTS.model_copy(update=options))
    assert (parsed.notifications, parsed.ignored) == ((), ())
    (event,) = parsed.events
    return event


def test_a_deletion_acts_at_once() -> None:
    """Who is deleted is disabled without a fetch."""
    assert one_said(activity("USER.DELETED", USER)) == SourceEvent(
        subject=ANA,
        event="c-1",
        kind="change",
        order=(Micros(RECORDED), 1, "c-1"),
        attributes={"active": False, "gone": True},
        reason="USER.DELETED",
    )


@pytest.mark.parametrize(
    ("kind", "result", "urgent"),
    [
        ("USER.CREATED", {"description": "Created User ana.ruiz with enabled state"}, False),
        ("USER.UPDATED", {"description": "Updated title for User ana.ruiz"}, False),
        ("USER.UPDATED", {"description": "Updated enabled for User ana.ruiz"}, True),
        ("USER.UPDATED", {"description": "UPDATED ENABLED"}, True),
        ("USER.UPDATED", {}, True),
        ("USER.UPDATED", None, True),
    ],
)
def test_what_carries_no_values_has_to_be_fetched(kind: str, result: Any, urgent: bool) -> None:
    """A description that speaks of `enabled`, or is missing, hastens the fetch; it never is taken for a value."""
    parsed = read(activity(kind, USER, result=result), TAKEN)
    assert parsed == ParsedPayload(notifications=(FetchRequest(ANA, "c-1", Micros(RECORDED), kind, urgent=urgent),))


@pytest.mark.parametrize(("word", "name"), [("CREATED", "Spanish Agents"), ("DELETED", None)])
def test_a_membership_is_a_fact_of_its_own(word: str, name: str | None) -> None:
    """The group's name is the membership's, and the user stands only in its `href`; who did it never is the subject."""
    event = one_said(activity(f"MEMBER_OF_GROUP.{word}", MEMBERSHIP))
    assert (event.subject, event.kind, event.attributes) == (ANA, "change", {"group:Spanish Agents": name})
    assert one_said(activity(f"MEMBER_OF_GROUP.{word}", USER, MEMBERSHIP)) == event


def test_a_membership_without_a_name_has_to_be_fetched() -> None:
    """Where the group isn't named the user's groups have to be read, first where one was lost."""
    nameless = MEMBERSHIP | {"name": None}
    for kind, urgent in (("MEMBER_OF_GROUP.CREATED", False), ("MEMBER_OF_GROUP.DELETED", True)):
        assert read(activity(kind, nameless), TAKEN).notifications == (
            FetchRequest(ANA, "c-1", Micros(RECORDED), kind, urgent=urgent),
        )


@pytest.mark.parametrize(
    ("payload", "code", "subject"),
    [
        (activity("USER.LOCKED", USER), "type", ANA),
        (activity("USER.UNLOCKED", USER), "type", ANA),
        (activity("USER.ACCESS_ALLOWED", USER), "type", ANA),
        (activity("USER.ACCESS_DENIED", USER), "type", ANA),
        (activity("PASSWORD.RESET", USER), "type", ANA),
        (activity("POPULATION.UPDATED"), "type", None),
        (activity("USER.DELETED", USER, result={"status": "FAILED", "description": "x"}), "failed", ANA),
        (activity("MEMBER_OF_GROUP.CREATED", MEMBERSHIP, result={"status": "FAILURE"}), "failed", ANA),
        (activity("GROUP.UPDATED", {"type": "GROUP", "id": "g-1", "href": f"{BASE}/groups/g-1"}), "group", None),
        (activity("GROUP.DELETED"), "group", None),
        (activity("USER.DELETED", resources=None), "incomplete", None),
        (activity("USER.DELETED", {"type": "USER", "name": "ana.ruiz"}), "incomplete", None),
        (activity("USER.DELETED", USER, {"type": "USER", "id": BEN}), "incomplete", None),
        (user(enabled=None), "incomplete", ANA),
        (user(enabled=...), "incomplete", ANA),
        (user(id=...), "incomplete", None),
        ({"event": activity("USER.DELETED", USER), "source": "PingOne"}, "other_format", None),
        ({"_embedded": {"groups": [{"id": "g-1", "name": "Spanish Agents"}]}}, "not_understood", None),
        ({"eventType": "USER.DELETED", "id": ANA}, "not_understood", None),
        ("USER.DELETED", "not_understood", None),
        (None, "not_understood", None),
    ],
)
def test_what_means_nothing_here_says_why(payload: Any, code: str, subject: str | None) -> None:
    """Sign-in matters, failures, whole groups, other formats and what isn't PingOne's change nobody."""
    parsed = read(payload, TAKEN)
    (ignored,) = parsed.ignored
    assert (parsed.events, parsed.notifications) == ((), ())
    assert (ignored.code, ignored.subject) == (code, subject)
    assert ignored.reason


def test_a_user_without_its_id_is_told_by_its_address() -> None:
    """The resource's `href` holds the id too, with whatever comes after it."""
    for href in (f"{BASE}/users/{ANA}", f"{BASE}/users/{ANA}?include=x", f"{BASE}/users/{ANA}/enabled"):
        assert one_said(activity("USER.DELETED", {"type": "USER", "id": None, "href": href})).subject == ANA


def test_the_same_activity_counts_once_however_it_comes() -> None:
    """From the webhook at once or from a page hours later: the same order, so the second is a duplicate."""
    by_hook = one_said([activity("USER.DELETED", USER)])
    later = Receipt(received=Micros(RECORDED + 10**10), read_at=Micros(RECORDED + 10**10))
    assert one_said({"_embedded": {"activities": [activity("USER.DELETED", USER)]}}, later) == by_hook


def test_a_clock_ahead_makes_nothing_stale() -> None:
    """A time after the receipt, or none at all, counts as the receipt."""
    for recorded in ("2026-03-05T00:00:00Z", None, "yesterday", 7):
        assert one_said(activity("USER.DELETED", USER, recordedAt=recorded)).order[0] == TAKEN.received
        assert read(activity("USER.UPDATED", USER, recordedAt=recorded), TAKEN).notifications[0].at == TAKEN.received


def test_in_one_millisecond_what_takes_away_wins() -> None:
    """Of two activities of the same time the one that takes away is the later, whatever their ids."""
    removed = one_said(activity("MEMBER_OF_GROUP.DELETED", MEMBERSHIP, id="a"))
    assert removed.order > one_said(activity("MEMBER_OF_GROUP.CREATED", MEMBERSHIP, id="z")).order
    assert removed.order > one_said(user(), Receipt(received=TAKEN.received, read_at=Micros(RECORDED))).order


def test_without_an_id_the_content_is_the_id() -> None:
    """Two deliveries of one activity without `id` are told to be one, and two activities aren't."""
    first, again, other = (
        one_said(activity("USER.DELETED", USER, id=..., correlationId=word)).event for word in ("a", "a", "b")
    )
    assert first == again != other
    assert first.startswith("sha256:")


def test_a_user_is_a_snapshot() -> None:
    """A user resource says every fact, its groups, and the customer's own attributes under their own name."""
    event = one_said(user())
    assert event == SourceEvent(
        subject=ANA,
        event=event.event,
        kind="snapshot",
        order=(TAKEN.received, 0, event.event),  # updatedAt lies after the receipt
        attributes={
            "userName": "ana.ruiz",
            "displayName": "Ana Ruiz",
            "active": True,
            "email": "ana.ruiz@example.com",
            "mobile": None,
            "phone": "+13175550100",
            "job": "Senior Agent",
            "department": "Spanish Support",
            "division": None,
            "manager": "E0900",
            "employeeNumber": "E1001",
            "genesysQueue": "Spanish",
            "genesysLanguage": ["Spanish:4", "English"],
            "genesysRole": None,
            "group:Spanish Agents": "Spanish Agents",
            "group:": True,
            "began": 1_772_352_000_000_000,  # createdAt
        },
        anchor="E1001",
    )


def test_active_is_enabled_and_nothing_else() -> None:
    """A locked account isn't a leaver, and a disabled user is one, whatever the account's status."""
    assert one_said(user(account={"canAuthenticate": False, "status": "LOCKED"})).attributes["active"] is True
    assert one_said(user(lifecycle={"status": "VERIFICATION_REQUIRED"})).attributes["active"] is True
    assert one_said(user(enabled=False)).attributes["active"] is False
    assert one_said(user(enabled="false")).attributes["active"] is False


def test_a_custom_attribute_cant_take_a_facts_name() -> None:
    """An attribute of the customer's called like a fact or a membership gives nobody access."""
    event = one_said(user(enabled=False, active=True, job="Supervisor", **{"group:Admins": "Admins"}))
    assert event.attributes["active"] is False
    assert event.attributes["job"] == "Senior Agent"
    assert "group:Admins" not in event.attributes


def test_a_display_name_is_put_together() -> None:
    """Without a formatted one, given and family name are it; an operator's other path comes first."""
    assert one_said(user(name={"given": "Ana", "family": " Ruiz "})).attributes["displayName"] == "Ana Ruiz"
    assert one_said(user(name={"formatted": "", "family": "Ruiz"})).attributes["displayName"] == "Ruiz"
    assert one_said(user(name=None)).attributes["displayName"] is None
    assert one_said(user(), attributes={"displayName": "title"}).attributes["displayName"] == "Senior Agent"
    assert "displayName" not in one_said(user(), attributes={"userName": "username"}).attributes


def test_the_anchor_is_what_the_source_says_of_who_it_is() -> None:
    """The configured fact, as text, or the subject; an activity without it has none, and a login never is one."""
    assert one_said(user(employeeNumber=1001)).anchor == "1001"
    assert one_said(user(employeeNumber=...)).anchor is None
    assert one_said(user(badge="B7"), anchor="badge").anchor == "B7"
    assert one_said(activity("USER.DELETED", USER), anchor="subject").anchor == ANA
    assert one_said(activity("USER.DELETED", USER)).anchor is None


def test_what_was_fetched_counts_from_when_it_was_read() -> None:
    """A fetched user is as old as the reading of it, whatever `updatedAt`; otherwise that is its time."""
    read_at = RECORDED + 500_000
    assert one_said(user(), Receipt(received=TAKEN.received, read_at=Micros(read_at))).order[0] == read_at
    assert one_said(user(updatedAt="2026-03-02T09:00:05.120Z")).order[0] == RECORDED


def test_a_webhook_holds_several_activities() -> None:
    """The body of a POST is an array: one to be looked at first, one to be looked at, a membership and a leaver."""
    hook = fixture("webhook")
    parsed = read(hook, TAKEN)
    assert elements(hook) == hook
    assert [(event.subject, event.attributes) for event in parsed.events] == [
        (BEN, {"group:Spanish Agents": "Spanish Agents"}),
        (ANA, {"active": False, "gone": True}),
    ]
    assert [(notification.subject, notification.urgent) for notification in parsed.notifications] == [
        (ANA, True),
        (BEN, False),
    ]
    assert parsed.ignored == ()


def test_pages_are_read_in_order() -> None:
    """A page of activities tells a life as the webhook would have; a page of users tells each of them."""
    life = read(fixture("activities"), Receipt(received=Micros(RECORDED + 10**12)))
    assert [event.attributes for event in life.events] == [
        {"group:Billing Agents": "Billing Agents"},
        {"group:Billing Agents": None},
        {"group:Spanish Agents": "Spanish Agents"},
        {"active": False, "gone": True},
    ]
    assert [(notification.reason, notification.urgent) for notification in life.notifications] == [
        ("USER.CREATED", False),
        ("USER.UPDATED", True),
    ]
    assert {event.subject for event in life.events} | {notification.subject for notification in life.notifications} == {
        ANA
    }
    users = read(fixture("users"), TAKEN).events
    assert [(each.subject, each.anchor, each.attributes["active"]) for each in users] == [
        (ANA, "E1001", True),
        (BEN, "1002", False),
    ]
    assert users[1].attributes["displayName"] == "Ben Okafor"


def test_an_empty_page_says_nothing() -> None:
    """A batch or a page without members isn't a mistake."""
    assert read([], TAKEN) == read({"_embedded": {"users": []}}, TAKEN) == ParsedPayload()


def test_reasons_hold_no_values() -> None:
    """Nothing of a payload but its type is repeated in a reason."""
    everything = [fixture(name) for name in ("webhook", "activities", "users")] + [user(enabled=None), {"event": USER}]
    parsed = read(everything, TAKEN)
    told = [event.reason or "" for event in parsed.events]
    told += [notification.reason for notification in parsed.notifications] + [each.reason for each in parsed.ignored]
    assert len(told) == len(elements(everything))
    assert not [word for word in ("Ana", "ana.", "ben.", "Spanish", "0000") if word in " ".join(told)]
