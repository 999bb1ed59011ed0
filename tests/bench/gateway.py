"""The gateway against a bare handler, in turns: `python -m tests.bench.gateway [--quick] [--json] [--only load|hook]`.

Both are processes of aiohttp on the same broker, with the same producer (idempotent, acks=all), and answer when the
broker has the record. The bare one does nothing else; the gateway proves, splits, reads and labels each event as well.
The load is Okta's: hooks of one event, from as many connections as `CONNECTIONS`, each waiting for its answer. All of
it runs on the same cores, the broker and the load too.

`cpu_us_per_event` is CPU time of the gateway's process alone, and `cpu_ratio_to_bare` what the bare one used of that:
where the machine is busy with others, the steadier measure. Both run in uvloop, with aiohttp's parser in C and no
access log; the gateway alone has its garbage collector run less often, and a key and headers on its records.
`ack_p99_ms` is the time from POST to answer under that load. Part `hook` is the time from a hook to revoked access,
with the whole pipeline at idle: see `hook.py`.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import uvloop

from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.demo.processes import Child
from streamproc.embedded import embedded_kafka
from streamproc.settings import Settings, environment, load_settings
from tests.bench import hook as hooked
from tests.bench import parser, say, show, size
from tests.bench.bare import bare
from tests.bench.cpu import process_cpu, usage

EVENTS, CONNECTIONS, ROUNDS = size(10_000, 4_000), 64, size(5, 3)
SECRET = "a-secret-of-the-bench"


@asynccontextmanager
async def gateway_process(settings: Settings) -> AsyncIterator[tuple[int, int]]:
    """Its port, and its process id."""
    with tempfile.TemporaryDirectory() as folder:
        child = Child("gateway", ("gateway",), environment(settings), Path(folder) / "gateway.log")
        try:
            port = int(await child.start())
            assert child.process is not None
            yield port, child.process.pid
        finally:
            await child.stop()


def hook(number: int) -> bytes:
    """A hook of Okta's with one event, constructed, at the length of a real one."""
    user = {"id": f"00u{number:017}", "type": "User", "alternateId": "ana.ruiz@example.com", "displayName": "Ana Ruiz"}
    event = {
        "uuid": f"u-{number}",
        "published": "2026-03-02T09:00:05.120Z",
        "eventType": "user.lifecycle.deactivate",
        "version": "0",
        "severity": "INFO",
        "displayMessage": "Deactivate Okta user",
        "actor": {"id": "00uadmin", "type": "User", "alternateId": "admin@example.com", "displayName": "Admin"},
        "outcome": {"result": "SUCCESS", "reason": None},
        "target": [user],
        "client": {"ipAddress": "192.0.2.1", "ipChain": [], "zone": "null", "device": "Computer"},
        "transaction": {"id": "t", "type": "WEB", "detail": {}},
        "debugContext": {"debugData": {"requestUri": "/api/v1/users/lifecycle/deactivate", "requestId": "r"}},
    }
    envelope = {"eventType": "com.okta.event_hook", "eventTypeVersion": "1.0", "cloudEventsVersion": "0.1"}
    return orjson.dumps(envelope | {"eventId": f"e-{number}", "data": {"events": [event]}})


async def load(port: int, events: int) -> tuple[float, list[float]]:
    """Events per second, and the seconds from POST to answer of each. Plain sockets: the load is to cost little."""
    taken: list[float] = []
    numbers = iter(range(events))
    head = (
        f"POST /v1/okta HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: {SECRET}\r\nAccept: application/json\r\n"
        "User-Agent: Okta-Integrations\r\nContent-Type: application/json\r\nContent-Length: "
    )

    async def post() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            body = hook(number)
            begun = time.perf_counter()
            writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 204"), answer
            taken.append(time.perf_counter() - begun)
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(post() for _ in range(CONNECTIONS)))
    return events / (time.perf_counter() - begun), taken


async def measure() -> dict[str, Any]:
    """All rounds, on one broker."""
    rounds: list[tuple[float, float]] = []
    seconds: list[float] = []
    cpu: list[tuple[float, float]] = []
    async with embedded_kafka(progress=lambda _: None) as broker:
        settings = load_settings(kafka=broker.bootstrap, gateway_port=0, okta_hook_secret=SECRET)
        await ensure_topics(settings.kafka)
        async with gateway_process(settings) as (port, pid), bare("handler", broker.bootstrap) as (other, printed):
            bare_port = int(printed)
            for warm in (port, bare_port):
                await load(warm, EVENTS // 5)
            begun = usage(broker.pid)
            for number in range(ROUNDS):
                before = process_cpu(pid), process_cpu(other.pid)
                rate, taken = await load(port, EVENTS)
                bare_rate, _ = await load(bare_port, EVENTS)
                cpu.append((process_cpu(pid) - before[0], process_cpu(other.pid) - before[1]))
                rounds.append((rate, bare_rate))
                seconds += taken
                say(f"round {number + 1} of {ROUNDS}: gateway {rate:.0f}/s, bare {bare_rate:.0f}/s")
            used = usage(broker.pid) - begun
    return {
        "events_per_s": round(statistics.median(rate for rate, _ in rounds)),
        "bare_events_per_s": round(statistics.median(bare_rate for _, bare_rate in rounds)),
        "ratio_to_bare": round(statistics.median(rate / bare_rate for rate, bare_rate in rounds), 3),
        "ack_p99_ms": round(statistics.quantiles(seconds, n=100)[98] * 1000, 1),
        "cpu_us_per_event": round(statistics.median(ours for ours, _ in cpu) / EVENTS * 1e6),
        "bare_cpu_us_per_event": round(statistics.median(bares for _, bares in cpu) / EVENTS * 1e6),
        "cpu_ratio_to_bare": round(statistics.median(bares / ours for ours, bares in cpu), 3),
        "events": EVENTS,
        "connections": CONNECTIONS,
        "rounds": ROUNDS,
        **used.row(),
    }


def main() -> None:
    """Command line."""
    parts = {"load": measure, "hook": hooked.measure}
    arguments = parser(__doc__)
    arguments.add_argument("--only", choices=parts, help="one of the two parts")
    options = arguments.parse_args()
    figures: dict[str, Any] = {}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for name in [options.only] if options.only else parts:
            figures |= runner.run(parts[name]())
    show("gateway against a bare handler, and from hook to revoked access", figures, json=options.json)


if __name__ == "__main__":
    main()
