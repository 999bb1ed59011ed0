"""Microsoft Graph: change notifications, users, delta pages."""

from typing import Any

import pytest

from streamproc.core.parsed_payload import FetchRequest, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.units import Micros
from streamproc.sources.entra import DEFAULTS, elements, read
from tests.support.entra import ANA, BEN, CY, LEE, NOON, TAKEN, activity, codes, fixture, one_notice, one_said, without

SUBSCRIPTION = "00000000-0000-4000-8000-0000000000aa"
FETCHED = Receipt(received=Micros(NOON + 5_000_000), read_at=Micros(NOON))


def notification(**data: Any) -> dict[str, Any]:
    """A notification of an update of Ana; `data` are fields of `resourceData`."""
    first: dict[str, Any] = fixture("notifications")["value"][0]
    return first | {"resourceData": without(first["resourceData"], **data)}


def test_a_hook_is_dispatched_item_by_item() -> None:
    """One POST mixes users, groups and lifecycle: users are to be fetched, urgently, for a leaver is an `updated`."""
    parsed = read(fixture("notifications"), TAKEN)
    at = NOON - 3 * 3600 * 1_000_000
    assert parsed.events == ()
    assert parsed.notifications[:2] == (
        FetchRequest(ANA, f"{SUBSCRIPTION}/{ANA}/637812345678901234", Micros(at + 5_123_456), "updated", urgent=True),
        FetchRequest(BEN, f"{SUBSCRIPTION}/{BEN}/637812345678901235", Micros(at + 6_000_000), "deleted", urgent=True),
    )
    cy, *members = parsed.notifications[2:]
    assert (cy.subject, cy.at, cy.reason, cy.urgent) == (CY, TAKEN.received, "updated", True)
    assert [(member.subject, member.reason, member.urgent) for member in members] == [
        (ANA, "group updated", True),
        (BEN, "group updated", True),
    ]
    assert [each.code for each in parsed.ignored] == ["lifecycle", "group"]


@pytest.mark.parametrize(
    ("data", "mark"),
    [
        ({"sequenceNumber": 0}, "0"),
        ({"sequenceNumber": ..., "eventTime": "2026-03-02T09:00:05Z"}, "2026-03-02T09:00:05Z"),
        ({"sequenceNumber": None, "eventTime": ..., "@odata.etag": 'W/"7"'}, 'W/"7"'),
    ],
)
def test_a_repeated_notification_has_the_same_id(data: dict[str, Any], mark: str) -> None:
    """Subscription, user and the first mark there is: number, time, version; when it was received doesn't matter."""
    late = Receipt(Micros(TAKEN.received + 60_000_000))
    assert one_notice(notification(**data)).event == f"{SUBSCRIPTION}/{ANA}/{mark}"
    assert read(notification(**data), late).notifications[0].event == f"{SUBSCRIPTION}/{ANA}/{mark}"


def test_notifications_without_a_mark_are_never_taken_for_repeats() -> None:
    """Two updates of one user look alike if nothing marks them, and the second may be the leaver."""
    bare = notification(sequenceNumber=..., eventTime=...)
    later = read(bare, Receipt(Micros(TAKEN.received + 1))).notifications[0]
    assert later.event != one_notice(bare).event
    assert one_notice(bare | {"id": "n-1"}).event == "n-1"


def test_a_clock_that_is_ahead_counts_as_the_moment_of_arrival() -> None:
    """Else an answer young enough for the notice, or an event after the record, would seem to be in the past."""
    assert one_notice(notification(eventTime="2027-01-01T00:00:00Z")).at == TAKEN.received
    ahead = activity("Disable account", activityDateTime="2027-01-01T00:00:00Z")
    assert one_said(ahead).order == (TAKEN.received, 1, "Directory_1")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"resource": None, "resourceData": None}, "incomplete"),
        ({"resource": "users//", "resourceData": {"@odata.type": "#Microsoft.Graph.User"}}, "incomplete"),
        ({"resourceData": {"@odata.type": "#Microsoft.Graph.Message", "id": "m"}}, "type"),
        ({"changeType": "Validation: Testing client application reachability"}, "probe"),
    ],
)
def test_a_notification_that_names_no_user_is_ignored(change: dict[str, Any], code: str) -> None:
    """Other resources, other changes, nobody at all."""
    assert codes(notification() | change) == [code]


def test_a_change_of_an_unknown_kind_is_fetched() -> None:
    """It may be that somebody left; of a group it says nothing."""
    (fetch,) = read({"value": [notification() | {"changeType": "moved"}]}, TAKEN).notifications
    assert fetch.urgent
    group = {"changeType": "moved", "resource": "Groups/g", "resourceData": {"@odata.type": "#Microsoft.Graph.Group"}}
    assert codes(notification() | group) == ["type"]


