"""The whole way in one process, without a broker: records → worker → sink → a target that really answers over HTTP.

    ran = play(records, settings="workday = { active = ['A'] }")
    assert ran.active("E1001") is False

Parsers, resolver, fold, sink and simulator are the real ones. Kafka is the log in memory, Faust is left out
(`worker.py`), and time jumps wherever everybody waits (`virtual_loop.py`): an hour of retries costs little.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

import streamproc
from streamproc.adapters.kafka import reading
from streamproc.compose.sink import make_sink
from streamproc.compose.target import target_session
from streamproc.core.records.delivery import DeliveredState, decode_delivery
from streamproc.core.records.rejected import REJECTED, Rejected
from streamproc.core.records.topic_names import DELIVERIES, OUTCOMES, REJECTIONS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import UserRecord, decode
from streamproc.settings import load_settings
from streamproc.simulator import SimulatorOptions, create_app
from streamproc.sources import configured
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from streamproc.worker.raw_record import RawRecord
from tests.field.says import NOW
from tests.field.virtual_loop import VirtualLoop, VirtualTime
from tests.field.worker import FieldWorker

LEAPS: Final = 40
"""In so many a long time passes."""
LOOK: Final = 0.3
"""Seconds after each in which everybody goes on."""
MAPPING: Final = Path(streamproc.__file__).with_name("mapping.toml").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of it."""

    accounts: list[dict[str, Any]]
    """The simulator's users, as SCIM shows them; none of another target."""
    records: dict[str, UserRecord]
    """User → their newest record."""
    deliveries: dict[str, DeliveredState]
    """User → what the sink knows of the target."""
    outcomes: list[dict[str, Any]]
    rejected: list[Rejected]
    appended: dict[str, list[tuple[bytes | None, bytes | None]]]
    """Topic → keys and values of what the worker read or wrote, in order."""
    requests: list[tuple[str, str, int]]
    """Method, path with query, and status of each request to the target, in order; tokens apart."""
    raws: list[RawRecord]
    """All that the worker read or wrote, in order."""
    ignored: dict[tuple[str, str], int]
    """Source and code → how often something meant nothing to the worker."""

    def account(self, user: str) -> dict[str, Any]:
        """The one of that externalId. Raises AssertionError where there isn't exactly one."""
        found = [each for each in self.accounts if each.get("externalId") == user]
        assert len(found) == 1, f"{user}: {len(found)} accounts"
        return found[0]

    def active(self, user: str) -> bool | None:
        """Whether the target lets somebody in; None: it has nobody of that externalId."""
        found = [each for each in self.accounts if each.get("externalId") == user]
        assert len(found) <= 1, found
        return bool(found[0]["active"]) if found else None

    def parked(self) -> dict[str, str]:
        """User → code of what is set aside."""
        return {user: each.parked.code for user, each in self.deliveries.items() if each.parked}

    def told(self) -> set[tuple[str, str | None, str | None]]:
        """Code, subject and field of all that wasn't understood."""
        return {(each.code, each.subject, each.field) for rejected in self.rejected for each in rejected.problems}


@dataclass(slots=True)
class Pause:
    """Seconds that pass between two records, by all clocks."""

    seconds: float


def play(
    records: Sequence[dict[str, Any] | Pause],
    *,
    settings: str = "",
    mapping: str = MAPPING,
    seconds: float = 3.0,
    pause: float = 0.5,
    target: Callable[[], web.Application] | None = None,
    simulator: dict[str, Any] | None = None,
    now: Millis = NOW,
    partitions: int = 2,
    **options: Any,
) -> Ran:
    """Append the records in order, `pause` seconds apart, and wait `seconds` after the last, by virtual clocks.

    A record: `topic`, `key`, `value` (JSON, bytes or None) and perhaps `headers` and `partition`. `settings`: text of
    STREAMPROC_SOURCES. `target`: makes another target than the simulator, with `/oauth/token` and `/api/v2/scim/v2`;
    `simulator`: options of that one. `now`: ms since 1970, when the first record is appended. `options`: settings of
    the sink. Raises what the sink raises.
    """
    time = VirtualTime(now / 1000)
    made = target or (lambda: create_app(SimulatorOptions(**{"rate_limit": 0, **(simulator or {})})))
    run = _Run(time, records, settings, mapping, pause, seconds, partitions, options, simulated=target is None)
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(time)) as runner:
        return runner.run(_play(run, made))


