"""Source `set`: Security Event Tokens (RFC 8417), as their claims or as the compact JWS that carries them.

Rule 1: signatures are the gateway's business, before anything comes here; nothing here makes a token trusted.
Rule 2: who a token is about is `sub_id`, within its issuer: an issuer enables only whom it has disabled itself.
Rule 3: no order is promised. Tokens count at `iat`, whole seconds, and of one second the one that takes away counts.

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
"""Paths in a SCIM user as `scim.flat` gives it. `externalId`: also what a subject identifier says beside the id."""

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
"""Sequence, above any version's, of what takes away."""
_ALONE: Final = {
    "opaque": "id",
    "email": "email",
    "account": "uri",
    "phone_number": "phone_number",
    "did": "url",
}
"""Formats of subject identifiers (RFC 9493) → the member that names the subject."""


def elements(payload: Any) -> list[Any]:
    """The tokens of a list or of a poll's answer (RFC 8936 §2.2: `sets`, by `jti`); else the payload is one."""
    return unfolded(payload, _inside)


def read(payload: Any, taken: Receipt, options: SourceOptions = DEFAULTS) -> ParsedPayload:
    """What tokens say: claims, compact JWS (their payload is decoded, nothing is verified), or several of them."""
    return parsed(one for each in elements(payload) for one in _read(each, taken, options))


def _inside(payload: Any) -> list[Any] | None:
    held = record(payload).get("sets", payload)
    if isinstance(held, list):
        return held
    return list(held.values()) if isinstance(held, dict) and held is not payload else None


def claims(token: str) -> dict[str, Any]:
    """The claims of a compact JWS, unverified; empty if there are none to be read."""
    parts = token.strip().split(".")
    if len(parts) != 3:
        return {}
    try:
        content = parts[1].encode("ascii")
        return record(orjson.loads(base64.urlsafe_b64decode(content + b"=" * (-len(content) % 4))))
    except (binascii.Error, UnicodeEncodeError, orjson.JSONDecodeError):
        return {}


def _read(element: Any, taken: Receipt, options: SourceOptions) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    token = claims(element) if isinstance(element, str) else record(element)
    events = record(token.get("events"))
    if not events:
        yield Ignored("not_understood", "neither the claims of a security event token nor a JWS with them")
    jti = text(token.get("jti")) or digest(token)
    when = moment(_numeric_date(token.get("iat")), taken.received)
    for uri, said in events.items():
        event = jti if len(events) == 1 else f"{jti}#{uri}"
        yield from _event(_name(uri), record(said), token, event, when, options)


def _numeric_date(value: Any) -> int | None:
    """µs since 1970 of a NumericDate (RFC 7519: seconds, a fraction is allowed); timestamps in text are tolerated."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return micros(value)
    return int(value * 1_000_000) if 0 <= value < 1e11 else None


def _name(uri: str) -> str:
    """`risc:account-disabled` for signals; SCIM events in lower case."""
    found = SIGNAL.fullmatch(uri.strip().casefold())
    return f"{found[1]}:{found[2]}" if found else uri.strip().casefold()


def _event(
    name: str, said: dict[str, Any], token: dict[str, Any], event: str, when: int, options: SourceOptions
) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    kind = name.removeprefix(f"{SCIM}prov:")
    whole, part = kind in ("create:full", "put:full"), kind == "patch:full"
    named = kind in ("create:notice", "put:notice", "patch:notice") or name == f"{SCIM}feed:add"
    scim_event = name.startswith(SCIM)
    about = token.get("sub_id") or (None if scim_event else said.get("subject") or token.get("sub"))
    subject = _subject(about, text(token.get("iss")))
    if name.endswith(":verification"):
        yield Ignored("probe", "the stream is verified", subject)
    elif not (whole or part or named or name in ACTIVE):
        yield Ignored("type", "sessions, credentials and the like: nobody comes or leaves", subject)
    elif subject is None:
        yield Ignored("incomplete", "no subject identifier that names one user")
    else:
        external = text(record(about).get("externalId"))
        facts: dict[str, Fact] = {} if external is None else {"externalId": external}
        complete = True
        if name in ACTIVE:
            facts["active"] = ACTIVE[name]
            if name == f"{SCIM}prov:delete":
                facts[GONE] = True
        elif whole and record(said.get("data")):
            facts = scim_events.snapshot(said["data"], options) | facts
        elif part and record(said.get("data")):
            told, complete = scim_events.change(said["data"], options)
            facts |= told
        else:
            complete = False
        if not complete:
            paths = [(text(each) or "").rpartition(":")[2].casefold() for each in items(said.get("attributes"))]
            yield FetchRequest(subject, event, when, name, urgent=not paths or "active" in paths)
        if complete or "active" in facts or len(facts) > (external is not None):
            sequence = _DENIES if name in ACTIVE and not ACTIVE[name] else _version(said.get("version"))
            who = anchor(subject, facts, options)
            order = (when, sequence, event)
            yield SourceEvent(subject, event, "snapshot" if whole else "change", order, facts, who, reason=name)


def _version(etag: Any) -> int:
    """An ETag that is a number, `W/"3"`, orders what has the same second; others say nothing of order."""
    found = re.fullmatch(r'(?:W/)?"?(\d{1,15})"?', text(etag) or "")
    return int(found[1]) if found else 0


def _subject(about: Any, issuer: str | None) -> str | None:
    """Whom a subject identifier names, within the token's issuer. Groups, devices and sessions are nobody."""
    value = _identifier(about, issuer, 0)
    return value if value is None or issuer is None else f"{issuer}#{value}"


def _identifier(about: Any, issuer: str | None, depth: int) -> str | None:
    if not isinstance(about, dict):
        return text(about)
    form = (text(about.get("format")) or text(about.get("subject_type")) or "complex").casefold().replace("-", "_")
    if form == "complex" and depth < 2:
        return None if about.get("user") is None else _identifier(about["user"], issuer, depth + 1)
    if form == "aliases" and depth < 2:
        found = (_identifier(each, issuer, depth + 1) for each in items(about.get("identifiers")))
        return next((each for each in found if each is not None), None)
    if form == "scim":
        kind, _, number = (text(about.get("uri")) or "").rstrip("/").rpartition("/")
        return number or None if kind.casefold().endswith("users") else None
    if form == "iss_sub":
        value, own = text(about.get("sub")), text(about.get("iss"))
        return value if value is None or own in (None, issuer) else f"{own}#{value}"
    return text(about.get(_ALONE.get(form, "")))
