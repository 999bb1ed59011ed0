"""The demo's second act: one life (hired, moved, left) told by Okta, Entra, PingOne and Workday, each in its own way.

The directories' stand-ins send what the real ones would, through the gateway; the hydrator asks them for what their
hooks leave out. Each time it has to end with the same user in Genesys.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp

from streamproc.demo.play import Ending, Played, held
from streamproc.demo.processes import Stack
from streamproc.demo.watching import SECONDS, Happened, Scene, sim, watched
from streamproc.settings import load_settings

SECRET: Final = "secret-of-the-demo-only"  # noqa: S105 - the stand-ins guard nothing
STAND_INS: Final = {"okta": "Okta", "graph": "Entra", "pingone": "PingOne", "workday": "Workday"}

MOVED: Final = {
    "title": "Agent",
    "department": "Spanish Support",
    "roles": ["Agent", "employee"],
    "groups": ["Spanish Queue"],
    "skills": {"Spanish": 4.0},
    "languages": {"Spanish": 4.0},
}
"""What Genesys is to hold after the move, whichever directory it came from."""


@dataclass(frozen=True, slots=True)
class _Scene:
    title: str
    change: dict[str, Any]
    expected: dict[str, Any]


def pointed(root: str) -> dict[str, Any]:
    """Settings by which the four directories are those of the stand-ins at `root`."""
    return {
        "okta_url": f"{root}/okta",
        "okta_token": "demo",
        "entra_url": f"{root}/graph/v1.0",
        "entra_login_url": f"{root}/graph",
        "entra_tenant": "acme",
        "entra_client_id": "demo",
        "entra_client_secret": "demo",
        "pingone_url": f"{root}/pingone/v1",
        "pingone_auth_url": f"{root}/pingone",
        "pingone_environment": "env1",
        "pingone_client_id": "demo",
        "pingone_client_secret": "demo",
        "workday_report": f"{root}/workday/ccx/service/customreport2/acme/isu/workers",
        "workday_user": "demo",
        "workday_password": "demo",
    }


DOORS: Final = {
    "okta_hook_secret": SECRET,
    "entra_client_state": SECRET,
    "pingone_hook_secret": SECRET,
    "workday_hook_secret": SECRET,
}
"""Settings of the gateway's doors; hydrator and gateway share Graph's."""


async def open_doors(running: Stack, http: aiohttp.ClientSession) -> str:
    """Start gateway and hydrator beside the stack, and tell the stand-ins where to send their hooks. Returns where."""
    root = running.simulator
    wide = load_settings(**running.settings.by_name() | DOORS | pointed(root) | {"gateway_port": 0})
    beside = Stack(wide, running.folder, root)
    gateway = beside.child("gateway", "gateway")
    running.children["gateway"] = gateway
    door = f"http://127.0.0.1:{await gateway.start()}"
    headers = {name: {"Authorization": SECRET} for name in STAND_INS}
    await sim(http, "POST", f"{root}/_sim/directories/config", {"gateway": door, "hook_headers": headers} | EVENTS)
    hydrator = beside.child("hydrator", "hydrator", STREAMPROC_ENTRA_NOTIFICATION_URL=f"{door}/v1/entra")
    running.children["hydrator"] = hydrator
    await hydrator.start()
    async with asyncio.timeout(SECONDS):
        while not await _subscribed(http, root):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.05)
    return door


EVENTS: Final = {"workday_events": True}
"""An integration posts Workday's business events, as it has no hooks of its own."""


async def play_directories(running: Stack, tell: Callable[[Played], None]) -> Ending:
    """Play and check. What goes wrong is in the Ending."""
    played: list[Played] = []
    differences: list[str] = []
    async with aiohttp.ClientSession() as http:
        await open_doors(running, http)
        for number, (name, vendor) in enumerate(STAND_INS.items(), 1):
            user = f"E300{number}"
            for scene in _scenes(user, vendor):
                played.append(await _play(http, running.simulator, name, user, scene))
                tell(played[-1])
        held_by_user = await held(http, running.simulator)
    for user in _users():
        differences += [
            f"{user}.{name} is {held_by_user.get(user, {}).get(name)!r}, not {value!r}"
            for name, value in (MOVED | {"active": False}).items()
            if held_by_user.get(user, {}).get(name) != value
        ]
    return Ending(played, differences)


def _users() -> list[str]:
    return [f"E300{number}" for number in range(1, len(STAND_INS) + 1)]


def _scenes(user: str, vendor: str) -> list[_Scene]:
    yesterday = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
    person = {
        "employeeNumber": user,
        "userName": f"noor.{user.lower()}@example.com",
        "email": f"noor.{user.lower()}@example.com",
        "displayName": f"Noor of {vendor}",
        "job": "Agent",
        "department": "Care",
        "active": True,
    }
    gone = {"active": False} | ({"lastDay": yesterday, "terminationDate": yesterday} if vendor == "Workday" else {})
    return [
        _Scene(f"{vendor} says that Noor is hired", person, {"active": True, "title": "Agent", "department": "Care"}),
        _Scene(f"{vendor} says that Noor moves to Spanish Support", {"department": "Spanish Support"}, MOVED),
        _Scene(f"{vendor} says that Noor has left", gone, {"active": False}),
    ]


async def _play(http: aiohttp.ClientSession, root: str, directory: str, user: str, scene: _Scene) -> Played:
    people = f"{root}/_sim/directories/{directory}/people"
    hired = "employeeNumber" in scene.change

    async def change() -> Happened:
        await sim(http, "POST" if hired else "PATCH", people if hired else f"{people}/{user}", scene.change)
        return Happened()

    return await watched(http, root, Scene(scene.title, user, scene.expected, "the directory"), change)


async def _subscribed(http: aiohttp.ClientSession, root: str) -> bool:
    hooks = (await sim(http, "GET", f"{root}/_sim/directories/hooks?directory=graph"))["hooks"]
    return [hook["status"] for hook in hooks if hook["about"] == "validation"] == [200, 200]
