"""Listings: which skills, languages, roles and divisions there are, as the vendor's SDK documents the four routes.

Pages of 25 unless told otherwise, counted from one; a page beyond the last is empty. The vendor's command line names a
permission for roles, `authorization:role:view`, and none for the others. What is asked for in fact is open, so that
each of them can be refused, by the option `denied`.
"""

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from streamproc.simulator.errors import PlatformError
from streamproc.simulator.platform import guarded
from streamproc.simulator.request_pipeline import Simulator

DEFAULT_PAGE = 25
ROUTES = {
    "routing/skills": "skills",
    "routing/languages": "languages",
    "authorization/roles": "roles",
    "authorization/divisions": "divisions",
}


def add_routes(app: web.Application, simulator: Simulator) -> None:
    for path, kind in ROUTES.items():
        app.router.add_get(f"/api/v2/{path}", guarded(simulator, _listing(simulator, path, kind)))


def _listing(simulator: Simulator, path: str, kind: str) -> Callable[[web.Request], Any]:
    def answer(request: web.Request) -> dict[str, Any]:
        if kind in simulator.options.denied:
            raise PlatformError(403, "not.authorized", "You are not authorized to perform the requested action.")
        size = _number(request, "pageSize", DEFAULT_PAGE)
        number = _number(request, "pageNumber", 1)
        if size > simulator.options.max_page_size:
            message = f"The page size may be {simulator.options.max_page_size} at most."
            raise PlatformError(400, "bad.request", message)
        wanted = request.query.get("name", "").lower()
        names = [name for name in sorted(getattr(simulator.options, kind)) if name.lower().startswith(wanted)]
        pages = max(1, -(-len(names) // size))
        shown = names[(number - 1) * size : number * size]
        found = {
            "entities": [_entity(path, kind, name) for name in shown],
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
        return found | {rel: _uri(path, size, page) for rel, page in neighbours.items()}

    return answer


def _entity(path: str, kind: str, name: str) -> dict[str, Any]:
    id_ = str(uuid.uuid5(uuid.NAMESPACE_URL, f"simulator/{kind}/{name}"))
    entity: dict[str, Any] = {"id": id_, "name": name, "selfUri": f"/api/v2/{path}/{id_}"}
    if kind in {"skills", "languages"}:
        entity |= {"state": "active", "version": "1"}
    return entity


def _number(request: web.Request, name: str, default: int) -> int:
    said = request.query.get(name, str(default))
    if not said.isdecimal() or int(said) < 1:
        raise PlatformError(400, "bad.request", f"{name} must be a whole number from one on.")
    return int(said)


def _uri(path: str, size: int, number: int) -> str:
    return f"/api/v2/{path}?{urlencode({'pageSize': size, 'pageNumber': number})}"
