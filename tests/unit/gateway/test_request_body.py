"""A body of which nothing more will come: the request is refused as cut off, and mistakes of ours stay visible."""

import asyncio
from unittest.mock import Mock

import pytest
from aiohttp import web

from streamproc.gateway.fast_path import SharedTimeout
from streamproc.gateway.request_body import Bodies
from streamproc.gateway.responses import HttpError

HEAD = b"POST /v1/okta HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"


async def begun(*, gone: bool) -> web.BaseRequest:
    """A request whose head has come. `gone`: the connection was lost before its handler had its first turn."""
    loop = asyncio.get_running_loop()
    handled: asyncio.Future[web.BaseRequest] = loop.create_future()
    over: asyncio.Future[web.StreamResponse] = loop.create_future()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        handled.set_result(request)
        return await over  # never

    connection = web.Server(handle)()
    connection.connection_made(Mock(asyncio.Transport))
    await asyncio.sleep(0)
    connection.data_received(HEAD)
    await asyncio.sleep(0)  # aiohttp has the request, and knows of none that it could tell
    if gone:
        connection.connection_lost(None)
    return await handled


@pytest.mark.parametrize("proven", [True, False])
async def test_who_is_gone_before_the_body_is_read_has_cut_it_off(proven: bool) -> None:
    """Anybody may go at any moment: that is no failure of ours in the log."""
    request = await begun(gone=True)
    with pytest.raises(HttpError) as refused:
        await Bodies(SharedTimeout(), 100).read(request, asyncio.get_running_loop().time() + 60, proven=proven)
    assert (refused.value.status, refused.value.why) == (400, "cut_off")


async def test_a_mistake_of_ours_isnt_taken_for_somebody_who_has_gone() -> None:
    """While the connection stands, an error such as reading one body twice at a time is told as what it is."""
    request, bodies = await begun(gone=False), Bodies(SharedTimeout(), 100)
    deadline = asyncio.get_running_loop().time() + 60
    first = asyncio.create_task(bodies.read(request, deadline, proven=True))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="another coroutine"):
        await bodies.read(request, deadline, proven=True)
    first.cancel()
