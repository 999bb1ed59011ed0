"""Composition root: settings → running service. The only place where real parts are chosen."""

import asyncio
import gc
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

import aiohttp
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streamproc.adapters.kafka.client import consumer as kafka_consumer
from streamproc.adapters.kafka.client import producer
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.errors import KafkaUnavailableError, SettingsError
from streamproc.core.records.producer_record import Record
from streamproc.hydrator.fetcher import Fetcher, Times
from streamproc.hydrator.sync import ATTEMPTS, Counts, KafkaCursors, Sync, known_subjects
from streamproc.settings import KafkaSettings, Settings, TargetSettings, secrets
from streamproc.simulator.options import SimulatorOptions
from streamproc.simulator.server import serve
from streamproc.sources import configured
from streamproc.sources.mapping_authority import usable
from streamproc.sources.options import SourceOptions
from streamproc.telemetry import exposed

log = structlog.get_logger("streamproc")


async def run_worker(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """The Faust worker, until cancelled."""
    from streamproc.worker.process import Worker  # noqa: PLC0415 - only this process pays for importing Faust

    options, mapping = configured(*settings.sources_text()), settings.worker.mapping_text()
    usable(*mapping)  # what is wrong with it is told before anything is connected
    await ensure_topics(settings.kafka)
    async with _producing(settings.kafka) as producer:
        worker = Worker(settings.kafka, settings.worker, producer, mapping, options)
        async with exposed(settings.observability.metrics, worker.measure):
            await worker.run(ready)


async def run_sink(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """The sink, until cancelled."""
    from streamproc.sink.process import Sink  # noqa: PLC0415

    await ensure_topics(settings.kafka)
    async with target_session(settings.target) as http:
        sink = Sink(settings.kafka, settings.target, settings.sink, http)
        async with exposed(settings.observability.metrics, sink.measure):
            await sink.run(ready)


def target_session(target: TargetSettings) -> aiohttp.ClientSession:
    """Connections to the target: as many as the setting says, and as many again for leavers."""
    connector = aiohttp.TCPConnector(limit=2 * target.connections, keepalive_timeout=30)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=target.request_timeout))


async def run_gateway(settings: Settings, ready: Callable[[str], None] = lambda _: None) -> None:
    """The gateway, until cancelled; `ready` is told its port."""
    from streamproc.gateway.endpoints import endpoints  # noqa: PLC0415
    from streamproc.gateway.jwks import Jwks  # noqa: PLC0415
    from streamproc.gateway.server import Gateway  # noqa: PLC0415
    from streamproc.gateway.set_verifier import SetVerifier  # noqa: PLC0415

    opened, tls = endpoints(settings.hooks, settings.security_events), settings.gateway.ssl_context()
    options = configured(*settings.sources_text())
    await ensure_topics(settings.kafka)
    async with aiohttp.ClientSession() as http, _producing(settings.kafka) as producer:
        issuer = None
        if settings.security_events.issuer and settings.security_events.audience and settings.security_events.jwks:
            issuer = SetVerifier(
                settings.security_events.issuer,
                settings.security_events.audience,
                Jwks(settings.security_events.jwks, http).get,
            )
        gateway = Gateway(
            opened,
            options,
            producer,
            lambda: _answers(producer),
            max_body=settings.gateway.max_body,
            in_flight=settings.gateway.in_flight,
            issuer=issuer,
        )
        gc.freeze()  # the collector would go through all that is there from the start after every few requests
        gc.set_threshold(20_000, 20, 50)
        async with exposed(settings.observability.metrics):
            await gateway.run(settings.gateway.host, settings.gateway.port, tls, ready)


