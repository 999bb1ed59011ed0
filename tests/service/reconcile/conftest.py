"""An organisation at the Genesys stand-in, a log in memory, and what works on both."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from streamproc.simulator import SimulatorOptions, create_app
from tests.support.reconciler import Org
from tests.support.reconciling import Compared


@pytest.fixture
async def compared() -> AsyncIterator[Compared]:
    """A sink's cluster, and reconcile beside it."""
    server = TestServer(create_app(SimulatorOptions(rate_limit=0)))
    async with server, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
        yield Compared(Org(http, str(server.make_url("")).rstrip("/")))
