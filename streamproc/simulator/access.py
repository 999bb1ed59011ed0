"""Who may do what: roles with their policies, OAuth clients with their roles, and what a SCIM request needs.

A permission is `domain:entity:action`; a policy is one, and may have `*` in each place. What each route needs is in the
permission lists of the vendor's SDKs. They say ANY of the list; that each attribute needs its own isn't confirmed, so
the option `scim_permissions` chooses.
"""

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from streamproc.simulator import defaults
from streamproc.simulator.errors import PlatformError
from streamproc.simulator.options import SimulatorOptions
from streamproc.simulator.schema import GENESYS, KINDS, USER
from streamproc.simulator.scim import Call

_POLICY = re.compile(r"(\*|[\w.-]+):(\*|[\w.-]+):(\*|[\w.-]+)")
_BY_METHOD = {
    "POST": "directory:user:add",
    "PUT": "directory:user:edit",
    "PATCH": "directory:user:edit",
    "DELETE": "directory:user:delete",
}
_BY_ATTRIBUTE: dict[str, tuple[str, ...]] = {
    "roles": ("authorization:grant:add", "authorization:grant:delete"),
    "routingSkills": ("routing:skill:assign",),
    "routingLanguages": ("routing:language:assign",),
    "phoneNumbers": ("telephony:extension:assign",),  # only a number with an extension
    "password": ("directory:user:setPassword",),
}
_PATH_NAME = re.compile(r"(?:urn:.+:2\.0:[A-Za-z]+:)?([$A-Za-z][$\w-]*)", re.IGNORECASE)


def entity_id(kind: str, name: str) -> str:
    """The same in every run, so that clients outlive a reset."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"simulator/{kind}/{name}"))


ALL_DIVISIONS = "*"


def division_id(name: str) -> str:
    """`*` stands for all, as in the vendor's Terraform provider; how the platform shows that isn't documented."""
    return name if name == ALL_DIVISIONS else entity_id("divisions", name)


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    policies: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return entity_id("roles", self.name)

    def grants(self, permission: str) -> bool:
        return _granted(self.policies, permission)

    def grouped(self) -> dict[tuple[str, str], list[str]]:
        """Actions by domain and entity, as the platform shows policies."""
        grouped: dict[tuple[str, str], list[str]] = {}
        for policy in self.policies:
            domain, entity, action = policy.split(":")
            grouped.setdefault((domain, entity), []).append(action)
        return grouped


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth client. `person` makes its tokens those of a human being, as a login by hand would."""

    id: str
    secret: str
    name: str
    roles: tuple[str, ...] = ()
    person: str | None = None
    expired: bool = False  # its secret isn't taken any more
    divisions: tuple[str, ...] = (ALL_DIVISIONS,)  # in which it has its roles, by name

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "roles": list(self.roles),
            "person": self.person,
            "expired": self.expired,
            "divisions": list(self.divisions),
        }


