"""The parts of reconcile."""

from collections.abc import Callable
from functools import partial

import aiohttp

from streamproc import rights
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import Log
from streamproc.adapters.kafka.topic_identity import while_the_same
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.adapters.kafka.trouble import told
from streamproc.compose.clocks import SYSTEM
from streamproc.compose.health import both, observed
from streamproc.compose.target import target_clients, target_session
from streamproc.core.scim.dialect import DIALECTS
from streamproc.reconcile.process import Reconcile, Summary
from streamproc.settings import Settings


async def run_reconcile(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """Reconcile, until cancelled."""
    needed = rights.reconcile()
    await ensure_topics(settings.kafka, needed)
    kafka = KafkaLog(settings.kafka)
    async with told(settings.kafka, needed), target_session(settings.target, settings.network) as http:
        process = make_reconcile(settings, kafka, http)
        async with observed(settings, kafka, "reconcile", process.troubles, process.measure) as health:
            await while_the_same(settings.kafka, needed, partial(process.run, both(health.ready, ready)))


async def reconcile_once(settings: Settings, user: str | None, say: Callable[[str], None]) -> Summary | None:
    """One round, or one user. None: there is no record of them. Raises TargetError and what Kafka raises."""
    needed = rights.reconcile()
    await ensure_topics(settings.kafka, needed)
    async with told(settings.kafka, needed), target_session(settings.target, settings.network) as http:
        process = make_reconcile(settings, KafkaLog(settings.kafka), http, once=True)
        summary = await process.once(user, say)
        return summary if user is None or process.knows(user) else None


def make_reconcile(
    settings: Settings, kafka: Log, http: aiohttp.ClientSession, *, once: bool = False, clocks: Clocks = SYSTEM
) -> Reconcile:
    """One that hasn't begun."""
    target = settings.target
    scim, platform = target_clients(target, settings.sink.platform_url, http, clocks)
    return Reconcile(
        settings.reconcile,
        kafka=kafka,
        scim=scim,
        platform=platform if target.dialect == "genesys" else None,
        us=None if target.token is not None else target.client_id,
        dialect=DIALECTS[target.dialect],
        clocks=clocks,
        once=once,
    )
