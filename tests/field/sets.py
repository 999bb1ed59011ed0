"""Security Event Tokens, as issuers write them."""

from typing import Any, Final

import orjson

from streamproc.core.parsed_payload import ParsedPayload
from tests.field.case import Case
from tests.field.pipeline import play
from tests.field.says import now, says

PROV: Final = "urn:ietf:params:scim:event:prov"
RISC: Final = "https://schemas.openid.net/secevent/risc/event-type"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def _token(event: str, body: Any, number: int = 1, **claims: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"iss": "https://login.example.org", "iat": 1_795_960_000 + number, "jti": f"s{number}"}
    return whole | {"sub_id": {"format": "scim", "uri": "/Users/k4"}, "events": {event: body}} | claims


def _said(event: str, body: Any, **claims: Any) -> ParsedPayload:
    return says("set", orjson.dumps(_token(event, body, **claims)))


def _patch_in_lists() -> None:
    for value in ([{"value": "False"}], ["false"], [{"Value": 0, "$ref": None}], {"value": False}):
        data = {"data": {"Operations": [{"op": "Replace", "path": "active", "value": value}]}}
        assert now(_said(f"{PROV}:patch:full", data), "active") == [False], value


def _not_understood() -> None:
    for value in ("gone", [True, False], 7, None):
        data = {"data": {"Operations": [{"op": "replace", "path": "active", "value": value}]}}
        said = _said(f"{PROV}:patch:full", data)
        assert now(said, "active") == []
        assert [each.field for each in said.ignored] == ["active"], value
    assert [each.code for each in _said(f"{RISC}/account-closed", {}).ignored] == ["not_understood"]


def _created_without_active() -> None:
    user = {"userName": "k4@example.com", "displayName": "K Four", ENTERPRISE: {"employeeNumber": "K4"}}
    created = _token(f"{PROV}:create:full", {"data": user})
    replaced = _token(f"{PROV}:put:full", {"data": user | {"title": "Lead"}}, 3)
    left = _token(f"{PROV}:deactivate", {}, 2)
    records = [
        {"topic": "events.set", "key": "https://login.example.org#k4", "value": each}
        for each in (created, left, replaced)
    ]
    assert play(records[:1]).active("K4") is True
    assert play(records).active("K4") is False, "what leaves `active` out lets nobody in again"


def _texts() -> None:
    events = orjson.dumps({f"{RISC}/Account_Disabled": {"subject": {"subject_type": "opaque", "id": "k4"}}}).decode()
    assert now(_said("", {}, sub_id=None, events=events), "active") == [False]


CASES: Final = (
    Case("K2", "set-active-in-lists", _patch_in_lists),
    Case("K2", "set-not-understood-is-told", _not_understood),
    Case("K2", "set-created-without-active", _created_without_active),
    Case("K2", "set-events-as-text-in-another-case", _texts),
)
