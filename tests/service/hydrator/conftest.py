"""The stand-ins of all four directories, over real sockets."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiohttp.test_utils import TestServer

from streamproc.adapters.http import http_session
from streamproc.compose.directories import directories
from streamproc.demo.directories import pointed
from streamproc.settings import NetworkSettings, load_settings
from streamproc.simulator import create_app
from tests.support.hydrator import OPTIONS, Clock, World
from tests.support.stand_ins import Site


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(create_app()))
        session = await stack.enter_async_context(http_session(NetworkSettings()))
        clock = Clock()
        root = str(server.make_url("/")).rstrip("/")
        by_source = directories(load_settings(**pointed(root)).hydrator, session, OPTIONS, clock.directories)
        site = Site(session, server.make_url("/"))
        await site.sim("POST", "config", {"okta_rate_limit": 10**6})  # waits take no time here, so minutes don't pass
        yield World(site, by_source, clock)
