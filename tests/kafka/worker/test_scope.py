"""A company of whom few are ours, on a real broker: who else is there is never named, and a mistake is held."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import aiohttp
import orjson
import pytest

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.core.records.topic_names import OUTCOMES
from streamproc.demo.play import held
from streamproc.demo.processes import stack
from streamproc.settings import Settings
from tests.kafka.test_pipeline import _until, read
from tests.kafka.worker.test_mapping import apply

PEOPLE, OURS, SPANISH = 10_000, 500, 300
WHO = """
[scope]
who = 'department in [{departments}]'
"""


def scoped(shipped: str, *departments: str) -> str:
    """The shipped mapping, with these departments in scope."""
    return shipped + WHO.format(departments=", ".join(f'"{department}"' for department in departments))


def department(number: int) -> str:
    """Where somebody works: some in the contact centre, all others elsewhere."""
    if number >= OURS:
        return "Warehouse" if number % 2 else "Finance"
    return "Spanish Support" if number < SPANISH else "Care"


def hired(number: int) -> tuple[str, dict[str, Any]]:
    """Everybody's manager is one of the others, whom nothing may name, and every tenth of the others has left."""
    subject = f"P{number:05}"
    said = {
        "userName": f"{subject}@example.com",
        "displayName": f"Person {number}",
        "active": number < OURS or number % 10 != 0,
        "job": "Agent",
        "department": department(number),
        "manager": f"P{OURS + number % 100:05}",
    }
    return subject, {
        "id": f"h{number}",
        "type": "snapshot",
        "subject": subject,
        "time": "2026-03-02T09:00:00Z",
        "attributes": said,
    }


async def send_all(settings: Settings) -> None:
    """All of them, as a first load: nobody waits for an answer to the one before."""
    producer = KafkaLog(settings.kafka).producer()
    await producer.start()
    sent = [
        await producer.send("events.hris", orjson.dumps(event), key=subject.encode())
        for subject, event in map(hired, range(PEOPLE))
    ]
    await asyncio.gather(*sent)
    await producer.stop()


def named(outcomes: list[dict[str, Any]]) -> Iterator[str]:
    """Whom the requests in these outcomes name: in paths, filters and bodies."""
    for outcome in outcomes:
        for request in outcome["requests"]:
            said = unquote(request["path"]) + orjson.dumps(request["body"]).decode()
            yield from (f"P{part[:5]}" for part in said.split("P")[1:] if part[:5].isdigit())


async def counted(http: aiohttp.ClientSession, simulator: str) -> int:
    """Requests to SCIM that the target has seen, tokens apart."""
    async with http.get(f"{simulator}/_sim/requests") as answer:
        answer.raise_for_status()
        return int((await answer.json())["total"])


async def told(settings: Settings, users: int) -> list[dict[str, Any]]:
    """All outcomes, once that many users have a fate."""

    async def look() -> list[dict[str, Any]]:
        return [orjson.loads(record.value) for record in (await read(settings, OUTCOMES))[OUTCOMES]]

    def all_there(outcomes: list[dict[str, Any]]) -> bool:
        return len({outcome["user"] for outcome in outcomes if outcome["final"]}) >= users

    found: list[dict[str, Any]] = await _until(look, all_there, 120)
    return found


@pytest.mark.long
async def test_a_first_load_names_nobody_else_and_a_mistake_is_held(settings: Settings, tmp_path: Path) -> None:
    """10,000 people, 500 of them ours; then somebody leaves the Spanish desk out of the scope."""
    shipped, _ = settings.worker.mapping_text()
    file = tmp_path / "mapping.toml"
    file.write_text(scoped(shipped, "Spanish Support", "Care"), encoding="utf-8")
    settings = settings.changed(mapping=file)
    async with stack(settings, tmp_path) as running, aiohttp.ClientSession() as http:
        await running.start("worker", "sink")
        await send_all(settings)
        outcomes = await told(settings, PEOPLE)
        there = await held(http, running.simulator)
        ours = {f"P{number:05}" for number in range(OURS)}
        assert there.keys() == ours
        assert all(user["active"] for user in there.values())
        assert set(named(outcomes)) == ours
        fates = Counter(outcome["verdict"] for outcome in outcomes if outcome["final"] and outcome["user"] not in ours)
        assert fates == {"no-op": PEOPLE - OURS}
        assert await counted(http, running.simulator) == sum(len(outcome["requests"]) for outcome in outcomes)

        mistaken = scoped(shipped, "Care")
        refused = await apply(settings, tmp_path, mistaken)
        assert refused.exit_code == 1
        assert f"{SPANISH} leave" in refused.output
        assert (await held(http, running.simulator)) == there
        ordered = await apply(settings, tmp_path, mistaken, "--enters", "0", "--leaves", str(SPANISH))
        assert ordered.exit_code == 0, ordered.output
        after = await _until(lambda: read(settings, OUTCOMES), lambda found: held_of(found) >= SPANISH - 10, 60)
        out = {user for user, each in (await held(http, running.simulator)).items() if not each["active"]}
        assert held_of(after) == SPANISH - len(out)
        assert 0 < len(out) <= 10, "half of the guard's threshold of 20, since it is one cause"


def held_of(found: dict[str, list[Any]]) -> int:
    """How many users the mass guard holds."""
    outcomes = [orjson.loads(record.value) for record in found[OUTCOMES]]
    return len({outcome["user"] for outcome in outcomes if outcome["final"] and outcome["verdict"] == "held"})
