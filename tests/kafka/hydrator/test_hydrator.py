"""Hooks of the directory stand-ins through gateway and hydrator on a real broker, and `streamproc sync`."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiokafka import TopicPartition

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.core.records.change_event import Origin, SourceFacts
from streamproc.core.records.link import Link
from streamproc.core.records.topic_names import LINKS, OPERATIONS, intake_topic, notifications_topic
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import decode
from streamproc.demo.directories import pointed as stand_ins
from streamproc.demo.processes import Child, stack
from streamproc.hydrator.cursors import known_subjects
from streamproc.settings import Settings, environment, load_settings
from streamproc.sources import SOURCES
from streamproc.sources.raw_record import parse_record
from tests.kafka.gateway.test_gateway import GRAPH, OKTA, PINGONE, SECRETS
from tests.kafka.test_pipeline import _until, read
from tests.kafka.worker.test_worker import send

WORKDAY = "secret-of-workday-123"
OF = {"okta": "okta", "entra": "graph", "pingone": "pingone", "workday": "workday"}
HOOKS = {
    "okta": {"Authorization": OKTA},
    "pingone": {"Authorization": PINGONE},
    "workday": {"Authorization": WORKDAY},
}
OFF = {f"{source}_sync_every": 0.0 for source in OF}


def pointed(settings: Settings, root: str, **more: Any) -> Settings:
    """Settings of all four directories, served at `root`."""
    return load_settings(kafka=settings.kafka.bootstrap_servers, **stand_ins(root), **more)


class Place:
    """The stand-ins' test API, and the services beside them."""

    def __init__(self, http: aiohttp.ClientSession, root: str, settings: Settings, folder: Path) -> None:
        self.http = http
        self.root = root
        self.settings = settings
        self.folder = folder

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, f"{self.root}/_sim/directories/{path}", json=body) as answer:
            answer.raise_for_status()
            return await answer.json()

    def child(self, name: str, **more: Any) -> Child:
        given = pointed(self.settings, self.root, **more)
        return Child(name, (name,), environment(given), self.folder / f"{name}.log")

    async def shaken(self) -> bool:
        """Whether Graph and the gateway have shaken hands, for both URLs of a subscription."""
        hooks = (await self.sim("GET", "hooks?directory=graph"))["hooks"]
        return [hook["status"] for hook in hooks if hook["about"] == "validation"] == [200, 200]

    async def sent(self) -> None:
        """Until no hook is pending."""
        async with asyncio.timeout(60):
            while (await self.sim("GET", "hooks"))["pending"]:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.05)

    async def unread(self) -> int:
        """Notifications that a hydrator that starts now would read."""
        topics = [f"notifications.{source}" for source in OF]
        found = await read(self.settings, *topics)
        reader = KafkaLog(self.settings.kafka).consumer(group=f"{self.settings.kafka.group}-hydrator")
        await reader.start()
        try:
            places = {
                TopicPartition(record.topic, record.partition) for records in found.values() for record in records
            }
            done = {place: await reader.committed(place) or 0 for place in places}
        finally:
            await reader.stop()
        every = [record for records in found.values() for record in records]
        return sum(each.offset >= done[TopicPartition(each.topic, each.partition)] for each in every)

    async def all_read(self) -> None:
        """Until the hydrator has committed every notification."""
        async with asyncio.timeout(90):
            while await self.unread():  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.3)


@asynccontextmanager
async def place(settings: Settings, folder: Path) -> AsyncIterator[Place]:
    async with stack(settings, folder) as running, aiohttp.ClientSession() as http:
        yield Place(http, running.simulator, settings, folder)


def person(number: int, **more: Any) -> dict[str, Any]:
    return {"employeeNumber": f"E{number}", "userName": f"p{number}@example.com", "displayName": f"P {number}", **more}


