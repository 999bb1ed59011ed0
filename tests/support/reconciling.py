"""Reconcile on a log in memory, beside whole sinks, and the stand-in for Genesys behind both."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from streamproc.adapters.kafka import reading
from streamproc.compose.reconcile import make_reconcile
from streamproc.core.records.control import Action, Control
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.finding import Finding, decode_finding
from streamproc.core.records.topic_names import CONTROLS, DELIVERIES, FINDINGS, OPERATIONS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import encode
from streamproc.core.scim.dialect import GENESYS_DIALECT, create_body
from streamproc.reconcile import process
from streamproc.reconcile.process import Reconcile, Summary
from streamproc.testing.memory_log import MemoryLog
from tests.support.reconciler import Org, person
from tests.support.sinks_in_memory import PATIENCE, Cluster, ready


class Compared(Cluster):
    """A cluster whose target is compared with what is desired."""

    def __init__(self, org: Org) -> None:
        super().__init__(org)
        self.reconciles: list[Reconcile] = []
        self.settings = self.settings.changed(
            platform_url=org.platform, reconcile_every=0.2, reconcile_leavers_every=0.1
        )

    async def once(self, user: str | None = None) -> Summary:
        """One round, by a process of its own; nobody waits long for what is on its way."""
        made = make_reconcile(self.settings, MemoryLog(self.broker), self.org.http, once=True)
        return await made.once(user)

    async def found(self, user: str | None = None) -> dict[str, dict[str, str]]:
        """The same: by user ID or account/ID, attribute → class."""
        summary = await self.once(user)
        return {
            finding.key: {each.attribute: each.kind for each in finding.differences}
            for finding in summary.disagreements
        }

    @asynccontextmanager
    async def reconcile(self) -> AsyncIterator[asyncio.Task[None]]:
        """One that goes on, and is ready."""
        made = make_reconcile(self.settings, MemoryLog(self.broker), self.org.http)
        self.reconciles.append(made)
        async with ready(made.run) as running:
            yield running

    async def findings(self) -> list[Finding]:
        """All that were appended, those of one key in order."""
        read = reading.read_topic(self.log, FINDINGS, decode_finding)
        return [each async for _, each in read if each is not None]

    async def until(self, is_so: Callable[[list[Finding]], bool]) -> list[Finding]:
        """The findings, once they are so. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while not is_so(found := await self.findings()):  # noqa: ASYNC110 - it is other tasks
                await asyncio.sleep(0.02)
        return found

    async def edit(self, user: str, **changes: Any) -> None:
        """A supervisor changes somebody by hand."""
        await self.org.sim("POST", "edit", {"user": user, "by": "Sue Visor", "changes": changes})

    async def say_of(self, action: Action, finding: Finding, since: int | None = None) -> None:
        """An operator's order about a finding, which lies at `since`; left out, where it was appended last."""
        if since is None:
            places = [
                record.offset
                async for record in reading.records_of(self.log, FINDINGS)
                if (record.key or b"").decode() == finding.key
            ]
            since = places[-1]
        order = Control(
            f"{action}-{finding.key}",
            action,
            finding.user,
            since,
            "Kim",
            "why",
            Millis(round(time.time() * 1000)),
            account=finding.account if finding.user is None else None,
        )
        await self.log.producer().send_and_wait(CONTROLS, orjson.dumps(order), order.key.encode())


def impatient(monkeypatch: Any) -> None:
    """What is on its way is told soon."""
    monkeypatch.setattr(process, "PATIENCE_ONCE", 100)


async def populate(compared: Compared, many: int) -> dict[str, str]:
    """So many people whom a sink has delivered; E1 to E(many). Returns the target's id of each."""
    records = {f"E{number}": compared.org.folded(f"E{number}", **person(f"E{number}")) for number in range(1, many + 1)}
    bodies = [create_body(each.desired, GENESYS_DIALECT) for each in records.values()]
    ids = (await compared.org.sim("POST", "users", {"users": bodies, "by": "Seed"}))["ids"]
    producer = compared.log.producer()
    for (user, record), account in zip(records.items(), ids, strict=True):
        place = await (await producer.send(OPERATIONS, encode(record), user.encode()))
        compared.offsets[user] = place.offset
        delivery = DeliveredState(user, record.seq, account, None, {**record.desired, "groups": []}, None, Millis(0))
        await producer.send_and_wait(DELIVERIES, orjson.dumps(delivery), user.encode())
    return dict(zip(records, ids, strict=True))