def test_the_probe_of_event_hubs_is_dropped() -> None:
    """Graph's first record there is about nobody."""
    assert codes(fixture("probe")) == ["probe"]


def test_event_grid_wraps_the_same_notification() -> None:
    """A CloudEvent's data is read as a webhook's item; type, subject, time and id stand in for what it lacks."""
    updated, deleted, *_ = fixture("event_grid")
    assert one_notice(updated) == one_notice(updated["data"])
    assert one_notice(deleted) == FetchRequest(
        BEN, f"{deleted['source']}#ce-2", Micros(NOON - 3 * 3600 * 1_000_000 + 9_000_000), "deleted", urgent=True
    )
    assert [each.code for each in read(fixture("event_grid"), TAKEN).ignored] == ["group", "lifecycle"]
    assert codes(deleted | {"type": "com.example.changed"}) == ["other_format"]
    assert codes(deleted | {"type": "Microsoft.Graph.MessageCreated"}) == ["type"]


def test_a_user_is_a_snapshot() -> None:
    """What a whole user says, as of the moment at which it was read; `memberOf` gives groups, and not roles."""
    event = one_said(fixture("user"), FETCHED)
    assert event == SourceEvent(
        subject=ANA,
        event=event.event,
        kind="snapshot",
        order=(Micros(NOON), 0, event.event),
        attributes={
            "active": True,
            "department": "Spanish Support",
            "displayName": "Ana Ruiz",
            "division": "Service",
            "email": "Ana.Ruiz@example.com",
            "employeeNumber": "1001",
            "group:": True,
            "group:Spanish Agents": "Spanish Agents",
            "job": "Senior Agent",
            "manager": LEE,
            "mobile": "+13175550199",
            "phone": "+13175550100",
            "userName": "ana.ruiz@example.com",
        },
        anchor="1001",
    )
    assert event.event.startswith("sha256:")


def test_only_a_fetched_user_has_no_other_groups() -> None:
    """The fetch reads all of `memberOf`; others may have a part. A group whose name Graph hides may not be the only
    one.
    """
    group = {"@odata.type": "#microsoft.graph.group", "id": "g", "displayName": "Agents"}
    none = one_said(fixture("user") | {"memberOf": []}, FETCHED).attributes
    assert {name: value for name, value in none.items() if name.startswith("group:")} == {"group:": True}
    assert "group:" not in one_said(fixture("user") | {"memberOf": []}).attributes
    assert "group:" not in one_said(without(fixture("user"), memberOf=...), FETCHED).attributes
    hidden = read(fixture("user") | {"memberOf": [group, group | {"displayName": None}]}, FETCHED)
    assert "group:" not in hidden.events[0].attributes
    assert hidden.events[0].attributes["group:Agents"] == "Agents"
    assert [(each.code, each.field) for each in hidden.ignored] == [("not_understood", "groups")]


def test_a_list_holds_whole_users() -> None:
    """Each user of a page is a snapshot of its own; an empty list of phones lets the next path count."""
    ana, ben = read(fixture("users"), FETCHED).events
    assert (ana.kind, ana.attributes["active"], ben.kind, ben.attributes["active"]) == (
        *("snapshot", True),
        *("snapshot", False),
    )
    assert (ben.attributes["phone"], ben.attributes["manager"], ben.anchor) == (None, None, None)
    (mobile,) = read(fixture("users")["value"][1] | {"mobilePhone": "+13175550102"}, FETCHED).events
    assert mobile.attributes["phone"] == "+13175550102"


def test_configured_extension_attributes_are_facts() -> None:
    """A tenant's own attributes come by their path; the anchor is whatever fact is configured, or the subject."""
    attributes = DEFAULTS.attributes | {
        "genesysQueue": "onPremisesExtensionAttributes.extensionAttribute1",
        "genesysRole": "extension_0a_role",
    }
    user = fixture("user") | {"extension_0a_role": " Agent "}
    event = one_said(user, attributes=attributes, anchor="genesysQueue")
    assert (event.attributes["genesysQueue"], event.attributes["genesysRole"]) == ("Billing", "Agent")
    assert event.anchor == "Billing"
    assert one_said(user, anchor="subject").anchor == ANA
    assert one_said(user | {"employeeId": None}).anchor is None


def test_a_selection_of_attributes_is_no_snapshot() -> None:
    """Without `accountEnabled`, which every user has, more may be left out: only what is there is said."""
    user = {"id": ANA, "displayName": "Ana Ruiz", "jobTitle": None}
    event = one_said(user)
    assert (event.kind, event.attributes) == ("change", {"displayName": "Ana Ruiz", "job": None})
    assert codes({"id": ANA}) == ["incomplete"]
    assert codes({"id": ANA, "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent"}) == ["incomplete"]


