"""The platform's API beside SCIM: ending sessions, and which skills, languages, roles and divisions there are.

`DELETE /api/v2/tokens/{userId}` only keeps a list of whose sessions were ended. The four listings are as the vendor's
SDK documents them: pages of 25 unless told otherwise, counted from one; a page beyond the last is empty. The vendor's
command line names a permission for roles, `authorization:role:view`, and none for the others. Which permission the
others need isn't documented, so the option `denied` can refuse each of them.
"""

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web

from streamproc.simulator import oauth
from streamproc.simulator.errors import PlatformError, not_found
from streamproc.simulator.request_pipeline import CORRELATION, Simulator

DEFAULT_PAGE = 25
ROUTES = {
    "routing/skills": "skills",
    "routing/languages": "languages",
    "authorization/roles": "roles",
    "authorization/divisions": "divisions",
}


def add_routes(app: web.Application, simulator: Simulator) -> None:
    app.router.add_delete("/api/v2/tokens/{id}", _guarded(simulator, _end_sessions(simulator)))
    for path, kind in ROUTES.items():
        app.router.add_get(f"/api/v2/{path}", _guarded(simulator, _listing(simulator, path, kind)))


def _guarded(simulator: Simulator, answer: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
    """A handler: token, rate limit, then `answer`, whose None is an empty body. It may raise PlatformError."""

    async def handle(request: web.Request) -> web.Response:
        headers = {CORRELATION: str(uuid.uuid4()), "Content-Type": "application/json"}
        try:
            window = oauth.count(simulator.tokens.find(request.headers.get("Authorization")), simulator.options)
            headers |= window.headers()
            oauth.check(window)
            content = answer(request)
        except PlatformError as error:
            body = error.body(headers[CORRELATION])
            return web.Response(status=error.status, body=body, headers=headers | error.headers)
        return web.Response(status=200, body=None if content is None else orjson.dumps(content), headers=headers)

    return handle


def _end_sessions(simulator: Simulator) -> Callable[[web.Request], None]:
    def answer(request: web.Request) -> None:
        if request.match_info["id"] not in simulator.store.users:
            raise not_found("user")
        simulator.ended.append(request.match_info["id"])

    return answer


def _listing(simulator: Simulator, path: str, kind: str) -> Callable[[web.Request], Any]:
    def answer(request: web.Request) -> dict[str, Any]:
        if kind in simulator.options.denied:
            raise PlatformError(403, "not.authorized", "You are not authorized to perform the requested action.")
        size = _number(request, "pageSize", DEFAULT_PAGE)
        number = _number(request, "pageNumber", 1)
        if size > simulator.options.max_page_size:
            message = f"The page size may be {simulator.options.max_page_size} at most."
            raise PlatformError(400, "bad.request", message)
        prefix = request.query.get("name", "").lower()
        names = [name for name in sorted(getattr(simulator.options, kind)) if name.lower().startswith(prefix)]
        pages = max(1, -(-len(names) // size))
        page = {
            "entities": [_entity(path, kind, name) for name in names[(number - 1) * size : number * size]],
            "pageSize": size,
            "pageNumber": number,
            "total": len(names),
            "pageCount": pages,
        }
        neighbours = {"selfUri": number, "firstUri": 1, "lastUri": pages}
        if number < pages:
            neighbours["nextUri"] = number + 1
        if number > 1:
            neighbours["previousUri"] = number - 1
        return page | {rel: _uri(path, size, neighbour) for rel, neighbour in neighbours.items()}

    return answer


def _entity(path: str, kind: str, name: str) -> dict[str, Any]:
    id_ = str(uuid.uuid5(uuid.NAMESPACE_URL, f"simulator/{kind}/{name}"))
    entity: dict[str, Any] = {"id": id_, "name": name, "selfUri": f"/api/v2/{path}/{id_}"}
    if kind in {"skills", "languages"}:
        entity |= {"state": "active", "version": "1"}
    return entity


def _number(request: web.Request, name: str, default: int) -> int:
    value = request.query.get(name, str(default))
    if not value.isdecimal() or int(value) < 1:
        raise PlatformError(400, "bad.request", f"{name} must be a whole number from one on.")
    return int(value)


def _uri(path: str, size: int, number: int) -> str:
    return f"/api/v2/{path}?{urlencode({'pageSize': size, 'pageNumber': number})}"
