"""The sink's parts."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import aiohttp
import structlog

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
from streamproc.core.errors import KafkaRightsError, TopologyError
from streamproc.core.flow.circuit_breaker import CircuitBreaker
from streamproc.core.flow.rate_limit import RateLimiter
from streamproc.core.records.topic_names import FINDINGS
from streamproc.core.scim.dialect import DIALECTS
from streamproc.rights import Right
from streamproc.settings import KafkaSettings, Settings
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.lanes import Lanes
from streamproc.sink.process import Sink
from streamproc.sink.request_gate import RequestGate

log = structlog.get_logger("streamproc.sink")

SEARCHED = 5.0
"""Seconds until a search shows what has landed: else a leaver whose account came late would be thought to have none."""


async def run_sink(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """The sink, until cancelled."""
    needed = rights.sink(settings.kafka.group)
    about_findings = [right for right in needed if right.name == FINDINGS]
    needed = [right for right in needed if right not in about_findings]
    await ensure_topics(settings.kafka, needed)
    if looks := await _has(settings.kafka, about_findings):
        needed += about_findings
    kafka = KafkaLog(settings.kafka)
    async with told(settings.kafka, needed), target_session(settings.target, settings.network) as http:
        sink = make_sink(settings, kafka, http, looks=looks)
        async with observed(
            settings, kafka, "sink", partial(sink.troubles, settings.observability.lag_limit), sink.measure
        ) as health:
            await while_the_same(settings.kafka, needed, partial(sink.run, both(health.ready, ready)))


async def _has(kafka: KafkaSettings, findings: Sequence[Right]) -> bool:
    """Whether findings can be read. A sink needs none where nobody compares, as on a cluster of an earlier version."""
    try:
        await ensure_topics(kafka, findings)
    except (KafkaRightsError, TopologyError) as error:
        log.warning("goes on without findings: what others change in the target isn't repaired", reason=str(error))
        return False
    return True


def make_sink(
    settings: Settings,
    kafka: Log,
    http: aiohttp.ClientSession,
    *,
    lanes: Lanes[Work] | None = None,
    rate_limiter: RateLimiter | None = None,
    looks: bool = True,
    clocks: Clocks = SYSTEM,
) -> Sink:
    """One that hasn't begun. `lanes` and `rate_limiter`: others than ours, to compare with. `looks`: at whom findings
    name.
    """
    target = settings.target
    dialect = DIALECTS[target.dialect]
    scim, platform = target_clients(target, settings.sink.platform_url, http, clocks)
    limiter = RateLimiter(settings.sink.revoke_reserve) if rate_limiter is None else rate_limiter
    return Sink(
        settings.sink,
        kafka=kafka,
        group=f"{settings.kafka.group}-sink",
        session_timeout=settings.kafka.session_timeout,
        scim=scim,
        platform=platform if settings.sink.end_sessions else None,
        dialect=dialect if target.elements is None else replace(dialect, elements=target.elements),
        lanes=Lanes(Work.condensed) if lanes is None else lanes,
        gate=RequestGate(limiter, CircuitBreaker(), clocks.ticks, clocks.pause, target.connections),
        clocks=clocks,
        landed=target.request_timeout + 1.0 + SEARCHED,
        looks=looks,
    )