async def run_hydrator(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """The hydrator, until cancelled. Raises SettingsError where no directory is configured."""
    from streamproc.hydrator.directories.entra import Graph  # noqa: PLC0415
    from streamproc.hydrator.graph_subscription import keep_subscribed  # noqa: PLC0415
    from streamproc.hydrator.process import Hydrator  # noqa: PLC0415

    options = configured(*settings.sources_text())
    async with AsyncExitStack() as stack:
        fetchings, made = await _fetchings(settings, options, stack)
        if not fetchings:
            raise SettingsError("no directory is configured: set okta_url, entra_tenant, pingone_environment, ...")
        cursors = KafkaCursors(settings.kafka, made)
        every = {name: getattr(settings.hydrator, name).sync_every for name in fetchings}
        known = partial(known_subjects, settings.kafka)
        syncs = [
            (Sync(each, options[name], cursors, known=known), every[name])
            for name, each in fetchings.items()
            if every[name]
        ]
        source = kafka_consumer(settings.kafka, group=f"{settings.kafka.group}-hydrator")
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
    async with AsyncExitStack() as stack:
        fetchings, made = await _fetchings(settings, options, stack)
        if source not in fetchings:
            raise SettingsError(f"{source} isn't configured: `streamproc settings` lists what begins with {source}_")
        fetching = fetchings[source]
        sync = Sync(
            fetching, options[source], KafkaCursors(settings.kafka, made), say, partial(known_subjects, settings.kafka)
        )
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
    settings: Settings, options: Mapping[str, SourceOptions], stack: AsyncExitStack
) -> tuple[dict[str, Fetcher], AIOKafkaProducer]:
    """Of each directory that is configured; and the producer that they have."""
    from streamproc.hydrator.directories.configured import directories  # noqa: PLC0415

    http = await stack.enter_async_context(target_session(settings.target))
    found = directories(settings.hydrator, http, options, time.time, time.monotonic)
    await ensure_topics(settings.kafka)
    made = await stack.enter_async_context(_producing(settings.kafka))

    async def append(record: Record) -> None:
        await made.send_and_wait(record.topic, record.value, key=record.key, headers=record.headers)

    times = Times(time.time, time.monotonic, asyncio.sleep, random.random)
    return {name: Fetcher(name, each, append, times) for name, each in found.items()}, made


@asynccontextmanager
async def _producing(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    made = producer(kafka)
    await made.start()
    try:
        yield made
    finally:
        with suppress(TimeoutError):  # it would try for ever to send what nobody was told is kept
            async with asyncio.timeout(5):
                await made.stop()


async def _answers(of: AIOKafkaProducer) -> bool:
    try:
        async with asyncio.timeout(1):
            await of.client.fetch_all_metadata()
    except (TimeoutError, KafkaError):
        return False
    return True


async def run_simulator(host: str, port: int, options: SimulatorOptions, ready: Callable[[str], None]) -> None:
    """The Genesys Cloud stand-in, until cancelled; `ready` is told its port."""
    await serve(host, port, options, lambda taken: ready(str(taken)))


async def until_signal(
    service: Callable[[Callable[..., None]], Awaitable[None]], name: str, *, with_parent: bool = False
) -> None:
    """Run a service until SIGINT or SIGTERM, then let it finish in order.

    `with_parent`: also until standard input ends, and "ready" goes to standard output for the parent to see.
    """
    task = asyncio.ensure_future(service(lambda *said: _ready(name, said, with_parent)))
    loop = asyncio.get_running_loop()
    asked = False

    def stop() -> None:
        nonlocal asked
        if not asked:  # once: a second cancellation would cut short what the first one set going
            asked = True
            task.cancel()

    def parent_gone() -> None:
        if not os.read(sys.stdin.fileno(), 1):
            loop.remove_reader(sys.stdin.fileno())
            stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGUSR1, _dump_tasks)  # for whoever is woken at night: what is it waiting for?
    if with_parent:
        loop.add_reader(sys.stdin.fileno(), parent_gone)
    try:
        await task
    except asyncio.CancelledError:
        log.info("stopped", service=name)


def _dump_tasks() -> None:
    for each in asyncio.all_tasks():
        each.print_stack(limit=4, file=sys.stderr)


def _ready(name: str, said: tuple[str, ...], with_parent: bool) -> None:
    if with_parent:
        print("ready", *said, flush=True)  # noqa: T201
    log.info("ready", service=name)
