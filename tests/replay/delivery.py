"""Delivery: recorded operations, one after the other, through a sink to the stand-in for Genesys, with faults."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import aiohttp
import orjson
from aiokafka import AIOKafkaConsumer

from tests.replay.stages import ORDERED, free_port, printed, write, write_metrics
from tests.support.checkout import Checkout
from tests.support.cluster import SECONDS, Cluster, Record, received

GROUPS = ["Spanish Queue", "Billing Queue", "Supervisors", "Second Floor"]
"""What the target has; without "Sales Queue", so that some of what is wanted is refused."""
FAULTS: list[dict[str, Any]] = [
    {"kind": "500_before"},
    {"kind": "500_after"},
    {"kind": "429", "retry_after": 0},
    {"kind": "version_conflict"},
    {"kind": "401"},
    {"kind": "reset"},
    {"kind": "lost_answer"},
    {"kind": "503_before"},
    {"kind": "504_after"},
    {"kind": "429_no_retry_after"},
]
EVERY = 7
"""Steps from one fault to the next."""
MOST = 2
"""Records of one user that come at once, so that the newest supersedes the others."""
QUIET = 0.3
"""Seconds without an outcome after which nothing is under way."""
SINK = {"guard_count": "6", "guard_share": "0", "end_sessions": "true", "request_timeout": "1"}


class Fates:
    """Follows `scim.outcomes`."""

    def __init__(self, reader: AIOKafkaConsumer) -> None:
        self._reader = reader
        self._outcomes: list[dict[str, Any]] = []

    async def until(self, what: Callable[[dict[str, Any]], bool]) -> None:
        """Wait for an outcome like that among those that weren't looked at. Where somebody arrived, or more was
        decided by an order, others go on who waited for it: wait for them, too.
        """
        async with asyncio.timeout(SECONDS):
            while not any(map(what, self._outcomes)):
                await self._take(0.05)
        if any(_sets_going(outcome) for outcome in self._outcomes):
            while await self._take(QUIET):
                pass
        self._outcomes.clear()

    async def _take(self, seconds: float) -> bool:
        batches = await self._reader.getmany(timeout_ms=round(seconds * 1000))
        outcomes = [orjson.loads(record.value or b"") for record in received(batches)]
        self._outcomes += outcomes
        return bool(outcomes)


def _sets_going(outcome: dict[str, Any]) -> bool:
    by_order = outcome["cause"] is not None and outcome["cause"]["source"] == "streamproc"
    return by_order or any(request["method"] == "POST" for request in outcome["requests"])


async def deliver(checkout: Checkout, cluster: Cluster, operations: Sequence[Record]) -> list[Record]:
    """All of them, one step after the other, then orders of operators. Returns outcomes and deliveries."""
    await cluster.create_topics(1)
    port = free_port()
    async with (
        checkout.service("simulator", "--port", "0") as simulator,
        aiohttp.ClientSession(f"http://127.0.0.1:{simulator}") as http,
        cluster.reader("scim.outcomes") as reader,
    ):
        await _post(http, "config", {"groups": GROUPS})
        url = f"http://127.0.0.1:{simulator}"
        target = {
            "scim_url": f"{url}/api/v2/scim/v2",
            "token_url": f"{url}/oauth/token",
            "platform_url": f"{url}/api/v2",
        }
        async with checkout.service("sink", metrics=f"127.0.0.1:{port}", **SINK, **target):
            fates = Fates(reader)
            for number, step in enumerate(_steps(operations), 1):
                if number % EVERY == 0:
                    fault = FAULTS[number // EVERY % len(FAULTS)]
                    await _post(http, "faults", {"faults": [{"times": 1, **fault}]})
                last = orjson.loads(step[-1].value or b"")
                checkout.clock.set(last["cause"]["origin"]["appended"] + 250 + number * 37 % 400)
                await cluster.append(step)
                await fates.until(lambda outcome, last=last: _is_fate_of(outcome, last))  # type: ignore[misc]
            await _order(checkout, fates)
            await write_metrics(checkout, "sink", port)
        await _write_requests(checkout, http)
    log = await cluster.read_all("scim.outcomes", "scim.deliveries", "streamproc.controls")
    write(checkout, "delivered", log)
    return log


def _steps(operations: Sequence[Record]) -> Iterator[list[Record]]:
    """Neighbours of the same user, up to `MOST`."""
    for _, neighbours in groupby(operations, lambda record: record.key):
        records = list(neighbours)
        yield from (records[at : at + MOST] for at in range(0, len(records), MOST))


def _is_fate_of(outcome: dict[str, Any], record: dict[str, Any]) -> bool:
    return bool(outcome["final"] and outcome["user"] == record["user"] and outcome["seq"] == record["seq"])


async def _order(checkout: Checkout, fates: Fates) -> None:
    """Of who was set aside, an order of each kind."""
    held = orjson.loads(await printed(checkout, "operators/held.json", ("held", "list", "--json")))
    parked = orjson.loads(await printed(checkout, "operators/parked.json", ("parked", "list", "--json")))
    await checkout.run(
        [
            ("operators_text/held.txt", ("held", "list")),
            ("operators_text/parked.txt", ("parked", "list")),
            *(
                (f"operators/parked_{row['user']}.json", ("parked", "show", row["user"]))
                for row in [*held, *parked][:3]
            ),
        ]
    )
    chosen = [
        *zip((("held", "release"), ("held", "reject")), (row for row in held if row["code"] == "held"), strict=False),
        *zip((("parked", "retry"), ("parked", "skip")), parked, strict=False),
    ]
    for (group, action), row in chosen:
        user = row["user"]
        await checkout.run([(f"operators_text/{action}.txt", (group, action, user, *ORDERED))])
        await fates.until(lambda outcome, user=user: outcome["user"] == user)  # type: ignore[misc]


async def _write_requests(checkout: Checkout, http: aiohttp.ClientSession) -> None:
    """Every write that the target saw, in order, and what it holds in the end."""
    folder = checkout.artefacts / "requests"
    folder.mkdir(exist_ok=True)
    for name in ("ledger", "requests", "sessions", "users", "groups"):
        async with http.get(f"/_sim/{name}") as answer:
            answer.raise_for_status()
            shown = orjson.loads(await answer.read())
        entries = shown.get("entries", [shown]) if isinstance(shown, dict) else shown
        for entry in entries:
            entry.pop("meta", None)  # it has the time of the stand-in
        (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(entry) + b"\n" for entry in entries))


async def _post(http: aiohttp.ClientSession, name: str, content: dict[str, Any]) -> None:
    async with http.post(f"/_sim/{name}", json=content) as answer:
        answer.raise_for_status()