async def test_a_hook_becomes_the_subjects_present_state(settings: Settings, tmp_path: Path) -> None:
    """For all four: hook, notification, fetch; the record has its headers and says who and what. Secrets are nowhere.

    Killed again and again in between, with a slow directory: each trigger has an answer that is as new as it, and in
    the end all are committed.
    """
    async with place(settings, tmp_path) as at:
        secrets = {name: SECRETS[name] for name in ("okta_hook_secret", "entra_client_state", "pingone_hook_secret")}
        gateway = at.child("gateway", gateway_port=0, workday_hook_secret=WORKDAY, **secrets)
        hydrator: Child | None = None
        try:
            door = f"http://127.0.0.1:{await gateway.start()}"
            config_ = {"gateway": door, "hook_headers": HOOKS, "workday_events": True}
            await at.sim("POST", "config", config_)
            subscribed = {**secrets, "entra_notification_url": f"{door}/v1/entra", **OFF}
            hydrator = at.child("hydrator", **subscribed)
            await hydrator.start()
            async with asyncio.timeout(30):
                while not await at.shaken():  # noqa: ASYNC110 - it is another process
                    await asyncio.sleep(0.1)
            for name in OF.values():
                await at.sim("POST", f"{name}/faults", {"faults": [{"kind": "slow", "delay_ms": 150}]})
            people = [person(n, department="Care", groups=["Agents"]) for n in range(12)]
            for name in OF.values():
                await at.sim("POST", f"{name}/people", people)
            for n in range(2):
                await asyncio.sleep(0.6)
                await hydrator.kill()
                for name in OF.values():
                    await at.sim("PATCH", f"{name}/people/E{n}", {"department": f"Moved {n}"})
                await hydrator.start()
            for name in OF.values():
                await at.sim("PATCH", f"{name}/people/E11", {"active": False})
            await at.sent()
            await at.all_read()
        finally:
            if hydrator is not None:
                await hydrator.stop()
            await gateway.stop()
        log = (tmp_path / "hydrator.log").read_bytes()
        names = (name(source) for source in OF for name in (intake_topic, notifications_topic))
        found = await read(settings, *names)
    for source in OF:
        triggers = [notice for each in found[f"notifications.{source}"] for notice in _told(source, each).notifications]
        assert {trigger.subject for trigger in triggers}
        fetched = [each for each in found[intake_topic(source)] if "streamproc-kind" in dict(each.headers)]
        newest: dict[str, Any] = {}
        for each in fetched:
            headers = dict(each.headers)
            assert headers["streamproc-kind"] == b"snapshot"
            assert headers["streamproc-source"] == source.encode()
            assert headers["streamproc-subject"] == each.key
            (said, *_) = _told(source, each).events
            assert (said.subject, said.order[0]) == (each.key.decode(), int(headers["streamproc-read"]))
            if said.subject not in newest or said.order > newest[said.subject].order:
                newest[said.subject] = said
        assert all(newest[trigger.subject].order[0] >= trigger.at for trigger in triggers)
        state = {each.anchor: each.attributes for each in newest.values()}
        assert [state[f"E{n}"]["department"] for n in range(3)] == ["Moved 0", "Moved 1", "Care"]
        if source != "okta":  # whose deactivation says it by itself
            assert state["E11"]["active"] is False
        assert len(fetched) < 3 * len(triggers)
    every = b"".join([log, *(orjson.dumps(str(record)) for records in found.values() for record in records)])
    for secret in (OKTA, GRAPH, PINGONE, WORKDAY, "ZGVtbzpkZW1v"):
        assert secret.encode() not in every


def _told(source: str, record: Any) -> Any:
    parser = SOURCES[source]
    return parse_record(parser.read, parser.defaults, record.value, dict(record.headers), record.timestamp)