@dataclass(slots=True)
class _Run:
    time: VirtualTime
    records: Sequence[dict[str, Any] | Pause]
    settings: str
    mapping: str
    pause: float
    seconds: float
    partitions: int
    options: dict[str, Any]
    simulated: bool
    requests: list[tuple[str, str, int]] = field(default_factory=list)


async def _play(run: _Run, target: Callable[[], web.Application]) -> Ran:
    log = MemoryLog(MemoryBroker(run.partitions, run.time.millis))
    worker = FieldWorker(log, configured(run.settings, "sources.toml"), run.mapping, Millis(run.time.millis()))
    settings = load_settings(revoke_wait=0.1, **run.options)
    async with TestServer(target()) as server, target_session(settings.target, settings.network) as http:
        http.trace_configs.append(_watched(run))
        root = str(server.make_url("")).rstrip("/")
        urls = {"scim_url": f"{root}/api/v2/scim/v2", "token_url": f"{root}/oauth/token"}
        sink = make_sink(load_settings(**urls, revoke_wait=0.1, **run.options), log, http, clocks=run.time.clocks())
        ready = asyncio.Event()
        running = asyncio.create_task(sink.run(ready.set))
        waiting = asyncio.create_task(ready.wait())
        try:
            await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
            for each in run.records:
                if isinstance(each, Pause):
                    await _pass(run, each.seconds)
                else:
                    await _send(worker, each)
                    await _pass(run, run.pause)
                await worker.dates(Millis(run.time.millis()))
            await _pass(run, run.seconds)
            if running.done():
                running.result()
            found = orjson.loads(await (await http.get(f"{root}/_sim/users")).read()) if run.simulated else []
            return await _ran(run, log, worker, found)
        finally:
            waiting.cancel()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def _pass(run: _Run, seconds: float) -> None:
    """A long time passes in leaps; who waited for any moment within one wakes up at its end."""
    if seconds > LEAPS * LOOK:
        for _ in range(LEAPS):
            run.time.now += seconds / LEAPS - LOOK
            await asyncio.sleep(LOOK)
    else:
        await asyncio.sleep(seconds)


async def _send(worker: FieldWorker, record: dict[str, Any]) -> None:
    value = record["value"]
    content = value if isinstance(value, bytes) or value is None else orjson.dumps(value)
    headers = [
        (name, each if isinstance(each, bytes) else each.encode()) for name, each in record.get("headers", {}).items()
    ]
    key = record["key"]
    await worker.append(
        record["topic"], key.encode() if isinstance(key, str) else key, content, headers, record.get("partition")
    )


def _watched(run: _Run) -> aiohttp.TraceConfig:
    """Counts what is on its way, and remembers what was asked."""
    trace = aiohttp.TraceConfig()

    async def start(*_: Any) -> None:
        run.time.in_flight += 1

    async def end(_: Any, __: Any, params: aiohttp.TraceRequestEndParams) -> None:
        run.time.in_flight -= 1
        path = params.url.raw_path_qs
        if "/scim/v2" in path:
            run.requests.append((params.method, path.partition("/scim/v2")[2], params.response.status))

    async def fail(*_: Any) -> None:
        run.time.in_flight -= 1

    trace.on_request_start.append(start)
    trace.on_request_end.append(end)
    trace.on_request_exception.append(fail)
    trace.freeze()
    return trace


async def _ran(run: _Run, log: MemoryLog, worker: FieldWorker, accounts: list[dict[str, Any]]) -> Ran:
    deliveries = {
        user: each async for user, each in reading.read_topic(log, DELIVERIES, decode_delivery) if each is not None
    }
    outcomes = [each async for _, each in reading.read_topic(log, OUTCOMES, orjson.loads) if each is not None]
    appended: dict[str, list[tuple[bytes | None, bytes | None]]] = {}
    for raw in worker.appended:
        appended.setdefault(raw.topic, []).append((raw.key, raw.value))
    rejected = [REJECTED.validate_json(value or b"") for _, value in appended.get(REJECTIONS, ())]
    records = {user: decode(value) for fold in worker.folds for user, value in fold.records.items()}
    return Ran(
        accounts, records, deliveries, outcomes, rejected, appended, run.requests, worker.appended, worker.ignored
    )
