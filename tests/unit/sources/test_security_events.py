"""Source `set`: what each event of a Security Event Token becomes."""

import json
from typing import Any

import pytest

from streamproc.core.parsed_payload import FetchRequest, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.units import Micros
from streamproc.sources.security_events import DEFAULTS, elements, read
from tests.support.paths import PAYLOADS

FIXTURES = PAYLOADS / "set"
SCIM = "urn:ietf:params:scim:event:"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ANA = "https://idp.example.com#2b2f880af6674ac284bae9381673d462"
ISSUED = 1_772_442_005_000_000
TAKEN = Receipt(received=Micros(ISSUED + 60_000_000))


def fixture(name: str) -> Any:
    """A constructed payload."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def token(event: str, said: Any = None, **claims: Any) -> dict[str, Any]:
    """Claims with one event about Ana; `...` leaves a claim out."""
    whole = fixture("create_full") | {"events": {event: {} if said is None else said}} | claims
    return {name: value for name, value in whole.items() if value is not ...}


def patch(*operations: dict[str, Any]) -> ParsedPayload:
    """What a PatchOp says."""
    return read(token(f"{SCIM}prov:patch:full", {"data": {"Operations": list(operations)}}), TAKEN)


def one_said(payload: Any) -> SourceEvent:
    """The one thing that a payload says, and nothing beside it."""
    parsed = read(payload, TAKEN)
    assert (parsed.notifications, parsed.ignored) == ((), ())
    (event,) = parsed.events
    return event


def test_a_whole_user() -> None:
    """`create:full` and `put:full` are snapshots: the extensions' attributes too, what is left out as None."""
    event = one_said(fixture("create_full"))
    assert event == SourceEvent(
        subject=ANA,
        event="s-1",
        kind="snapshot",
        order=(Micros(ISSUED), 1, "s-1"),
        attributes={
            "userName": "ana.ruiz@example.com",
            "displayName": "Ana Ruiz",
            "active": True,
            "email": "ana.ruiz@example.com",
            "phone": "+13175550100",
            "job": "Agent",
            "department": "Care",
            "division": "EMEA",
            "manager": "26118915",
            "employeeNumber": "E1001",
            "externalId": "E1001",
            "genesysQueue": "Billing",
        },
        anchor="E1001",
        reason=f"{SCIM}prov:create:full",
    )
    bare = one_said(token(f"{SCIM}prov:put:full", {"data": {"USERNAME": "a@example.com", "Active": "False"}}))
    assert (bare.attributes["userName"], bare.attributes["active"], bare.attributes["job"]) == (
        "a@example.com",
        False,
        None,
    )


def test_a_patch() -> None:
    """`patch:full` is a change, of what its operations name and nothing else."""
    event = one_said(fixture("patch_full"))
    assert (event.kind, event.order) == ("change", (ISSUED + 1_000_000, 2, "s-2"))
    assert event.attributes == {
        "job": "Team Lead",
        "email": "ana.lead@example.com",
        "department": "Billing",
        "externalId": "E1001",
    }


@pytest.mark.parametrize(
    ("operation", "attributes"),
    [
        ({"op": "replace", "path": "active", "value": "False"}, {"active": False}),
        ({"op": "replace", "value": {"active": True}}, {"active": True}),
        ({"op": "remove", "path": f"{ENTERPRISE}:department"}, {"department": None}),
        ({"op": "add", "path": f"{ENTERPRISE}:manager", "value": {"value": "7"}}, {"manager": "7"}),
        ({"op": "replace", "path": "manager.value", "value": "7"}, {"manager": "7"}),
        ({"op": "replace", "path": "phoneNumbers", "value": [{"value": "+1"}]}, {"phone": "+1"}),
        ({"op": "remove", "path": "phoneNumbers"}, {"phone": None}),
        (
            {"op": "replace", "path": "emails[primary eq true].value", "value": "b@example.com"},
            {"email": "b@example.com"},
        ),
        ({"op": "add", "path": "nickName", "value": "An"}, {}),
        ({"op": "replace", "path": "name.givenName", "value": "An"}, {}),
        ({"op": "add", "value": {ENTERPRISE: {"division": "APAC"}}}, {"division": "APAC"}),
        (
            {"op": "replace", "path": "urn:example:genesys:1.0:Agent:genesysQueue", "value": "Care"},
            {"genesysQueue": "Care"},
        ),
    ],
)
def test_operations_that_can_be_told(operation: dict[str, Any], attributes: dict[str, Any]) -> None:
    """What a single operation changes, in the spellings that providers use."""
    found = patch(operation)
    assert found.events[0].attributes == attributes | {"externalId": "E1001"}
    assert found.notifications == ()


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": 'emails[type eq "work"]'},
        {"op": "add", "path": "emails", "value": [{"value": "b@example.com"}]},
        {"op": "add", "path": "genesysQueue", "value": ["Care"]},
        {"op": "remove", "path": "genesysQueue", "value": ["Care"]},
        {"op": "remove"},
        {"op": "move", "path": "active"},
        {},
    ],
)
def test_operations_that_cannot_be_told(operation: dict[str, Any]) -> None:
    """The user has to be fetched, and what the other operations say counts at once."""
    found = patch(operation, {"op": "replace", "path": "active", "value": False})
    assert [said.attributes for said in found.events] == [{"active": False, "externalId": "E1001"}]
    assert found.notifications == (FetchRequest(ANA, "s-1", Micros(ISSUED), f"{SCIM}prov:patch:full", urgent=True),)
    assert patch(operation).events == ()


