"""The sink as a process, without Kafka: what waits leaves room, and what was set aside goes on at the right time."""

import asyncio

import pytest

from streamproc.core.records.control import Action
from tests.support.reconciler import Org, person
from tests.support.sink import Bench


async def test_trips_that_come_back_from_a_wait_leave_room_for_leavers(org: Org) -> None:
    """However many wait for a retry at once: a leaver's turn starts, and connections aren't waited for."""
    bench = Bench(org, connections=2)
    users = [f"E{n}" for n in range(12)]
    for user in users:
        bench.give(user, **person(user))
    await bench.idle()
    await org.faults({"kind": "429", "retry_after": 1, "method": "PATCH", "times": 10})
    for user in users:
        bench.give(user, department="Sales")
    peak = 0
    async with asyncio.timeout(10):
        while bench.sink._tasks:
            peak = max(peak, bench.sink._gate._in_flight)
            await asyncio.sleep(0)
    assert peak == 2


async def test_an_old_wish_doesnt_let_a_leaver_in_after_a_takeover(org: Org) -> None:
    """What was set aside is tried again only when all that the sink before us may have done since has been read."""
    bench = Bench(org)
    bench.give("E1", **person("E1"), manager="M1")
    await bench.idle()
    bench.stores[0].waiting.clear()
    bench.give("M1", **person("M1"))
    await bench.idle()
    id_ = (await org.user())["id"]
    await org.patch(f"Users/{id_}", "replace", "active", False)  # the sink before us, which couldn't note it any more
    bench.stores[0].caught_up = False
    bench.sink._parked_work.retry()
    bench.sink._pump()
    await bench.idle()
    assert (await org.user())["active"] is False
    bench.give("E1", active=False)
    bench.stores[0].caught_up = True
    bench.sink._parked_work.retry()
    await bench.idle()
    assert (await org.user())["active"] is False


@pytest.mark.parametrize("action", ["skip", "retry"])
async def test_an_order_about_somebody_in_flight_is_obeyed_afterwards(org: Org, action: Action) -> None:
    """An order that comes while another attempt at the user is under way isn't lost."""
    bench = Bench(org)
    since = bench.give("E1", **person("E1"), genesysLanguage="Klingon", manager="M1")
    await bench.idle()
    await org.sim("POST", "config", {"languages": ["Klingon"]})
    bench.sink._parked_work.retry()
    bench.sink._pump()
    await asyncio.sleep(0)
    bench.order(action, "E1", since)
    await bench.idle()
    parked = bench.parked()
    assert (list(parked.attributes) if parked else []) == (["manager"] if action == "retry" else [])


async def test_nothing_is_started_on_a_partition_that_is_being_given_up(org: Org) -> None:
    """A retry that falls into the release of its partition doesn't leave a lane behind that is in flight for ever."""
    bench = Bench(org, revoke_wait=0.0)
    bench.give("E1", **person("E1"), manager="M1")
    await bench.idle()
    bench.stores[0].waiting.clear()
    bench.give("M1", **person("M1"))
    await bench.idle()
    bench.stores[0].confirmed -= 100

    async def flying() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            bench.sink._parked_work.retry()
            bench.sink._pump()

    task = asyncio.create_task(flying())
    bench.sink._tasks[task] = 1
    await asyncio.sleep(0)
    await bench.sink._rebalance.release([0, 1])
    del bench.sink._tasks[task]
    await bench.idle()
    assert len(bench.sink._lanes) == 0


async def test_a_release_holds_for_one_leave_only(org: Org) -> None:
    """Who came back before their release was carried out isn't let out by it when they are held the next time."""
    bench = Bench(org, guard_count=1, guard_share=0.0)
    for user in ("E0", "E1", "E2"):
        bench.give(user, **person(user), genesysLanguage="Klingon")
        await bench.idle()
    for user in ("E0", "E1"):
        bench.give(user, active=False)
        await bench.idle()
    parked = bench.parked()
    assert parked is not None
    assert parked.code == "held"
    bench.give("E1", active=True)
    bench.order("release", "E1", parked.since)
    await bench.idle()
    bench.give("E1", active=False)
    await bench.idle()
    assert (await org.user())["active"] is True
