"""The doctor's parts: which checks there are, by the processes that are meant."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from streamproc import rights
from streamproc.doctor.examination import Check, examine
from streamproc.doctor.kafka import cluster
from streamproc.doctor.line import Line
from streamproc.gateway.endpoints import endpoints
from streamproc.rights import Right
from streamproc.settings import DIRECTORIES, Settings

PROCESSES: Final = ("worker", "sink", "reconcile", "gateway", "hydrator")
"""Those that can be examined."""


def processes(settings: Settings) -> list[str]:
    """Those that the settings configure. Nothing is to be set for worker and sink; others may do without reconcile."""
    doors = ["gateway"] if endpoints(settings.hooks, settings.security_events) else []
    return ["worker", "sink", *doors, *(["hydrator"] if asked(settings) else [])]


def asked(settings: Settings) -> list[str]:
    """Sources whose directory is configured."""
    configured = {
        "okta": settings.hydrator.okta.url,
        "entra": settings.hydrator.entra.tenant,
        "pingone": settings.hydrator.pingone.environment,
        "workday": settings.hydrator.workday.report,
        "hris": settings.hydrator.hris.vendor,
    }
    return [source for source in DIRECTORIES if configured[source]]


async def diagnose(settings: Settings, chosen: Sequence[str]) -> list[Line]:
    """All that there is to say about these processes, which are to run with these settings."""
    now = datetime.now(UTC)

    async def on_kafka() -> list[Line]:
        return await cluster(settings.kafka, _rights(settings, chosen), now)

    return await examine([Check("kafka", "cluster", on_kafka)])


def _rights(settings: Settings, chosen: Sequence[str]) -> Mapping[str, list[Right]]:
    group = settings.kafka.group
    doors = {endpoint.source for endpoint in endpoints(settings.hooks, settings.security_events).values()}
    needed = {
        "worker": rights.worker(group),
        "sink": rights.sink(group),
        "reconcile": rights.reconcile(group),
        "gateway": rights.gateway(doors),
        "hydrator": rights.hydrator(group, asked(settings)),
    }
    return {process: needed[process] for process in chosen}
