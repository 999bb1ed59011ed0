"""Source `set`: Security Event Tokens (RFC 8417), as their claims or as the compact JWS that carries them.

Rule 1: the gateway verifies signatures before a token gets here; nothing here makes a token trusted.
Rule 2: a token's subject is `sub_id`, within its issuer: an issuer enables only users that it has disabled itself.
Rule 3: no order is promised. Tokens are ordered by `iat`, in whole seconds; of two in one second the one that removes
access counts.

SCIM events: RFC 9967 (names in any case: early drafts wrote them in capitals). CAEP and RISC: OpenID Shared Signals.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import GONE, Fact
from streamproc.core.records.units import Micros
from streamproc.sources.lenient_json import anchor, digest, items, micros, moment, parsed, record, text, unfolded
from streamproc.sources.options import SourceOptions
from streamproc.sources.security_events import scim_events

SOURCE: Final = "set"
DEFAULTS: Final = SourceOptions(
    anchor="employeeNumber",
    attributes={
        "userName": "userName",
        "displayName": "displayName",
        "active": "active",
        "externalId": "externalId",
        "email": "emails",
        "phone": "phoneNumbers",
        "job": "title",
        "department": "department",
        "division": "division",
        "manager": "manager",
        "employeeNumber": "employeeNumber",
    },
)
"""Paths in a SCIM user as `scim_events.flat` returns it. `externalId` is also in subject identifiers, beside the id."""

SCIM: Final = "urn:ietf:params:scim:event:"
SIGNAL: Final = re.compile(r"https?://schemas\.openid\.net/secevent/(risc|caep|ssf|sse)/event-type/([a-z-]+)")
ACTIVE: Final = {
    f"{SCIM}prov:activate": True,
    f"{SCIM}prov:deactivate": False,
    f"{SCIM}prov:delete": False,
    f"{SCIM}feed:remove": False,  # out of scope, not gone: no access either
    "risc:account-disabled": False,
    "risc:account-purged": False,
    "risc:account-enabled": True,
}
"""Events that say `active` by themselves."""
_DENIES: Final = 1 << 52
"""Sequence of what removes access, above that of any version."""
_ALONE: Final = {
    "opaque": "id",
    "email": "email",
    "account": "uri",
    "phone_number": "phone_number",
    "did": "url",
}
"""Formats of subject identifiers (RFC 9493) → the member that names the subject."""


def elements(payload: Any) -> list[Any]:
    """The tokens of a list or of a poll's answer (RFC 8936 §2.2: `sets`, by `jti`); any other payload is one token."""
    return unfolded(payload, _inside)


def read(payload: Any, receipt: Receipt, options: SourceOptions = DEFAULTS) -> ParsedPayload:
    """What tokens say: claims, compact JWS (their payload is decoded, nothing is verified), or several of them."""
    return parsed(part for element in elements(payload) for part in _read(element, receipt, options))


def _inside(payload: Any) -> list[Any] | None:
    contents = record(payload).get("sets", payload)
    if isinstance(contents, list):
        return contents
    return list(contents.values()) if isinstance(contents, dict) and contents is not payload else None


def claims(token: str) -> dict[str, Any]:
    """The claims of a compact JWS, unverified; empty if they can't be read."""
    parts = token.strip().split(".")
    if len(parts) != 3:
        return {}
    try:
        content = parts[1].encode("ascii")
        return record(orjson.loads(base64.urlsafe_b64decode(content + b"=" * (-len(content) % 4))))
    except (binascii.Error, UnicodeEncodeError, orjson.JSONDecodeError):
        return {}


def _read(element: Any, receipt: Receipt, options: SourceOptions) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    token = claims(element) if isinstance(element, str) else record(element)
    events = record(token.get("events"))
    if not events:
        yield Ignored("not_understood", "neither the claims of a security event token nor a JWS with them")
    jti = text(token.get("jti")) or digest(token)
    when = moment(_numeric_date(token.get("iat")), receipt.received)
    for uri, body in events.items():
        event = jti if len(events) == 1 else f"{jti}#{uri}"
        yield from _event(_name(uri), record(body), token, event, when, options)


