"""The sink's parts."""

from collections.abc import Callable

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.compose.target import target_session
from streamproc.settings import Settings
from streamproc.telemetry import exposed


async def run_sink(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """The sink, until cancelled."""
    from streamproc.sink.process import Sink  # noqa: PLC0415

    await ensure_topics(settings.kafka)
    async with target_session(settings.target) as http:
        sink = Sink(
            KafkaLog(settings.kafka),
            f"{settings.kafka.group}-sink",
            settings.kafka.session_timeout,
            settings.target,
            settings.sink,
            http,
        )
        async with exposed(settings.observability.metrics, sink.measure):
            await sink.run(ready)
