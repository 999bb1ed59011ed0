"""The metrics as Prometheus sees them."""

import socket

import aiohttp
import orjson
import pytest

from streamproc import telemetry
from streamproc.core.errors import SettingsError
from streamproc.health.decide.conditions import Trouble
from tests.support.health import DOWN, SILENT, Patient


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


async def test_an_orchestrator_hears_whether_a_service_lives_and_works() -> None:
    """/healthz fails only where a restart would help, /readyz while not all work is done; it says what is wrong."""
    patient = Patient()
    url = f"http://127.0.0.1:{(port := free())}"

    async def ask(path: str) -> tuple[int, str]:
        async with http.get(url + path) as answer:
            return answer.status, await answer.text()

    async with aiohttp.ClientSession() as http, telemetry.exposed(f"127.0.0.1:{port}", health=patient.health):
        assert await ask("/healthz") == (200, "ok")
        status, body = await ask("/readyz")
        assert (status, orjson.loads(body)["state"]) == (503, "starting")
        patient.health.ready()
        patient.wrong = [SILENT]
        status, body = await ask("/readyz")
        assert (status, orjson.loads(body)["conditions"][0]["about"]) == (200, "okta")
        patient.wrong = [DOWN]
        assert (await ask("/readyz"))[0] == 503
        assert await ask("/healthz") == (200, "ok")
        assert 'streamproc_degraded{about="target",code="gate_closed"} 1.0' in (await ask("/metrics"))[1]
        patient.wrong = [Trouble("stuck", "reader", "degraded", "nothing was read")]
        assert await ask("/healthz") == (503, "stuck")
