"""The hydrator's parts, and those of `streamproc sync`."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import KafkaError, Producer
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.compose.producer import producing
from streamproc.compose.target import target_session
from streamproc.core.errors import KafkaUnavailableError, SettingsError
from streamproc.core.records.producer_record import Record
from streamproc.hydrator.fetcher import Fetcher, Times
from streamproc.hydrator.sync import ATTEMPTS, Counts, KafkaCursors, Sync, known_subjects
from streamproc.settings import Settings, secrets
from streamproc.sources import configured
from streamproc.sources.options import SourceOptions
from streamproc.telemetry import exposed


async def run_hydrator(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """The hydrator, until cancelled. Raises SettingsError where no directory is configured."""
    from streamproc.hydrator.directories.entra import Graph  # noqa: PLC0415
    from streamproc.hydrator.graph_subscription import keep_subscribed  # noqa: PLC0415
    from streamproc.hydrator.process import Hydrator  # noqa: PLC0415

    options = configured(*settings.sources_text())
    kafka = KafkaLog(settings.kafka)
    async with AsyncExitStack() as stack:
        fetchings, producer = await _fetchings(settings, options, kafka, stack)
        if not fetchings:
            raise SettingsError("no directory is configured: set okta_url, entra_tenant, pingone_environment, ...")
        cursors = KafkaCursors(kafka, producer)
        every = {name: getattr(settings.hydrator, name).sync_every for name in fetchings}
        known = partial(known_subjects, kafka)
        syncs = [
            (Sync(each, options[name], cursors, known=known), every[name])
            for name, each in fetchings.items()
            if every[name]
        ]
        source = kafka.consumer(group=f"{settings.kafka.group}-hydrator")
        subscribing = []
        states = secrets(settings.hooks.entra_client_state)
        if settings.hydrator.entra.notification_url and states and "entra" in fetchings:
            graph, times = fetchings["entra"].directory, fetchings["entra"].times
            assert isinstance(graph, Graph)
            subscribing.append(
                keep_subscribed(graph, settings.hydrator.entra.notification_url, states[0].decode(), times)
            )
        hydrator = Hydrator(source, fetchings, options, syncs, subscribing, settings.hydrator.sync_whole_every)
        async with exposed(settings.observability.metrics, hydrator.measure):
            await hydrator.run(ready)


async def run_sync(settings: Settings, source: str, *, full: bool, say: Callable[[str], None]) -> Counts:
    """One round of a source. Raises SettingsError where it isn't configured, DirectoryError where it isn't told."""
    options = configured(*settings.sources_text())
    kafka = KafkaLog(settings.kafka)
    async with AsyncExitStack() as stack:
        fetchings, producer = await _fetchings(settings, options, kafka, stack)
        if source not in fetchings:
            raise SettingsError(f"{source} isn't configured: `streamproc settings` lists what begins with {source}_")
        fetching = fetchings[source]
        sync = Sync(fetching, options[source], KafkaCursors(kafka, producer), say, partial(known_subjects, kafka))
        running = asyncio.ensure_future(fetching.run())
        syncing = asyncio.ensure_future(sync.run(full=full, attempts=ATTEMPTS))
        try:
            await asyncio.wait([running, syncing], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            return syncing.result()
        except KafkaError as error:
            raise KafkaUnavailableError(f"the cursor stays where it is: {type(error).__name__}") from error
        finally:
            running.cancel()
            syncing.cancel()
            await asyncio.gather(running, syncing, return_exceptions=True)


async def _fetchings(
    settings: Settings, options: Mapping[str, SourceOptions], kafka: KafkaLog, stack: AsyncExitStack
) -> tuple[dict[str, Fetcher], Producer]:
    """Of each directory that is configured; and the producer that they have."""
    from streamproc.hydrator.directories.configured import directories  # noqa: PLC0415

    http = await stack.enter_async_context(target_session(settings.target))
    found = directories(settings.hydrator, http, options, time.time, time.monotonic)
    await ensure_topics(settings.kafka)
    producer = await stack.enter_async_context(producing(kafka))

    async def append(record: Record) -> None:
        await producer.send_and_wait(record.topic, record.value, key=record.key, headers=record.headers)

    times = Times(time.time, time.monotonic, asyncio.sleep, random.random)
    return {name: Fetcher(name, each, append, times) for name, each in found.items()}, producer
