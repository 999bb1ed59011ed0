"""The stages of a comparison: what a checkout writes of the recorded histories, at each step of an event's way.

Only what users see is used, since the two checkouts differ within: topics, JSON, commands and options, HTTP.
"""

import asyncio
import re
import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import aiohttp
import orjson

from tests.support.checkout import Checkout
from tests.support.cluster import Cluster, Record, parse_log
from tests.support.paths import PAYLOADS, REPOSITORY

FOLDER = REPOSITORY / "tests" / "replay"
HISTORIES = ("crash_run", "demo", "two_sources")
SOURCES = ("debezium", "entra", "okta", "pingone", "set", "workday")
"""Of these a folder of fixtures has the name; what vendors of HR systems send is `hris`."""
KINDS = {
    "identity.changes": "changes",
    "identity.links": "links",
    "scim.operations": "records",
    "scim.outcomes": "outcomes",
    "scim.deliveries": "deliveries",
    "streamproc.mappings": "mappings",
    "streamproc.controls": "controls",
    "events.rejected": "rejected",
}
"""Topic → kind of artefact."""
OF_A_USER = frozenset({"links", "records", "outcomes", "deliveries"})
"""Kinds whose order is promised for each key, and not between keys."""
WORKERS = "streamproc-worker"
"""Consumer group."""
DAY = 24 * 3600 * 1000
ORDERED = ("--by", "Kim Berg", "--reason", "to compare")


async def describe(checkout: Checkout) -> list[str]:
    """Without Kafka: topics, settings, schemas, and what the fixtures' payloads become. Returns the topics' names."""
    checkout.clock.set(1_790_000_000_000)
    commands: list[tuple[str, Sequence[str]]] = [
        ("commands_text/topics.txt", ("topics",)),
        ("commands/settings.json", ("settings", "--json")),
    ]
    for file in sorted(PAYLOADS.glob("*/*.json")):
        source = file.parent.name if file.parent.name in SOURCES else "hris"
        name = f"parsed/{file.parent.name}/{file.stem}"
        commands.append((f"{name}.json", ("parse", source, str(file), "--json")))
        commands.append((f"parsed_text/{file.parent.name}/{file.stem}.txt", ("parse", source, str(file))))
    await checkout.run(commands)
    (checkout.artefacts / "schemas").mkdir()
    await checkout.run([("commands/schemas.txt", ("artefacts/schemas",))], "streamproc.schemas")
    topics = orjson.loads(await printed(checkout, "commands/topics.json", ("topics", "--json")))
    return [topic["name"] for topic in topics]


async def fold(checkout: Checkout, cluster: Cluster) -> dict[str, list[Record]]:
    """Each history of recorded changes, folded by a worker. Returns what its topics hold then."""
    logs = {}
    for name in HISTORIES:
        await cluster.create_topics(1)
        changes = list(_changes(name))
        checkout.clock.set(changes[0].timestamp - DAY)  # no date has come but those that were recorded
        await cluster.append(changes)
        async with checkout.service("worker"):
            await cluster.until_consumed(WORKERS, "identity.changes")
        logs[name] = await cluster.read_all()
        write(checkout, name, logs[name])
    return logs


async def resolve(checkout: Checkout, cluster: Cluster) -> list[Record]:
    """Raw records of all sources, resolved and folded by a worker, with orders of operators. Returns all topics."""
    await cluster.create_topics(1)
    raw = list(_raw())
    checkout.clock.set(raw[0].timestamp)
    events = sorted({record.topic for record in raw})
    port = free_port()
    async with checkout.service("worker", metrics=f"127.0.0.1:{port}"):
        for topic, neighbours in groupby(raw, lambda record: record.topic):
            await cluster.append(neighbours)
            await cluster.until_consumed(WORKERS, topic)  # or topics would overtake each other
        links = orjson.loads(await printed(checkout, "operators/links.json", ("identities", "list", "--all", "--json")))
        subject = next(link["subject"] for link in links if link["user"] is None)
        await checkout.run(
            [
                ("operators_text/link.txt", ("identities", "link", subject, "E1001", *ORDERED)),
                ("operators_text/split.txt", ("identities", "split", next(_linked(links)), *ORDERED)),
            ]
        )
        for topics in (("streamproc.controls",), events, ("identity.changes",)):
            await cluster.until_consumed(WORKERS, *topics)
        await checkout.run([("operators/apply.json", ("mapping", "apply", "given/other.toml", *ORDERED, "--json"))])
        checkout.clock.set(raw[-1].timestamp + 100 * DAY)
        await asyncio.sleep(1)  # several looks of the worker at its calendar
        for topics in (events, ("identity.changes",)):
            await cluster.until_consumed(WORKERS, *topics)
        await write_metrics(checkout, "worker", port)
        await checkout.run(
            [
                ("operators_text/links_after.txt", ("identities", "list", "--all")),
                ("operators/link_shown.json", ("identities", "show", subject)),
            ]
        )
    log = await cluster.read_all()
    write(checkout, "raw", [record for record in log if record.topic not in events])
    return log


def write(checkout: Checkout, name: str, log: Iterable[Record]) -> None:
    """A history's records, a file for each topic."""
    topics: dict[str, list[Record]] = defaultdict(list)
    for record in log:
        topics[record.topic].append(record)
    for topic, records in topics.items():
        kind = KINDS.get(topic) or topic.partition(".")[0]  # `events` or `notifications`
        if kind in OF_A_USER:
            records.sort(key=lambda record: record.key or b"")
        file = checkout.artefacts / kind / f"{name}.{topic}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"".join(record.line() for record in records))


def free_port() -> int:
    """One that was free a moment ago."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


async def write_metrics(checkout: Checkout, service: str, port: int) -> None:
    """The names, types and labels of a service's metrics, without values."""
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    types = {line for line in lines if line.startswith("# TYPE streamproc_")}
    samples = {re.sub(r'="[^"]*"', "", line).rpartition(" ")[0] for line in lines if line.startswith("streamproc_")}
    file = checkout.artefacts / "metrics" / f"{service}.txt"
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in sorted(types | samples)))


def _changes(name: str) -> Iterator[Record]:
    for line in (FOLDER / f"{name}.jsonl").read_bytes().splitlines()[1:]:
        event = orjson.loads(line)["event"]
        key = (event["user"] or event["event"]).encode()
        yield Record("identity.changes", 0, event["origin"]["appended"], key, orjson.dumps(event))


def _raw() -> Iterator[Record]:
    """What was recorded, then every fixture as if its source had sent it."""
    recorded = parse_log(FOLDER / "logs" / "raw.jsonl")
    yield from recorded
    for number, file in enumerate(sorted(PAYLOADS.glob("*/*.json")), 1):
        source = file.parent.name if file.parent.name in SOURCES else "hris"
        at = recorded[-1].timestamp + number * 1000
        yield Record(f"events.{source}", 0, at, file.stem.encode(), file.read_bytes())


def _linked(links: list[dict[str, Any]]) -> Iterator[str]:
    return (link["subject"] for link in links if link["user"] is not None and link["subject"].startswith("entra/"))


async def printed(checkout: Checkout, output: str, arguments: Sequence[str]) -> bytes:
    """What a command printed, without its exit code."""
    await checkout.run([(output, arguments)])
    return (checkout.artefacts / output).read_bytes().rpartition(b"\nexit code")[0]
