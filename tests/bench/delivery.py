"""Delivery under pressure: `python -m tests.bench.delivery [--json] [--only NAME,NAME]`.

The real sink, a real Kafka, and the stand-in for Genesys at 300 requests a window. The window is `SCALE` times shorter
than a minute; seconds in the table are what the same would take at the real limit (measured seconds times `SCALE`,
our own time included), except where a name ends in `_real_s`.

Scenarios: `pressure` (a bulk change of 10,000 users, and 20 leavers in the middle of it, for our sink and for the same
sink first in, first out), `outage` (100 edits of each of 100 users while the target is down), `speed` (no limit,
against a bare aiohttp loop), `shared` (two sinks on one token), `trouble` (a 429 storm, 30 s of death, one user who
always fails) and `guard` (3,000 leavers in one bad file, and 5 real ones meanwhile).
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
import uvloop

from streamproc import telemetry
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.fold.plan import Urgency
from streamproc.core.scim.dialect import PATCH_OP
from streamproc.embedded import embedded_kafka
from streamproc.operators.controls import control, order
from streamproc.settings import load_settings
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.lanes import Lanes, Turn
from streamproc.sink.decide.rate_limit import RateLimiter
from tests.bench import say, show
from tests.support.rig import Rig, person, rig

SCALE: Final = 20
LIMIT: Final = 300
WINDOW: Final = 60 / SCALE
USERS: Final = 10_000
LEAVERS: Final = 20
SPEED: Final = 4_000
CONNECTIONS: Final = 16

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
        async with made.sink(lanes, rate_limiter):
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
    async with made.sink():
        await hired(made, users)
        await made.sim("POST", "faults", {"faults": [{"kind": "503_before"}]})
        last: list[tuple[str, int]] = []
        for edit in range(100):
            last = [(user, await made.say(user, phone=f"+1317555{edit:04}")) for user in users]
            await asyncio.sleep(0.02)
        await asyncio.sleep(3)
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
    """Requests a second without a limit, ours and a bare loop's, in turn: by the stand-in's own clock."""
    users = [f"fast{n:05}" for n in range(SPEED)]
    others = [f"bare{n:05}" for n in range(SPEED)]  # not ours: a write of somebody else's is a version conflict to us
    async with made.sink():
        await hired(made, [*users, *others])
        ids = {user: each["id"] for user, each in (await made.users()).items()}
    ours: list[float] = []
    bare: list[float] = []
    sink = made.stack.child("sink", "sink", STREAMPROC_CONNECTIONS=str(CONNECTIONS))
    await sink.start()
    try:
        for turn in range(3):
            mark = await _count(made)
            await _bare(made, [ids[user] for user in others], f"Bare {turn}")
            bare.append(await _rate(made, mark))
            async with made.deaf():  # what follows the fates in this process would take from the cores
                await order(made.settings.kafka, [control("pause", None, "bench", "backlog", 0)])
                await asyncio.sleep(1)
                for user in users:
                    await made.say(user, department=f"Sink {turn}")
                await made.producer.flush()
                await asyncio.sleep(2)
                mark = await _count(made)
                await order(made.settings.kafka, [control("resume", None, "bench", "backlog", 0)])
                while await _count(made) < mark + SPEED:  # noqa: ASYNC110 - it is another process
                    await asyncio.sleep(0.2)
            ours.append(await _rate(made, mark))
            say(f"requests/s: ours {ours[-1]:.0f}, bare {bare[-1]:.0f}")
    finally:
        await sink.stop()
    return {
        "requests_per_s": round(statistics.median(ours)),
        "bare_requests_per_s": round(statistics.median(bare)),
        "ratio_to_bare_http": round(statistics.median(a / b for a, b in zip(ours, bare, strict=True)), 2),
    }


async def _count(made: Rig) -> int:
    return int((await made.sim("GET", "requests"))["by_status"].get("200", 0))


async def _rate(made: Rig, mark: int) -> float:
    """Writes a second, of the last ones in the ledger."""
    written = (await made.sim("GET", "ledger"))["entries"][-(await _count(made) - mark) :]
    return (len(written) - 1) / float(written[-1]["at"] - written[0]["at"])


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
        calm = await _others(made, users, 8)
        found["calm_p99_real_s"] = _share(calm, 0.99)
        await made.say("bad", department="Nowhere")
        for name, faults in (("one_bad_user", [bad]), ("storm_429", [storm])):
            await made.sim("POST", "faults", {"faults": faults, "seed": 1})
            took = await _others(made, users, 8)
            found |= {f"{name}_p50_real_s": _share(took, 0.5), f"{name}_p99_real_s": _share(took, 0.99)}
        await made.sim("POST", "faults", {"faults": [{"kind": "503_before"}]})
        dead = asyncio.create_task(_others(made, users, 35))
        await asyncio.sleep(30)
        await made.sim("POST", "faults", {"faults": []})
        back = time.time() * 1000
        await dead
        late = [each["acknowledged"] - back for each in made.fates.values() if (each["acknowledged"] or 0) > back]
        found["first_after_30_s_of_death_real_s"] = round(min(late) / 1000, 2)
    return found


async def guard(made: Rig) -> Found:
    """One bad file says that 3,000 have left; five really leave meanwhile."""
    users = [f"file{n:05}" for n in range(3_000)]
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


async def _bare(made: Rig, ids: list[str], department: str) -> float:
    form = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo"}
    async with made.http.post(f"{made.simulator}/oauth/token", data=form) as answer:
        token = (await answer.json())["access_token"]
    path = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"
    operation = {"op": "replace", "path": path, "value": department}
    body = orjson.dumps({"schemas": [PATCH_OP], "Operations": [operation]})
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
    waiting = iter(ids)
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as http:

        async def loop() -> None:
            for id_ in waiting:
                url = f"{made.simulator}/api/v2/scim/v2/Users/{id_}"
                async with http.patch(url, data=body) as answer:
                    assert answer.status == 200
                    orjson.loads(await answer.read())

        begun = time.monotonic()
        await asyncio.gather(*(loop() for _ in range(CONNECTIONS)))
        return len(ids) / (time.monotonic() - begun)


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


async def measure() -> Found:
    """All scenarios, in one run."""
    only = sys.argv[sys.argv.index("--only") + 1].split(",") if "--only" in sys.argv else list(SCENARIOS)
    found: Found = {"scale": SCALE}
    async with embedded_kafka(progress=say) as broker:
        settings = load_settings(kafka=broker.bootstrap, connections=CONNECTIONS, log_level="error")
        await ensure_topics(settings.kafka)
        for name in only:
            say(f"--- {name}")
            with tempfile.TemporaryDirectory() as folder:
                async with rig(settings, Path(folder)) as made:
                    found |= await SCENARIOS[name](made)
    return found


def main() -> None:
    """Command line."""
    telemetry.configure("error", json=False, service="bench")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        show("delivery under pressure", runner.run(measure()))


if __name__ == "__main__":
    main()
