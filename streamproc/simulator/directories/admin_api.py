"""The directories and their test API, /_sim/directories/: their people, faults, and the log of requests and hooks."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from streamproc.simulator.directories import options
from streamproc.simulator.directories.bamboohr import BambooHR
from streamproc.simulator.directories.base import Directory, Site
from streamproc.simulator.directories.faults import parse
from streamproc.simulator.directories.finch import Finch
from streamproc.simulator.directories.graph import Graph
from streamproc.simulator.directories.gusto import Gusto
from streamproc.simulator.directories.hibob import HiBob
from streamproc.simulator.directories.kombo import Kombo
from streamproc.simulator.directories.merge import Merge
from streamproc.simulator.directories.okta import Okta
from streamproc.simulator.directories.options import DirectoryOptions
from streamproc.simulator.directories.people import Entry
from streamproc.simulator.directories.personio import Personio
from streamproc.simulator.directories.pingone import PingOne
from streamproc.simulator.directories.workday import Workday
from streamproc.simulator.surroundings import Surroundings

Handler = Callable[[web.Request, Any], Awaitable[Any]]


class Directories:
    """`connect`: makes the connections by which hooks are sent."""

    def __init__(
        self,
        options: DirectoryOptions | None = None,
        around: Surroundings | None = None,
        connect: Callable[[], aiohttp.ClientSession] | None = None,
    ) -> None:
        self.initial = options or DirectoryOptions()
        self.site = Site(self.initial, around or Surroundings(), connect or _connections)
        self.okta, self.graph = Okta(self.site), Graph(self.site)
        others = (kind(self.site) for kind in (PingOne, Workday, BambooHR, HiBob, Gusto, Personio, Finch, Merge, Kombo))
        self.all: dict[str, Directory] = {directory.name: directory for directory in (self.okta, self.graph, *others)}

    def add_routes(self, app: web.Application) -> None:
        root = "/_sim/directories"
        routes: list[tuple[str, str, Handler]] = [
            ("GET", "/config", self._config),
            ("POST", "/config", self._set_config),
            ("GET", "/requests", self._requests),
            ("GET", "/hooks", self._hooks),
            ("POST", "/reset", self._reset),
            ("POST", "/okta/verify", self._verify),
            ("POST", "/graph/people/{key}/restore", self._restore),
            ("PATCH", "/graph/groups/{name}", self._rename),
            ("GET", "/{directory}/people", self._people),
            ("POST", "/{directory}/people", self._create),
            ("PATCH", "/{directory}/people/{key}", self._update),
            ("DELETE", "/{directory}/people/{key}", self._remove),
            ("GET", "/{directory}/faults", self._faults),
            ("POST", "/{directory}/faults", self._set_faults),
            ("DELETE", "/{directory}/faults", self._clear_faults),
        ]
        for method, path, handler in routes:
            app.router.add_route(method, root + path, _json(handler))
        for directory in self.all.values():
            directory.add_routes(app)
        app.cleanup_ctx.append(self._cleanup)

    async def _cleanup(self, _app: web.Application) -> AsyncIterator[None]:
        yield
        await self.site.hooks.close()

    async def _config(self, _request: web.Request, _: Any) -> Any:
        return options.shown(self.site.options)

    async def _set_config(self, _request: web.Request, content: Any) -> Any:
        self.site.options = options.merged(self.site.options, _object(content))
        return options.shown(self.site.options)

    async def _requests(self, request: web.Request, _: Any) -> Any:
        return {"requests": _logged(self.site.requests, request)}

    async def _hooks(self, request: web.Request, _: Any) -> Any:
        """`pending`: hooks still waiting, in flight or being retried."""
        return {"hooks": _logged(self.site.hooks.log, request), "pending": self.site.hooks.pending}

    async def _reset(self, _request: web.Request, _: Any) -> Any:
        await self.site.hooks.stop()
        self.site.options = self.initial
        self.site.requests.clear()
        self.site.hooks.log.clear()
        for directory in self.all.values():
            directory.reset()
        return {}

    async def _verify(self, _request: web.Request, _: Any) -> Any:
        return {"verified": await self.okta.verify()}

    async def _people(self, request: web.Request, _: Any) -> Any:
        return [_person(entry) for entry in self._directory(request).entries.values()]

    async def _create(self, request: web.Request, content: Any) -> Any:
        """One person, or a list of them."""
        directory = self._directory(request)
        if isinstance(content, list):
            return [_person(directory.create(person)) for person in content]
        return _person(directory.create(content))

    async def _update(self, request: web.Request, content: Any) -> Any:
        return _person(self._directory(request).update(request.match_info["key"], content))

    async def _remove(self, request: web.Request, _: Any) -> Any:
        return _person(self._directory(request).remove(request.match_info["key"]))

    async def _restore(self, request: web.Request, _: Any) -> Any:
        return _person(self.graph.restore(request.match_info["key"]))

    async def _rename(self, request: web.Request, content: Any) -> Any:
        self.graph.groups.rename(request.match_info["name"], str(_object(content).get("displayName")))
        return {}

    async def _faults(self, request: web.Request, _: Any) -> Any:
        return self._directory(request).faults.shown()

    async def _set_faults(self, request: web.Request, content: Any) -> Any:
        entries, seed = _object(content).get("faults"), content.get("seed", 0)
        if not isinstance(entries, list) or not isinstance(seed, int):
            raise ValueError("faults must be a list, seed a whole number")  # noqa: TRY004 - answered as 400
        plan = self._directory(request).faults
        plan.replace([parse(rule) for rule in entries], seed)
        return plan.shown()

    async def _clear_faults(self, request: web.Request, _: Any) -> Any:
        self._directory(request).faults.replace([], 0)
        return []

    def _directory(self, request: web.Request) -> Directory:
        name = request.match_info["directory"]
        if name not in self.all:
            raise ValueError(f"a directory is one of {', '.join(self.all)}")
        return self.all[name]


def _connections() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())


def _json(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            status, content_ = 200, await handler(request, orjson.loads(await request.read() or b"{}"))
        except ValueError as error:
            status, content_ = 400, {"error": str(error)}
        return web.Response(status=status, body=orjson.dumps(content_), content_type="application/json")

    return answer


def _object(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ValueError("the body must be an object")  # noqa: TRY004 - answered as 400
    return content


def _logged(log: list[dict[str, Any]], request: web.Request) -> list[dict[str, Any]]:
    since, directory = int(request.query.get("since", 0)), request.query.get("directory")
    return [entry for entry in log[since:] if directory in (None, entry["directory"])]


def _person(entry: Entry) -> dict[str, Any]:
    return {"id": entry.id, "removed": entry.removed, "seq": entry.seq, **entry.values}
