"""What the front door is compared with: scim2-server over its own storage, in memory, behind aiohttp.

    python -m tests.bench.scim.theirs USERS MEMBERS

It holds so many users, and one group of the first of them, and prints `ready`, its port, and ids as JSON. It runs in
uvloop, asks for no token, and ends when its input ends.
"""

import asyncio
import json
import sys
from typing import Any

import orjson
import uvloop
from aiohttp import web
from scim2_models import Meta, ResourceType, ScimPolicy, ScimProvider
from scim2_server.handler import ScimHandler
from scim2_server.memory import InMemoryStorage
from scim2_server.requests import ScimRequest
from scim2_server.service import ScimService
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)

from tests.bench.scim.client import ROOT
from tests.bench.scim.people import group, user

TOLERANT = ScimPolicy(unknown=ScimPolicy.Unknown.ignore)


def filled(service: ScimService, users: int, members: int) -> tuple[InMemoryStorage, dict[str, Any]]:
    """Its storage, and ids: of the users in order, and of the group."""
    storage = InMemoryStorage()
    types = {each.name: each for each in service.provider.resource_types}
    with service.provider:
        resources = [_resource(service, storage, types["User"], user(number)) for number in range(users)]
        ids = [each.id for each in resources]
        everybody = _resource(service, storage, types["Group"], group(ids[:members]))
        storage.resources = [*resources, everybody]
    return storage, {"users": ids, "group": everybody.id}


def _resource(service: ScimService, storage: InMemoryStorage, kind: ResourceType, content: dict[str, Any]) -> Any:
    made = service.get_model(kind).model_validate(content)
    made.id, now = storage.generate_id(kind, made), storage.clock()
    made.meta = Meta(resource_type=kind.name, created=now, last_modified=now, version=storage.next_version())
    return made


async def serve(users: int, members: int) -> None:
    """Until the input ends."""
    provider = ScimProvider.from_discovery(
        load_default_schemas().values(),
        load_default_resource_types().values(),
        config=load_default_service_provider_config(),
        policy=TOLERANT,
    )
    service = ScimService(provider)
    storage, ids = filled(service, users, members)
    handler = ScimHandler(service, storage)

    async def answer(request: web.Request) -> web.Response:
        asked = ScimRequest(
            method=request.method,
            base_url=ROOT,
            path=request.path.removeprefix(ROOT),
            query=dict(request.query),
            headers=request.headers,
            body=await request.read(),
        )
        told = handler.handle(asked)
        body = b"" if told.body is None else orjson.dumps(told.body)
        return web.Response(status=int(told.status), body=body, headers=told.headers)

    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    print("ready", runner.addresses[0][1], json.dumps(ids), flush=True)
    await ended.wait()
    await runner.cleanup()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(serve(*map(int, sys.argv[1:])))
