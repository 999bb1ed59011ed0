"""The fact `assigned`: what Okta, Entra and PingOne tell of the application, and that silence is never a no."""

from typing import Any

import pytest

from streamproc.core.parsed_payload import FetchRequest, ParsedPayload, Receipt
from streamproc.core.records.units import Micros
from streamproc.sources import SOURCES, okta, pingone
from streamproc.sources.values.unread import UNREAD

APP = "0oagenesys0000000001"
AT = 1_772_452_800_000_000  # 2026-03-02T12:00:00Z
TAKEN = Receipt(Micros(AT + 5_000_000))
FETCHED = Receipt(Micros(AT + 5_000_000), Micros(AT))
WHO = "00uana0000000000001"

USERS: dict[str, dict[str, Any]] = {
    "okta": {"status": "ACTIVE", "profile": {"login": "ana@example.com"}},
    "entra": {"accountEnabled": True, "memberOf": []},
    "pingone": {"enabled": True, "username": "ana"},
}
LEFT: dict[str, dict[str, Any]] = {
    "okta": {"status": "SUSPENDED"},
    "entra": {"accountEnabled": False},
    "pingone": {"enabled": False},
}
EVERYWHERE = pytest.mark.parametrize("source", USERS)


def read(source: str, payload: dict[str, Any], taken: Receipt = FETCHED, application: str = APP) -> ParsedPayload:
    """What the source's parser says where this application is configured."""
    options = SOURCES[source].defaults.model_copy(update={"application": application})
    return SOURCES[source].read({"id": WHO, **payload}, taken, options)


def answered(assigned: Any, application: str = APP) -> dict[str, Any]:
    """What the fetch puts into a user."""
    return {"_assignment": {"application": application, "assigned": assigned}}


@EVERYWHERE
@pytest.mark.parametrize(("assigned", "said"), [(True, "yes"), (False, "no")])
def test_a_fetched_user_tells_it(source: str, assigned: bool, said: str) -> None:
    """As text, so that rules and expressions compare it."""
    parsed = read(source, USERS[source] | answered(assigned))
    assert (parsed.events[0].attributes["assigned"], parsed.events[0].kept, parsed.ignored) == (said, (), ())


@EVERYWHERE
@pytest.mark.parametrize(
    "answer", [{}, answered(None), answered("no"), answered(False, "another"), {"_assignment": [False]}]
)
def test_what_isnt_told_is_kept_and_told(source: str, answer: dict[str, Any]) -> None:
    """Without an answer about this application, what was known stays, and somebody hears of it."""
    parsed = read(source, USERS[source] | answer)
    assert (parsed.events[0].kind, parsed.events[0].kept) == ("snapshot", ("assigned",))
    assert "assigned" not in parsed.events[0].attributes
    assert [(each.code, each.subject, each.field) for each in parsed.ignored] == [("not_understood", WHO, "assigned")]


@EVERYWHERE
def test_of_who_is_out_nobody_has_to_tell(source: str) -> None:
    """Their assignment isn't asked, so what was known of it stays, without a word."""
    parsed = read(source, USERS[source] | LEFT[source])
    assert (parsed.events[0].attributes["active"], parsed.events[0].kept, parsed.ignored) == (False, ("assigned",), ())


@EVERYWHERE
def test_without_an_application_nothing_is_said_or_kept(source: str) -> None:
    """Deployments that don't ask for it have the same facts as ever."""
    parsed = read(source, USERS[source] | answered(assigned=True), application="")
    assert "assigned" not in parsed.events[0].attributes
    assert (parsed.events[0].kept, parsed.ignored) == ((), ())


def test_an_attribute_of_that_name_is_not_it() -> None:
    """A profile's own `assigned` counts only where no application is configured."""
    user = USERS["okta"] | {"profile": {"login": "ana@example.com", "assigned": "yes"}}
    assert read("okta", user, application="").events[0].attributes["assigned"] == "yes"
    assert "assigned" not in read("okta", user).events[0].attributes


def log_event(kind: str, application: str = APP, **changes: Any) -> dict[str, Any]:
    """Okta's event about a user of an application."""
    target = [
        {"id": "0ua1", "type": "AppUser", "displayName": "Ana"},
        {"id": application, "type": "AppInstance", "displayName": "Genesys Cloud"},
        {"id": WHO, "type": "User", "displayName": "Ana"},
    ]
    event = {"uuid": "u-1", "published": "2026-03-02T12:00:00.000Z", "eventType": kind, "target": target}
    return {name: value for name, value in (event | changes).items() if value is not ...}


@pytest.mark.parametrize(("word", "said", "last"), [("add", "yes", 0), ("remove", "no", 1)])
def test_oktas_events_carry_it(word: str, said: str, last: int) -> None:
    """Of two in one millisecond the one that removes counts."""
    (event,) = read("okta", log_event(f"application.user_membership.{word}"), TAKEN).events
    assert (event.subject, event.kind, event.attributes) == (WHO, "change", {"assigned": said})
    assert event.order == (AT, last, "u-1")


def test_oktas_other_events_lead_to_a_fetch_or_to_nothing() -> None:
    """What may be another assignment is fetched; an assignment without a clock, or of doubtful outcome, too."""
    for kind in ("revoke", "restore", "approve", "deprovision"):
        (request,) = read("okta", log_event(f"application.user_membership.{kind}"), TAKEN).notifications
        assert (request.subject, request.urgent) == (WHO, True)
    unclear = log_event("application.user_membership.add", published=...)
    assert read("okta", unclear, TAKEN).notifications
    assert read("okta", log_event("application.user_membership.add", outcome={"result": "DEFERRED"})).notifications
    for strange in (
        log_event("application.user_membership.add", "0oaother"),
        log_event("application.user_membership.update"),
        log_event("application.lifecycle.deactivate"),
    ):
        assert [each.code for each in read("okta", strange, TAKEN).ignored] == ["type"]
    none = log_event("application.user_membership.add")
    assert [each.code for each in read("okta", none, TAKEN, application="").ignored] == ["type"]


