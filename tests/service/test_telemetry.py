"""The metrics as Prometheus sees them."""

import socket

import aiohttp
import pytest

from streamproc import telemetry
from streamproc.core.errors import SettingsError


def free() -> int:
    """A port that nobody has."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def test_metrics_are_served_as_they_are_at_that_moment() -> None:
    """Gauges are set when somebody asks, and nothing answers once the service has ended."""
    asked = 0

    def measure() -> None:
        nonlocal asked
        asked += 1
        telemetry.WAITING.set(40 + asked)

    url = f"http://127.0.0.1:{(port := free())}/metrics"
    async with aiohttp.ClientSession() as http:
        async with telemetry.exposed(f"127.0.0.1:{port}", measure):
            for expected in ("41.0", "42.0"):
                async with http.get(url) as answer:
                    assert f"streamproc_gate_waiting {expected}" in await answer.text()
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.get(url)


@pytest.mark.parametrize("address", ["9100", ":9100", "localhost:", "localhost:http"])
async def test_an_address_that_isnt_one_is_named(address: str) -> None:
    """A mistake in the setting is told before the service starts."""
    with pytest.raises(SettingsError, match="metrics"):
        async with telemetry.exposed(address):
            pass


async def test_a_port_that_is_taken_is_told() -> None:
    """Another process on the port is a mistake in the settings, not a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="can't be used"):
            async with telemetry.exposed(f"127.0.0.1:{taken.getsockname()[1]}"):
                pass
