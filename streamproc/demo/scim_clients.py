"""The demo's third act: the apps of Okta and Entra push to the gateway by SCIM, each in its own dialect.

Deactivations of both are answered when it is known what became of them. So when the app has its answer, the leaver has
no access any more, and the answer says so.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.core.provider.connection_token import new_token
from streamproc.core.records.connection_definition import ConnectionDefinition
from streamproc.core.records.units import Millis
from streamproc.demo.play import Ending, Played, held
from streamproc.demo.processes import Stack
from streamproc.demo.watching import SECONDS, Happened, Scene, watched
from streamproc.gateway.scim.delivery import HEADER
from streamproc.operators.connections import added, bring, first_token, known

ROOT: Final = "/scim/v2"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
HELD: Final = {"active": True, "title": "Agent", "department": "Care"}


@dataclass(frozen=True, slots=True)
class App:
    """An identity provider's app, and the one whom it pushes. `leaves`: its way to say that they have left."""

    vendor: str
    user: str
    agent: str
    leaves: dict[str, Any]

    @property
    def login(self) -> str:
        """Their userName."""
        return f"rae.{self.user.lower()}@example.com"

    @property
    def person(self) -> dict[str, Any]:
        """They, as they are created."""
        return {
            "userName": self.login,
            "displayName": f"Rae of {self.vendor}",
            "title": "Agent",
            "active": True,
            "emails": [{"value": self.login, "type": "work", "primary": True}],
            ENTERPRISE: {"employeeNumber": self.user, "department": "Care"},
        }


APPS: Final = (
    App("Okta", "E3011", "Okta SCIM Client 1.0.0", {"op": "replace", "value": {"active": False}}),
    App(
        "Entra",
        "E3012",
        "Microsoft Azure AD SCIM provisioning",
        {"op": "Replace", "path": "active", "value": "False"},
    ),
)


@dataclass(frozen=True, slots=True)
class Client:
    """An app at work. `url`: of the gateway's root; `simulator`: of the stand-in for Genesys."""

    app: App
    http: aiohttp.ClientSession
    url: str
    simulator: str

    async def hire(self) -> Happened:
        """It looks whether the user is there, and then creates it."""
        async with self.http.get(f"{self.url}/Users", params={"filter": f'userName eq "{self.app.login}"'}) as answer:
            found = (await answer.json(content_type=None))["totalResults"]
        async with self.http.post(f"{self.url}/Users", json=self.app.person) as answer:
            problem = None if (found, answer.status) == (0, 201) else f"{found} found, and answered {answer.status}"
            return Happened(f"{self.app.vendor} looked: {found} found; its POST: {answer.status}", problem)

    async def leave(self) -> Happened:
        """It asks for the user, and deactivates it."""
        async with self.http.get(f"{self.url}/Users", params={"filter": f'userName eq "{self.app.login}"'}) as answer:
            (user,) = (await answer.json(content_type=None))["Resources"]
        body = {"schemas": [PATCH_OP], "Operations": [self.app.leaves]}
        async with self.http.patch(f"{self.url}/Users/{user['id']}", json=body) as answer:
            outcome = answer.headers.get(HEADER)
            shown = (await held(self.http, self.simulator)).get(self.app.user, {}).get("active")
            right = (answer.status, outcome, shown) == (200, "revoked", False)
            problem = None if right else f"answered {answer.status}, {outcome}, while Genesys held active: {shown}"
            pushed = json.dumps(self.app.leaves)
            return Happened(f"{self.app.vendor}'s PATCH, {pushed}: {answer.status}, {HEADER}: {outcome}", problem)

    async def served(self) -> None:
        """Returns when the gateway knows it. Raises TimeoutError."""
        async with asyncio.timeout(SECONDS):
            while True:
                async with self.http.get(f"{self.url}/Users", params={"count": "0"}) as answer:
                    if answer.status == 200:
                        return
                await asyncio.sleep(0.05)


async def play_scim_clients(running: Stack, tell: Callable[[Played], None]) -> Ending:
    """Play and check. What goes wrong is in the Ending."""
    played: list[Played] = []
    root = running.simulator
    tokens = [await _connected(running, app) for app in APPS]
    state = {"STREAMPROC_GATEWAY_SCIM_STATE": str(running.folder / "scim"), "STREAMPROC_GATEWAY_PORT": "0"}
    gateway = running.child("gateway-2", "gateway", **state)
    url = f"http://127.0.0.1:{await gateway.start()}{ROOT}"
    for app, token in zip(APPS, tokens, strict=True):
        headers = {"Authorization": f"Bearer {token}", "User-Agent": app.agent}
        async with aiohttp.ClientSession(headers=headers) as http:
            client = Client(app, http, url, root)
            await client.served()
            for title, happen, expected in (
                (f"{app.vendor}'s app pushes Rae, who is hired", client.hire, HELD),
                (f"{app.vendor}'s app pushes that Rae has left", client.leave, {"active": False}),
            ):
                played.append(await watched(http, root, Scene(title, app.user, expected, "the push"), happen))
                tell(played[-1])
    await gateway.stop()
    return Ending(played, [])


async def _connected(running: Stack, app: App) -> str:
    """The token of a new connection."""
    log, (token, sha256) = KafkaLog(running.settings.kafka), new_token(os.urandom)
    name = f"demo-{app.vendor.lower()}"
    wanted = ConnectionDefinition(name, 0, first_token(sha256), delivered=True)
    now = Millis(time.time_ns() // 1_000_000)
    await bring(log, added(await known(log), wanted, None), (), "the demo", f"{app.vendor} is to push", now)
    return token
