"""Source `set`: values in all the types and spellings in which they come, understood or told."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from streamproc.core.parsed_payload import ParsedPayload, Receipt
from streamproc.core.records.units import Micros
from streamproc.sources.security_events import DEFAULTS, read

ISSUED = 1_795_950_000_000_000
TAKEN = Receipt(received=Micros(ISSUED + 60_000_000))
SCIM = "urn:ietf:params:scim:event:prov"
RISC = "https://schemas.openid.net/secevent/risc/event-type"
WHO = "https://idp.example.com#u7"

WRAPS: list[Callable[[bool], Any]] = [
    bool,
    str,
    lambda it: str(it).upper(),
    int,
    float,
    lambda it: [it],
    lambda it: [{"$ref": None, "value": str(it)}],
    lambda it: {"Value": it},
    lambda it: f" {it}\u200b",
]


def token(event: str, body: Any, **claims: Any) -> dict[str, Any]:
    """Claims about user 7; constructed."""
    sub_id = {"format": "scim", "uri": "/Users/u7"}
    whole = {"iss": "https://idp.example.com", "iat": ISSUED // 1_000_000, "jti": "t-1", "sub_id": sub_id}
    return whole | {"events": {event: body}} | claims


def patched(*operations: Any) -> ParsedPayload:
    """What a PatchOp says."""
    return read(token(f"{SCIM}:patch:full", {"data": {"Operations": list(operations)}}), TAKEN)


def told(parsed: ParsedPayload) -> list[tuple[str, str | None, str | None]]:
    """Code, subject and field of what wasn't understood."""
    return [(each.code, each.subject, each.field) for each in parsed.ignored]


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize(
    "path", ["active", "Active", "/active", "urn:ietf:params:scim:schemas:core:2.0:User:active", None]
)
def test_active_in_every_form(active: bool, wrap: Any, path: str | None) -> None:
    """As truth value, text, number, element of a list or under `value`; by path, pointer or without one."""
    operation = {"op": "Replace", "path": path, "value": wrap(active)}
    if path is None:
        operation = {"OP": "replace", "Value": {"ACTIVE": wrap(active)}}
    parsed = patched(operation)
    assert [event.attributes for event in parsed.events] == [{"active": active}]
    assert (parsed.notifications, parsed.ignored) == ((), ())


@pytest.mark.parametrize("value", [None, "", "perhaps", 2, [], [True, False], {"a": True}, [[True]], {"value": {}}])
def test_active_that_isnt_understood_is_told(value: Any) -> None:
    """Nobody's access changes, and somebody can see whose didn't; the rest of the patch counts."""
    parsed = patched(
        {"op": "replace", "path": "active", "value": value}, {"op": "replace", "path": "title", "value": "X"}
    )
    assert [event.attributes for event in parsed.events] == [{"job": "X"}]
    assert told(parsed) == [("not_understood", WHO, "active")]
    assert [notice.urgent for notice in parsed.notifications] == [True]


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        ({"op": "remove", "path": "active"}, "active"),
        ({"op": "delete", "path": "active"}, "active"),
        ({"path": "active", "value": False}, "active"),
        ({"op": "add", "path": "emails", "value": [{"value": "b@example.com"}]}, "emails"),
        ({"op": "replace"}, None),
        ("replace active false", None),
    ],
)
def test_operations_that_cant_be_told_are_told_of(operation: Any, field: str | None) -> None:
    """With the path, since nobody fetches the user for this source."""
    assert told(patched(operation)) == [("not_understood", WHO, field)]


@pytest.mark.parametrize("kind", ["create", "put"])
@pytest.mark.parametrize("without", [{}, {"active": None}])
def test_a_whole_user_without_active(kind: str, without: dict[str, Any]) -> None:
    """Who was just made is active; of anybody else what was known stays."""
    parsed = read(token(f"{SCIM}:{kind}:full", {"data": {"userName": "a@example.com"} | without}), TAKEN)
    (event,) = parsed.events
    assert event.attributes.get("active") is (True if kind == "create" else None)
    assert event.kept == (() if kind == "create" else ("active",))
    options = DEFAULTS.model_copy(update={"attributes": {"userName": "userName"}})
    (event,) = read(token(f"{SCIM}:{kind}:full", {"data": {"userName": "a@example.com"}}), TAKEN, options).events
    assert (event.attributes, event.kept) == ({"userName": "a@example.com"}, ())


def test_a_whole_user_whose_active_isnt_understood() -> None:
    """Even one that was just made: it is kept as it was, and told."""
    parsed = read(token(f"{SCIM}:create:full", {"data": {"active": "maybe", "employeeNumber": "N/A"}}), TAKEN)
    (event,) = parsed.events
    assert {"active", "employeeNumber"} <= set(event.kept)
    assert (event.anchor, "active" in event.attributes) == (None, False)
    assert {field for _, _, field in told(parsed)} == {"active", "employeeNumber"}


@pytest.mark.parametrize(
    ("emails", "email"),
    [
        ("a@example.com", "a@example.com"),
        ([{"Value": "a@example.com", "Primary": "True"}, {"value": "b@example.com"}], "a@example.com"),
        ([{"value": "b@example.com"}, {"value": "a@example.com", "type": "WORK"}], "a@example.com"),
        ([], None),
        ([{"value": None}], None),
        ([{"address": "a@example.com"}], ...),
        ([["a@example.com"]], ...),
    ],
)
def test_lists_of_one_that_counts(emails: Any, email: Any) -> None:
    """In all spellings; where there are some and none is text, nothing is taken away."""
    parsed = read(token(f"{SCIM}:put:full", {"data": {"emails": emails, "active": True}}), TAKEN)
    if email is ...:
        assert told(parsed) == [("not_understood", WHO, "email")]
        assert "email" in parsed.events[0].kept
    else:
        assert (parsed.events[0].attributes["email"], told(parsed)) == (email, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"events": json.dumps({f"{RISC}/account-disabled": {}})},
        {"events": {f"{RISC}/account_disabled/": "{}"}},
        {"events": {f"{RISC.upper()}/ACCOUNT-DISABLED ": None}},
        {"sub_id": json.dumps({"format": "SCIM", "uri": "https://h/v2/users/u7"})},
        {"sub_id": None, "events": {f"{RISC}/account-disabled": {"subject": '{"format": "opaque", "id": "u7"}'}}},
        {"iat": str(ISSUED // 1_000_000)},
        {"iat": ISSUED // 1_000},
    ],
)
def test_tokens_in_other_spellings(changes: dict[str, Any]) -> None:
    """JSON within text, names in another case, times as text or in ms."""
    parsed = read(token(f"{RISC}/account-disabled", {}, **changes), TAKEN)
    assert [(event.subject, event.attributes) for event in parsed.events] == [(WHO, {"active": False})]
    assert parsed.events[0].order[0] == ISSUED
