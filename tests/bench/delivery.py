"""Delivery under pressure: `python -m tests.bench.delivery [--quick] [--json] [--only NAME,NAME]`.

The real sink, a real Kafka, and the stand-in for Genesys at 300 requests a window. The window is `SCALE` times shorter
than a minute; seconds in the table are what the same would take at the real limit (measured seconds times `SCALE`,
our own time included), except where a name ends in `_real_s`, `cpu_s` or is among the last rows: wall and CPU seconds
are of all scenarios with their preparation, those of `NAME_cpu_s` of one.

Scenarios: `pressure` (a bulk change of 10,000 users, and 20 leavers in the middle of it, for our sink and for the same
sink first in, first out), `outage` (100 edits of each of 100 users while the target is down), `speed` (no limit,
against a bare aiohttp loop), `shared` (two sinks on one token), `trouble` (a 429 storm, 30 s of death, one user who
always fails) and `guard` (3,000 leavers in one bad file, and 5 real ones meanwhile). With --quick all is smaller, and
`shared` and `guard` are left out.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import uvloop

from streamproc import telemetry
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.flow.rate_limit import RateLimiter
from streamproc.core.fold.plan import Urgency
from streamproc.core.records.units import Millis
from streamproc.embedded import embedded_kafka
from streamproc.operators.controls import control, order
from streamproc.settings import load_settings
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.lanes import Lanes, Turn
from tests.bench import QUICK, parser, say, show, size
from tests.bench.bare import bare, patch_all
from tests.bench.cpu import Usage, process_cpu, usage
from tests.support.rig import Rig, person, rig

SCALE: Final = size(20, 40)
LIMIT: Final = 300
WINDOW: Final = 60 / SCALE
USERS: Final = size(10_000, 300)
LEAVERS: Final = 20
SPEED: Final = size(4_000, 500)
TURNS: Final = size(3, 2)
EDITS: Final = size(100, 20)
CONNECTIONS: Final = 16
FILE: Final = size(3_000, 500)
"""Leavers in the bad file."""
DEATH: Final = size(30, 3)
"""Seconds for which the target is dead."""
STRETCH: Final = size(8, 1.5)
"""Seconds for which each other trouble lasts."""

Found = dict[str, Any]


class FirstInFirstOut(Lanes[Work]):
    """Lanes that take no notice of urgency; to compare with."""

    def offer(self, turn: Turn[Work]) -> None:
        super().offer(replace(turn, urgency=Urgency.CHANGE))


async def pressure(made: Rig) -> Found:
    """Leavers in the middle of a bulk change, for both orders."""
    found: Found = {}
    orders = {"revoke": (None, None), "fifo": (FirstInFirstOut(Work.condensed), RateLimiter(0.0))}
    for name, (lanes, rate_limiter) in orders.items():
        users = [f"{name}{n:05}" for n in range(USERS + LEAVERS)]
        async with made.sink():
            await hired(made, users)
        await limited(made)
        async with made.sink(lanes, rate_limiter, guard_count=10**6):  # it isn't asked about the guard
            bulk = [(user, await made.say(user, department=f"Floor {name}")) for user in users[:USERS]]
            await _half(made, bulk)
            left = [(user, await made.say(user, active=False)) for user in users[USERS:]]
            await made.all_told(left, 600)
            took = [_seconds(made, each, "read_back") * SCALE for each in left]
            say(f"{name}: leavers took {min(took):.1f} to {max(took):.1f} s at the real limit")
        await unlimited(made)
        found |= {f"{name}_p50_s": _share(took, 0.5), f"{name}_p99_s": _share(took, 0.99)}
        found[f"{name}_429"] = (await made.sim("GET", "requests"))["by_status"].get("429", 0)
    found["ratio_to_fifo"] = round(found["fifo_p99_s"] / found["revoke_p99_s"], 1)
    return found


async def outage(made: Rig) -> Found:
    """What it costs to catch up."""
    users = [f"out{n:03}" for n in range(100)]
    async with made.sink(request_timeout=size(30.0, 5.0)):  # so long may a refused write still land: it is waited for
        await hired(made, users)
        await made.sim("POST", "faults", {"faults": [{"kind": "503_before"}]})
        last: list[tuple[str, int]] = []
        for edit in range(EDITS):
            last = [(user, await made.say(user, phone=f"+1317555{edit:04}")) for user in users]
            await asyncio.sleep(0.02)
        await asyncio.sleep(size(3, 1))
        await made.sim("POST", "requests/reset")
        await made.sim("POST", "faults", {"faults": []})
        back = time.time()
        await made.all_told(last, 120)
        written = max(made.fates[each]["acknowledged"] for each in last) / 1000 - back
        counted = (await made.sim("GET", "requests"))["by_route"]
    requests = sum(count for route, count in counted.items())
    return {
        "requests_per_user_after_outage": round(requests / len(users), 2),
        "written_after_outage_real_s": round(written, 2),
    }


async def speed(made: Rig) -> Found:
    """Requests a second without a limit, ours and a bare loop's in turns, each in a process of its own.

    Both by the stand-in's own clock, from the first write to the last. A first turn of both isn't counted.
    """
    users = [f"fast{n:05}" for n in range(SPEED)]
    others = [f"bare{n:05}" for n in range(SPEED)]  # not ours: a write of somebody else's is a version conflict to us
    async with made.sink():
        await hired(made, [*users, *others])
        ids = {user: each["id"] for user, each in (await made.users()).items()}
    rates: list[tuple[float, float]] = []
    cpu: list[tuple[float, float]] = []
    sink = made.stack.child("sink", "sink", STREAMPROC_CONNECTIONS=str(CONNECTIONS))
    await sink.start()
    assert sink.process is not None
    try:
        async with (
            bare("patch", made.simulator, str(CONNECTIONS)) as (loop, _),
            made.deaf(),  # what follows the fates in this process would take from the cores
        ):
            written = len((await made.sim("GET", "ledger"))["entries"])
            for turn in range(TURNS + 1):
                before = process_cpu(sink.process.pid)
                await _through_sink(made, users, f"Sink {turn}", written)
                rate, written = await _rate(made, written)
                between = process_cpu(sink.process.pid), process_cpu(loop.pid)
                await patch_all(loop, [ids[user] for user in others], f"Bare {turn}")
                bare_rate, written = await _rate(made, written)
                if turn:
                    rates.append((rate, bare_rate))
                    cpu.append((between[0] - before, process_cpu(loop.pid) - between[1]))
                    say(f"requests/s: ours {rate:.0f}, bare {bare_rate:.0f}")
    finally:
        await sink.stop()
    return {
        "requests_per_s": round(statistics.median(ours for ours, _ in rates)),
        "bare_requests_per_s": round(statistics.median(bares for _, bares in rates)),
        "ratio_to_bare_http": round(statistics.median(ours / bares for ours, bares in rates), 2),
        "cpu_us_per_request": round(statistics.median(ours for ours, _ in cpu) / SPEED * 1e6),
        "bare_cpu_us_per_request": round(statistics.median(bares for _, bares in cpu) / SPEED * 1e6),
        "cpu_ratio_to_bare_http": round(statistics.median(bares / ours for ours, bares in cpu), 2),
    }


async def _through_sink(made: Rig, users: list[str], department: str, written: int) -> None:
    """A change of each, all there before the sink may begin; returns when all are written."""
    await order(KafkaLog(made.settings.kafka), [control("pause", None, "bench", "backlog", Millis(0))])
    await asyncio.sleep(size(1, 0.5))
    for user in users:
        await made.say(user, department=department)
    await made.producer.flush()
    await asyncio.sleep(size(2, 1))
    await order(KafkaLog(made.settings.kafka), [control("resume", None, "bench", "backlog", Millis(0))])
    while not await _entries(made, written + len(users) - 1):  # noqa: ASYNC110 - it is another process
        await asyncio.sleep(0.2)


async def _entries(made: Rig, first: int) -> list[dict[str, Any]]:
    """The stand-in's ledger of writes, from this one on."""
    entries: list[dict[str, Any]] = (await made.sim("GET", f"ledger?since={first}"))["entries"]
    return entries


