"""The worker's parts."""

import time
from collections.abc import Callable
from functools import partial

from streamproc import rights
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.topic_identity import while_the_same
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.adapters.kafka.trouble import told
from streamproc.compose.health import both, observed
from streamproc.compose.producer import producing
from streamproc.core.records.units import Millis
from streamproc.settings import Settings
from streamproc.sources import configured
from streamproc.sources.mapping_authority import usable


async def run_worker(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """The Faust worker, until cancelled."""
    from streamproc.worker.faust_bridge.app import FaustApp  # noqa: PLC0415 - only this process pays for importing Faust
    from streamproc.worker.process import Worker  # noqa: PLC0415

    options, mapping = configured(*settings.sources_text()), settings.worker.mapping_text()
    usable(*mapping)  # what is wrong with it is told before anything is connected
    needed = rights.worker(settings.kafka.group)
    await ensure_topics(settings.kafka, needed)
    kafka, chosen = KafkaLog(settings.kafka), settings.worker.mapping is not None
    async with told(settings.kafka, needed), producing(kafka) as producer:
        app = FaustApp(settings.kafka, settings.worker)
        worker = Worker(
            kafka,
            app,
            producer,
            mapping,
            options,
            lambda: Millis(time.time_ns() // 1_000_000),
            chosen=chosen,
            silences=settings.worker.silences(),
        )
        troubles = partial(worker.troubles, settings.observability.lag_limit)
        async with observed(settings, kafka, "worker", troubles, worker.measure) as health:
            await while_the_same(settings.kafka, needed, partial(worker.run, both(health.ready, ready)))
