"""What Genesys does about something that happens elsewhere: in a directory, or in the app of an identity provider."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from streamproc.demo.play import Played, held

SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Happened:
    """What is to be told of it, and what was wrong with it already."""

    told: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """`expected`: what Genesys is to hold of the user afterwards, in the story's words. `since`: see Played."""

    title: str
    user: str
    expected: dict[str, Any]
    since: str


async def watched(
    http: aiohttp.ClientSession, root: str, scene: Scene, happen: Callable[[], Awaitable[Happened]]
) -> Played:
    """Let it happen, and wait until Genesys shows what is expected. `root`: of the simulator."""
    before = len((await sim(http, "GET", f"{root}/_sim/ledger"))["entries"])
    begun = time.monotonic()
    happened = await happen()
    shown: dict[str, Any] = {}
    while time.monotonic() < begun + SECONDS:
        shown = _of_expected((await held(http, root)).get(scene.user, {}), scene.expected)
        if shown == scene.expected:
            break
        await asyncio.sleep(0.02)
    took = round((time.monotonic() - begun) * 1000)
    wrong = {name: value for name, value in shown.items() if value != scene.expected[name]}
    problem = happened.problem
    if shown != scene.expected:
        problem = f"Genesys holds {wrong or 'nobody of that name'} after {SECONDS:.0f} s"
    writes = (await sim(http, "GET", f"{root}/_sim/ledger?since={before}"))["entries"]
    requests = [
        {name: write[name] for name in ("method", "body", "status")} | {"path": write["path"].split("/scim/v2")[-1]}
        for write in writes
        if write["applied"]
    ]
    fate = "as told" if problem is None else "not as told"
    return Played(scene.title, scene.user, fate, "as told", took, requests, 0, happened.told, problem, scene.since)


async def sim(http: aiohttp.ClientSession, method: str, url: str, body: Any = None) -> Any:
    """A request to the test API of the stand-ins."""
    async with http.request(method, url, json=body) as answer:
        answer.raise_for_status()
        return await answer.json()


def _of_expected(user: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    return {name: user[name] for name in expected if name in user}
