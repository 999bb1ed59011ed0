"""The test API, /_sim/: the ledger, what is stored, and faults to come. It needs no token."""

from collections.abc import Callable
from types import NoneType
from typing import Any

import orjson
from aiohttp import web

from streamproc.simulator import defaults, options
from streamproc.simulator.audits import Actor
from streamproc.simulator.errors import PlatformError, ScimError
from streamproc.simulator.faults import parse
from streamproc.simulator.request_pipeline import Simulator
from streamproc.simulator.resources import Entry, rendered
from streamproc.simulator.users_api import edited, refusal_of


def add_routes(app: web.Application, simulator: Simulator) -> None:
    api = AdminApi(simulator)
    routes: list[tuple[str, str, Callable[[web.Request, Any], Any]]] = [
        ("GET", "ledger", api.ledger),
        ("GET", "requests", api.requests),
        ("POST", "requests/reset", api.reset_requests),
        ("GET", "sessions", api.sessions),
        ("GET", "users", api.users),
        ("POST", "users", api.create_users),
        ("POST", "edit", api.edit),
        ("POST", "members", api.members),
        ("GET", "clients", api.clients),
        ("POST", "clients", api.set_client),
        ("GET", "roles", api.roles),
        ("POST", "roles", api.set_role),
        ("POST", "tokens/expire", api.expire_tokens),
        ("GET", "groups", api.groups),
        ("GET", "faults", api.faults),
        ("POST", "faults", api.set_faults),
        ("DELETE", "faults", api.clear_faults),
        ("GET", "config", api.config),
        ("POST", "config", api.set_config),
        ("POST", "reset", api.reset),
    ]
    for method, path, handler in routes:
        app.router.add_route(method, f"/_sim/{path}", _json(handler))


def _json(handler: Callable[[web.Request, Any], Any]) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.Response:
        try:
            status, content = 200, handler(request, _content(await request.read()))
        except ValueError as error:
            status, content = 400, {"error": str(error)}
        return web.Response(status=status, body=orjson.dumps(content), content_type="application/json")

    return answer


def _content(raw: bytes) -> dict[str, Any]:
    content = orjson.loads(raw or b"{}")
    if not isinstance(content, dict):
        raise ValueError("the body must be an object")  # noqa: TRY004 - answered as 400, like bad JSON
    return content


