"""Sessions: `DELETE /api/v2/tokens/{userId}`. It only keeps a list of whose were ended."""

from aiohttp import web

from streamproc.simulator.errors import not_found
from streamproc.simulator.platform import guarded
from streamproc.simulator.request_pipeline import Simulator


def add_routes(app: web.Application, simulator: Simulator) -> None:
    def end(request: web.Request) -> None:
        if request.match_info["id"] not in simulator.store.users:
            raise not_found("user")
        simulator.ended.append(request.match_info["id"])

    app.router.add_delete("/api/v2/tokens/{id}", guarded(simulator, end))