@pytest.mark.parametrize(
    ("status", "assigned"),
    [
        *[(word, True) for word in ("ACTIVE", "APPROVED", "IMPLICIT", "PROVISIONED", "STAGED")],
        *[(word, False) for word in ("DEPROVISIONED", "INACTIVE", "REVOKED", "SUSPENDED", "UNASSIGNED")],
        *[(word, UNREAD) for word in ("IMPORTED", "MATCHED", "PENDING", "TOMORROWS", None, 5)],
    ],
)
def test_okta_keeps_users_of_an_application_who_arent_any_more(status: Any, assigned: Any) -> None:
    """Their status tells; one that isn't known says nothing."""
    assert okta.assigned({"id": WHO, "status": status}) is assigned


@pytest.mark.parametrize(
    ("kind", "groups", "assigned"),
    [
        ("ANY_GROUP", ["g1"], True),
        ("ANY_GROUP", ["g3"], False),
        ("ANY_GROUP", [], False),
        ("ALL_GROUPS", ["g1"], False),
        ("ALL_GROUPS", ["g2", "g1", "g3"], True),
        ("SOME_GROUP", ["g1"], UNREAD),
        (None, ["g1"], UNREAD),
        ("ANY_GROUP", None, UNREAD),
    ],
)
def test_pingones_access_control_is_by_groups(kind: Any, groups: Any, assigned: Any) -> None:
    """Any or all of them; an application that is open to everybody assigns nobody, and refuses nobody."""
    control = {"type": kind, "groups": [{"id": "g1"}, {"id": "g2"}]}
    admission = pingone.admission({"accessControl": {"group": control}})
    assert pingone.assigned(admission, groups) is assigned
    unrestricted: tuple[dict[str, Any], ...] = ({"role": {"type": "ADMIN_USERS_ONLY"}}, {"group": {}}, {})
    for open_ in unrestricted:
        assert pingone.admission({"accessControl": open_}) is None
    unclear = control | {"groups": [{"id": "g1"}, {}]}
    assert pingone.admission({"accessControl": {"group": unclear}}) is None


@pytest.mark.parametrize(("word", "urgent"), [("CREATED", False), ("DELETED", True)])
def test_who_joins_or_leaves_a_group_of_pingone_is_fetched_too(word: str, urgent: bool) -> None:
    """By groups they are assigned: the group counts at once, and the assignment with the answer."""
    member = {
        "type": "MEMBER_OF_GROUP",
        "id": "g1",
        "name": "Agents",
        "href": f"https://x/users/{WHO}/memberOfGroups/g",
    }
    activity = {
        "id": "c-1",
        "recordedAt": "2026-03-02T12:00:00Z",
        "action": {"type": f"MEMBER_OF_GROUP.{word}"},
        "resources": [member],
    }
    parsed = read("pingone", activity, TAKEN)
    assert parsed.events[0].attributes == {"group:Agents": None if urgent else "Agents"}
    assert parsed.notifications == (FetchRequest(WHO, "c-1", Micros(AT), f"MEMBER_OF_GROUP.{word}", urgent=urgent),)
    assert read("pingone", activity, TAKEN, application="").notifications == ()


@pytest.mark.parametrize(("word", "urgent"), [("add", False), ("remove", True)])
def test_who_joins_or_leaves_a_group_of_okta_is_fetched_too(word: str, urgent: bool) -> None:
    """In case that Okta's own event about the application doesn't come."""
    event = log_event(f"group.user_membership.{word}")
    event["target"] = [{"id": WHO, "type": "User"}, {"id": "00g1", "type": "UserGroup", "displayName": "Agents"}]
    parsed = read("okta", event, TAKEN)
    assert parsed.events[0].attributes == {"group:Agents": None if urgent else "Agents"}
    assert [(each.subject, each.at, each.urgent) for each in parsed.notifications] == [(WHO, AT, urgent)]
    assert read("okta", event, TAKEN, application="").notifications == ()


@pytest.mark.parametrize(
    ("operation", "urgent"),
    [
        ("Add app role assignment grant to user", False),
        ("Remove app role assignment from user", True),
        ("Add member to group", False),
        ("Remove member from group", True),
    ],
)
def test_entras_audit_log_leads_to_a_fetch(operation: str, urgent: bool) -> None:
    """It tells who is concerned, and not of which application; groups count at once besides."""
    name = {"displayName": "Group.DisplayName", "newValue": '"Agents"', "oldValue": '"Agents"'}
    targets = [{"id": APP, "type": "ServicePrincipal"}, {"id": WHO, "type": "User", "modifiedProperties": [name]}]
    record = {
        "id": "Directory_1",
        "activityDisplayName": operation,
        "activityDateTime": "2026-03-02T12:00:00Z",
        "targetResources": targets,
    }
    parsed = read("entra", record, TAKEN)
    assert [(each.subject, each.at, each.urgent) for each in parsed.notifications] == [(WHO, AT, urgent)]
    assert [each.attributes for each in parsed.events] == (
        [{"group:Agents": None if urgent else "Agents"}] if "group" in operation else []
    )


def test_entras_audit_log_of_groups_that_are_assigned_names_nobody() -> None:
    """Their members are found by synchronising."""
    for operation in ("Add app role assignment to group", "Remove app role assignment from group"):
        record = {"id": "Directory_1", "activityDisplayName": operation, "targetResources": [{"type": "Group"}]}
        assert [each.code for each in read("entra", record, TAKEN).ignored] == ["group"]
