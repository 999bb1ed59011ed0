"""Okta's System Log: the events of a person's change. An event hook sends the same events.

Event types: developer.okta.com, reference/api/event-types. No event holds a value of the profile.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from streamproc.simulator.directories.people import Change, Values, stamp

PROFILE = {
    "login": "userName",
    "email": "email",
    "firstName": "firstName",
    "lastName": "lastName",
    "displayName": "displayName",
    "title": "job",
    "department": "department",
    "division": "division",
    "employeeNumber": "employeeNumber",
    "managerId": "manager",  # free text, not a reference
    "primaryPhone": "phone",
    "city": "location",
    "timezone": "timeZone",
}
_FIELD = {ours: theirs for theirs, ours in PROFILE.items()}
_NOT_PROFILE = frozenset({"active", "assigned", "status", "groups", "hireDate", "lastDay", "terminationDate"})
NEVER_HOOKED = "user.lifecycle.delete.completed"


def events(
    change: Change, new_id: Callable[[], str], application: str | None = None, *, assigned: bool = False
) -> list[dict[str, Any]]:
    """`application`: to which somebody was assigned by the change, or no longer is."""
    told = [_event(change, new_id(), *parts) for parts in _of_change(change)]
    if application is None:
        return told
    event = _event(change, new_id(), f"application.user_membership.{'add' if assigned else 'remove'}", None, [])
    of_application = {"id": application, "type": "AppInstance", "alternateId": "Genesys Cloud"}
    user = {"id": "0ua" + change.entry.id[3:], "type": "AppUser", "alternateId": change.entry.values.get("userName")}
    event["target"] = [user, of_application, *event["target"]]
    return [*told, event]


def status(values: Values) -> str:
    return values.get("status") or ("ACTIVE" if values["active"] else "DEPROVISIONED")


def group_id(name: str) -> str:
    return "00g" + hashlib.sha256(name.encode()).hexdigest()[:17]


def _of_change(change: Change) -> list[tuple[str, str | None, list[str]]]:
    """Type, group and changed attributes of the log events of one change."""
    entry, entries = change.entry, list[tuple[str, str | None, list[str]]]()
    old, new = status(change.before) if change.before else "STAGED", status(entry.values)
    if change.kind == "created":
        entries.append(("user.lifecycle.create", None, []))
    elif attributes := [_FIELD.get(name, name) for name in change.fields if name not in _NOT_PROFILE]:
        entries.append(("user.account.update_profile", None, attributes))
    joined, left = entry.group_changes(change.before)
    entries += [("group.user_membership.add", name, []) for name in joined]
    entries += [("group.user_membership.remove", name, []) for name in left]
    if old != new and (kind := _transition(old, new)):
        entries.append((kind, None, []))
    if change.kind == "removed":
        if new != "DEPROVISIONED":
            entries.append(("user.lifecycle.deactivate", None, []))
        entries += [("user.lifecycle.delete.initiated", None, []), (NEVER_HOOKED, None, [])]
    return entries


def _transition(old: str, new: str) -> str | None:
    if new == "DEPROVISIONED":
        return "user.lifecycle.deactivate"
    if new == "SUSPENDED":
        return "user.lifecycle.suspend"
    if new == "LOCKED_OUT":
        return "user.account.lock"
    if new in ("ACTIVE", "PROVISIONED"):
        ended = {"SUSPENDED": "user.lifecycle.unsuspend", "LOCKED_OUT": "user.account.unlock"}
        return ended.get(old, "user.lifecycle.activate")
    return None


def _event(change: Change, id_: str, kind: str, group: str | None, attributes: list[str]) -> dict[str, Any]:
    login = change.entry.values.get("userName")
    name = change.entry.values["displayName"]
    target = [{"id": change.entry.id, "type": "User", "alternateId": login, "displayName": name, "detailEntry": None}]
    if group is not None:
        group_target = {"id": group_id(group), "alternateId": "unknown", "displayName": group}
        target.append({"type": "UserGroup", "detailEntry": None, **group_target})
    return {
        "uuid": id_,
        "published": stamp(change.at),
        "eventType": kind,
        "version": "0",
        "displayMessage": kind,
        "severity": "INFO",
        "legacyEventType": None,
        "outcome": {"result": "SUCCESS", "reason": None},
        "actor": {"id": "00uadmin", "type": "User", "alternateId": "admin@example.com", "displayName": "Admin"},
        "target": target,
        "client": {"zone": "null"},
        "transaction": {"id": f"{change.entry.id}-{change.entry.seq}", "type": "WEB", "detail": {}},
        "debugContext": {"debugData": {"changedAttributes": ",".join(attributes)} if attributes else {}},
        "authenticationContext": {},
        "securityContext": {},
        "insertionTimestamp": None,
    }
