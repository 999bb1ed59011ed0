"""The hydrator's parts, and those of `streamproc sync`."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial

from streamproc import rights
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.http import http_session
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import Log, Producer
from streamproc.adapters.kafka.topic_identity import while_the_same
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.adapters.kafka.trouble import told
from streamproc.adapters.wait import task_group
from streamproc.compose.clocks import SYSTEM
from streamproc.compose.directories import directories
from streamproc.compose.health import both, observed
from streamproc.compose.producer import producing
from streamproc.core.errors import SettingsError
from streamproc.core.records.producer_record import Record
from streamproc.hydrator.cursors import KafkaCursors, known_subjects
from streamproc.hydrator.directories.api import Directory
from streamproc.hydrator.directories.entra import Graph
from streamproc.hydrator.fetcher import Fetcher
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
    kafka = KafkaLog(settings.kafka)
    needed = partial(rights.hydrator, settings.kafka.group)
    async with _connected(settings, kafka, needed) as (by_source, producer):
        if not by_source:
            raise SettingsError("no directory is configured: set okta_url, entra_tenant, hris_vendor, ...")
        hydrator = make_hydrator(settings, kafka, by_source, producer)
        troubles = partial(hydrator.troubles, settings.observability.lag_limit)
        async with observed(settings, kafka, "hydrator", troubles, hydrator.measure) as health:
            await while_the_same(settings.kafka, needed(by_source), partial(hydrator.run, both(health.ready, ready)))


def make_hydrator(
    settings: Settings,
    kafka: Log,
    by_source: Mapping[str, Directory],
    producer: Producer,
    clocks: Clocks = SYSTEM,
) -> Hydrator:
    """One that hasn't begun. `by_source`: of one source at least; `producer` is started."""
    options = configured(*settings.sources_text())
    fetchers = _fetchers(by_source, producer, options, clocks)
    cursors, known = KafkaCursors(kafka, producer), partial(known_subjects, kafka)
    syncs = [
        (Sync(fetcher, options[name], cursors, known=known), seconds)
        for name, fetcher in fetchers.items()
        if (seconds := getattr(settings.hydrator, name).sync_every)
    ]
    beside = Beside()
    unserved = [source.name for source in SOURCES.values() if source.fetched and source.name not in fetchers]
    watching = [watch(kafka, unserved, clocks, beside)]
    url, states = settings.hydrator.entra.notification_url, secrets(settings.hooks.entra_client_state)
    if url and states and "entra" in fetchers:
        graph = by_source["entra"]
        assert isinstance(graph, Graph)
        watching.append(keep_subscribed(graph, url, states[0].decode(), clocks, beside))
    return Hydrator(
        kafka.consumer(group=f"{settings.kafka.group}-hydrator"),
        fetchers,
        options,
        clocks,
        syncs,
        watching,
        beside,
        settings.hydrator.sync_whole_every,
    )


async def run_sync(settings: Settings, source: str, *, full: bool, say: Callable[[str], None]) -> Counts:
    """One round of a source. Raises SettingsError where it isn't configured, DirectoryError without an answer."""
    options, kafka = configured(*settings.sources_text()), KafkaLog(settings.kafka)
    async with _connected(settings, kafka, lambda _: rights.sync([source])) as (by_source, producer):
        if source not in by_source:
            raise SettingsError(f"{source} isn't configured: `streamproc settings` lists what begins with {source}_")
        fetcher = _fetchers(by_source, producer, options, SYSTEM)[source]
        sync = Sync(fetcher, options[source], KafkaCursors(kafka, producer), say, partial(known_subjects, kafka))
        async with task_group() as tasks:
            fetching = tasks.create_task(fetcher.run())
            counts = await sync.run(full=full, attempts=ATTEMPTS)
            fetching.cancel()
        return counts


@asynccontextmanager
async def _connected(
    settings: Settings, kafka: KafkaLog, rights_of: Callable[[Collection[str]], list[Right]]
) -> AsyncIterator[tuple[dict[str, Directory], Producer]]:
    """The configured directories, and a producer; `rights_of`: what these sources need of Kafka."""
    async with http_session(settings.network, seconds=settings.target.request_timeout) as http:
        by_source = directories(settings.hydrator, http, configured(*settings.sources_text()), SYSTEM)
        needed = rights_of(by_source)
        await ensure_topics(settings.kafka, needed)
        async with told(settings.kafka, needed), producing(kafka) as producer:
            yield by_source, producer


def _fetchers(
    by_source: Mapping[str, Directory], producer: Producer, options: Mapping[str, SourceOptions], clocks: Clocks
) -> dict[str, Fetcher]:
    async def append(record: Record) -> None:
        await producer.send_and_wait(record.topic, record.value, key=record.key, headers=record.headers)

    return {name: Fetcher(name, directory, append, clocks, options[name]) for name, directory in by_source.items()}