async def _rate(made: Rig, written: int) -> tuple[float, int]:
    """Writes a second, of those after the first `written`; how many there are now."""
    entries = await _entries(made, written)
    assert len(entries) == SPEED, f"{len(entries)} writes, not {SPEED}"
    return (len(entries) - 1) / float(entries[-1]["at"] - entries[0]["at"]), written + len(entries)


async def shared(made: Rig) -> Found:
    """Two sinks in processes of their own, on one token."""
    users = [f"two{n:05}" for n in range(USERS)]
    async with made.sink():
        await hired(made, users)
    form = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo"}
    async with made.http.post(f"{made.simulator}/oauth/token", data=form) as answer:
        token = (await answer.json())["access_token"]
    await limited(made)
    await made.sim("POST", "requests/reset")
    sinks = [made.stack.child(f"sink-{n}", "sink", STREAMPROC_TOKEN=token) for n in range(2)]
    begun = time.monotonic()
    bulk = [(user, await made.say(user, department="Shared")) for user in users]
    await asyncio.gather(*(each.start() for each in sinks))
    try:
        await asyncio.sleep(2 * WINDOW)
        early = (await made.sim("GET", "requests"))["by_status"].get("429", 0)
        await made.all_told(bulk, 900)
    finally:
        await asyncio.gather(*(each.stop() for each in sinks))
    statuses = (await made.sim("GET", "requests"))["by_status"]
    await unlimited(made)
    took = time.monotonic() - begun
    return {
        "limit_exceeded": statuses.get("429", 0) - early,
        "limit_exceeded_at_start": early,
        "shared_requests": sum(statuses.values()),
        "shared_share_of_limit": round(sum(statuses.values()) / took / (LIMIT / WINDOW), 2),
    }


