"""The simulator for those that block: in a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from streamproc.simulator import SimulatorOptions, serve
from tests.support.simulator_sdk import Door, Login, logged_in, told


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The simulator in a thread with a loop of its own, since the SDK blocks."""
    started = threading.Event()
    ports: list[int] = []
    loop = asyncio.new_event_loop()

    def ready(given: int) -> None:
        ports.append(given)
        started.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            loop.close()

    task = loop.create_task(serve("127.0.0.1", 0, SimulatorOptions(rate_limit=0), ready))
    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    yield ports[0]
    loop.call_soon_threadsafe(task.cancel)
    thread.join(10)


@pytest.fixture
def door(port: int) -> Door:
    """The test API of an empty organisation, whose client `admin` may do everything."""
    told(port, "reset")
    told(port, "clients", id="admin", name="Administration", permissions=["*:*:*"])
    return lambda path, **content: told(port, path, **content)


@pytest.fixture
def log_in(port: int) -> Login:
    return lambda client: logged_in(port, client)


@pytest.fixture
def client(door: Door, log_in: Login) -> Any:
    """The SDK's, logged in as `admin`."""
    return log_in("admin")
