"""Logging and metrics. No personal data in either.

Logs: structlog on standard error, a line per unit of work; a user is a partition and a seq. Metrics: Prometheus, served
in the process's own loop, so that what a gauge looks at can't change under it.

What others wrote (an answer's reason, an exception's text) is shown harmless before a line is rendered: `_harmless`.
Labels of metrics are words of ours.
"""

import logging
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol, get_args

import orjson
import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

from streamproc.core.errors import SettingsError
from streamproc.core.records.service_state import ServiceState, State
from streamproc.core.shown import shown, shown_lines

LONGEST: Final = 4000
"""Characters of a value in a log line."""
SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)

REVOCATION: Final = Histogram(
    "streamproc_revocation_seconds", "From the event's append to the revocation.", ["until"], buckets=SECONDS
)
"""`until`: acknowledged, read_back, sessions_ended."""
DELIVERY: Final = Histogram(
    "streamproc_delivery_seconds", "From the event's append to the last acknowledgement.", buckets=SECONDS
)
FATES: Final = Counter("streamproc_fates_total", "Events by how they ended.", ["fate"])
REQUESTS: Final = Counter(
    "streamproc_requests_total", "Requests to the target by what their answer meant.", ["verdict"]
)
LANES: Final = Gauge("streamproc_lane_depth", "Users whose work waits, by its urgency.", ["urgency"])
WAITING: Final = Gauge("streamproc_gate_waiting", "Requests that wait for their turn at the target's limit.")
ASIDE: Final = Gauge("streamproc_aside", "Users of whom something is parked or held, by code.", ["code"])
LEAVERS_ASIDE: Final = Gauge("streamproc_leavers_aside", "Leavers who may have access: the target didn't take it away.")
FROZEN: Final = Gauge("streamproc_frozen", "Users of whom something isn't written any more, since it goes to and fro.")
REACTIVATED: Final = Counter(
    "streamproc_reactivated_total", "Users who had access against the word of the sources, and lost it again."
)
HEADROOM: Final = Gauge("streamproc_rate_limit_headroom", "Requests left in the target's window; -1: no limit known.")
TARGET_DOWN: Final = Gauge("streamproc_target_down", "1 while the target as a whole is in trouble.")
GATE_CLOSED: Final = Gauge("streamproc_gate_closed", "1 while no request to the target goes out, by cause.", ["cause"])
"""`cause`: paused, token, connection, target, rate_limit."""
REFUSED_TO_ALL: Final = Gauge(
    "streamproc_refused_to_all", "1 while everybody is refused a kind of request, by kind.", ["request"]
)
PAUSED: Final = Gauge("streamproc_paused", "1 while an operator has paused the sinks.")
FINDINGS: Final = Counter(
    "streamproc_findings_total", "Disagreements with the target that were found, by kind.", ["kind"]
)
"""`kind`: pending, changed, unknown, orphan, missing."""
DISAGREES: Final = Gauge(
    "streamproc_disagreements", "Users and accounts of whom something disagrees now, by kind.", ["kind"]
)
INCIDENTS: Final = Counter(
    "streamproc_incidents_total", "Users who were found to have access against the word of the sources."
)
RECONCILED: Final = Counter(
    "streamproc_reconcile_looks_total", "Accounts that were compared with what is desired.", ["by"]
)
"""`by`: page, id."""
RECONCILE_REQUESTS: Final = Counter(
    "streamproc_reconcile_requests_total", "Requests to the target in order to compare."
)
RECONCILE_ROUND: Final = Gauge(
    "streamproc_reconcile_round_seconds", "When a round over all accounts was last completed, s since 1970."
)
RECONCILE_FAILED: Final = Gauge("streamproc_reconcile_failed", "1 while the target gives no answers to compare with.")
LAG: Final = Gauge("streamproc_consumer_lag", "Records that are there and not yet read.", ["topic", "partition"])
RECOVERY: Final = Gauge("streamproc_recovery_remaining", "Records of the changelog still to be read by a worker.")
EVENTS: Final = Counter("streamproc_events_total", "Events folded, by what they did.", ["effect"])
REPLANNED: Final = Counter(
    "streamproc_replanned_total", "Users planned anew by another mapping, by what that did.", ["effect"]
)
PUSHED: Final = Counter("streamproc_scim_writes_total", "SCIM writes: valid, or why they came second.", ["effect"])
USERS: Final = Gauge("streamproc_users", "Users by how they stand: in scope, suspended, or out of scope.", ["state"])
MAPPING: Final = Gauge(
    "streamproc_mapping", "Offset from which on a partition is folded by a mapping.", ["partition", "digest"]
)
REJECTED: Final = Counter(
    "streamproc_rejected_total", "What couldn't be understood, whole inputs and parts.", ["source", "code", "field"]
)
"""`field`: as the contract or the options name it; `other`: by another name; "": it isn't about one."""
HEARD: Final = Gauge(
    "streamproc_source_heard_seconds", "When something last came from a source, s since 1970.", ["source"]
)
REJECTED_DENIALS: Final = Counter(
    "streamproc_rejected_denials_total",
    "Rejected inputs that may have said that somebody has left: they may still have access.",
    ["source"],
)
UNREADABLE: Final = Counter(
    "streamproc_unreadable_total",
    "Offsets that couldn't be read: damaged, or removed before they were.",
    ["topic", "partition"],
)
FOREIGN: Final = Counter(
    "streamproc_foreign_total",
    "Tombstones and strange records in our own topics, which were passed over.",
    ["topic", "partition"],
)
OPEN_TRANSACTION: Final = Gauge(
    "streamproc_open_transaction_seconds",
    "For how long somebody's open transaction keeps a partition from being read on.",
    ["topic", "partition"],
)
HOOKS: Final = Counter("streamproc_gateway_requests_total", "Requests to the gateway's doors.", ["door", "status"])
FRONT_DOOR: Final = Counter("streamproc_scim_requests_total", "SCIM requests.", ["connection", "method", "status"])
CONNECTIONS: Final = Gauge("streamproc_gateway_connections", "Connections to the gateway, by whose.", ["sender"])
"""`sender`: proven, unproven."""
CONNECTIONS_ENDED: Final = Counter(
    "streamproc_gateway_connections_ended_total", "Connections that the gateway has ended or couldn't take.", ["why"]
)
"""`why`: evicted, handshake, idle, large_head, malformed, no_descriptors, slow_head, unread."""
KEY_FETCHES: Final = Counter("streamproc_gateway_key_fetches_total", "Fetches of a token issuer's keys.", ["outcome"])
"""`outcome`: fetched, failed."""
FETCHES: Final = Counter("streamproc_fetches_total", "Questions to directories, by what came.", ["source", "outcome"])
"""`outcome`: found, gone, unknown, stale, failed, rejected."""
FETCHES_WAITING: Final = Gauge("streamproc_fetches_waiting", "Subjects that are still to be fetched.", ["source"])
UNFETCHED: Final = Gauge(
    "streamproc_notifications_unfetched", "Notifications of a source of which no directory is configured.", ["source"]
)
DIRECTORY_DOWN: Final = Gauge("streamproc_directory_down", "1 while a directory as a whole is in trouble.", ["source"])
SYNCED: Final = Gauge("streamproc_synced_seconds", "When a sync was last completed, s since 1970.", ["source"])
STATE: Final = Gauge("streamproc_state", "1 for the state that a service is in.", ["service", "state"])
"""`state`: starting, ok, blind, degraded, stopped."""
BLIND: Final = Gauge(
    "streamproc_blind", "1 while a service may not see what happens, by why and about what.", ["code", "about"]
)
DEGRADED: Final = Gauge(
    "streamproc_degraded", "1 while a service doesn't do all of its work, by why and about what.", ["code", "about"]
)


