"""The simulator over real sockets."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from streamproc.simulator import SimulatorOptions, create_app
from streamproc.simulator.surroundings import Surroundings
from tests.support.organization import Clock, Org, Start
from tests.support.stand_ins import Site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(create_app()))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Site(session, server.make_url("/"))


@pytest.fixture
async def receiver(site: Site) -> AsyncIterator[URL]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", site.receive)
    async with TestServer(app) as server:
        url = str(server.make_url("/")).rstrip("/")
        headers = {"okta": {"Authorization": "hook"}, "pingone": {"X-Secret": "hook"}}
        await site.sim("POST", "config", {"gateway": url, "hook_headers": headers, "retry_s": 0.01})
        yield server.make_url("/")


@pytest.fixture
def clock() -> Clock:
    """The simulator's, for tokens, rate limits and searches that lag."""
    return Clock()


@pytest.fixture
async def start(clock: Clock) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def start_one(**options: Any) -> Org:
            app = create_app(SimulatorOptions(**{"rate_limit": 0, **options}), Surroundings(ticks=clock.monotonic))
            org = Org(await stack.enter_async_context(TestClient(TestServer(app))))
            await org.log_in_as("admin", "*:*:*")
            return org

        yield start_one


@pytest.fixture
async def org(start: Start) -> Org:
    return await start()