async def trouble(made: Rig) -> Found:
    """What others notice while something goes wrong."""
    users = [f"other{n:03}" for n in range(200)]
    found: Found = {}
    storm = {"kind": "429", "probability": 0.3, "retry_after": 1}
    bad = {"kind": "500_before", "user": "bad"}
    async with made.sink():
        await hired(made, [*users, "bad"])
        calm = await _others(made, users, STRETCH)
        found["calm_p99_real_s"] = _share(calm, 0.99)
        await made.say("bad", department="Nowhere")
        for name, faults in (("one_bad_user", [bad]), ("storm_429", [storm])):
            await made.sim("POST", "faults", {"faults": faults, "seed": 1})
            took = await _others(made, users, STRETCH)
            found |= {f"{name}_p50_real_s": _share(took, 0.5), f"{name}_p99_real_s": _share(took, 0.99)}
        await made.sim("POST", "faults", {"faults": [{"kind": "503_before"}]})
        dead = asyncio.create_task(_others(made, users, DEATH + size(5, 2)))
        await asyncio.sleep(DEATH)
        await made.sim("POST", "faults", {"faults": []})
        back = time.time() * 1000
        await dead
        late = [each["acknowledged"] - back for each in made.fates.values() if (each["acknowledged"] or 0) > back]
        found[f"first_after_{DEATH}_s_of_death_real_s"] = round(min(late) / 1000, 2)
    return found


