"""The gateway as a process."""

import gc
from collections.abc import Callable, Iterator
from itertools import chain

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
    from streamproc.compose.front_door import opened_front_door  # noqa: PLC0415
    from streamproc.compose.gateway_parts import make_gateway  # noqa: PLC0415
    from streamproc.gateway.endpoints import endpoints  # noqa: PLC0415
    from streamproc.gateway.topic_producers import topic_producers  # noqa: PLC0415

    opened, tls = endpoints(settings.hooks, settings.security_events), settings.gateway.ssl_context()
    configured(*settings.sources_text())  # what is wrong with it is told before anything is connected
    needed = rights.gateway({endpoint.source for endpoint in opened.values()} | _scim(settings))
    await ensure_topics(settings.kafka, needed)
    kafka = KafkaLog(settings.kafka)
    async with (
        told(settings.kafka, needed),
        http_session(settings.network) as http,
        producing(kafka) as producer,
        topic_producers(kafka, producer, SYSTEM.ticks) as producers,
        opened_front_door(settings, kafka) as front,
    ):
        gateway = make_gateway(settings, producers, lambda: brokers_answer(producer), http, front_door=front.door)
        gc.freeze()  # the collector would go through all that is there from the start after every few requests
        gc.set_threshold(20_000, 20, 50)

        def troubles() -> Iterator[Trouble]:
            brokers, failures = gateway.health.recent(), gateway.key_failures
            own = gateway_troubles(brokers=brokers, refused=producers.refused(), key_failures=failures)
            return chain(own, front.troubles())

        async with observed(settings, kafka, "gateway", troubles) as health, task_group() as tasks:

            def announce(port: str) -> None:
                health.ready()
                ready(port)

            watching = tasks.create_task(gateway.health.watch(SYSTEM.pause), name="brokers")
            await gateway.run(settings.gateway.host, settings.gateway.port, tls, announce)
            watching.cancel()


def _scim(settings: Settings) -> set[str]:
    """The source of SCIM clients, where they are served."""
    return set() if settings.gateway.scim_state is None else {"scim"}
