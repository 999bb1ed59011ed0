"""What others changed at the target: a finding names the user, and the sink reads them and puts it right."""

import asyncio
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.finding import Changed, Difference, Finding
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.topic_names import FINDINGS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import encode
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.lanes import Lanes
from streamproc.sink.finding_follower import AT_ONCE
from streamproc.testing.memory_log import MemoryLog
from tests.support.reconciler import Org, person
from tests.support.sink import Bench
from tests.support.sinks_in_memory import PATIENCE, Cluster

KIM = Changed(Millis(1_780_000_000_000), "client-7", "p-1", "Kim Berg", "entry-1")


@pytest.fixture
def cluster(org: Org) -> Cluster:
    return Cluster(org)


async def reads(cluster: Cluster) -> int:
    """Requests to the target since the last call."""
    before = sum((await cluster.org.requests()).values())
    await cluster.org.sim("POST", "requests/reset")
    return before


async def test_what_somebody_changed_by_hand_is_put_right_and_told(cluster: Cluster) -> None:
    """The title is ours again by one read and one write, and the outcome names the finding and who changed it."""
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        id_ = (await cluster.org.user())["id"]
        await cluster.org.patch(f"Users/{id_}", "replace", "title", "Boss")
        await reads(cluster)
        ended = await cluster.looked("E1", await cluster.find("E1", "title", held="Boss", changed=KIM))
    assert (await cluster.org.user())["title"] == "Agent"
    assert await reads(cluster) == 2
    assert ended["verdict"] == "delivered"
    assert ended["cause"]["source"] == "streamproc"
    assert ended["cause"]["reason"] == f"title was changed in the target by {KIM.who} at 2026-05-28T20:26:40Z"


async def test_whoever_was_let_in_again_by_hand_is_out_again(cluster: Cluster) -> None:
    """A leaver who was activated in the target is revoked and read back, and no fate is told twice."""
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        await cluster.given("E1", active=False)
        id_ = (await cluster.org.user())["id"]
        await cluster.org.patch(f"Users/{id_}", "replace", "active", True)
        ended = await cluster.looked("E1", await cluster.find("E1", "active", held=True, incident=True))
        await cluster.outcomes()
    assert (await cluster.org.user())["active"] is False
    assert ended["verdict"] == "revoked"
    assert ended["read_back"] is not None


async def test_a_finding_that_isnt_so_costs_one_read(cluster: Cluster) -> None:
    """Whatever a finding says, nothing is written where the target holds what is desired."""
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        before = len(await cluster.org.ledger())
        await reads(cluster)
        ended = await cluster.looked("E1", await cluster.find("E1", "title", "active", "roles", held="Boss"))
    assert ended["verdict"] == "no-op"
    assert await reads(cluster) == 1
    assert len(await cluster.org.ledger()) == before


async def test_findings_that_lead_to_nothing_name_nobody_to_the_target(cluster: Cluster) -> None:
    """Wrong places and seqs, other users' records, seeded and observed attributes, what is on its way, strange records:
    no request. The sink goes on, and the next one that is right is obeyed.
    """
    async with cluster.sink(MemoryLog(cluster.broker)) as running:
        for user in ("E1", "E2"):
            await cluster.given(user, **person(user))
        await cluster.given("E3", **person("E3"))
        newest = cluster.org.records["E1"].seq
        await reads(cluster)
        for wrong in (-1, cluster.offsets["E1"] + 1, 10**9):
            await cluster.find("E1", "title", offset=wrong)
        await cluster.find("E1", "title", seq=newest + 1)
        await cluster.find("E1", "title", seq=newest - 1)
        await cluster.find("E1", "title", offset=cluster.offsets["E3"], seq=cluster.org.records["E3"].seq)
        await cluster.find("E2", "title", kind="pending")
        await cluster.find("E2", "title", policy="seed")
        await cluster.find("E2", "title", policy="observe")
        await cluster.find("E2")
        for value in (None, b"no json", orjson.dumps({"user": "E1"})):
            await cluster.log.producer().send_and_wait(FINDINGS, value, b"E1")
        right = await cluster.find("E3", "title")
        await cluster.looked("E3", right)
        assert not running.done()
    assert await reads(cluster) == 1
    assert await cluster.lines("E1") == []
    assert await cluster.lines("E2") == []


