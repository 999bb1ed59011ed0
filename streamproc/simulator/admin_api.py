"""The test API, /_sim/: the ledger, what is stored, and faults to come. It needs no token."""

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from streamproc.simulator import options
from streamproc.simulator.faults import parse
from streamproc.simulator.request_pipeline import Simulator
from streamproc.simulator.resources import rendered


def add_routes(app: web.Application, simulator: Simulator) -> None:
    api = AdminApi(simulator)
    routes: list[tuple[str, str, Callable[[web.Request, Any], Any]]] = [
        ("GET", "ledger", api.ledger),
        ("GET", "requests", api.requests),
        ("POST", "requests/reset", api.reset_requests),
        ("GET", "sessions", api.sessions),
        ("GET", "users", api.users),
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
        self.simulator.tokens.requests = 0
        return {}

    def sessions(self, _request: web.Request, _: Any) -> Any:
        return {"ended": self.simulator.ended}

    def users(self, _request: web.Request, _: Any) -> Any:
        return [{**rendered(entry), "_state": entry.state} for entry in self.simulator.store.users.values()]

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
