"""Hostile records for every topic: all internal headers, keys and values of all kinds, from a seed."""

import json
from random import Random
from typing import Any, Final

import orjson

from streamproc.core.records.control import Control
from streamproc.core.records.headers import (
    BODY,
    BY_GATEWAY,
    FORWARDED,
    KIND,
    OF,
    READ,
    RECEIVED,
    REPLAY,
    SUBJECT,
    UNREADABLE,
)
from streamproc.core.records.topic_names import FORWARDS, is_input, source_of
from streamproc.core.records.units import Millis
from streamproc.sources import SOURCES
from tests.field.says import NOW

FAR: Final = (b"99999999999999999", b"999999999999999999", b"9" * 5000, b"-1", b"0", b"1", "٣".encode(), b"1e9", b"")
"""Times of other centuries, and what is none."""
ADDRESSES: Final = (
    b"streamproc.controls/0/0",
    b"streamproc.controls/1/0/1796000000000",
    b"events.okta/0/99999999/1",
    b"a/b/c/d",
    b"/",
    b"\xff",
)
JUNK: Final = (b"", b"\x00", b"\xff\xfe", b"x" * 2_000, "\u202eeno\u200b".encode(), b"{", b"null", b"order")
HEADERS: Final[dict[str, tuple[bytes, ...]]] = {
    KIND: (b"order", b"said", b"gone", b"unlisted", b"due", b"snapshot", b"page", b"ORDER", *JUNK),
    SUBJECT: (b"00uS", b"00uL", b"S", b"L", b"P", *JUNK),
    READ: (*FAR, *JUNK),
    RECEIVED: (*FAR, *JUNK),
    FORWARDED: (*ADDRESSES, *JUNK),
    REPLAY: (b"events.okta/0/0 streamproc.controls/0/0", *ADDRESSES, *JUNK),
    BY_GATEWAY: (b"okta", b"hris", b"workday", *JUNK),
    OF: (b"okta", b"hris", b"nobody", *JUNK),
    BODY: JUNK,
    UNREADABLE: (b"offsets 0 to 9 can't be read", *JUNK),
    "streamproc-new": JUNK,
    "Streamproc-Kind": (b"gone", b"order"),
    "STREAMPROC-READ": FAR,
    "streamproc-\u212aind": (b"order", b"gone"),  # a Kelvin sign is a k in lower case
    "content-type": (b"application/cloudevents+json", b"application/cloudevents-batch+json", *JUNK),
    "ce_specversion": (b"1.0", *JUNK),
    "ce_subject": (b"S", *JUNK),
}
KEYS: Final = (
    b"S",
    b"L",
    b"00uS",
    b"00uL",
    b"00uP",
    b"P",
    b"okta/00uS",
    b"sink",
    b"mapping",
    b"x" * 9_000,
    *JUNK,
    None,
)
OWN: Final = (
    FORWARDS,
    "identity.changes",
    "scim.operations",
    "scim.deliveries",
    "streamproc.controls",
)
"""Topics that only we write, and that worker or sink follow."""


def topics() -> list[str]:
    """All that worker and sink follow."""
    fetched = [name for name in ("hris", "entra", "workday") if SOURCES[name].fetched]
    return [*(f"events.{source}" for source in SOURCES), *(f"intake.{source}" for source in fetched), *OWN]


def hostile(rng: Random, topic: str) -> dict[str, Any]:
    """A record that whoever may write this topic may write, as a stranger would: one header of ours at least."""
    if is_input(topic) and rng.random() < 0.3:
        return {"topic": topic} | _forged(rng, source_of(topic))
    named = rng.sample(sorted(HEADERS), rng.randint(1, 5))
    headers = {name: rng.choice(HEADERS[name]) for name in named}
    key: bytes | None = rng.choice(KEYS)
    if is_input(topic):
        value: Any = rng.choice((_order, _said, _lets_in, _lets_in, _junk, _junk))(rng, source_of(topic))
    else:
        value = rng.choice((_junk, _other))(rng, topic)
        headers.pop(REPLAY, None)
    return {"topic": topic, "key": key, "headers": headers, "value": value}


