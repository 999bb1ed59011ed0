"""What goes to and fro, through whole sinks and their log: findings, orders, restarts."""

import asyncio
import itertools

import orjson
import pytest

from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.finding import Changed
from streamproc.core.records.topic_names import CONTROLS
from streamproc.core.records.units import Millis
from streamproc.operators.loops import frozen_items, unfreeze
from streamproc.testing.memory_log import MemoryLog
from tests.support.reconciler import Org, person
from tests.support.sinks_in_memory import PATIENCE, Cluster

KIM = Changed(Millis(1_780_000_000_000), "client-7", "p-1", "Kim Berg", "entry-1")
OURS, THEIRS = "e1@example.com", "boss@example.com"


@pytest.fixture
def cluster(org: Org) -> Cluster:
    return Cluster(org)


async def email(cluster: Cluster) -> str:
    """As the target shows it: in its own pages the email is what SCIM has as the userName."""
    return str((await cluster.org.user())["userName"])


async def edited(cluster: Cluster, times: int) -> list[str]:
    """A supervisor changes the email, and reconcile finds it, so many times. Returns what is there after each."""
    shown = []
    for _ in range(times):
        await cluster.org.sim("POST", "edit", {"user": "E1", "by": "Kim Berg", "changes": {"email": THEIRS}})
        await cluster.looked("E1", await cluster.find("E1", "userName", held=THEIRS, changed=KIM))
        shown.append(await email(cluster))
    return shown


async def released(cluster: Cluster, *items: str) -> None:
    """An operator lets items go."""
    (control,) = unfreeze(["E1"], items, "Kim Berg", "it was a mistake", Millis(next(_MOMENTS)))
    await cluster.log.producer().send_and_wait(CONTROLS, orjson.dumps(control), control.key.encode())


async def until_frozen(cluster: Cluster, *items: str) -> DeliveredState:
    """Wait until this is what is frozen, and what was let go has been tried. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while True:
            delivery = await cluster.delivery("E1")
            if {*delivery.frozen} == {*items} and (delivery.parked is None or delivery.parked.code != "stalled"):
                return delivery
            await asyncio.sleep(0.01)


_MOMENTS = itertools.count(1)


async def test_a_supervisor_who_changes_an_email_back_five_times(cluster: Cluster) -> None:
    """It is written three times and then frozen; the case names both; who leaves meanwhile is revoked at once."""
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        before = len(await cluster.org.ledger())
        assert await edited(cluster, 5) == [OURS, OURS, OURS, THEIRS, THEIRS]
        writes = [each for each in (await cluster.org.ledger())[before:] if each["method"] == "PATCH"]
        assert len(writes) == 3
        (found,) = await frozen_items(cluster.log)
        theirs, ours = found.case.parties
        assert (found.user, found.item, found.case.writes) == ("E1", "userName", 3)
        assert (theirs.name, theirs.by[0]) == ("client client-7, person Kim Berg (p-1)", "audit entry entry-1")
        assert (ours.name, ours.by[0]) == ("hris", "event e1 at seq 1")
        await cluster.org.sim("POST", "requests/reset")
        seq = await cluster.given("E1", active=False)
        assert (await cluster.outcomes())["E1", seq] == "revoked"
        assert await cluster.org.requests() == {"PATCH users/{id}": 1, "GET users/{id}": 1}
    assert (await cluster.org.user())["active"] is False


async def test_what_is_let_go_is_read_and_written_by_what_is_desired_now(cluster: Cluster) -> None:
    """The email that a source said meanwhile goes out; and the next fight is three more writes, and another case."""
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        await edited(cluster, 4)
        seq = await cluster.given("E1", userName="new@example.com")
        assert (await cluster.outcomes())["E1", seq] == "parked"
        assert await email(cluster) == THEIRS
        await released(cluster, "userName")
        delivery = await until_frozen(cluster)
        assert await email(cluster) == "new@example.com"
        assert (delivery.parked, [*delivery.rounds]) == (None, ["userName"])
        assert await edited(cluster, 4) == ["new@example.com"] * 3 + [THEIRS]


async def test_an_order_is_obeyed_once_and_by_the_next_sink_if_none_was_there(cluster: Cluster) -> None:
    """What was ordered while no sink ran is done by the next one. What is frozen anew afterwards stays so, whoever
    starts.
    """
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        await edited(cluster, 4)
    await released(cluster)
    async with cluster.sink(MemoryLog(cluster.broker)):
        await until_frozen(cluster)
        assert (await edited(cluster, 4))[-1] == THEIRS
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.looked("E1", await cluster.find("E1", "userName", held=THEIRS, changed=KIM))
        assert await email(cluster) == THEIRS
        assert [*(await cluster.delivery("E1")).frozen] == ["userName"]


async def test_an_order_about_another_item_lets_nothing_go(cluster: Cluster) -> None:
    """Nor does one to try again what is parked."""
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        await edited(cluster, 4)
        await released(cluster, "title")
        await cluster.order("retry", "E1")
        await cluster.looked("E1", await cluster.find("E1", "userName", held=THEIRS, changed=KIM))
        assert await email(cluster) == THEIRS
        assert [*(await cluster.delivery("E1")).frozen] == ["userName"]


async def test_a_leaver_s_items_are_let_go_without_a_request(cluster: Cluster) -> None:
    """When they return, what is desired then is written."""
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        await edited(cluster, 4)
        await cluster.given("E1", active=False)
        await cluster.org.sim("POST", "requests/reset")
        await released(cluster, "userName")
        await until_frozen(cluster)
        assert await cluster.org.requests() == {}
        await cluster.given("E1", active=True)
        assert await email(cluster) == OURS


async def test_a_fight_goes_on_at_the_next_sink(cluster: Cluster) -> None:
    """Two writes by one sink and one by the next are three."""
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        assert await edited(cluster, 2) == [OURS, OURS]
    async with cluster.sink(MemoryLog(cluster.broker)):
        assert await edited(cluster, 2) == [OURS, THEIRS]
