"""The platform's API beside SCIM: what all its routes have in common, lists of names, limits, tokens.

Pages are of 25 unless told otherwise, counted from one; a page beyond the last is empty. A fault rule is for these
routes where its path starts with `platform/`, followed by what follows `/api/v2/`. Which permission the lists of
skills, languages and divisions need: none, say the SDKs; the option `denied` can refuse each of them.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web

from streamproc.simulator.access import Client, division_id, entity_id
from streamproc.simulator.errors import PlatformError, not_found
from streamproc.simulator.faults import AFTER
from streamproc.simulator.oauth import UNLIMITED
from streamproc.simulator.request_pipeline import CORRELATION, Simulator, abort

PREFIX = "/api/v2/"
DEFAULT_PAGE = 25
LISTED = {
    "routing/skills": "skills",
    "routing/languages": "languages",
    "authorization/divisions": "divisions",
}
Handler = Callable[[web.Request, Client, Any], Any]


def add_routes(app: web.Application, simulator: Simulator) -> None:
    def route(method: str, path: str, handler: Handler, *needed: str) -> None:
        app.router.add_route(method, PREFIX + path, guarded(simulator, handler, needed))

    def token_of_me(_request: web.Request, client: Client, _body: Any) -> Any:
        organization = organization_of(simulator)
        known = simulator.access.roles
        held = [
            {"roleId": known[role].id, "divisionId": division_id(division)}
            for role in client.roles
            if role in known
            for division in client.divisions
        ]
        own = {"id": client.id, "name": client.name, "organization": organization, "roleDivisions": held}
        return {
            "organization": organization,
            "homeOrganization": organization,
            "authorizedScope": [],
            "OAuthClient": own,
        }

    def end_sessions(request: web.Request, _client: Client, _body: Any) -> None:
        if request.match_info["id"] not in simulator.store.users:
            raise not_found("user")
        simulator.ended.append(request.match_info["id"])

    route("GET", "tokens/me", token_of_me)
    route("DELETE", "tokens/{id}", end_sessions, "oauth:token:delete")
    route("GET", "organizations/limits/namespaces/{namespace}", lambda request, *_: _limits(simulator, request))
    for path, kind in LISTED.items():
        route("GET", path, _listing(simulator, kind))


def guarded(simulator: Simulator, answer: Handler, needed: Sequence[str] = ()) -> Callable[[web.Request], Any]:
    """A handler: token, rate limit, fault plan, permissions, then `answer`, whose None is an empty body.

    `answer` may raise PlatformError, and gives (status, content) where the status isn't 200.
    """

    async def handle(request: web.Request) -> web.Response:
        headers = {CORRELATION: simulator.around.id(), "Content-Type": "application/json"}
        simulator.requests.platform[f"{request.method} {_shape(request)}"] += 1
        if simulator.options.latency_ms:
            await asyncio.sleep(simulator.options.latency_ms / 1000)
        body = await request.read()
        path = f"platform/{request.path.removeprefix(PREFIX)}"
        fault = None
        try:
            client = simulator.admit(request.headers.get("Authorization"), headers)
            fault = simulator.faults.choose(request.method, path, tuple)
            if fault and fault.delay_ms:
                await asyncio.sleep(fault.delay_ms / 1000)
            if fault and (refusal := fault.refusal()):
                raise refusal
            simulator.access.require(client, needed)
            content = None if fault and fault.kind == "reset" else answer(request, client, _json(body))
            if fault and fault.kind in AFTER:
                raise fault.failure()
        except PlatformError as error:
            return web.Response(
                status=error.status, body=error.body(headers[CORRELATION]), headers=headers | error.headers
            )
        if fault and fault.kind in ("reset", "lost_answer"):
            abort(request)
        status, content = content if isinstance(content, tuple) else (200, content)
        return web.Response(status=status, body=None if content is None else orjson.dumps(content), headers=headers)

    return handle


def refused(message: str, code: str = "bad.request", status: int = 400) -> PlatformError:
    return PlatformError(status, code, message)


def page(
    request: web.Request, entities: Sequence[Any], show: Callable[[Any], Any], *, most: int, sizes: Any = None
) -> dict[str, Any]:
    """The page of `entities` that the request asks for, or that `sizes` asks for: a body's pageSize and pageNumber."""
    asked = request.query if sizes is None else sizes
    size, number = whole(asked, "pageSize", DEFAULT_PAGE), whole(asked, "pageNumber", 1)
    if size > most:
        raise refused(f"The page size may be {most} at most.")
    pages = max(1, -(-len(entities) // size))
    shown = {
        "entities": [show(entity) for entity in entities[(number - 1) * size : number * size]],
        "pageSize": size,
        "pageNumber": number,
        "total": len(entities),
        "pageCount": pages,
    }
    if sizes is not None:
        return shown
    neighbours = {"selfUri": number, "firstUri": 1, "lastUri": pages}
    if number < pages:
        neighbours["nextUri"] = number + 1
    if number > 1:
        neighbours["previousUri"] = number - 1
    return shown | {rel: _uri(request.path, size, neighbour) for rel, neighbour in neighbours.items()}


def whole(asked: Any, name: str, default: int) -> int:
    value = str(asked.get(name, default))
    if not value.isdecimal() or int(value) < 1:
        raise refused(f"{name} must be a whole number from one on.")
    return int(value)


def organization_of(simulator: Simulator) -> dict[str, str]:
    name = simulator.options.organization
    return {"id": entity_id("organizations", name), "name": name}


def entity(kind: str, path: str, name: str) -> dict[str, Any]:
    id_ = entity_id(kind, name)
    return {"id": id_, "name": name, "selfUri": f"{PREFIX}{path}/{id_}"}


def named(names: Iterable[str], prefix: str) -> list[str]:
    return [name for name in sorted(names) if name.lower().startswith(prefix.lower())]


def _listing(simulator: Simulator, kind: str) -> Handler:
    def show(request: web.Request, name: str) -> dict[str, Any]:
        shown = entity(kind, request.path.removeprefix(PREFIX), name)
        if kind in {"skills", "languages"}:
            return shown | {"state": "active", "version": "1"}
        return shown

    def answer(request: web.Request, _client: Client, _body: Any) -> Any:
        refuse_denied(simulator, kind)
        names = named(getattr(simulator.options, kind), request.query.get("name", ""))
        return page(request, names, lambda name: show(request, name), most=simulator.options.max_page_size)

    return answer


def refuse_denied(simulator: Simulator, kind: str) -> None:
    if kind in simulator.options.denied:
        raise PlatformError(403, "not.authorized", "You are not authorized to perform the requested action.")


def _limits(simulator: Simulator, request: web.Request) -> Any:
    """Which limits the namespace `scim` has isn't known: here it has the token's own."""
    namespace = request.match_info["namespace"]
    rate = simulator.options.rate_limit or UNLIMITED
    values = {
        "platform.api": {
            "client.credentials.token.rate.per.minute": rate,
            "token.rate.per.minute": rate,
            "org.app.user.rate.per.minute": 10 * rate,
            "request.bytes.max": simulator.options.max_body_bytes,
        },
        "scim": {"token.rate.per.minute": rate},
    }
    if namespace not in values:
        raise not_found("namespace")
    limits = [{"key": key, "namespace": namespace, "value": value} for key, value in values[namespace].items()]
    return {"entities": limits}


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        raise refused("The request could not be understood: bad JSON.") from None


def _shape(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical.removeprefix(PREFIX) if resource else ""


def _uri(path: str, size: int, number: int) -> str:
    return f"{path}?{urlencode({'pageSize': size, 'pageNumber': number})}"