async def command(settings: Settings, *words: str) -> asyncio.subprocess.Process:
    """`streamproc WORDS` under way."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "streamproc.cli",
        *words,
        env=environment(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.long
async def test_sync_is_resumed_and_tells_its_end(settings: Settings, tmp_path: Path) -> None:
    """A killed first load goes on with the page it was at; then changes only; the hydrator goes on from there."""
    async with place(settings, tmp_path) as at:
        given = pointed(settings, at.root)
        await at.sim("POST", "config", {"page_size": 5})
        await at.sim("POST", "okta/people", [person(n, department="Care") for n in range(40)])
        await at.sim("POST", "okta/faults", {"faults": [{"kind": "slow", "delay_ms": 40}]})
        first = await command(given, "sync", "okta")
        assert first.stderr is not None
        for _ in range(3):
            assert await first.stderr.readline()
        first.kill()
        await first.communicate()
        listed = len([each for each in await _asked(at) if each.endswith("/users")])
        second = await command(given, "sync", "okta", "--json")
        out, err = await second.communicate()
        assert second.returncode == 0, err
        assert orjson.loads(out)["given_up"] == 0
        assert b"okta: " in err
        pages = len([each for each in await _asked(at) if each.endswith("/users")])
        assert listed < pages <= 9, "eight pages, and one again at most: those that were done aren't asked for again"
        found = await read(settings, "events.okta", "streamproc.cursors")
        assert {_told("okta", each).events[0].anchor for each in found["events.okta"]} == {f"E{n}" for n in range(40)}
        assert {record.key for record in found["streamproc.cursors"]} == {b"okta"}
        await at.sim("PATCH", "okta/people/E7", {"department": "Legal"})

        async def moved() -> bool:
            return any(b"Legal" in each.value for each in (await read(settings, "events.okta"))["events.okta"])

        hydrator = at.child("hydrator", **OFF | {"okta_sync_every": 0.5})
        try:
            await hydrator.start()
            async with asyncio.timeout(30):
                while not await moved():  # noqa: ASYNC110 - it is another process
                    await asyncio.sleep(0.3)
        finally:
            await hydrator.stop()
        for words in (["sync"], ["sync", "hris"], ["sync", "okta"], ["hydrator"]):
            unset = await command(settings, *words)
            _, err = await unset.communicate()
            assert unset.returncode == 2, words
            assert b"Traceback" not in err


async def test_known_subjects_are_those_that_arent_gone(settings: Settings) -> None:
    """Of the source, with something said, by the newest record of each."""
    at = Origin("events.okta", 0, 0, Millis(0))
    here, left = SourceFacts("a", at, values={"active": True}), SourceFacts("a", at, values={"gone": True})
    links = [("okta/a", left), ("okta/a", here), ("okta/b", left), ("okta/c", None), ("entra/d", here)]
    async with AsyncExitStack() as stack:
        made = KafkaLog(settings.kafka).producer()
        await made.start()
        stack.push_async_callback(made.stop)
        for seq, (name, facts) in enumerate(links):
            source, _, subject = name.partition("/")
            value = orjson.dumps(Link(seq, source, subject, at, facts=facts))
            await made.send_and_wait(LINKS, value, key=name.encode())
    assert await known_subjects(KafkaLog(settings.kafka), "okta") == {"a"}


async def _asked(at: Place) -> list[str]:
    return [request["path"] for request in (await at.sim("GET", "requests?directory=okta"))["requests"]]


@pytest.mark.long
async def test_when_a_date_comes_the_report_is_asked_whether_it_still_says_so(
    settings: Settings, tmp_path: Path
) -> None:
    """A termination that was rescinded, of which nobody gave notice: on its day it takes access, and is looked up.

    Without that, access would come back with the next reading of the whole report.
    """
    async with place(settings, tmp_path) as at:
        await at.sim("POST", "workday/people", [person(1)])
        worker, hydrator = at.child("worker"), at.child("hydrator", **OFF)
        await worker.start()
        await hydrator.start()
        leaves = datetime.now(UTC) + timedelta(seconds=10)
        told_once = {
            "eventId": "t1",
            "eventName": "Terminate Employee",
            "workerId": "E1",
            "eventTime": datetime.now(UTC).isoformat(),
            "effectiveDate": leaves.isoformat(),
        }
        await send(settings, "events.workday", ("E1", told_once))
        try:
            await _until(lambda: actives(settings), lambda found: found[-3:] == [True, False, True])
        finally:
            await hydrator.stop()
            await worker.stop()
        asked = (await read(settings, "notifications.workday"))["notifications.workday"]
    assert [dict(each.headers).get("streamproc-kind") for each in asked] == [None, b"due"]
    assert asked[1].timestamp >= leaves.timestamp() * 1000


async def actives(settings: Settings) -> list[Any]:
    """What was wanted of E1's access, one after the other, without repeats."""
    records = (await read(settings, OPERATIONS))[OPERATIONS]
    said = [decode(record.value).desired.get("active") for record in records if record.key == b"E1"]
    return [value for place, value in enumerate(said) if place == 0 or said[place - 1] != value]