async def test_another_users_record_of_the_same_seq_is_not_written(cluster: Cluster) -> None:
    """A mapping gives all users a record of one seq. A finding that names somebody else's leads to nothing."""
    one, other = [user for user in map("E{}".format, range(30)) if partition_of(user.encode(), 4) == 0][:2]
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given(one, **person(one))
        cluster.org.offset = 0
        await cluster.given(other, **person(other))
        await reads(cluster)
        await cluster.find(one, "title", offset=cluster.offsets[other])
        await cluster.looked(other, await cluster.find(other, "title"))
    assert await reads(cluster) == 1
    assert await cluster.lines(one) == []


async def test_whoever_is_missing_is_created_again(cluster: Cluster) -> None:
    """Somebody of ours was deleted in the target: they are looked up, and there again."""
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        before = (await cluster.org.user())["id"]
        await cluster.org.call("DELETE", f"Users/{before}")
        ended = await cluster.looked("E1", await cluster.find("E1", "account", kind="missing"))
    assert ended["verdict"] == "delivered"
    assert (await cluster.org.user())["active"] is True


async def test_newer_work_goes_before_a_look(cluster: Cluster) -> None:
    """A finding about a record that is no longer the newest leads to nothing."""
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        old: dict[str, Any] = {"seq": cluster.org.records["E1"].seq, "offset": cluster.offsets["E1"]}
        await cluster.given("E1", job="Lead")
        await reads(cluster)
        await cluster.find("E1", "title", **old)
        await cluster.looked("E1", await cluster.find("E1", "title"))
    assert await reads(cluster) == 1
    assert (await cluster.org.user())["title"] == "Lead"


async def test_who_is_held_back_by_the_guard_stays_held(cluster: Cluster) -> None:
    """A finding that says that a leaver has access lets nobody past the mass guard, and asks nothing of the target."""
    cluster.settings = cluster.settings.changed(guard_count=1, guard_share=0.0)
    async with cluster.sink(MemoryLog(cluster.broker)):
        for user in ("E0", "E1"):
            await cluster.given(user, **person(user))
        for user in ("E0", "E1"):
            await cluster.given(user, active=False)
        assert (await cluster.outcomes())["E1", cluster.org.records["E1"].seq] == "held"
        await reads(cluster)
        await cluster.find("E1", "active", held=True, incident=True)
        await asyncio.sleep(0)
        id_ = (await cluster.org.user("E0"))["id"]
        await cluster.org.patch(f"Users/{id_}", "replace", "active", True)
        await reads(cluster)
        ended = await cluster.looked("E0", await cluster.find("E0", "active", held=True, incident=True))
    assert ended["verdict"] == "revoked"
    assert (await cluster.org.user("E0"))["active"] is False
    assert (await cluster.org.user("E1"))["active"] is True
    assert await cluster.lines("E1") == []


async def test_who_isnt_ours_is_never_read(cluster: Cluster) -> None:
    """Who is out of scope is named in no request, whatever a finding says of them."""
    cluster.org.mapping = parse_mapping("""
[scope]
who = 'department == "Care"'
[attributes]
title = "job"
""")
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"), department="Warehouse")
        await cluster.given("E2", **person("E2"), department="Care")
        await reads(cluster)
        await cluster.find("E1", "account", "active", held=True, kind="missing", incident=True)
        await cluster.looked("E2", await cluster.find("E2", "title"))
    assert await reads(cluster) == 1
    assert await cluster.lines("E1") == []


async def test_a_flood_of_findings_takes_few_places_and_looks_at_each_once(cluster: Cluster) -> None:
    """While the target can't be asked, few looks wait among what is new, and of each user only the newest finding."""
    users = [f"E{number}" for number in range(40)]
    async with cluster.sink(MemoryLog(cluster.broker)):
        for seq in [(user, await cluster.say(user, **person(user))) for user in users]:
            await cluster.told(seq)
        (sink,) = cluster.sinks
        assert sink._findings is not None
        sink._gate.stopped = True
        last = {}
        for _ in range(10):
            for user in users:
                last[user] = await cluster.find(user, "title")
        async with asyncio.timeout(PATIENCE):
            while len(sink._findings._looks) < len(users) - AT_ONCE:  # noqa: ASYNC110 - it is another task
                await asyncio.sleep(0.01)
        assert len(sink._lanes) <= AT_ONCE
        sink._gate.stopped = False
        for user in users[AT_ONCE * 2 :]:
            await cluster.looked(user, last[user])
        assert max([len(await cluster.lines(user)) for user in users[AT_ONCE * 2 :]]) == 2


