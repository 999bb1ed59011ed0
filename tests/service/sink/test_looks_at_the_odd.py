"""Findings and hands that nobody expects: what can't be meant stops no sink, and leavers whom others let in are out."""

import orjson
import pytest

from streamproc.core.records.finding import Changed
from streamproc.core.records.topic_names import FINDINGS
from streamproc.core.records.units import Millis
from streamproc.testing.memory_log import MemoryLog
from tests.support.reconciler import Org, person
from tests.support.sinks_in_memory import Cluster

LEAVERS = [f"E{number}" for number in range(8)]


@pytest.fixture
def cluster(org: Org) -> Cluster:
    return Cluster(org)


async def test_a_finding_of_no_time_and_one_without_an_end_stop_no_sink(cluster: Cluster) -> None:
    """An edit in the year 31,690,708, and a value nested a hundred thousand deep: the first costs its read, the second
    nothing, and the sink goes on.
    """
    deep = b'{"user":"E1","differences":[{"held":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}"
    async with cluster.sink(MemoryLog(cluster.broker)) as running:
        await cluster.given("E1", **person("E1"))
        await cluster.log.producer().send_and_wait(FINDINGS, deep, b"E1")
        for at in (10**18, -(10**17)):
            by = Changed(Millis(at), "client-7", None, None, "entry-1")
            ended = await cluster.looked("E1", await cluster.find("E1", "title", held="Boss", changed=by))
            assert ended["cause"]["reason"] == f"title was changed in the target by client client-7 at {at} ms"
        await cluster.log.producer().send_and_wait(FINDINGS, orjson.dumps(None), b"E1")
        assert not running.done()


@pytest.mark.parametrize("known", [True, False], ids=["inactive", "unknown"])
async def test_who_had_no_access_when_they_left_is_out_again_however_many_are(cluster: Cluster, known: bool) -> None:
    """Leavers who were inactive in the target already, or unknown there, were never counted by the mass guard. Let in
    by hand all at once, all are out again: no source said anything new that it could be wrong about. Whoever leaves
    then by their source is counted without them.
    """
    cluster.settings = cluster.settings.changed(guard_count=2, guard_day_count=2)
    org, made = cluster.org, dict[str, str]()
    for user in LEAVERS if known else ():
        made[user] = await org.foreign(user.lower(), externalId=user, active=False)
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E9", **person("E9"))
        for user in LEAVERS:
            await cluster.given(user, **{**person(user), "active": False})
        for user in LEAVERS:
            if known:
                await org.patch(f"Users/{made[user]}", "replace", "active", True)
            else:
                await org.foreign(user.lower(), externalId=user, active=True)
        ended = [await cluster.looked(user, await cluster.find(user, "active", incident=True)) for user in LEAVERS]
        assert {each["verdict"] for each in ended} == {"revoked"}
        await cluster.given("E9", active=False)
        outcomes = await cluster.outcomes()
    shown = {each["externalId"]: each["active"] for each in await org.sim("GET", "users")}
    assert not any(shown[user] for user in LEAVERS)
    assert outcomes["E9", org.records["E9"].seq] == "revoked"
