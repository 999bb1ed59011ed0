"""The audit log: who changed what, as the platform's audit entries show it.

Service, entity type and action are those of the vendor's action catalogue (Directory/User, Groups/DirectoryGroup). That
a service SCIM exists is known, but not what it holds, so `scim_audit_service` chooses where changes by SCIM are found.
Roles that are given are entries of the role in PeoplePermissions, or with the user's: `role_audits`. Of the former, the
entity's name has been seen to hold the ids of user, role and organisation.
How the properties are called isn't documented either: `audit_names` has the names of the platform's user, or SCIM's.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from streamproc.simulator.access import Client, entity_id
from streamproc.simulator.options import SimulatorOptions
from streamproc.simulator.resources import Entry
from streamproc.simulator.schema import USER
from streamproc.simulator.store import Change

# Entries kept: of ten thousand users, twenty changes each.
_KEPT = 200_000
SERVICES: dict[str, dict[str, tuple[str, ...]]] = {
    "Directory": {"User": ("Create", "Update", "Delete")},
    "SCIM": {"User": ("Create", "Update", "Delete")},
    "Groups": {"DirectoryGroup": ("Update",)},
    "PeoplePermissions": {"Role": ("MemberAdd", "MemberRemove")},
}
_PLATFORM_NAMES = {
    "userName": "email",
    "displayName": "name",
    "active": "state",
    "phoneNumbers": "addresses",
    "emails": "addresses",
    "routingSkills": "skills",
    "routingLanguages": "languages",
    "externalId": "externalIds",
    "employeeNumber": "employerInfo.employeeId",
    "dateHire": "employerInfo.dateHire",
    "members": "group-membership",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes: always by an OAuth client, and a person where one is logged in."""

    client: str
    person: str | None = None
    by_scim: bool = False

    @property
    def person_id(self) -> str | None:
        return entity_id("people", self.person) if self.person else None


@dataclass(frozen=True, slots=True)
class Audited:
    n: int
    at: float  # seconds since 1970, by the organisation's clock
    actor: Actor
    service: str
    entity_type: str
    action: str
    entity: str
    name: str
    changes: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]

    def shown(self, *, names: bool) -> dict[str, Any]:
        """`names`: with the person's, which is asked for by `expand=user`."""
        shown: dict[str, Any] = {
            "id": entity_id("audits", str(self.n)),
            "client": {"id": self.actor.client},
            "remoteIp": ["127.0.0.1"],
            "serviceName": self.service,
            "level": "USER",
            "eventDate": stamp(self.at),
            "action": self.action,
            "entity": {"id": self.entity, "name": self.name},
            "entityType": self.entity_type,
            "status": "SUCCESS",
            "propertyChanges": [
                {"property": name, "oldValues": list(old), "newValues": list(new)} for name, old, new in self.changes
            ],
            "context": {},
        }
        if self.actor.person_id:
            person = {"id": self.actor.person_id, "selfUri": f"/api/v2/users/{self.actor.person_id}"}
            shown["user"] = person | ({"name": self.actor.person} if names else {})
        return shown


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class AuditLog:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._entries: deque[Audited] = deque(maxlen=_KEPT)
        self._by_entity: dict[str, list[Audited]] = {}
        self._n = 0

    def record(self, actor: Actor, change: Change, options: SimulatorOptions) -> None:
        """`change`, unless it changed nothing."""
        if not change.changed:
            return
        before, after = change.before, change.after
        service = options.scim_audit_service if actor.by_scim else "Directory"
        where = (service, "User") if after.kind is USER else ("Groups", "DirectoryGroup")
        apart = {"roles"} if options.role_audits == "PeoplePermissions" else set()
        shown = tuple(_differences(before, after, options.audit_names, apart))
        if shown or before is None or before.state != after.state:
            self._append(actor, where, _action(before, after), (after.id, after.attrs["displayName"]), shown)
        for action, role in _grants(before, after) if apart else ():
            named = entity_id("roles", role)
            whole = f"{after.id}--{named}--{entity_id('organizations', options.organization)}"
            self._append(actor, ("PeoplePermissions", "Role"), action, (named, whole), ())

    def _append(
        self,
        actor: Actor,
        where: tuple[str, str],
        action: str,
        entity: tuple[str, str],
        changes: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...],
    ) -> None:
        entry = Audited(self._n, self._now(), actor, *where, action, *entity, changes)
        self._n += 1
        if len(self._entries) == _KEPT:
            self._forget(self._entries[0])
        self._entries.append(entry)
        self._by_entity.setdefault(entry.entity, []).append(entry)

    def newest_first(self, entity: str | None = None) -> Iterator[Audited]:
        return reversed(self._entries if entity is None else self._by_entity.get(entity, []))

    def _forget(self, entry: Audited) -> None:
        of_entity = self._by_entity[entry.entity]
        del of_entity[0]
        if not of_entity:
            del self._by_entity[entry.entity]


def _action(before: Entry | None, after: Entry) -> str:
    if before is None:
        return "Create"
    return "Delete" if after.state == "deleted" != before.state else "Update"


def _grants(before: Entry | None, after: Entry) -> Iterator[tuple[str, str]]:
    old, new = (each.attrs.get("roles", {}) if each else {} for each in (before, after))
    yield from (("MemberAdd", role) for role in new if role not in old)
    yield from (("MemberRemove", role) for role in old if role not in new)


def _differences(
    before: Entry | None, after: Entry, names: str, apart: set[str]
) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    old, new = before.attrs if before else {}, after.attrs
    for name in dict.fromkeys((*old, *new)):
        if name not in apart and old.get(name) != new.get(name):
            shown = _PLATFORM_NAMES.get(name, name) if names == "platform" else name
            values = ((), ()) if name == "password" else [_values(name, of.get(name), names) for of in (old, new)]
            yield shown, values[0], values[1]


def _values(name: str, value: Any, names: str) -> tuple[str, ...]:
    """As texts: each element of a list, JSON where an element has parts."""
    if value is None:
        return ()
    if name == "active" and names == "platform":
        return ("active" if value else "inactive",)
    if name == "members":
        return tuple(value)
    if name != "manager" and isinstance(value, dict):
        return tuple(_element(each) for each in value.values())
    return (_element(value),)


def _element(value: Any) -> str:
    if isinstance(value, dict) and len(value) == 1:
        return str(next(iter(value.values())))
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def actor_of(client: Client, *, by_scim: bool = False) -> Actor:
    return Actor(client.id, client.person, by_scim)