def _numeric_date(value: Any) -> Micros | None:
    """µs since 1970 of a NumericDate (RFC 7519: seconds, a fraction is allowed); RFC 3339 text is tolerated."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return micros(value)
    return Micros(int(value * 1_000_000)) if 0 <= value < 1e11 else None


def _name(uri: str) -> str:
    """`risc:account-disabled` for signals; SCIM events in lower case."""
    match = SIGNAL.fullmatch(uri.strip().casefold())
    return f"{match[1]}:{match[2]}" if match else uri.strip().casefold()


def _event(
    name: str, body: dict[str, Any], token: dict[str, Any], event: str, when: Micros, options: SourceOptions
) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    kind = name.removeprefix(f"{SCIM}prov:")
    is_snapshot, is_patch = kind in ("create:full", "put:full"), kind == "patch:full"
    is_notice = kind in ("create:notice", "put:notice", "patch:notice") or name == f"{SCIM}feed:add"
    scim_event = name.startswith(SCIM)
    identifier = token.get("sub_id") or (None if scim_event else body.get("subject") or token.get("sub"))
    subject = _subject(identifier, text(token.get("iss")))
    if name.endswith(":verification"):
        yield Ignored("probe", "the stream is verified", subject)
    elif not (is_snapshot or is_patch or is_notice or name in ACTIVE):
        yield Ignored("type", "sessions, credentials and the like: nobody comes or leaves", subject)
    elif subject is None:
        yield Ignored("incomplete", "no subject identifier that names one user")
    else:
        external = text(record(identifier).get("externalId"))
        facts: dict[str, Fact] = {} if external is None else {"externalId": external}
        complete = True
        if name in ACTIVE:
            facts["active"] = ACTIVE[name]
            if name == f"{SCIM}prov:delete":
                facts[GONE] = True
        elif is_snapshot and record(body.get("data")):
            facts = scim_events.snapshot(body["data"], options) | facts
        elif is_patch and record(body.get("data")):
            changed, complete = scim_events.change(body["data"], options)
            facts |= changed
        else:
            complete = False
        if not complete:
            paths = [(text(path) or "").rpartition(":")[2].casefold() for path in items(body.get("attributes"))]
            yield FetchRequest(subject, event, when, name, urgent=not paths or "active" in paths)
        if complete or "active" in facts or len(facts) > (external is not None):
            sequence = _DENIES if name in ACTIVE and not ACTIVE[name] else _version(body.get("version"))
            who = anchor(subject, facts, options)
            order = (when, sequence, event)
            yield SourceEvent(subject, event, "snapshot" if is_snapshot else "change", order, facts, who, reason=name)


def _version(etag: Any) -> int:
    """An ETag that is a number, `W/"3"`, orders events of the same second; others give no order."""
    match = re.fullmatch(r'(?:W/)?"?(\d{1,15})"?', text(etag) or "")
    return int(match[1]) if match else 0


def _subject(identifier: Any, issuer: str | None) -> str | None:
    """The user whom a subject identifier names, within the token's issuer. None for groups, devices and sessions."""
    value = _identifier(identifier, issuer, 0)
    return value if value is None or issuer is None else f"{issuer}#{value}"


def _identifier(identifier: Any, issuer: str | None, depth: int) -> str | None:
    if not isinstance(identifier, dict):
        return text(identifier)
    form = (
        (text(identifier.get("format")) or text(identifier.get("subject_type")) or "complex")
        .casefold()
        .replace("-", "_")
    )
    if form == "complex" and depth < 2:
        return None if identifier.get("user") is None else _identifier(identifier["user"], issuer, depth + 1)
    if form == "aliases" and depth < 2:
        subjects = (_identifier(alias, issuer, depth + 1) for alias in items(identifier.get("identifiers")))
        return next((alias for alias in subjects if alias is not None), None)
    if form == "scim":
        kind, _, number = (text(identifier.get("uri")) or "").rstrip("/").rpartition("/")
        return number or None if kind.casefold().endswith("users") else None
    if form == "iss_sub":
        value, own = text(identifier.get("sub")), text(identifier.get("iss"))
        return value if value is None or own in (None, issuer) else f"{own}#{value}"
    return text(identifier.get(_ALONE.get(form, "")))