class Vital(Protocol):
    """Of a service: how it is."""

    def alive(self) -> bool:
        """False: only a restart mends it."""

    def answer(self) -> tuple[bool, ServiceState]:
        """Whether it does all of its work, and how it is. Sets the gauges of it."""


@asynccontextmanager
async def exposed(
    address: str, measure: Callable[[], None] = lambda: None, health: Vital | None = None
) -> AsyncIterator[None]:
    """Serve the metrics at HOST:PORT while the context is open; "": don't. `measure` sets the gauges for each answer.

    `health`: served as well, at /healthz (200 while a restart mends nothing) and /readyz (200 while all work is done).

    Raises SettingsError.
    """
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    if not host or re.fullmatch(r"[0-9]{1,5}", port) is None or int(port) > 65535:
        raise SettingsError(f"metrics: {address} isn't HOST:PORT")

    async def metrics(_: web.Request) -> web.Response:
        measure()
        if health is not None:
            health.answer()
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_: web.Request) -> web.Response:
        alive = health is None or health.alive()
        return web.Response(status=200 if alive else 503, text="ok" if alive else "stuck")

    async def readyz(_: web.Request) -> web.Response:
        ready, told = (True, None) if health is None else health.answer()
        return web.Response(
            status=200 if ready else 503, body=orjson.dumps(told), headers={"Content-Type": "application/json"}
        )

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    if health is not None:
        app.router.add_get("/healthz", healthz)
        app.router.add_get("/readyz", readyz)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, int(port)).start()
        except OSError as error:
            raise SettingsError(f"metrics: {address} can't be used: {error.strerror}") from error
        yield
    finally:
        await runner.cleanup()