class AdminApi:
    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def ledger(self, request: web.Request, _: Any) -> Any:
        since = int(request.query.get("since", 0))
        return self.simulator.ledger.since(since, snapshots=request.query.get("snapshots") == "1")

    def requests(self, _request: web.Request, _: Any) -> Any:
        return self.simulator.requests.shown(self.simulator.tokens.requests)

    def reset_requests(self, _request: web.Request, _: Any) -> Any:
        self.simulator.requests.by_route.clear()
        self.simulator.requests.by_status.clear()
        self.simulator.requests.platform.clear()
        self.simulator.tokens.requests = 0
        return {}

    def sessions(self, _request: web.Request, _: Any) -> Any:
        return {"ended": self.simulator.ended}

    def users(self, _request: web.Request, _: Any) -> Any:
        return [{**rendered(entry), "_state": entry.state} for entry in self.simulator.store.users.values()]

    def edit(self, _request: web.Request, content: dict[str, Any]) -> Any:
        """Somebody changes a user by hand: {"user": id, externalId or userName, "by": person, "changes": {...}}.

        Changes are named as the platform or SCIM names them: email, name, state, title; emails, roles, routingSkills.
        `client` says by which OAuth client, if not the vendor's own administration.
        """
        if unknown := content.keys() - {"user", "by", "client", "changes"}:
            raise ValueError(f"an edit has no {', '.join(sorted(unknown))}")
        changes = content.get("changes")
        if not isinstance(changes, dict) or not changes:
            raise ValueError("an edit has changes")
        entry = self._found(content.get("user"))
        try:
            change = edited(self.simulator.store, entry, changes, scim_names=True)
        except (ScimError, PlatformError) as error:
            raise ValueError(refusal_of(error)) from error
        self.simulator.audit(_actor(content), change)
        return {**rendered(change.after), "_state": change.after.state}

    def create_users(self, _request: web.Request, content: dict[str, Any]) -> Any:
        """Many at once, by hand: {"users": [SCIM bodies], "by", "client"}. What is wrong with one ends it there."""
        bodies = content.get("users")
        if not isinstance(bodies, list):
            raise ValueError("users must be a list")  # noqa: TRY004 - answered as 400
        made: list[str] = []
        for body in bodies:
            try:
                change = self.simulator.store.create_user(body)
            except ScimError as error:
                raise ValueError(f"user {len(made) + 1}: {error.detail}") from error
            self.simulator.audit(_actor(content), change)
            made.append(change.after.id)
        return {"ids": made}

    def members(self, _request: web.Request, content: dict[str, Any]) -> Any:
        """Somebody changes a group by hand: {"group": id or name, "add": [users], "remove": [users], "by"}."""
        store = self.simulator.store
        groups = [entry for entry in store.groups.values() if content.get("group") in _names(entry)]
        if not groups:
            raise ValueError(f"there is no group {content.get('group')}")
        add, remove = ([self._found(user).id for user in content.get(what, [])] for what in ("add", "remove"))
        change = store.edit_members(groups[0], add, remove)
        self.simulator.audit(_actor(content), change)
        return rendered(change.after)

    def _found(self, name: Any) -> Entry:
        for entry in self.simulator.store.users.values():
            if name in (entry.id, entry.attrs.get("externalId"), entry.attrs["userName"]):
                return entry
        raise ValueError(f"there is no user {name}")

    def clients(self, _request: web.Request, _: Any) -> Any:
        return [client.shown() for client in self.simulator.access.clients.values()]

    def set_client(self, _request: web.Request, content: dict[str, Any]) -> Any:
        client = self.simulator.access.parse_client(content)
        self.simulator.access.put_client(client)
        self.simulator.configure({"roles": list(client.roles)})
        return client.shown()

    def roles(self, _request: web.Request, _: Any) -> Any:
        roles = self.simulator.access.roles.values()
        return [{"name": role.name, "policies": list(role.policies)} for role in roles]

    def set_role(self, _request: web.Request, content: dict[str, Any]) -> Any:
        role = self.simulator.access.put_role(content)
        self.simulator.configure({"roles": [role.name]})
        return {"name": role.name, "policies": list(role.policies)}

    def expire_tokens(self, _request: web.Request, _: Any) -> Any:
        self.simulator.tokens.expire()
        return {}

    def groups(self, _request: web.Request, _: Any) -> Any:
        return [{**rendered(entry), "_state": entry.state} for entry in self.simulator.store.groups.values()]

    def faults(self, _request: web.Request, _: Any) -> Any:
        return self.simulator.faults.shown()

    def set_faults(self, _request: web.Request, content: dict[str, Any]) -> Any:
        entries = content.get("faults", [])
        if not isinstance(entries, list):
            raise ValueError("faults must be a list")  # noqa: TRY004 - answered as 400
        rules = [parse(rule) for rule in entries]
        seed = content.get("seed", self.simulator.options.seed)
        if not isinstance(seed, int):
            raise ValueError("seed must be a whole number")  # noqa: TRY004 - answered as 400
        self.simulator.faults.replace(rules, seed)
        return self.simulator.faults.shown()

    def clear_faults(self, _request: web.Request, _: Any) -> Any:
        self.simulator.faults.replace([], self.simulator.options.seed)
        return self.simulator.faults.shown()

    def config(self, _request: web.Request, _: Any) -> Any:
        return options.shown(self.simulator.options)

    def set_config(self, _request: web.Request, content: dict[str, Any]) -> Any:
        self.simulator.configure(content)
        return options.shown(self.simulator.options)

    def reset(self, _request: web.Request, _: Any) -> Any:
        self.simulator.reset()
        return {}


def _actor(content: dict[str, Any]) -> Actor:
    """`by` is a person's name, or null where a client is nobody's; `client` the vendor's administration if not said."""
    by, client = content.get("by", "Sue Visor"), content.get("client", defaults.ADMIN_CLIENT)
    if not isinstance(by, (str, NoneType)) or not isinstance(client, str):
        raise ValueError("by is a person's name, and client a client's id")  # noqa: TRY004 - answered as 400
    return Actor(client, by)


def _names(entry: Entry) -> tuple[str, ...]:
    return entry.id, entry.attrs["displayName"]