async def guard(made: Rig) -> Found:
    """One bad file says that everybody in it has left; five really leave meanwhile."""
    users = [f"file{n:05}" for n in range(FILE)]
    real = [f"real{n}" for n in range(5)]
    async with made.sink():
        await hired(made, [*users, *real])
        file = [(user, await made.say(user, active=False)) for user in users]
        left = [(user, await made.said_by("okta", user, active=False)) for user in real]
        await made.all_told([*file, *left], 120)
    sent = sum(made.fates[each]["verdict"] == "revoked" for each in file)
    return {
        "bad_file_sent": sent,
        "bad_file_held": sum(made.fates[each]["verdict"] == "held" for each in file),
        "real_leavers_revoked": sum(made.fates[each]["verdict"] == "revoked" for each in left),
    }


SCENARIOS: Final[dict[str, Callable[[Rig], Awaitable[Found]]]] = {
    each.__name__: each for each in (pressure, outage, speed, shared, trouble, guard)
}


QUICK_ONES: Final = ("pressure", "outage", "speed", "trouble")
"""With --quick: the others' figures are counts, which small sizes say nothing of."""


async def hired(made: Rig, users: Iterable[str]) -> None:
    """People who are there, without a limit."""
    begun = time.monotonic()
    seqs = [(user, await made.say(user, **person(user))) for user in users]
    await made.all_told(seqs, 600)
    say(f"{len(seqs)} users are there after {time.monotonic() - begun:.0f} s")


async def limited(made: Rig) -> None:
    """300 a window from now on."""
    await made.sim("POST", "requests/reset")
    await made.sim("POST", "config", {"rate_limit": LIMIT, "rate_window_s": WINDOW})


async def unlimited(made: Rig) -> None:
    """No limit from now on."""
    await made.sim("POST", "config", {"rate_limit": 0})


async def _half(made: Rig, bulk: list[tuple[str, int]]) -> None:
    """Until half of it is told."""
    async with asyncio.timeout(900):
        while sum(each in made.fates for each in bulk) < len(bulk) // 2:  # noqa: ASYNC110 - it is another task
            await asyncio.sleep(0.25)


async def _others(made: Rig, users: list[str], seconds: float) -> list[float]:
    """A change of one after the other, 25 a second; seconds from append to acknowledgement."""
    begun, number, seqs = time.monotonic(), 0, []
    while time.monotonic() < begun + seconds:
        user = users[number % len(users)]
        seqs.append((user, await made.say(user, phone=f"+1{time.time_ns() % 10**10:010}")))
        number += 1
        await asyncio.sleep(0.04)
    await made.all_told(seqs, 180)
    return [_seconds(made, each, "acknowledged") for each in seqs if made.fates[each]["acknowledged"]]


def _seconds(made: Rig, which: tuple[str, int], instant: str) -> float:
    fate = made.fates[which]
    return float(fate[instant] - fate["cause"]["origin"]["appended"]) / 1000


def _share(values: list[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))], 3)


async def measure(names: list[str]) -> Found:
    """These scenarios, in one run."""
    found: Found = {"scale": SCALE}
    used = Usage()
    async with embedded_kafka(progress=say) as broker:
        settings = load_settings(kafka=broker.bootstrap, connections=CONNECTIONS, log_level="error")
        await ensure_topics(settings.kafka)
        for name in names:
            say(f"--- {name}")
            with tempfile.TemporaryDirectory() as folder:
                begun = usage(broker.pid)
                async with rig(settings, Path(folder)) as made:
                    found |= await SCENARIOS[name](made)
                one = usage(broker.pid) - begun
                found[f"{name}_cpu_s"] = round(one.cpu, 2)
                used += one
    return found | used.row()


def main() -> None:
    """Command line."""
    default = ",".join(QUICK_ONES if QUICK else SCENARIOS)
    arguments = parser(__doc__)
    arguments.add_argument("--only", default=default, metavar="NAME,NAME", help=f"scenarios; else {default}")
    options = arguments.parse_args()
    telemetry.configure("error", json=False, service="bench")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        show("delivery under pressure", runner.run(measure(options.only.split(","))), json=options.json)


if __name__ == "__main__":
    main()
