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
from streamproc.core.records.change_event import GONE
from streamproc.core.records.units import Micros
from streamproc.sources.lenient_json import (
    anchor,
    digest,
    items,
    json_text,
    micros,
    moment,
    parsed,
    record,
    text,
    unfolded,
)
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import Reading
from streamproc.sources.security_events import scim_events
from streamproc.sources.values.identifiers import known_identifier
from streamproc.sources.values.statuses import LEFT

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
    active=("Active", "Enabled"),
    inactive=LEFT,
)
"""Paths in a SCIM user as `scim_events.flat` returns it. `externalId` is also in subject identifiers, beside the id."""

SCIM: Final = "urn:ietf:params:scim:event:"
SIGNAL: Final = re.compile(r"https?://schemas\.openid\.net/secevent/(risc|caep|ssf|sse|oauth)/event-type/([a-z_-]+)")
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
NOBODY: Final = re.compile(
    r"(caep|ssf|sse|oauth):.*|urn:ietf:params:scim:event:(misc|sig):.*|risc:("
    r"account-credential-change-required|identifier-(changed|recycled)|credential-compromise|sessions-revoked|"
    r"opt-(in|out-(initiated|cancelled|effective))|recovery-(activated|information-changed))"
)
"""Events about sessions, credentials, devices and streams: nobody comes or leaves."""
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
    events = record(json_text(token.get("events")))
    if not events:
        yield Ignored("not_understood", "neither the claims of a security event token nor a JWS with them")
    jti = text(token.get("jti")) or digest(token)
    when = moment(_numeric_date(token.get("iat")), receipt.received)
    for uri, body in events.items():
        event = jti if len(events) == 1 else f"{jti}#{uri}"
        yield from _event(_name(uri), record(json_text(body)), token, event, when, options)


def _numeric_date(value: Any) -> Micros | None:
    """µs since 1970 of a NumericDate (RFC 7519: seconds, a fraction is allowed); RFC 3339 text is tolerated."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,15}\s*", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return micros(value)
    if not 0 <= value < 1e14:
        return None
    return Micros(int(value * (1_000_000 if value < 1e11 else 1_000)))  # some senders have ms


def _name(uri: str) -> str:
    """`risc:account-disabled` for signals; SCIM events in lower case."""
    written = uri.strip().rstrip("/").casefold()
    match = SIGNAL.fullmatch(written)
    return f"{match[1]}:{match[2].replace('_', '-')}" if match else written


def _event(
    name: str, body: dict[str, Any], token: dict[str, Any], event: str, when: Micros, options: SourceOptions
) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    kind = name.removeprefix(f"{SCIM}prov:")
    is_snapshot, is_patch = kind in ("create:full", "put:full"), kind == "patch:full"
    is_notice = kind in ("create:notice", "put:notice", "patch:notice") or name == f"{SCIM}feed:add"
    scim_event = name.startswith(SCIM)
    identifier = json_text(token.get("sub_id")) or (
        None if scim_event else json_text(body.get("subject")) or token.get("sub")
    )
    subject = _subject(identifier, text(token.get("iss")))
    if name.endswith(":verification"):
        yield Ignored("probe", "the stream is verified", subject)
    elif NOBODY.fullmatch(name):
        yield Ignored("type", "sessions, credentials and the like: nobody comes or leaves", subject)
    elif not (is_snapshot or is_patch or is_notice or name in ACTIVE):
        yield Ignored("not_understood", "an event that isn't known: it may say that somebody left", subject)
    elif subject is None:
        yield Ignored("incomplete", "no subject identifier that names one user", field="sub_id")
    else:
        external = text(record(identifier).get("externalId"))
        reading, unknown = Reading(), list[str | None]()
        complete = True
        if name in ACTIVE:
            reading.facts["active"] = ACTIVE[name]
            if name == f"{SCIM}prov:delete":
                reading.facts[GONE] = True
        elif is_snapshot and scim_events.is_user(data := json_text(body.get("data"))):
            reading = scim_events.snapshot(data, options, created=kind == "create:full")
        elif is_patch and record(data := json_text(body.get("data"))):
            reading, unknown = scim_events.change(data, options)
            complete = not unknown and "active" not in reading.unread
        else:
            complete = False
        if external is not None:
            reading.facts["externalId"] = external
        if not complete:
            paths = [(text(path) or "").rpartition(":")[2].casefold() for path in items(body.get("attributes"))]
            yield FetchRequest(subject, event, when, name, urgent=not paths or "active" in paths)
        yield from reading.told(subject)
        for path in unknown:
            reason = "an operation whose effect isn't known without the user's list, or isn't one of SCIM"
            yield Ignored("not_understood", reason, subject, path)
        if complete or "active" in reading.facts or len(reading.facts) > (external is not None):
            sequence = _DENIES if name in ACTIVE and not ACTIVE[name] else _version(body.get("version"))
            kept = (*reading.kept, *_unsaid_active(reading, options)) if is_snapshot else ()
            yield SourceEvent(
                subject,
                event,
                "snapshot" if is_snapshot else "change",
                (when, sequence, event),
                reading.facts,
                anchor(subject, reading.facts, options),
                reason=name,
                kept=kept,
            )


def _unsaid_active(reading: Reading, options: SourceOptions) -> tuple[str, ...]:
    """`active` where a whole user doesn't speak of it."""
    unsaid = "active" in options.attributes and "active" not in reading.facts and "active" not in reading.unread
    return ("active",) if unsaid else ()


def _version(etag: Any) -> int:
    """An ETag that is a number, `W/"3"`, orders events of the same second; others give no order."""
    match = re.fullmatch(r'(?:W/)?"?(\d{1,15})"?', text(etag) or "")
    return int(match[1]) if match else 0


def _subject(identifier: Any, issuer: str | None) -> str | None:
    """The user whom a subject identifier names, within the token's issuer. None for groups, devices and sessions."""
    value = known_identifier(_identifier(identifier, issuer, 0))
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