async def test_a_reactivated_leaver_waits_for_no_other_look(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others who are looked at wait behind a backlog. Who has access again is out at once all the same, and those who
    only are said to have it wait with the others.
    """
    users = [f"E{number}" for number in range(3 * AT_ONCE)]
    async with cluster.sink(MemoryLog(cluster.broker)):
        for seq in [(user, await cluster.say(user, **person(user))) for user in users]:
            await cluster.told(seq)
        await cluster.given("E0", active=False)
        await cluster.org.sim("POST", "edit", {"user": "E0", "changes": {"state": "active"}})
        (sink,) = cluster.sinks
        take = Lanes[Work].take
        monkeypatch.setattr(Lanes, "take", lambda lanes, **_: take(lanes, revocations=True))
        for user in users[1:]:
            await cluster.find(user, "title", incident=True)
        ended = await cluster.looked("E0", await cluster.find("E0", "active", held=True, incident=True))
        assert len(sink._lanes) <= AT_ONCE
    assert ended["verdict"] == "revoked"


async def test_a_look_goes_on_at_the_sink_that_has_the_partition(cluster: Cluster) -> None:
    """One sink dies. What is found afterwards the other one puts right, and nothing is told twice."""
    doomed = MemoryLog(cluster.broker)
    users = [f"E{number}" for number in range(8)]
    async with AsyncExitStack() as stack:
        dying = await stack.enter_async_context(cluster.sink(doomed))
        await stack.enter_async_context(cluster.sink(MemoryLog(cluster.broker)))
        for user in users:
            await cluster.given(user, **person(user))
        doomed.kill()
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        doomed.expire_sessions()
        for user in users:
            id_ = (await cluster.org.user(user))["id"]
            await cluster.org.patch(f"Users/{id_}", "replace", "title", "Boss")
        while {(await cluster.org.user(user))["title"] for user in users} != {"Agent"}:
            for user in users:
                await cluster.find(user, "title")
            await asyncio.sleep(0.1)
    await cluster.outcomes()


async def test_sessions_are_ended_where_access_was_taken_and_only_there(cluster: Cluster) -> None:
    """A look that finds a leaver without access ends nobody's sessions; one that takes it again does."""
    root = f"{cluster.org.root}/api/v2"
    cluster.settings = cluster.settings.changed(end_sessions=True, platform_url=root)
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        await cluster.given("E1", active=False)
        looked = await cluster.looked("E1", await cluster.find("E1", "active", incident=True))
        await cluster.org.sim("POST", "edit", {"user": "E1", "changes": {"state": "active"}})
        revoked = await cluster.looked("E1", await cluster.find("E1", "active", incident=True))
    assert (looked["verdict"], looked["sessions_ended"]) == ("no-op", None)
    assert (revoked["verdict"], revoked["sessions_ended"] is not None) == ("revoked", True)


async def test_a_look_waits_until_it_is_known_what_the_sink_before_has_done(org: Org) -> None:
    """A partition has just come, and the sink before may have delivered a leaving that isn't read yet: none begins."""
    bench = Bench(org)
    seq = bench.give("E1", **person("E1"))
    await bench.idle()
    id_ = (await org.user())["id"]
    await org.patch(f"Users/{id_}", "replace", "active", False)  # the sink before us, which couldn't note it any more
    difference = Difference("active", "changed", "own", True, False, "changed by hand")
    finding = Finding("E1", id_, None, [difference], Millis(0), Millis(0), seq=seq, offset=0)
    value = orjson.dumps(finding)
    found = SimpleNamespace(topic=FINDINGS, partition=0, offset=0, timestamp=0, key=b"E1", value=value)
    record = SimpleNamespace(value=encode(org.records["E1"]), offset=0)
    follower, store = bench.sink._findings, bench.stores[0]
    assert follower is not None
    follower.take(cast("Any", found))
    store.caught_up = False
    assert follower._looks.take(AT_ONCE, follower._can_go, urgent=False) == []
    store.caught_up = True
    (each,) = follower._looks.take(AT_ONCE, follower._can_go, urgent=False)
    store.caught_up = False
    follower.begin(each, cast("Any", record))
    assert len(bench.sink._lanes) == 0
    store.caught_up = True
    follower.begin(each, cast("Any", record))
    assert "E1" in bench.sink._lanes
