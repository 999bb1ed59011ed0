"""Graph's subscription: asked for, renewed, and made again when it is gone."""

import asyncio
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from streamproc.hydrator.directories.entra import Graph
from streamproc.hydrator.graph_subscription import EVERY, keep_subscribed
from streamproc.hydrator.troubles import Beside, beside_troubles
from tests.support.hydrator import World, until
from tests.support.stand_ins import ADA


async def test_graph_is_asked_to_notify_and_asked_again(world: World) -> None:
    """One subscription, with the client state and for as long as may be; renewed, and made anew when it's gone."""
    site, graph = world.site, world.directories["entra"]
    assert isinstance(graph, Graph)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", site.receive)
    async with TestServer(app) as server:
        url = str(server.make_url("/v1/entra"))
        site.echoes = False  # the gateway isn't there yet
        beside = Beside()
        keeping = asyncio.create_task(keep_subscribed(graph, url, "state-of-graph", world.clock.clocks, beside))
        await until(lambda: world.clock.slept > 30)
        assert [each.code for each in beside_troubles(beside)] == ["subscription"]
        site.echoes = True

        async def only() -> dict[str, Any]:
            async with asyncio.timeout(20):
                while not (subscriptions := (await site.get("/graph/v1.0/subscriptions"))["value"]):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            (subscription,) = subscriptions
            return dict(subscription)

        first = await only()
        begun = world.clock.slept
        await until(lambda: world.clock.slept > begun + 3 * EVERY)
        second = await only()
        assert list(beside_troubles(beside)) == []
        assert (first["id"], first["notificationUrl"]) == (second["id"], url)
        assert second["expirationDateTime"] > first["expirationDateTime"]
        (hook,) = await graph.hooks()
        assert (hook.url, hook.wrong, hook.ends) == (url, "", second["expirationDateTime"])
        await site.call("DELETE", f"/graph/v1.0/subscriptions/{first['id']}")
        assert (await only())["id"] != first["id"]
        who = await site.put("graph", ADA)
        await site.until_got(1)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
    (item,) = site.got[0][2]["value"]
    assert (item["clientState"], item["resourceData"]["id"]) == ("state-of-graph", who)