def _forged(rng: Random, source: str) -> dict[str, Any]:
    """Right in itself, as if another had written it."""
    place = rng.choice((b"streamproc.controls/0/7", b"streamproc.controls/0/7/1796000000000"))
    far = rng.choice(FAR[:2])
    match rng.choice(("order", "order", "said", "far", "far", "gone", "due", "unread")):
        case "order":
            headers = {KIND: b"order", FORWARDED: place, OF: b"okta"}
            return {"key": b"00uS", "headers": headers, "value": _order(rng, source, "okta/00uS")}
        case "said":
            headers = {KIND: b"said", FORWARDED: place, OF: b"okta", RECEIVED: b"1796000000000000"}
            return {"key": b"00uS", "headers": headers, "value": _said(rng, source)}
        case "far":
            value = says_active(source, "P", active=True)
            headers = {name: far for name in (READ, RECEIVED) if rng.random() < 0.7}
            headers |= {KIND: b"snapshot", BY_GATEWAY: source.encode()}
            return {"key": str(value.get("id", "P")).encode(), "headers": headers, "value": value}
        case "gone":
            headers = {KIND: b"gone", SUBJECT: b"nobody", READ: far}
            return {"key": b"other", "headers": headers, "value": b""}
        case "due":
            headers = {KIND: b"due", SUBJECT: rng.choice((b"00uS", b"00uP")), RECEIVED: far, FORWARDED: place}
            return {"key": b"00uS", "headers": headers, "value": b"{}"}
        case _:
            return {"key": b"P", "headers": {UNREADABLE: b"offsets 0 to 9 can't be read"}, "value": None}


def _order(rng: Random, _: str, subject: str | None = None) -> bytes:
    """That somebody who is suspended isn't, since the account is another's."""
    action: Any = rng.choice(("link", "split"))
    subject = subject or rng.choice(("okta/00uS", "okta/00uH", "hris/L", "entra/e"))
    user = None if action == "split" else rng.choice(("H", "L", "Z"))
    return orjson.dumps(Control("c", action, user, None, "Eve", "why", Millis(NOW), subject))


def _said(rng: Random, _: str) -> bytes:
    """As the worker writes it to its own topic."""
    order = [rng.choice((1_795_999_000_000_000, 99_999_999_999_999_999)), 0, "e"]
    who = rng.choice(("00uS", "S", "L", "00uL"))
    event = {"subject": who, "event": "e", "kind": "snapshot", "order": order, "attributes": {"active": True}}
    return orjson.dumps([event | {"anchor": rng.choice(("S", "L", "Z"))}])


def _lets_in(rng: Random, source: str) -> Any:
    """That somebody is active, in the source's own words."""
    return says_active(source, rng.choice(("S", "L", "P")), active=True)


def _junk(rng: Random, _: str) -> bytes | None:
    made = rng.choice(("none", "bytes", "deep", "number", "list", "text", "names"))
    match made:
        case "none":
            return None
        case "bytes":
            return rng.randbytes(rng.randint(0, 64))
        case "deep":
            return b"[" * 3_000 + b"]" * 3_000
        case "number":
            return b"9" * rng.choice((30, 5_000))
        case "list":
            return orjson.dumps([{"id": str(n)} for n in range(rng.randint(0, 200))])
        case "text":
            return json.dumps(
                {"id": "\ud800", "subject": "\x00\u202e", "x": rng.choice(("\u2028", "a" * 5_000))}
            ).encode()
        case _:
            return orjson.dumps(
                {rng.choice(("seq", "user", "hash", "kind", "value")): rng.choice((-1, None, "x", [], {}))}
            )


def _other(rng: Random, topic: str) -> bytes:
    """What is right in another topic."""
    return rng.choice((_order, _said))(rng, topic) if topic != "streamproc.controls" else _said(rng, topic)


def says_active(source: str, who: str, *, active: bool, minute: int = 0) -> Any:
    """That a person of this user ID is active, or isn't, at a minute of the last hour."""
    at = f"2026-11-29T23:{minute:02}:00"
    match source:
        case "hris":
            said = {"userName": f"{who.lower()}@example.com", "displayName": f"Test {who}", "active": active}
            return {"id": f"{who}-{minute}", "type": "snapshot", "subject": who, "time": f"{at}Z", "attributes": said}
        case "okta":
            profile = {"login": f"{who}@example.com", "firstName": "T", "lastName": who, "employeeNumber": who}
            status = "ACTIVE" if active else "SUSPENDED"
            return {"id": f"00u{who}", "status": status, "lastUpdated": f"{at}.000Z", "profile": profile}
        case "entra":
            user = {"id": f"11111111-1111-4111-8111-{ord(who):012}", "accountEnabled": active, "employeeId": who}
            return user | {"displayName": f"Test {who}", "userPrincipalName": f"{who}@example.com"}
        case "workday":
            row = {"Employee_ID": who, "Preferred_Name": f"Test {who}", "Email_Address": f"{who}@example.com"}
            return {"Report_Entry": [row | {"Worker_Status": "Active" if active else "Terminated"}]}
        case "debezium":
            after = {"employee_id": who, "is_active": int(active), "work_email": f"{who}@example.com", "full_name": who}
            at_ms = NOW - 3_600_000 + minute * 60_000
            where = {"ts_ms": at_ms, "snapshot": "false", "name": "people", "connector": "postgresql"}
            where |= {"lsn": 1_000 + minute, "txId": minute}
            return {"before": None, "after": after, "op": "u", "source": where, "ts_ms": at_ms + 1}
        case _:
            return {"id": who, "active": active, "email": f"{who}@example.com"}
