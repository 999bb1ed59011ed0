"""A client of the directories' stand-ins and of their test API, and two people."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from yarl import URL

ADA = {"employeeNumber": "1001", "userName": "ada@example.com", "displayName": "Ada Moss", "department": "Billing"}
BEN = {"employeeNumber": "1002", "userName": "ben@example.com", "displayName": "Ben Oak", "manager": "1001"}
REPORT = "/workday/ccx/service/customreport2/acme/isu/workers"
ENV = "/pingone/v1/environments/env1"


class Reply:
    def __init__(self, answer: aiohttp.ClientResponse, raw: bytes) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.links = {relation: str(link["url"]) for relation, link in answer.links.items()}
        self.body: Any = orjson.loads(raw) if raw else None


class Site:
    """A client of the stand-ins, and a receiver of their hooks that answers as it is told."""

    def __init__(self, session: aiohttp.ClientSession, base: URL) -> None:
        self.session = session
        self.base = base
        self.got: list[tuple[str, Any, Any]] = []  # path, headers, body
        self.answers: list[int] = []  # statuses of the next answers; then `status`
        self.status = 200
        self.echoes = True

    async def receive(self, request: web.Request) -> web.Response:
        if token := request.query.get("validationToken"):
            return web.Response(text=token if self.echoes else "no", content_type="text/plain")
        if challenge := request.headers.get("x-okta-verification-challenge"):
            return web.json_response({"verification": challenge})
        self.got.append((request.path, request.headers, await request.json()))
        return web.Response(status=self.answers.pop(0) if self.answers else self.status)

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        url = URL(path) if path.startswith("http") else self.base.join(URL(path))
        auth = {}
        if url.path.startswith("/okta"):
            auth = {"Authorization": "SSWS demo"}
        elif url.path.startswith("/workday"):
            auth = {"Authorization": "Basic ZGVtbzpkZW1v"}
        elif url.path.startswith(("/graph/v1.0", "/pingone/v1")):
            auth = {"Authorization": f"Bearer {await self.token(url.parts[1])}"}
        sent = auth | {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, url, json=body, headers=sent) as answer:
            return Reply(answer, await answer.read())

    async def token(self, directory: str) -> str:
        path = {"graph": "/graph/acme/oauth2/v2.0/token", "pingone": "/pingone/env1/as/token"}[directory]
        form = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo", "scope": "x"}
        async with self.session.post(self.base.join(URL(path)), data=form) as answer:
            return str((await answer.json())["access_token"])

    async def get(self, path: str, **headers: str) -> Any:
        answer = await self.call("GET", path, **headers)
        assert answer.status == 200, answer.body
        return answer.body

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.call(method, f"/_sim/directories/{path}", body)
        assert answer.status == 200, answer.body
        return answer.body

    async def put(self, directory: str, person: Any) -> str:
        return str((await self.sim("POST", f"{directory}/people", person))["id"])

    async def change(self, directory: str, key: str, **fields: Any) -> None:
        await self.sim("PATCH", f"{directory}/people/{key}", fields)

    async def sent(self) -> list[Any]:
        """Bodies received, once no hook is pending."""
        while True:
            if not (await self.sim("GET", "hooks"))["pending"]:
                return [body for _, _, body in self.got]
            await asyncio.sleep(0.005)

    async def until_got(self, number: int) -> None:
        while True:
            if len(self.got) >= number:
                return
            await asyncio.sleep(0.005)

    async def subscribe(self, receiver: URL, **more: Any) -> Reply:
        content = {
            "changeType": "updated,deleted",
            "notificationUrl": str(receiver / "v1/entra"),
            "resource": "users",
            "expirationDateTime": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
            "clientState": "s3cret",
        }
        return await self.call("POST", "/graph/v1.0/subscriptions", content | more)


USERS = "/graph/v1.0/users"
