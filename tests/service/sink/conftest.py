"""An organisation at the Genesys stand-in, and a sink that works on it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from streamproc.simulator import SimulatorOptions, create_app
from tests.support.reconciler import Org, Start


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def start_one(**options: Any) -> Org:
            app = create_app(SimulatorOptions(**{"rate_limit": 0, **options}))
            server = await stack.enter_async_context(TestServer(app))
            timeout = aiohttp.ClientTimeout(total=5)
            http = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            return Org(http, str(server.make_url("")).rstrip("/"))

        yield start_one


@pytest.fixture
async def org(start: Start) -> AsyncIterator[Org]:
    """Whatever happened in the test: nobody's fate was told twice."""
    made = await start()
    yield made
    assert all(times == 1 for times in made.fates.values()), made.fates
