"""The worker's parts."""

import gc
from collections.abc import Callable
from functools import partial
from typing import Final

from streamproc import rights
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import Log, Producer
from streamproc.adapters.kafka.topic_identity import while_the_same
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.adapters.kafka.trouble import told
from streamproc.compose.clocks import SYSTEM
from streamproc.compose.health import both, observed
from streamproc.compose.producer import producing
from streamproc.settings import Settings
from streamproc.sources import configured
from streamproc.sources.mapping_authority import usable
from streamproc.worker.process import Worker
from streamproc.worker.stream_app import StreamApp

GARBAGE: Final = (50_000, 20, 100)
"""Thresholds of Python's collector, far above its own: our objects hold no cycles, and it goes through all of them."""


def make_worker(settings: Settings, kafka: Log, app: StreamApp, producer: Producer, clocks: Clocks = SYSTEM) -> Worker:
    """A worker that isn't running yet. `producer` has been started, `app` hasn't. Raises MappingError."""
    options, mapping = configured(*settings.sources_text()), settings.worker.mapping_text()
    chosen = settings.worker.mapping is not None
    return Worker(
        kafka,
        app,
        producer,
        mapping,
        options,
        clocks,
        chosen=chosen,
        silences=settings.worker.silences(),
        connections=settings.connections(),
    )


async def run_worker(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """The Faust worker, until cancelled."""
    from streamproc.worker.faust_bridge.app import FaustApp  # noqa: PLC0415 - only this process pays for importing Faust

    configured(*settings.sources_text())
    usable(*settings.worker.mapping_text())  # what is wrong with it is told before anything is connected
    needed = rights.worker(settings.kafka.group)
    await ensure_topics(settings.kafka, needed)
    kafka = KafkaLog(settings.kafka)
    async with told(settings.kafka, needed), producing(kafka) as producer:
        worker = make_worker(settings, kafka, FaustApp(settings.kafka, settings.worker), producer)
        troubles = partial(worker.troubles, settings.observability.lag_limit)
        async with observed(settings, kafka, "worker", troubles, worker.measure) as health:
            gc.freeze()
            gc.set_threshold(*GARBAGE)
            await while_the_same(settings.kafka, needed, partial(worker.run, both(health.ready, ready)))
