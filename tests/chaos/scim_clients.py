"""SCIM clients that write the same users and groups through several gateways at once, and keep what they were told."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import aiohttp
import orjson

from tests.chaos.lossy_proxy import LossyProxy
from tests.chaos.scim_judge import ADDED, Request

HEADER: Final = "Streamproc-Delivery"
ROOT: Final = "/api/v2/scim/v2"
PATIENCE: Final = aiohttp.ClientTimeout(total=15)
TITLES: Final = ("Agent", "Team Lead", "Clerk", "Trainer")
LOST: Final = frozenset({None, 429, 503})
FREE: Final = 6
"""Users without an anchor, whose names go round. They are nobody in the target."""
GROUPS: Final = 3


@dataclass(slots=True)
class Crowd:
    """All clients of one connection. `people`: whom it has, each with an anchor and two names."""

    connection: str
    token: str
    ways: Sequence[LossyProxy]
    people: int
    requests: list[Request] = field(default_factory=list)
    known: dict[str, set[str]] = field(default_factory=lambda: {"Users": set(), "Groups": set()})
    """Ids that somebody has been told of."""
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Users as somebody has read them last, whenever that was: who writes all of one writes this back."""
    numbers: "count[int]" = field(default_factory=count)

    async def client(self, http: aiohttp.ClientSession, rng: random.Random, requests: int, seconds: float) -> None:
        """One client after the other's model: so many requests, over so many seconds."""
        begun = time.monotonic()
        for number in range(requests):
            request = await self.send(http, rng.choice(self.ways), *self._next(rng))
            if request.status in LOST:
                await asyncio.sleep(rng.uniform(0.1, 1.0))  # as clients do: else one that is down gets all requests
            await asyncio.sleep(max(0.0, number / requests * seconds - (time.monotonic() - begun)))

    async def send(
        self, http: aiohttp.ClientSession, way: LossyProxy, method: str, path: str, body: dict[str, Any] | None = None
    ) -> Request:
        """One request, which is kept with whatever comes of it."""
        request = Request(next(self.numbers), self.connection, method, path, body, time.monotonic())
        self.requests.append(request)
        headers = {
            "Authorization": f"Bearer {self.token}",
            "User-Agent": request.agent,
            "Content-Type": "application/scim+json",
        }
        data = None if body is None else orjson.dumps(body)
        url = f"{way.address}{ROOT}{path}"
        try:
            async with http.request(method, url, data=data, headers=headers, timeout=PATIENCE) as answer:
                content = await answer.read()
                told = orjson.loads(content) if content else None
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
            return request  # whether it was done isn't known
        request.status, request.answer, request.etag = answer.status, told, answer.headers.get("ETag")
        request.delivery = answer.headers.get(HEADER)
        request.ended = time.monotonic()
        self._learn(request)
        return request

    def _learn(self, request: Request) -> None:
        kind = "Users" if request.type == "User" else "Groups"
        shown = request.answer or {}
        if request.status in {200, 201}:
            resources = shown.get("Resources", [shown])
            self.known[kind] |= {each["id"] for each in resources}
            if kind == "Users":
                self.seen |= {each["id"]: each for each in resources}
        elif request.status == 404:
            self.known[kind].discard(request.id)
            self.seen.pop(request.id, None)

    def _next(self, rng: random.Random) -> tuple[str, str, dict[str, Any] | None]:
        """What somebody does now: mostly with users and groups that others write, too."""
        users, groups = sorted(self.known["Users"]), sorted(self.known["Groups"])
        dice = rng.random()
        if dice < 0.12 or not users:
            return "POST", "/Users", self._user(rng)
        if dice < 0.16 or not groups:
            members = [{"value": each} for each in rng.sample(users, min(2, len(users)))]
            return "POST", "/Groups", {"displayName": f"Group {rng.randrange(GROUPS)}", "members": members}
        id_, group = rng.choice(users), f"/Groups/{rng.choice(groups)}"
        user, shown = f"/Users/{id_}", self.seen[id_]
        if dice < 0.26:
            return "GET", user, None
        if dice < 0.32:
            return "GET", f'/Users?filter=userName eq "{self._user(rng)["userName"]}"', None
        if dice < 0.36:
            return "GET", group, None
        if dice < 0.62:
            return "PATCH", user, _set("title", f"{rng.choice(TITLES)} {rng.randrange(1000)}")
        if dice < 0.72:
            return "PATCH", user, _set("active", rng.random() < 0.5)
        if dice < 0.76:
            return "DELETE", user, None
        if dice < 0.81:
            if "externalId" not in shown:
                return "PATCH", user, _set("userName", f"free{rng.randrange(FREE)}@x.example")
            whole = {name: value for name, value in shown.items() if name not in ADDED}
            return "PUT", user, whole | {"title": f"{rng.choice(TITLES)} {rng.randrange(1000)}"}
        if dice < 0.9:
            return "PATCH", group, {"Operations": [_member(rng, rng.choice(users))]}
        if dice < 0.94:
            return "PATCH", group, _set("displayName", f"Group {rng.randrange(GROUPS)}")
        members = [{"value": each} for each in rng.sample(users, min(4, len(users)))]
        return "PUT", group, {"displayName": f"Group {rng.randrange(GROUPS)}", "members": members}

    def _user(self, rng: random.Random) -> dict[str, Any]:
        """Somebody with an anchor, by their own name, or somebody without one."""
        user = {
            "userName": f"free{rng.randrange(FREE)}@x.example",
            "title": rng.choice(TITLES),
            "active": rng.random() < 0.8,
        }
        if rng.random() < 0.75:
            number = rng.randrange(self.people)
            anchor = f"{self.connection}-{number}"
            user |= {"userName": f"{anchor}@x.example", "externalId": anchor, "displayName": f"Person {number}"}
        return user


def _set(path: str, value: Any) -> dict[str, Any]:
    return {"Operations": [{"op": "replace", "path": path, "value": value}]}


def _member(rng: random.Random, user: str) -> dict[str, Any]:
    if rng.random() < 0.4:
        return {"op": "remove", "path": f'members[value eq "{user}"]'}
    return {"op": "add", "path": "members", "value": [{"value": user}]}
