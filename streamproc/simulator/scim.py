"""The SCIM service behind the gateway: one call gives one answer, without awaiting anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from streamproc.simulator import discovery, filters
from streamproc.simulator.errors import PlatformError, ScimError, not_found, too_many_requests
from streamproc.simulator.resources import Entry, Projection
from streamproc.simulator.schema import GENESYS, KINDS, USER, Kind
from streamproc.simulator.store import Change, Store

PREFIX = "/api/v2/scim/"
DEFAULT_PAGE = 25

# SCIM creates no groups and deletes none; there is no bulk, /Me or /.search endpoint (SDK).
_METHODS = {
    ("users", False): ("GET", "POST"),
    ("users", True): ("GET", "PUT", "PATCH", "DELETE"),
    ("groups", False): ("GET",),
    ("groups", True): ("GET", "PUT", "PATCH"),
    ("serviceproviderconfig", False): ("GET",),
    ("resourcetypes", False): ("GET",),
    ("resourcetypes", True): ("GET",),
    ("schemas", False): ("GET",),
    ("schemas", True): ("GET",),
}

# "expensive secondary calls" of a page over 25 (SDK, parameter `count`).
_HEAVY = ((USER.core, "externalId"), (USER.core, "roles"), (GENESYS, "routingSkills"), (GENESYS, "routingLanguages"))


@dataclass(slots=True)
class Call:
    method: str
    resource: str  # lower case: users, groups, schemas...
    id: str | None
    versioned: bool  # under /scim/v2/?
    query: Mapping[str, str]
    if_match: str | None = None
    if_none_match: str | None = None
    raw: bytes = b""
    body: Any = None

    @property
    def writes(self) -> bool:
        return self.method in ("POST", "PUT", "PATCH", "DELETE") and self.resource in KINDS

    @property
    def route(self) -> str:
        return f"{self.method} {self.resource}{'/{id}' if self.id else ''}"


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    change: Change | None = None
    error: ScimError | PlatformError | None = None


def split(path: str) -> tuple[str, str | None, bool] | None:
    """Resource, id and whether the path is versioned; None for a path that is not SCIM's."""
    if path[: len(PREFIX)].lower() != PREFIX:
        return None
    segments = path[len(PREFIX) :].strip("/").split("/")
    versioned = segments[0].lower() == "v2"
    if versioned:
        segments = segments[1:]
    if not segments or len(segments) > 2:
        return None
    return segments[0].lower(), segments[1] if len(segments) == 2 else None, versioned


def decide(store: Store, call: Call) -> Answer:
    allowed = _METHODS.get((call.resource, call.id is not None))
    if allowed is None:
        raise not_found("resource")
    if call.method not in allowed:
        headers = {"Allow": ", ".join(allowed)}
        raise PlatformError(405, "method.not.allowed", f"{call.method} is not allowed here.", headers)
    kind = KINDS.get(call.resource)
    if kind is None:
        filtered = "filter" in call.query
        document = discovery.document(call.resource, call.id, filtered=filtered, max_page=store.options.max_page_size)
        if _matches(call.if_none_match, '"1"', weak=True):
            return Answer(304, headers={"ETag": '"1"'})
        return Answer(200, orjson.dumps(document), {"ETag": '"1"'})
    if call.id is None:
        return _answer(store.create_user(call.body)) if call.method == "POST" else _list(store, kind, call)
    entry = (store.users if kind is USER else store.groups).get(call.id)
    readable = call.method == "GET" and store.options.deleted_user_get == "200"
    if entry is None or (entry.state == "deleted" and not readable):
        raise not_found(kind.name.lower())
    if call.method == "GET":
        return _get(kind, entry, call)
    if call.if_match is not None and not _matches(call.if_match, entry.etag, weak=False):
        raise version_conflict(store)
    return _answer(_write(store, kind, entry, call))


def _write(store: Store, kind: Kind, entry: Entry, call: Call) -> Change:
    if kind is not USER:
        return (store.replace_group if call.method == "PUT" else store.patch_group)(entry, call.body)
    if call.method == "DELETE":
        return store.delete_user(entry)
    return (store.replace_user if call.method == "PUT" else store.patch_user)(entry, call.body)


def version_conflict(store: Store) -> ScimError:
    """Three vendor documents disagree, so the answer is an option."""
    detail = "Version does not match current version."
    mode = store.options.version_mismatch
    return ScimError("invalidVers", detail) if mode == "invalidVers400" else ScimError(None, detail, int(mode))


def _answer(change: Change) -> Answer:
    if change.error:
        return Answer(change.error.status, error=change.error, change=change)
    if change.status == 204:
        return Answer(204, change=change)
    headers = {"ETag": change.after.etag}
    if change.status == 201:
        headers["Location"] = change.after.location
    return Answer(change.status, change.after.body, headers, change)


def _get(kind: Kind, entry: Entry, call: Call) -> Answer:
    headers = {"ETag": entry.etag}
    if _matches(call.if_none_match, entry.etag, weak=True):
        return Answer(304, headers=headers)
    projection = _projection(kind, call)
    return Answer(200, orjson.dumps(projection.of(entry)) if projection else entry.body, headers)


def _projection(kind: Kind, call: Call) -> Projection | None:
    if not call.query:
        return None
    return Projection(kind, call.query.get("attributes"), call.query.get("excludedAttributes")) or None


def _list(store: Store, kind: Kind, call: Call) -> Answer:
    text = call.query.get("filter")
    if text is None and kind is not USER and call.versioned:
        raise ScimError("invalidFilter", "filter is required")
    start = max(1, _whole_number(call, "startIndex", 1))
    # RFC 7644 §3.4.2.4: a negative count is zero, and a server may return fewer than asked.
    count = min(max(0, _whole_number(call, "count", DEFAULT_PAGE)), store.options.max_page_size)
    projection = _projection(kind, call)
    if store.options.heavy_page_429 and kind is USER and count > DEFAULT_PAGE:
        returned = [name for urn, name in _HEAVY if projection is None or projection.covers(urn, name)]
        if returned:
            raise too_many_requests(1)
    condition = filters.parse(kind, text, by_member=store.options.filter_by_member) if text is not None else None
    inactive = condition is not None and store.options.filter_finds_inactive
    total, page = store.search.find(kind, condition, inactive=inactive, start=start, count=count)
    if projection:
        resources: list[Any] = [projection.of(entry) for entry in page]
    else:
        resources = [orjson.Fragment(entry.body) for entry in page]
    content: dict[str, Any] = {"schemas": [discovery.LIST_URN], "totalResults": total}
    if count:
        content |= {"startIndex": start, "itemsPerPage": len(page), "Resources": resources}
    return Answer(200, orjson.dumps(content))


def _whole_number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name)
    try:
        return default if text is None else int(text)
    except ValueError:
        raise ScimError("invalidValue", f"{name} must be a whole number") from None


def _matches(header: str | None, etag: str, *, weak: bool) -> bool:
    """RFC 9110 §13.1: If-Match compares strongly, so a weak tag never matches there; If-None-Match compares weakly."""
    if header is None:
        return False
    for tag in header.split(","):
        candidate = tag.strip()
        if weak:
            candidate = candidate.removeprefix("W/")
        if candidate in ("*", etag):
            return True
    return False
