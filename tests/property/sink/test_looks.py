"""Events, changes by hand, findings about now and earlier, failures and takeovers in any order, by whole sinks."""

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack
from typing import Any, Final

import aiohttp
import orjson
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.adapters.kafka import reading
from streamproc.core.records.topic_names import OUTCOMES
from streamproc.simulator import SimulatorOptions, create_app
from streamproc.testing.memory_log import MemoryLog
from tests.field.virtual_loop import VirtualLoop, VirtualTime
from tests.support.reconciler import Org, person
from tests.support.sinks_in_memory import Cluster

PEOPLE: Final = ("E1", "E2", "E3")
BEGIN: Final = 1_780_000_000.0

who = st.sampled_from(PEOPLE)
said = st.fixed_dictionaries(
    {}, optional={"active": st.booleans(), "job": st.sampled_from(["Agent", "Lead"]), "department": st.just("Care")}
).filter(bool)
by_hand = st.sampled_from(
    [{"state": "active"}, {"state": "inactive"}, {"state": "deleted"}, {"title": "Boss"}, {"department": "Ops"}]
)
steps = st.one_of(
    st.tuples(st.just("say"), who, said),
    st.tuples(st.just("edit"), who, by_hand),
    st.tuples(st.just("find"), who, st.sampled_from(["now", "now", "first", "anybody"])),
    st.tuples(st.just("pass"), who, st.sampled_from([0.05, 1.0, 40.0])),
    st.tuples(st.just("fail"), who, st.sampled_from(["500_before", "lost_answer"])),
    st.tuples(st.just("kill"), who, st.none()),
)


class Scene:
    """One cluster, the people in it, and the sink that works now."""

    def __init__(self, stack: AsyncExitStack, cluster: Cluster) -> None:
        self.stack = stack
        self.cluster = cluster
        self.firsts: dict[str, dict[str, int]] = {}
        self.said: list[tuple[str, int]] = []

    async def begin(self) -> None:
        self.log = MemoryLog(self.cluster.broker)
        self.running = await self.stack.enter_async_context(self.cluster.sink(self.log))

    async def say(self, user: str, facts: dict[str, Any]) -> None:
        self.said.append((user, await self.cluster.say(user, **facts)))
        self.firsts.setdefault(user, self._newest(user))

    async def edit(self, user: str, changes: dict[str, Any]) -> None:
        there = {each.get("externalId") for each in await self.cluster.org.sim("GET", "users")}
        if user in there:
            body = {"user": user, "changes": changes}
            async with self.cluster.org.http.post(f"{self.cluster.org.root}/_sim/edit", json=body) as answer:
                await answer.read()  # refused where they are deleted already

    async def find(self, user: str, which: str) -> None:
        """By the newest record, an older one, or one that is another user's."""
        place = {"now": self._newest(user), "first": self.firsts[user], "anybody": self._newest(PEOPLE[0])}[which]
        await self.cluster.find(user, "title", "account", kind="missing", incident=True, **place)

    def _newest(self, user: str) -> dict[str, Any]:
        return {"seq": self.cluster.org.records[user].seq, "offset": self.cluster.offsets[user]}

    async def do(self, kind: str, user: str, what: Any) -> None:
        match kind:
            case "say":
                await self.say(user, what)
            case "edit":
                await self.edit(user, what)
            case "find":
                await self.find(user, what)
            case "pass":
                await asyncio.sleep(what)
            case "fail":
                await self.cluster.org.faults({"kind": what, "method": "PATCH", "times": 1})
            case _:
                self.log.kill()
                self.running.cancel()
                await asyncio.gather(self.running, return_exceptions=True)
                self.log.expire_sessions()
                await self.begin()

    async def settle(self) -> None:
        """All fates are told, and whoever compares has found what is still to be repaired, twice."""
        await self.cluster.org.faults()
        await self.cluster.told(*self.said)
        for _ in range(2):
            await asyncio.sleep(60.0)
            for user in PEOPLE:
                await self.find(user, "now")
        await asyncio.sleep(60.0)


async def play(history: list[tuple[str, str, Any]], time: VirtualTime) -> tuple[Scene, list[dict[str, Any]]]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(create_app(SimulatorOptions(rate_limit=0))))
        http = await stack.enter_async_context(aiohttp.ClientSession(trace_configs=[watched(time)]))
        cluster = Cluster(Org(http, str(server.make_url("")).rstrip("/")))
        cluster.settings = cluster.settings.changed(loop_rounds=10, loop_window=60.0)
        cluster.clocks = time.clocks()
        scene = Scene(stack, cluster)
        await scene.begin()
        for user in PEOPLE:
            await scene.say(user, person(user))
        await cluster.told(*scene.said)
        for step in history:
            await scene.do(*step)
        await scene.settle()
        await cluster.outcomes()
        return scene, await cluster.org.sim("GET", "users")


def watched(time: VirtualTime) -> aiohttp.TraceConfig:
    """Knows what is on its way."""
    trace = aiohttp.TraceConfig()

    async def start(*_: Any) -> None:
        time.in_flight += 1

    async def end(*_: Any) -> None:
        time.in_flight -= 1

    trace.on_request_start.append(start)
    trace.on_request_end.append(end)
    trace.on_request_exception.append(end)
    return trace


async def told(scene: Scene) -> dict[str, list[dict[str, Any]]]:
    """Outcomes by user, in order."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    async for user, each in reading.read_topic(scene.cluster.log, OUTCOMES, orjson.loads):
        found[user].append(each or {})
    return found


@given(history=st.lists(steps, max_size=14))
@settings(max_examples=12)
def test_whatever_others_do_everybody_is_as_their_newest_record_says(history: list[tuple[str, str, Any]]) -> None:
    """In the end all are in, or out, with what is theirs; each fate is told once, and no older state after a newer."""
    time = VirtualTime(BEGIN)
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(time)) as runner:
        scene, accounts = runner.run(play(history, time))
        outcomes = runner.run(told(scene))
    for user in PEOPLE:
        desired = scene.cluster.org.records[user].desired
        (shown,) = [each for each in accounts if each.get("externalId") == user]
        if desired["active"]:
            enterprise = shown.get("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", {})
            assert (shown["active"], shown.get("title")) == (True, desired["title"]), history
            assert enterprise.get("department") == desired.get("department", enterprise.get("department"))
        else:
            assert shown["active"] is False, history
        newest = -1
        for line in outcomes[user]:
            assert line["seq"] >= newest or line["verdict"] == "superseded"
            newest = max(newest, line["seq"] if line["final"] else newest)
        fates = {line["seq"] for line in outcomes[user] if line["final"]}
        assert fates == {seq for name, seq in scene.said if name == user}
