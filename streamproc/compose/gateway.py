"""The gateway's parts."""

import gc
from collections.abc import Callable, Iterator

from streamproc import rights
from streamproc.adapters.http import http_session
from streamproc.adapters.kafka.client import KafkaLog, brokers_answer
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.adapters.kafka.trouble import told
from streamproc.adapters.wait import task_group
from streamproc.compose.clocks import SYSTEM
from streamproc.compose.health import observed
from streamproc.compose.producer import producing
from streamproc.gateway.troubles import gateway_troubles
from streamproc.health.decide.conditions import Trouble
from streamproc.settings import Settings
from streamproc.sources import configured


async def run_gateway(settings: Settings, ready: Callable[[str], None] = lambda _: None) -> None:
    """The gateway, until cancelled; `ready` is told its port."""
    from streamproc.gateway.endpoints import endpoints  # noqa: PLC0415
    from streamproc.gateway.jwks import Jwks  # noqa: PLC0415
    from streamproc.gateway.server import Gateway  # noqa: PLC0415
    from streamproc.gateway.set_verifier import SetVerifier  # noqa: PLC0415
    from streamproc.gateway.topic_producers import topic_producers  # noqa: PLC0415

    opened, tls = endpoints(settings.hooks, settings.security_events), settings.gateway.ssl_context()
    options = configured(*settings.sources_text())
    needed = rights.gateway({endpoint.source for endpoint in opened.values()})
    await ensure_topics(settings.kafka, needed)
    kafka = KafkaLog(settings.kafka)
    async with (
        told(settings.kafka, needed),
        http_session(settings.network) as http,
        producing(kafka) as producer,
        topic_producers(kafka, producer, SYSTEM.ticks) as producers,
    ):
        issuer = None
        if settings.security_events.issuer and settings.security_events.audience and settings.security_events.jwks:
            issuer = SetVerifier(
                settings.security_events.issuer,
                settings.security_events.audience,
                Jwks(settings.security_events.jwks, http, SYSTEM.clock).get,
                ticks=SYSTEM.ticks,
            )
        gateway = Gateway(
            opened,
            options,
            producers,
            lambda: brokers_answer(producer),
            max_body=settings.gateway.max_body,
            in_flight=settings.gateway.in_flight,
            connections=settings.gateway.connections,
            issuer=issuer,
            clock=SYSTEM.clock,
            ticks=SYSTEM.ticks,
        )
        gc.freeze()  # the collector would go through all that is there from the start after every few requests
        gc.set_threshold(20_000, 20, 50)

        def troubles() -> Iterator[Trouble]:
            failures = 0 if issuer is None else issuer.failures
            return gateway_troubles(brokers=gateway.health.recent(), refused=producers.refused(), key_failures=failures)

        async with observed(settings, kafka, "gateway", troubles) as health, task_group() as tasks:

            def announce(port: str) -> None:
                health.ready()
                ready(port)

            watching = tasks.create_task(gateway.health.watch(SYSTEM.pause), name="brokers")
            await gateway.run(settings.gateway.host, settings.gateway.port, tls, announce)
            watching.cancel()
