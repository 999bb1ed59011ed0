"""What the doctor says about an organization that the simulator plays, and about the directories beside it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiohttp import web

from streamproc.compose.doctor import diagnose, needed
from streamproc.core.fold.mapping import parse_mapping
from streamproc.doctor.line import Line
from streamproc.settings import Settings, load_settings
from streamproc.simulator import SimulatorOptions, create_app

MAPPING: Final = """
[attributes]
title = "job"
division = "division"
phone = "phone"
[[copy]]
fact = "genesysRole"
to = "roles"
[[rule]]
when = { department = "Spanish*" }
groups = ["Spanish Queue"]
skills = { Spanish = 4.0 }
languages = { Spanish = 4.0 }
division = "Care"
[[rule]]
when = { job = "Agent" }
roles = ["Agent"]
"""


@dataclass(frozen=True, slots=True)
class Organization:
    """A running simulator."""

    address: str
    http: aiohttp.ClientSession

    async def sim(self, path: str, **content: Any) -> Any:
        """Its test API."""
        async with self.http.post(f"{self.address}/_sim/{path}", json=content) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    def settings(self, **others: Any) -> Settings:
        """Settings that lead there; no Kafka is."""
        urls = {
            "scim_url": f"{self.address}/api/v2/scim/v2",
            "platform_url": f"{self.address}/api/v2",
            "token_url": f"{self.address}/oauth/token",
        }
        return load_settings(**{"kafka": "127.0.0.1:1", "request_timeout": 5.0} | urls | others)

    async def least(self, mapping: str = MAPPING) -> list[str]:
        """Give the OAuth client what this mapping needs, and no more."""
        found, _ = await needed(self.settings(), parse_mapping(mapping))
        permissions = [need.permission for need in found]
        await self.sim("clients", id="demo", permissions=permissions)
        return permissions

    async def found(self, mapping: str = MAPPING, chosen: Sequence[str] = ("sink",), **others: Any) -> list[Line]:
        """All lines but that on Kafka."""
        lines = await diagnose(self.settings(**others), chosen, parse_mapping(mapping))
        return [line for line in lines if line.part != "kafka"]

    async def wrong(self, mapping: str = MAPPING, chosen: Sequence[str] = ("sink",), **others: Any) -> list[Line]:
        """The errors and warnings among them."""
        return [line for line in await self.found(mapping, chosen, **others) if line.severity != "ok"]


@asynccontextmanager
async def organization(**options: Any) -> AsyncIterator[Organization]:
    """A simulator with these options, in this event loop."""
    runner = web.AppRunner(create_app(SimulatorOptions(**{"rate_limit": 0} | options)), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as http:
            yield Organization(f"http://127.0.0.1:{runner.addresses[0][1]}", http)
    finally:
        await runner.cleanup()
