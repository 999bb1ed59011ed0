"""Entra's audit log: what disables, what is fetched, memberships, and noise."""

from typing import Any

import pytest

from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, SourceEvent
from streamproc.core.records.units import Micros
from streamproc.sources.entra import elements, read
from tests.support.entra import ANA, BEN, NOON, TAKEN, activity, codes, fixture, one_notice, one_said


def membership(operation: str, name: str | None, side: str = "newValue", **properties: Any) -> dict[str, Any]:
    """A record of Ana's joining or leaving a group; the other target is the group, without its name."""
    change = {"displayName": "Group.DisplayName", "oldValue": None, "newValue": None} | {side: name}
    targets = [{"id": "g", "type": "Group"}, {"id": ANA, "type": "User", "modifiedProperties": [change]}]
    whole = {"category": "GroupManagement", "targetResources": targets} | properties
    return activity(operation, **whole)


@pytest.mark.parametrize("operation", ["Disable account", "Delete user", "Hard Delete user", "disable ACCOUNT "])
def test_disabling_acts_at_once(operation: str) -> None:
    """Who was disabled or deleted is inactive without a fetch, at the log's own time and id."""
    assert one_said(activity(operation)) == SourceEvent(
        subject=ANA,
        event="Directory_1",
        kind="change",
        order=(Micros(NOON), 1, "Directory_1"),
        attributes={"active": False},
        reason=operation.casefold().strip(),
    )


@pytest.mark.parametrize("value", ["[false]", '"False"', "False", "false", '["False"]', '[ "false" ]'])
def test_accountenabled_false_acts_in_every_dialect(value: str) -> None:
    """Values are JSON in a string, in a list or not, quoted or bare."""
    assert one_said(activity("Update user", ("AccountEnabled", value))).attributes == {"active": False}


@pytest.mark.parametrize("value", ["[true]", '"True"', "[]", "[false,true]", None])
def test_enabling_needs_a_fetch(value: str | None) -> None:
    """Nothing in the log enables by itself; what isn't clearly true is urgent."""
    notice = one_notice(activity("Update user", ("AccountEnabled", value)))
    assert (notice.subject, notice.urgent) == (ANA, value not in {"[true]", '"True"'})
    assert one_notice(activity("Enable account", ("AccountEnabled", "[true]"))).urgent is False
    assert one_notice(activity("Restore user")).subject == ANA


def test_an_update_that_disables_and_changes_more_also_fetches() -> None:
    """Both at once: inactive now, and the rest by a snapshot."""
    parsed = read(activity("Update user", ("AccountEnabled", "[false]"), ("Department", '["X"]')), TAKEN)
    assert [event.attributes for event in parsed.events] == [{"active": False}]
    assert parsed.notifications == (FetchRequest(ANA, "Directory_1", Micros(NOON), "update user"),)


def test_what_is_only_listed_as_changed_counts_as_changed() -> None:
    """The list may name what has no entry; if that is AccountEnabled, somebody may have left."""
    listed = ("Included Updated Properties", '"LastDirSyncTime, AccountEnabled"')
    assert one_notice(activity("Update user", listed)).urgent is True
    assert one_notice(activity("Update user", ("Included Updated Properties", '["Department","City"]'))).urgent is False
    assert one_notice(activity("Update user")).urgent is True


def test_synchronisation_alone_is_noise() -> None:
    """Every run of the directory's synchronisation writes its time; strong authentication isn't ours either."""
    changed = [("LastDirSyncTime", "[]"), ("StrongAuthenticationMethod", "[]"), ("TargetId.UserType", '"Member"')]
    assert codes(activity("Update user", *changed)) == ["noise"]
    assert one_notice(activity("Update user", *changed, ("Mobile", "[]"))).subject == ANA


@pytest.mark.parametrize(
    "operation",
    ["Change user password", "Reset user password", "Update StsRefreshTokenValidFrom Timestamp"],
)
def test_passwords_and_sessions_are_not_leaving(operation: str) -> None:
    """A reset or a revoked session changes nothing here."""
    assert codes(activity(operation)) == ["type"]


def test_other_user_management_is_fetched() -> None:
    """An operation that nobody has heard of may have changed the user."""
    assert one_notice(activity("Set user manager")).reason == "user management"
    assert codes(activity("Add app role assignment", category="ApplicationManagement")) == ["type"]
    assert codes(activity("Sign-in activity", category="SignInLogs")) == ["type"]


