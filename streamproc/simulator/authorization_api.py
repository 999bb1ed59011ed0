"""The platform's roles, who holds them, and what the caller may do.

Holders are users whose SCIM attribute `roles` has the role, and OAuth clients. Users' grants are in the Home division,
clients' in all (`*`) or in those named: that divisions narrow a grant down isn't simulated, only shown.
"""

from typing import Any

from aiohttp import web

from streamproc.simulator import defaults
from streamproc.simulator.access import Client, Role, division_id, entity_id
from streamproc.simulator.errors import not_found
from streamproc.simulator.platform_api import PREFIX, guarded, named, page, refuse_denied
from streamproc.simulator.request_pipeline import Simulator
from streamproc.simulator.resources import Entry

VIEW = "authorization:role:view"


def add_routes(app: web.Application, simulator: Simulator) -> None:
    api = AuthorizationApi(simulator)
    for path, handler, needed in (
        ("authorization/subjects/me", api.me, ()),
        ("authorization/roles", api.roles, (VIEW,)),
        ("authorization/roles/{id}", api.role, (VIEW,)),
        ("authorization/roles/{id}/users", api.users, ()),
        ("authorization/roles/{id}/subjectgrants", api.subject_grants, (VIEW,)),
    ):
        app.router.add_get(PREFIX + path, guarded(simulator, handler, needed))


class AuthorizationApi:
    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def me(self, request: web.Request, client: Client, _body: Any) -> Any:
        """That a client without a person is a subject isn't confirmed, so it is an option."""
        if client.person is None and self.simulator.options.subject_of_client == "404":
            raise not_found("subject")
        full = request.query.get("includeFullRoles", "").lower() == "true"
        roles = [self.simulator.access.roles[name] for name in client.roles if name in self.simulator.access.roles]
        subject = entity_id("people", client.person) if client.person else client.id
        return {
            "id": subject,
            "name": client.person or client.name,
            "grants": [_grant(subject, role, division, full=full) for role in roles for division in client.divisions],
            "version": 1,
            "selfUri": f"{PREFIX}authorization/subjects/{subject}",
        }

    def roles(self, request: web.Request, _client: Client, _body: Any) -> Any:
        refuse_denied(self.simulator, "roles")
        wanted = request.query.getall("permission", [])
        wanted = [permission for each in wanted for permission in each.split(",")]
        known = self.simulator.access.roles
        names = [
            name
            for name in named(known, request.query.get("name", ""))
            if not wanted or any(self._found(known[name], permission) for permission in wanted)
        ]
        count = request.query.get("userCount", "true").lower() != "false"
        most = self.simulator.options.max_page_size
        return page(request, names, lambda name: self._shown(known[name], count=count), most=most)

    def role(self, request: web.Request, _client: Client, _body: Any) -> Any:
        count = request.query.get("userCount", "true").lower() != "false"
        return self._shown(self._role(request), count=count)

    def users(self, request: web.Request, _client: Client, _body: Any) -> Any:
        holders = self._holders(self._role(request))
        most = self.simulator.options.max_page_size
        return page(request, holders, lambda e: {"id": e.id, "selfUri": f"{PREFIX}users/{e.id}"}, most=most)

    def subject_grants(self, request: web.Request, _client: Client, _body: Any) -> Any:
        role = self._role(request)
        home = (defaults.HOME_DIVISION,)
        subjects: list[tuple[str, str, str, tuple[str, ...]]] = [
            (entry.id, entry.attrs["displayName"], "PC_USER", home) for entry in self._holders(role)
        ]
        clients = self.simulator.access.clients.values()
        subjects += [
            (each.id, each.name, "PC_OAUTH_CLIENT", each.divisions) for each in clients if role.name in each.roles
        ]
        return page(request, subjects, _subject_grants, most=self.simulator.options.max_page_size)

    def _role(self, request: web.Request) -> Role:
        for role in self.simulator.access.roles.values():
            if role.id == request.match_info["id"]:
                return role
        raise not_found("role")

    def _found(self, role: Role, permission: str) -> bool:
        if self.simulator.options.permission_filter == "literal":
            return permission in role.policies
        return role.grants(permission)

    def _holders(self, role: Role) -> list[Entry]:
        users = self.simulator.store.users.values()
        return [each for each in users if each.state != "deleted" and role.name in each.attrs.get("roles", {})]

    def _shown(self, role: Role, *, count: bool) -> dict[str, Any]:
        policies = [
            {"domain": domain, "entityName": entity, "actionSet": actions, "allowConditions": False}
            for (domain, entity), actions in role.grouped().items()
        ]
        own = {"id": role.id, "name": role.name, "permissionPolicies": policies, "default": False}
        if count:
            own["userCount"] = len(self._holders(role))
        return own | {"selfUri": f"{PREFIX}authorization/roles/{role.id}"}


def _grant(subject: str, role: Role, division: str, *, full: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": role.id, "name": role.name}
    if full:
        shown["policies"] = [
            {"domain": domain, "entityName": entity, "actions": actions}
            for (domain, entity), actions in role.grouped().items()
        ]
    return {
        "subjectId": subject,
        "division": {**_division(division), "homeDivision": division == defaults.HOME_DIVISION},
        "role": shown,
        "grantMadeAt": "2024-01-01T00:00:00.000Z",
    }


def _subject_grants(subject: tuple[str, str, str, tuple[str, ...]]) -> dict[str, Any]:
    id_, name, kind, divisions = subject
    self_uri = f"{PREFIX}authorization/subjects/{id_}"
    return {
        "id": id_,
        "name": name,
        "divisions": [_division(each) for each in divisions],
        "type": kind,
        "selfUri": self_uri,
    }


def _division(name: str) -> dict[str, Any]:
    id_ = division_id(name)
    return {"id": id_, "name": name, "selfUri": f"{PREFIX}authorization/divisions/{id_}"}