def test_accountenabled_is_the_whole_of_active() -> None:
    """As a boolean or its text; nothing else of a user counts, but that it lies among the deleted."""
    assert one_said(fixture("user") | {"accountEnabled": "False"}).attributes["active"] is False
    deleted = one_said(fixture("user") | {"deletedDateTime": "2026-03-05T09:00:00Z"})
    assert (deleted.kind, deleted.attributes["active"]) == ("snapshot", False)
    assert one_said(fixture("user") | {"employeeLeaveDateTime": "2020-01-01T00:00:00Z"}).attributes["active"] is True


def test_a_deleted_user_keeps_its_name() -> None:
    """Deletion puts the id before the name; a leaver isn't renamed, and is inactive."""
    event = one_said(fixture("deleted_user"), FETCHED)
    assert (event.subject, event.kind) == (BEN, "change")
    assert event.attributes["active"] is False
    assert event.attributes["userName"] == "ben.cole@example.com"
    short = one_said({"id": "ana", "userPrincipalName": "ana.ruiz@example.com"})
    assert short.attributes["userName"] == "ana.ruiz@example.com"


def test_a_delta_page_says_changes() -> None:
    """Removed is inactive whatever the reason, absent is not said, null is cleared, managers come and go."""
    parsed = read(fixture("delta"), FETCHED)
    assert (parsed.notifications, parsed.ignored) == ((), ())
    assert [(event.subject, event.kind, event.order[0]) for event in parsed.events] == [
        (subject, "change", NOON) for subject in (BEN, CY, ANA, LEE)
    ]
    ben, cy, ana, _ = parsed.events
    assert (ben.attributes, cy.attributes) == ({"active": False, "gone": True}, {"active": False, "gone": True})
    assert ana.attributes == {
        "active": True,
        "department": "Spanish Support",
        "displayName": "Ana Ruiz",
        "employeeNumber": "1001",
        "manager": LEE,
        "mobile": None,
        "phone": None,
    }


def test_the_last_word_of_a_delta_page_counts() -> None:
    """A user may come more than once: removed and then restored is restored, the other way round is removed."""
    page = fixture("delta")
    removed, restored = page["value"][4:]
    assert one_said(page | {"value": [removed, restored]}).attributes["active"] is True
    assert one_said(page | {"value": [restored, removed]}).attributes == {"active": False, "gone": True}


def test_a_manager_that_is_only_removed_is_none() -> None:
    """`manager@delta` names who came and who went; who went after coming is gone."""
    page = fixture("delta")
    came, went = {"id": BEN}, {"id": BEN, "@removed": {"reason": "changed"}}
    for words, manager in (([came], BEN), ([came, went], None), ([went, came], BEN), ([went], None)):
        items = [{"id": ANA, "manager@delta": [word]} for word in words]
        assert one_said(page | {"value": items}).attributes == {"manager": manager}


@pytest.mark.parametrize(
    "marks",
    [
        {"@odata.deltaLink": "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=0"},
        {"@odata.nextLink": "https://graph.microsoft.com/v1.0/users/delta?$skiptoken=0"},
        {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users(id)/$delta"},
    ],
)
def test_a_delta_page_is_known_by_context_or_link(marks: dict[str, str]) -> None:
    """Its users aren't whole, though they say whether they are enabled; the element says so by itself."""
    page = marks | {"value": [{"id": ANA, "accountEnabled": True}]}
    assert one_said(page).kind == "change"
    (element,) = elements(page)
    assert (elements(element), read(element, TAKEN)) == ([element], read(page, TAKEN))


def test_absence_from_a_page_says_nothing() -> None:
    """An empty page isn't a directory without people."""
    assert read(fixture("delta") | {"value": []}, TAKEN) == ParsedPayload()


def test_a_page_of_groups_says_memberships() -> None:
    """One fact for each group, None for who left; the parts of a group add up; devices aren't users."""
    parsed = read(fixture("groups_delta"), FETCHED)
    name = "group:Spanish Agents"
    assert [(event.subject, event.kind, event.attributes) for event in parsed.events] == [
        (ANA, "change", {name: "Spanish Agents"}),
        (CY, "change", {name: None}),
        (BEN, "change", {name: None}),
    ]
    assert [(each.subject, each.urgent) for each in parsed.notifications] == [(ANA, True)]
    assert [each.code for each in parsed.ignored] == ["group"]


def test_a_group_is_not_a_person() -> None:
    """A removed group makes nobody inactive, by context or by type, and other objects aren't users either."""
    link = {"@odata.deltaLink": "https://graph.microsoft.com/v1.0/groups/delta?$deltatoken=0"}
    assert codes(link | {"value": [{"id": "g", "@removed": {"reason": "deleted"}}]}) == ["group"]
    assert codes({"@odata.type": "#microsoft.graph.group", "id": "g", "displayName": "Agents"}) == ["group"]
    assert codes({"@odata.type": "#microsoft.graph.device", "id": "d", "displayName": "laptop"}) == ["type"]