def test_memberships_carry_themselves() -> None:
    """The group's name is new for who joins and old for who leaves; who leaves comes after who joins."""
    joined = one_said(membership("Add member to group", '"Spanish Agents"'))
    left = one_said(membership("Remove member from group", '["Spanish Agents"]', side="oldValue"))
    assert (joined.attributes, joined.order) == (
        {"group:Spanish Agents": "Spanish Agents"},
        (NOON, 0, "Directory_1"),
    )
    assert (left.attributes, left.order) == ({"group:Spanish Agents": None}, (NOON, 1, "Directory_1"))


def test_a_membership_without_a_name_is_fetched() -> None:
    """The name may be the group's own; without any the user is fetched, urgently if it left."""
    targets = [{"id": ANA, "type": "User"}, {"id": "g", "Type": "Group", "displayName": "Agents"}]
    assert one_said(membership("Add member to group", None, targetResources=targets)).attributes == {
        "group:Agents": "Agents"
    }
    assert one_notice(membership("Add member to group", None, targetResources=[*targets, targets[1]])).subject == ANA
    assert one_notice(membership("Add member to group", None)).urgent is False
    assert one_notice(membership("Remove member from group", None)).urgent is True


def test_several_members_are_told_apart() -> None:
    """Each user among the targets is a subject; devices and principals aren't, and one without an id is told."""
    change = {"displayName": "Group.DisplayName", "newValue": '"Agents"'}
    targets = [{"id": each, "type": "User", "modifiedProperties": [change]} for each in (ANA, BEN, None)]
    record = membership("Add member to group", None, targetResources=[*targets, {"id": "d", "type": "Device"}])
    parsed = read(record, TAKEN)
    assert [event.subject for event in parsed.events] == [ANA, BEN]
    assert [each.code for each in parsed.ignored] == ["incomplete"]


def test_what_failed_did_not_happen() -> None:
    """A failure says nothing; a timeout may have happened, so the user is fetched."""
    assert codes(activity("Disable account", result="failure")) == ["failed"]
    assert one_notice(activity("Disable account", result="timeout")).urgent is True
    assert one_notice(membership("Add member to group", '"Agents"', result="timeout")).subject == ANA


def test_a_record_without_targets_is_incomplete() -> None:
    """And never taken for somebody by name."""
    assert codes(activity("Disable account", targetResources=None)) == ["incomplete"]
    named = [{"id": None, "type": "User", "userPrincipalName": "ana.ruiz@example.com"}]
    assert codes(activity("Disable account", targetResources=named)) == ["incomplete"]


def test_a_changed_group_is_told() -> None:
    """A group renamed or deleted changes what many may do, none of whom the record names."""
    assert codes(activity("Delete group", category="GroupManagement")) == ["group"]


def test_graphs_form_and_event_hubs_form_are_the_same() -> None:
    """A directoryAudit is what Event Hubs has in `properties`; so the same record has one id on both ways."""
    record = activity("Disable account", ("AccountEnabled", "[false]"))
    assert read(record["properties"], TAKEN) == read({"records": [record]}, TAKEN) == read({"value": [record]}, TAKEN)
    event = one_said(fixture("audit_graph"))
    assert (event.subject, event.order[0]) == (BEN, NOON - 4 * 3600 * 1_000_000 + 123_456)


def test_the_body_of_event_hubs_is_read_record_by_record() -> None:
    """Every record of the constructed year ends as something."""
    parsed = read(fixture("audit"), TAKEN)
    assert len(elements(fixture("audit"))) == len(fixture("audit")["records"])
    assert [event.event[-2:] for event in parsed.events] == ["02", "06", "07", "08", "10", "11"]
    assert [notification.event[-2:] for notification in parsed.notifications] == ["01", "03", "07", "09", "13"]
    assert [each.code for each in parsed.ignored] == ["noise", "type", "failed", "group", "type", "incomplete"]


@pytest.mark.parametrize("payload", [None, True, 7, "text", {}, [[]], {"error": {"code": "x"}}, {"id": None}])
def test_what_cant_be_understood_is_ignored(payload: Any) -> None:
    """Anything else in JSON; reasons quote nothing of it."""
    parsed = read(payload, TAKEN)
    nothing = Ignored("not_understood", "no notification, log record, user or group")
    assert parsed == (ParsedPayload() if payload == [[]] else ParsedPayload(ignored=(nothing,)))
