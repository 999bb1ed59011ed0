"""Gateways that serve SCIM over a log in memory: as many as are wanted, each with its own state."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from streamproc.core.provider.request import Connection
from streamproc.core.records.units import Millis
from streamproc.gateway.scim.answer import Answer
from streamproc.gateway.scim.connection_log import ConnectionLog
from streamproc.gateway.scim.delivery import Deliveries
from streamproc.gateway.scim.endpoint import below_root
from streamproc.gateway.scim.pace import Pace
from streamproc.gateway.scim.service import ScimRequest, ScimService, Surroundings
from streamproc.gateway.scim.shared_log import SharedLog
from streamproc.gateway.scim.store import Store
from streamproc.gateway.scim.tail import Tail
from streamproc.testing.memory_log import MemoryBroker, MemoryLog

PARTITION = 1
BASE = "https://gateway.example/api/v2/scim/v2"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who speaks SCIM to one gateway."""

    service: ScimService

    async def send(self, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        """A request to a path below the root, or to a whole one. `body`: JSON, or bytes as they are."""
        path, _, query = url.partition("?")
        found = below_root(path)
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        below = path if found is None else found[1]
        request = ScimRequest(method, below, query, content, headers.get("if_match"), headers.get("agent"), BASE)
        return await self.service.answer(request)


@dataclass(frozen=True, slots=True)
class Gateway(Client):
    """One process."""

    tail: Tail
    store: Store
    kafka: MemoryLog
    following: asyncio.Task[None]


def new_broker() -> MemoryBroker:
    """A cluster."""
    return MemoryBroker(2, lambda: 5)


def service_over(
    log: SharedLog,
    connection: Connection,
    *,
    patch_body: bool = False,
    pace: Pace | None = None,
    deliveries: Deliveries | None = None,
) -> ScimService:
    """A service whose clock stands still. `deliveries`: the answers to deactivations wait for them."""
    around = Surroundings(lambda: Millis(1_000), lambda: 0.0, lambda: f"request-{next(_numbers)}")
    return ScimService(
        connection,
        log,
        around,
        patch_body=patch_body,
        pace=pace or Pace(1_000_000),
        deliveries=deliveries,
        delivered=deliveries is not None,
    )


@asynccontextmanager
async def gateway(
    path: Path,
    broker: MemoryBroker | None = None,
    connection: Connection | None = None,
    *,
    kafka: MemoryLog | None = None,
    patch_body: bool = False,
    pace: Pace | None = None,
    deliveries: Deliveries | None = None,
) -> AsyncIterator[Gateway]:
    """For the time of the block, at the end of the log. `path`: of its file."""
    kafka = kafka or MemoryLog(broker or new_broker())
    store = Store(path, "events.scim")
    tail = Tail(kafka, PARTITION, store)
    of = connection or Connection("okta")
    following = asyncio.create_task(tail.run())
    try:
        while not tail.is_following:
            if following.done():
                following.result()
            await asyncio.sleep(0.001)
        service = service_over(
            ConnectionLog(lambda: tail, of.name), of, patch_body=patch_body, pace=pace, deliveries=deliveries
        )
        yield Gateway(service, tail, store, kafka, following)
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await following
        store.close()