def test_an_active_that_is_neither_yes_nor_no_is_not_said() -> None:
    """Nobody is disabled or enabled by a word that isn't understood: the user is fetched."""
    found = patch({"op": "replace", "path": "active", "value": "perhaps"})
    assert (found.events, [notice.urgent for notice in found.notifications]) == ((), [True])


def test_part_of_a_user_instead_of_a_patch() -> None:
    """A resource under `patch:full` erases nothing that it doesn't mention."""
    event = one_said(token(f"{SCIM}prov:patch:full", {"data": {"title": "Lead", "userName": "a@example.com"}}))
    assert (event.kind, event.attributes) == (
        "change",
        {"job": "Lead", "userName": "a@example.com", "externalId": "E1001"},
    )


@pytest.mark.parametrize(
    ("event", "said", "urgent"),
    [
        ("prov:put:notice", {"attributes": ["title"]}, False),
        ("prov:patch:notice", {"attributes": ["title", "urn:ietf:params:scim:schemas:core:2.0:User:Active"]}, True),
        ("prov:create:notice", {}, True),
        ("prov:put:full", {}, True),
        ("prov:patch:full", {"data": None}, True),
        ("feed:add", {}, True),
    ],
)
def test_what_carries_no_values(event: str, said: Any, urgent: bool) -> None:
    """It is a notice, urgent if it may be about `active`."""
    assert read(token(SCIM + event, said), TAKEN) == ParsedPayload(
        notifications=(FetchRequest(ANA, "s-1", Micros(ISSUED), SCIM + event, urgent),)
    )


@pytest.mark.parametrize(
    ("event", "active"),
    [
        (f"{SCIM}prov:deactivate", False),
        (f"{SCIM}prov:delete", False),
        (f"{SCIM}feed:remove", False),
        ("urn:ietf:params:SCIM:event:prov:Deactivate", False),
        (f"{SCIM}prov:activate", True),
        ("https://schemas.openid.net/secevent/risc/event-type/account-disabled", False),
        ("https://schemas.openid.net/secevent/risc/event-type/account-purged", False),
        ("http://schemas.openid.net/secevent/risc/event-type/account-enabled", True),
    ],
)
def test_events_that_say_active_by_themselves(event: str, active: bool) -> None:
    """They act at once, whatever the case of their names, with what the subject says of who this is."""
    said = one_said(token(event))
    assert (said.subject, said.kind) == (ANA, "change")
    gone = {"gone": True} if event.endswith("prov:delete") else {}
    assert said.attributes == {"active": active, "externalId": "E1001"} | gone
    anchored = read(token(event), TAKEN, DEFAULTS.model_copy(update={"anchor": "externalId"}))
    assert anchored.events[0].anchor == "E1001"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ("https://schemas.openid.net/secevent/caep/event-type/session-revoked", "type"),
        ("https://schemas.openid.net/secevent/caep/event-type/credential-change", "type"),
        ("https://schemas.openid.net/secevent/risc/event-type/identifier-changed", "type"),
        ("https://schemas.openid.net/secevent/risc/event-type/sessions-revoked", "type"),
        (f"{SCIM}misc:asyncresp", "type"),
        ("https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked", "type"),
        (f"{SCIM}sig:pwdReset", "type"),
        ("https://schemas.openid.net/secevent/ssf/event-type/verification", "probe"),
        ("https://evil.example/secevent/risc/event-type/account-disabled", "not_understood"),
        ("https://schemas.openid.net/secevent/risc/event-type/account-closed", "not_understood"),
        (f"{SCIM}prov:suspend", "not_understood"),
        ("", "not_understood"),
    ],
)
def test_events_that_change_nothing(event: str, code: str) -> None:
    """A session or a credential is no employment; an event that nobody knows may be a leaver's, and is told."""
    parsed = read(token(event), TAKEN)
    assert [each.code for each in parsed.ignored] == [code]
    assert (parsed.events, parsed.notifications) == ((), ())