def state(now: ServiceState) -> None:
    """Set the gauges of how a service is."""
    for each in get_args(State):
        STATE.labels(now.service, each).set(each == now.state)
    for gauge, kind in ((BLIND, "blind"), (DEGRADED, "degraded")):
        gauge.clear()
        for condition in now.conditions:
            if condition.state == kind:
                gauge.labels(condition.code, condition.about).set(1)


def rejected_denial(source: str, topic: str, partition: int, offset: int) -> None:
    """An input that may have said that somebody has left led to nothing: that is an alarm."""
    REJECTED_DENIALS.labels(source).inc()
    alarms = structlog.get_logger("streamproc")
    alarms.error("a leaver may keep access: what said so was rejected", topic=topic, partition=partition, offset=offset)


def lag(consumer: Any, committable: Callable[[Any], int | None]) -> None:
    """Set LAG for each partition that a consumer has."""
    LAG.clear()
    for topic, partition, records in behind(consumer, committable):
        LAG.labels(topic, str(partition)).set(records)


def behind(consumer: Any, committable: Callable[[Any], int | None]) -> Iterator[tuple[str, int, int]]:
    """Topic, partition and records that are there, and not before what the consumer may commit there."""
    for place in consumer.assignment():
        end, done = consumer.highwater(place), committable(place)
        if end is not None and done is not None:
            yield place.topic, place.partition, max(0, end - done)


def configure(level: str, *, json: bool, service: str) -> None:
    """Set up logging for this process. Libraries (faust, aiokafka) go through the same lines, from warning up."""
    number = getattr(logging, level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _harmless, render],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))
    logging.getLogger("streamproc").setLevel(number)
    structlog.contextvars.bind_contextvars(service=service)


def configure_command() -> None:
    """Set up logging for a command, which prints its answer: warnings alone, on standard error."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, _harmless, structlog.dev.ConsoleRenderer(colors=False)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,  # a service sets up its own after this
    )


def _harmless(_: Any, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A line whose values a terminal may be given. A traceback keeps its lines, which stand deeper."""
    for name, value in line.items():
        line[name] = "\n".join(shown_lines(value)) if name in _TRACES and isinstance(value, str) else _shown(value)
    return line


def _shown(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return shown(value, LONGEST)
        case dict():
            return {shown(str(name), LONGEST): _shown(each) for name, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_shown(each) for each in value]
        case _:
            return shown(repr(value), LONGEST)


_TRACES: Final = ("exception", "stack")
