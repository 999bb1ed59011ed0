"""A client of the Genesys Cloud stand-in, with a token."""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import orjson
from aiohttp.test_utils import TestClient

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GENESYS = "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def basic(secret: str, client: str = "demo") -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{client}:{secret}".encode()).decode()}


class Reply:
    def __init__(self, status: int, headers: Any, raw: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body: Any = orjson.loads(raw) if raw else None


class Org:
    """A client of one simulator, with a token."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client = client
        self.token = ""

    async def log_in(self, client: str = "demo") -> None:
        """As a client whose secret is its id."""
        form = {"grant_type": "client_credentials"}
        answer = await self.client.post("/oauth/token", data=form, headers=basic(client, client))
        self.token = (await answer.json())["access_token"]

    async def log_in_as(self, client: str, *permissions: str, **more: Any) -> None:
        """As a new client that may do this."""
        await self.sim("POST", "clients", {"id": client, "permissions": permissions, **more})
        await self.log_in(client)

    async def call(
        self, method: str, path: str, body: Any = None, *, root: str = "/api/v2/scim/v2/", **headers: str
    ) -> Reply:
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else None if body is None else orjson.dumps(body)
        async with self.client.request(method, root + path, data=data, headers=sent) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        async with self.client.request(method, f"/_sim/{path}", json=body) as answer:
            return await answer.json()

    async def user(self, name: str = "ada", **more: Any) -> Any:
        body = {"userName": f"{name}@example.com", "displayName": name, "externalId": name, **more}
        answer = await self.call("POST", "Users", body)
        assert answer.status == 201, answer.body
        return answer.body

    async def patch(self, id_: str, *operations: Any, to: str = "Users", **headers: str) -> Reply:
        ops = [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations]
        return await self.call("PATCH", f"{to}/{id_}", {"schemas": [PATCH], "Operations": ops}, **headers)

    async def ledger(self, query: str = "") -> Any:
        return (await self.sim("GET", f"ledger{query}"))["entries"]

    async def group(self, name: str = "All Agents") -> str:
        reply = await self.call("GET", f"Groups?filter={quote(f'displayName eq {name}')}")
        return str(reply.body["Resources"][0]["id"])


Start = Callable[..., Awaitable[Org]]


class Clock:
    """Stands still until it is moved, so that no machine is too slow for what is short-lived."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def find(field: str, value: str) -> str:
    return f"Users?filter={field}%20eq%20%22{value}%22"
