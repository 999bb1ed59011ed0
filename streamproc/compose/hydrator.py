"""The hydrator's parts, and those of `streamproc sync`."""

import asyncio
import random
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from functools import partial

from streamproc import rights
from streamproc.adapters.http import http_session
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import Producer
from streamproc.adapters.kafka.topic_identity import while_the_same
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.adapters.kafka.trouble import told
from streamproc.adapters.wait import task_group
from streamproc.compose.directories import directories
from streamproc.compose.health import both, observed
from streamproc.compose.producer import producing
from streamproc.core.errors import SettingsError
from streamproc.core.records.producer_record import Record
from streamproc.hydrator.cursors import KafkaCursors, known_subjects
from streamproc.hydrator.directories.entra import Graph
from streamproc.hydrator.fetcher import Fetcher, Times
from streamproc.hydrator.graph_subscription import keep_subscribed
from streamproc.hydrator.process import Hydrator
from streamproc.hydrator.sync import ATTEMPTS, Counts, Sync
from streamproc.hydrator.troubles import Beside
from streamproc.hydrator.unserved import watch
from streamproc.rights import Right
from streamproc.settings import Settings, secrets
from streamproc.sources import SOURCES, configured
from streamproc.sources.options import SourceOptions


async def run_hydrator(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """The hydrator, until cancelled. Raises SettingsError where no directory is configured."""
    options = configured(*settings.sources_text())
    kafka = KafkaLog(settings.kafka)
    async with AsyncExitStack() as stack:
        fetchers, producer = await _fetchers(
            settings, options, kafka, stack, partial(rights.hydrator, settings.kafka.group)
        )
        if not fetchers:
            raise SettingsError("no directory is configured: set okta_url, entra_tenant, hris_vendor, ...")
        cursors = KafkaCursors(kafka, producer)
        known = partial(known_subjects, kafka)
        syncs = [
            (Sync(fetcher, options[name], cursors, known=known), seconds)
            for name, fetcher in fetchers.items()
            if (seconds := getattr(settings.hydrator, name).sync_every)
        ]
        consumer = kafka.consumer(group=f"{settings.kafka.group}-hydrator")
        subscriptions, beside = [], Beside()
        states = secrets(settings.hooks.entra_client_state)
        if settings.hydrator.entra.notification_url and states and "entra" in fetchers:
            graph, times = fetchers["entra"].directory, fetchers["entra"].times
            assert isinstance(graph, Graph)
            subscriptions.append(
                keep_subscribed(graph, settings.hydrator.entra.notification_url, states[0].decode(), times, beside)
            )
        unserved = [source.name for source in SOURCES.values() if source.fetched and source.name not in fetchers]
        watching = [*subscriptions, watch(kafka, unserved, next(iter(fetchers.values())).times, beside)]
        hydrator = Hydrator(consumer, fetchers, options, syncs, watching, settings.hydrator.sync_whole_every)
        troubles = partial(hydrator.troubles, settings.observability.lag_limit, beside)
        async with observed(settings, kafka, "hydrator", troubles, hydrator.measure) as health:
            needed = rights.hydrator(settings.kafka.group, fetchers)
            await while_the_same(settings.kafka, needed, partial(hydrator.run, both(health.ready, ready)))


async def run_sync(settings: Settings, source: str, *, full: bool, say: Callable[[str], None]) -> Counts:
    """One round of a source. Raises SettingsError where it isn't configured, DirectoryError without an answer."""
    options = configured(*settings.sources_text())
    kafka = KafkaLog(settings.kafka)
    async with AsyncExitStack() as stack:
        fetchers, producer = await _fetchers(settings, options, kafka, stack, lambda _: rights.sync([source]))
        if source not in fetchers:
            raise SettingsError(f"{source} isn't configured: `streamproc settings` lists what begins with {source}_")
        fetcher = fetchers[source]
        sync = Sync(fetcher, options[source], KafkaCursors(kafka, producer), say, partial(known_subjects, kafka))
        async with task_group() as tasks:
            fetching = tasks.create_task(fetcher.run())
            counts = await sync.run(full=full, attempts=ATTEMPTS)
            fetching.cancel()
        return counts


async def _fetchers(
    settings: Settings,
    options: Mapping[str, SourceOptions],
    kafka: KafkaLog,
    stack: AsyncExitStack,
    rights_of: Callable[[Collection[str]], list[Right]],
) -> tuple[dict[str, Fetcher], Producer]:
    """Those of the configured directories, and their producer; `rights_of`: what these sources need of Kafka."""
    http = await stack.enter_async_context(http_session(settings.network, seconds=settings.target.request_timeout))
    by_source = directories(settings.hydrator, http, options, time.time, time.monotonic)
    needed = rights_of(by_source)
    await ensure_topics(settings.kafka, needed)
    await stack.enter_async_context(told(settings.kafka, needed))
    producer = await stack.enter_async_context(producing(kafka))

    async def append(record: Record) -> None:
        await producer.send_and_wait(record.topic, record.value, key=record.key, headers=record.headers)

    times = Times(time.time, time.monotonic, asyncio.sleep, random.random)
    return {
        name: Fetcher(name, directory, append, times, options[name]) for name, directory in by_source.items()
    }, producer