class Access:
    """Roles by name and clients by id."""

    def __init__(self, options: SimulatorOptions) -> None:
        self.roles: dict[str, Role] = {}
        self.clients: dict[str, Client] = {}
        self.put_client(Client(options.client_id, options.client_secret, "streamproc", (defaults.SCIM_ROLE,)))
        self.reset(options)

    def reset(self, options: SimulatorOptions) -> None:
        """Back to the start, except that clients stay, with their roles, since their tokens do."""
        held = {role for client in self.clients.values() for role in client.roles}
        standing = {name: Role(name, policies) for name, policies in defaults.ROLE_POLICIES.items()}
        self.roles = standing | {name: role for name, role in self.roles.items() if name in held}
        self.configure(options)

    def configure(self, options: SimulatorOptions) -> None:
        for name in options.roles:
            self.roles.setdefault(name, Role(name))

    def put_role(self, content: dict[str, Any]) -> Role:
        """Raises ValueError for a role that no request could ever use."""
        name, policies = content.get("name"), content.get("policies", [])
        if not isinstance(name, str) or not name or content.keys() - {"name", "policies"}:
            raise ValueError("a role has a name and policies")
        if not isinstance(policies, list) or not all(isinstance(p, str) and _POLICY.fullmatch(p) for p in policies):
            raise ValueError("policies must be a list of domain:entity:action, each of them a word or *")
        self.roles[name] = role = Role(name, tuple(dict.fromkeys(policies)))
        return role

    def put_client(self, client: Client) -> None:
        self.clients[client.id] = client

    def parse_client(self, content: dict[str, Any]) -> Client:
        """A new client, or a known one with changes. `permissions` makes a role for it alone. Raises ValueError."""
        if unknown := content.keys() - {
            "id",
            "secret",
            "name",
            "roles",
            "permissions",
            "person",
            "expired",
            "divisions",
        }:
            raise ValueError(f"a client has no {', '.join(sorted(unknown))}")
        known = self.clients.get(str(content.get("id")))
        given = {key: value for key, value in content.items() if key in ("id", "secret", "name", "person")}
        if not all(value is None or isinstance(value, str) for value in given.values()) or not given.get("id"):
            raise ValueError("id, secret, name and person must be texts, and a client needs an id")
        id_ = str(given["id"])
        secret = given.get("secret") or (known.secret if known else id_)
        name = given.get("name") or (known.name if known else id_)
        roles = content.get("roles", list(known.roles) if known else [])
        if not isinstance(roles, list) or not all(role in self.roles for role in roles):
            raise ValueError(f"roles must be a list of {', '.join(self.roles)}")
        if "permissions" in content:
            own = self.put_role({"name": f"role of {id_}", "policies": content["permissions"]})
            roles = [*(content.get("roles", ())), own.name]
        expired = content.get("expired", known.expired if known else False)
        if not isinstance(expired, bool):
            raise ValueError("expired must be true or false")  # noqa: TRY004 - answered as 400
        person = given.get("person", known.person if known else None)
        divisions = content.get("divisions", list(known.divisions) if known else [ALL_DIVISIONS])
        if not isinstance(divisions, list) or not all(isinstance(each, str) for each in divisions):
            raise ValueError("divisions must be a list of names")
        return Client(id_, secret, name, tuple(roles), person, expired, tuple(divisions))

    def allows(self, client: Client, permission: str) -> bool:
        return any(self.roles[role].grants(permission) for role in client.roles if role in self.roles)

    def require(self, client: Client, needed: Sequence[str], *, all_: bool = True) -> None:
        """Raises the platform's 403 unless the client may: `all_` of `needed`, or any. Nothing needed is allowed."""
        missing = [permission for permission in needed if not self.allows(client, permission)]
        if missing and (all_ or len(missing) == len(needed)):
            raise PlatformError(403, "not.authorized", "You are not authorized to perform the requested action.")

    def require_scim(self, client: Client, call: Call, options: SimulatorOptions) -> None:
        if call.resource not in KINDS:
            return
        if call.resource != USER.endpoint:
            self.require(client, ("directory:group:edit",))
        elif call.method == "GET":
            readable = ("directory:user:view", "directory:user:edit") if options.scim_read == "view" else ()
            self.require(client, readable, all_=False)
        elif first := _BY_METHOD.get(call.method):
            every = {permission for permissions in _BY_ATTRIBUTE.values() for permission in permissions}
            listed = set(_needed(call.body)) if options.scim_permissions == "attributes" else every
            if call.method == "DELETE":
                listed = set()
            self.require(client, [first, *sorted(listed)], all_=options.scim_permissions != "any")


def _needed(body: Any) -> Iterator[str]:
    for name, value in _written(body):
        if name.lower() == "phonenumbers" and ";ext=" not in str(value):
            continue
        for attribute, permissions in _BY_ATTRIBUTE.items():
            if name.lower() == attribute.lower():
                yield from permissions


def _written(body: Any) -> Iterator[tuple[str, Any]]:
    """Attributes that a body writes: of a resource, or of a PATCH. What isn't understood is refused later."""
    if not isinstance(body, dict):
        return
    operations = body.get("Operations")
    if not isinstance(operations, list):
        yield from body.items()
        if isinstance(body.get(GENESYS), dict):
            yield from body[GENESYS].items()
        return
    for operation in operations:
        if not isinstance(operation, dict):
            continue
        path, value = operation.get("path"), operation.get("value")
        if isinstance(path, str):
            if match := _PATH_NAME.match(path.strip()):
                yield match[1], value
        elif isinstance(value, dict):
            for name, inner in value.items():
                yield name.rpartition(":")[2] if name not in USER.schemas else name, inner
                if name in USER.schemas and isinstance(inner, dict):
                    yield from inner.items()


@lru_cache(maxsize=4096)
def _granted(policies: tuple[str, ...], permission: str) -> bool:
    return any(_covers(policy, permission) for policy in policies)


def _covers(policy: str, permission: str) -> bool:
    pairs = zip(policy.split(":"), permission.split(":"), strict=True)
    return all(mine in ("*", asked) for mine, asked in pairs)
