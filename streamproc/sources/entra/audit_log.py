"""Records of Microsoft Entra's audit log: as Event Hubs has them, or as Graph's `directoryAudit`.

Rule 1: a record is ordered by its `activityDateTime` and known by its `id`, wherever it was read. Of two at the same
moment the one that removes access counts.
Rule 2: the log isn't complete for attributes. It shows by itself who was disabled or deleted, and who joined or left a
group; everything else that happened to a user causes a fetch, enabling too.
Rule 3: only id and type identify a target. A deleted user's name is no longer the user's.

learn.microsoft.com: Graph resource directoryAudit; Event Hubs category AuditLogs.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from streamproc.core.parsed_payload import FetchRequest, Ignored, Receipt, SourceEvent
from streamproc.core.records.change_event import Fact, Order
from streamproc.core.records.units import Micros
from streamproc.sources.lenient_json import anchor, digest, items, micros, moment, record, text, truth
from streamproc.sources.options import SourceOptions
from streamproc.sources.values.identifiers import known_identifier
from streamproc.sources.values.text import plain

DISABLING: Final = frozenset({"disable account", "delete user", "hard delete user"})
USERS: Final = DISABLING | {"add user", "update user", "enable account", "restore user"}
MEMBERSHIP: Final = {"add member to group": True, "remove member from group": False}
ASSIGNMENT: Final = {"add app role assignment grant to user": True, "remove app role assignment from user": False}
"""Operations after which somebody may be assigned to the application, or not any more."""
GROUPS: Final = frozenset(
    {
        "update group",
        "delete group",
        "hard delete group",
        "restore group",
        "add app role assignment to group",
        "remove app role assignment from group",
    }
)
"""Operations that may change the groups or assignments of many users, and name none of them."""
SESSIONS: Final = frozenset(
    {"change user password", "reset user password", "update stsrefreshtokenvalidfrom timestamp"}
)
"""Operations of user management that change nobody's status."""

ENABLED: Final = "AccountEnabled"
INCLUDED: Final = "Included Updated Properties"
"""A property that lists what changed; it may name attributes that have no entry of their own."""
ABOUT: Final = frozenset({INCLUDED, "TargetId.UserType", "Action Client Name"})
"""Entries that describe the change, and aren't attributes."""


def is_record(element: Mapping[str, Any]) -> bool:
    """Whether it's a record of a log: Event Hubs' envelope, or a directoryAudit."""
    return "operationName" in element or "activityDisplayName" in element


def activity(
    element: dict[str, Any], receipt: Receipt, options: SourceOptions
) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    """What one record says about each user among its targets."""
    properties = record(element.get("properties"))
    body = properties if "targetResources" in properties else element
    operation = (text(body.get("activityDisplayName")) or text(element.get("operationName")) or "").casefold()
    relevant = operation in USERS or operation in MEMBERSHIP or operation in ASSIGNMENT
    managed = text(body.get("category")) == "UserManagement" and operation not in SESSIONS
    result = (text(body.get("result")) or "success").casefold()
    if operation in GROUPS:
        yield Ignored("group", "a group changed: its members have to be synchronised")
        return
    if not relevant and not managed:
        yield Ignored("type", "operations of this name change nothing here")
        return
    if result == "failure":
        yield Ignored("failed", "by its result it didn't happen")
        return
    targets = [record(target) for target in items(body.get("targetResources"))]
    users = {known_identifier(target.get("id")): target for target in targets if _type(target) == "user"}
    if None in users or not users:
        yield Ignored("incomplete", "the targets name no user, or one without an id")
    event = text(body.get("id")) or digest(element)
    happened = _first(body.get("activityDateTime"), element.get("time"))
    when = moment(happened, receipt.received)
    reason = operation if relevant else "user management"
    for subject, user in users.items():
        if subject is None:
            continue
        if result != "success":  # after a timeout it may have happened or not
            yield FetchRequest(subject, event, when, reason, urgent=True)
        elif operation in ASSIGNMENT:
            yield FetchRequest(subject, event, when, reason, urgent=not ASSIGNMENT[operation])
        elif operation in MEMBERSHIP:
            joins, name = MEMBERSHIP[operation], _group(user, targets)
            unclear = name is None or (joins and happened is None)  # without a clock it could come before a leave
            if unclear or options.application:  # by groups somebody is assigned to an application, too
                yield FetchRequest(subject, event, when, reason, urgent=not joins)
            if unclear:
                continue
            attributes: dict[str, Fact] = {f"group:{name}": name if joins else None}
            order = (when, int(not joins), event)
            yield SourceEvent(
                subject, event, "change", order, attributes, anchor(subject, attributes, options), reason=reason
            )
        else:
            yield from _user(subject, user, operation, (when, 1, event), reason, options)


def _user(
    subject: str,
    user: Mapping[str, Any],
    operation: str,
    order: Order,
    reason: str,
    options: SourceOptions,
) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    changed = _changed(user)
    when, _, event = order
    disabled = operation in DISABLING or truth(changed.get(ENABLED)) is False
    if disabled:
        attributes: dict[str, Fact] = {"active": False}
        yield SourceEvent(
            subject, event, "change", order, attributes, anchor(subject, attributes, options), reason=reason
        )
    if operation in DISABLING or (disabled and set(changed) == {ENABLED}):
        return
    if changed and all(name == "LastDirSyncTime" or name.startswith("StrongAuthentication") for name in changed):
        yield Ignored("noise", "an update of nothing that is read here", subject)
    else:
        hidden = not changed or (ENABLED in changed and truth(changed[ENABLED]) is None)
        yield FetchRequest(subject, event, when, reason, urgent=hidden)


def _changed(target: Mapping[str, Any]) -> dict[str, Any]:
    """Attribute → its new value; None where the record names the attribute without one."""
    entries = _entries(target)
    listed = [name.strip() for names in items(entries.get(INCLUDED)) for name in (text(names) or "").split(",")]
    own = {name: value for name, value in entries.items() if name not in ABOUT}
    return dict.fromkeys(name for name in listed if name) | own


def _entries(target: Mapping[str, Any], side: str = "newValue") -> dict[str, Any]:
    entries = [record(entry) for entry in items(target.get("modifiedProperties"))]
    named = [(text(entry.get("displayName")), _decoded(entry.get(side))) for entry in entries]
    return {name: value for name, value in named if name is not None}


def _decoded(value: Any) -> Any:
    """A value that is JSON in a string: `[true]`, `"False"`, `[]`; some records have bare text instead."""
    if isinstance(value, str):
        try:
            value = orjson.loads(plain(value))
        except orjson.JSONDecodeError:
            return value
    if isinstance(value, list) and len(value) < 2:
        return value[0] if value else None
    return value


def _group(user: Mapping[str, Any], targets: list[dict[str, Any]]) -> str | None:
    """The group's name: the new value when a member joins, the old one when one leaves; else that of the only group."""
    for side in ("newValue", "oldValue"):
        if name := text(_entries(user, side).get("Group.DisplayName")):
            return name
    groups = [text(target.get("displayName")) for target in targets if _type(target) == "group"]
    return groups[0] if len(groups) == 1 else None


def _type(target: Mapping[str, Any]) -> str:
    return (text(target.get("type")) or text(target.get("Type")) or "").casefold()


def _first(*values: Any) -> Micros | None:
    return next((moment_ for moment_ in map(micros, values) if moment_ is not None), None)