@pytest.mark.parametrize(
    ("sub_id", "subject"),
    [
        ({"format": "scim", "uri": "https://h/scim/v2/Users/7/"}, "https://idp.example.com#7"),
        ({"format": "scim", "uri": "/Groups/7"}, None),
        ({"format": "iss_sub", "iss": "https://idp.example.com", "sub": "7"}, "https://idp.example.com#7"),
        ({"format": "iss_sub", "iss": "https://b.example", "sub": "7"}, "https://idp.example.com#https://b.example#7"),
        ({"format": "opaque", "id": "7"}, "https://idp.example.com#7"),
        ({"format": "email", "email": "a@example.com"}, "https://idp.example.com#a@example.com"),
        ({"format": "account", "uri": "acct:a@example.com"}, "https://idp.example.com#acct:a@example.com"),
        (
            {"format": "aliases", "identifiers": [{"format": "x"}, {"format": "opaque", "id": "7"}]},
            "https://idp.example.com#7",
        ),
        ({"format": "complex", "user": {"format": "opaque", "id": "7"}, "tenant": {}}, "https://idp.example.com#7"),
        ({"user": {"format": "opaque", "id": "7"}}, "https://idp.example.com#7"),
        ({"format": "complex", "device": {"format": "opaque", "id": "7"}}, None),
        ({"format": "opaque"}, None),
        (None, None),
    ],
)
def test_subjects(sub_id: Any, subject: str | None) -> None:
    """Who is meant, within the issuer; what names a device or a group is nobody."""
    parsed = read(token(f"{SCIM}prov:deactivate", sub_id=sub_id), TAKEN)
    assert [said.subject for said in parsed.events] == ([] if subject is None else [subject])
    assert [each.code for each in parsed.ignored] == ([] if subject else ["incomplete"])
    assert all(said.anchor is None for said in parsed.events)


def test_older_subjects() -> None:
    """Inside the event, or `sub`: for signals alone; SCIM's events never have them there."""
    assert one_said(fixture("account_enabled")).subject == ANA
    risc = "https://schemas.openid.net/secevent/risc/event-type/account-disabled"
    assert one_said(token(risc, sub_id=..., sub="7")).subject == "https://idp.example.com#7"
    assert read(token(f"{SCIM}prov:deactivate", sub_id=..., sub="7"), TAKEN).ignored[0].code == "incomplete"
    assert one_said(token(risc, iss=...)).subject == ANA.partition("#")[2]


def test_compact_form_and_polling() -> None:
    """A JWS is its payload, unverified; a poll's answer is its tokens."""
    expected = read(fixture("deactivate"), TAKEN)
    assert read(fixture("jws"), TAKEN) == read(fixture("poll"), TAKEN) == expected
    assert elements(fixture("poll")) == [fixture("jws")]
    assert elements([fixture("jws"), fixture("deactivate")]) == [fixture("jws"), fixture("deactivate")]


@pytest.mark.parametrize("payload", [None, {}, "a.b.c", "a.b", "é.é.é", "x.W10.y", {"events": []}, {"events": {}}, 7])
def test_what_is_no_token(payload: Any) -> None:
    """It is ignored, once."""
    assert [each.code for each in read(payload, TAKEN).ignored] == ["not_understood"]


def test_several_events_in_one_token() -> None:
    """Each has an id of its own, the same again when the token comes again."""
    both = token(f"{SCIM}prov:deactivate", events={f"{SCIM}prov:deactivate": {}, f"{SCIM}feed:remove": {}})
    parsed = read(both, TAKEN).events
    assert len({said.event for said in parsed}) == 2
    assert all(said.event.startswith("s-1#") for said in parsed)


def test_order() -> None:
    """`iat`, never later than received; of one second what takes away comes last; versions that are numbers count."""
    put = {"data": {"active": True}}
    late = one_said(token(f"{SCIM}prov:put:full", {"version": 'W/"12"', **put}))
    early = one_said(token(f"{SCIM}prov:put:full", {"version": '"3"', **put}, jti="z"))
    gone = one_said(token(f"{SCIM}prov:deactivate", jti="a"))
    assert early.order < late.order < gone.order
    assert one_said(token(f"{SCIM}prov:deactivate", iat=9_999_999_999)).order[0] == TAKEN.received
    assert one_said(token(f"{SCIM}prov:deactivate", iat=...)).order[0] == TAKEN.received
    assert one_said(token(f"{SCIM}prov:deactivate", iat=1_772_442_005.25)).order[0] == ISSUED + 250_000
    assert one_said(token(f"{SCIM}prov:deactivate", jti=...)).event.startswith("sha256:")
