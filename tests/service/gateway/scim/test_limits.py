"""Bodies that come slowly, half, or many at once: what they may cost, and whom."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from streamproc.gateway.scim import routes
from streamproc.gateway.scim.service import SHORT, ScimService
from tests.support.front_door import ROOT, TOKEN, RunningDoor, front_door, served, until_served

HEAD = (f"POST {ROOT}/Users HTTP/1.1", "Host: here", f"Authorization: Bearer {TOKEN}")


async def opened(
    running: RunningDoor, *head: str, body: bytes = b""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A request of which more is to come."""
    host, _, port = running.url.removeprefix("http://").partition("/")[0].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write("\r\n".join([*head, "", ""]).encode() + body)
    await writer.drain()
    return reader, writer


async def answered(reader: asyncio.StreamReader) -> tuple[int, Any]:
    """Status and JSON."""
    head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    size = next(int(line.split()[1]) for line in head if line.lower().startswith(b"content-length"))
    return int(head[0].split()[1]), json.loads(await reader.readexactly(size))


async def test_a_body_that_doesnt_come_is_not_waited_for(tmp_path: Path) -> None:
    """A client that stops in the middle is told so in seconds, and nothing of it is written."""
    async with front_door(tmp_path) as running:
        await until_served(running)
        reader, writer = await opened(running, *HEAD, "Content-Length: 99", body=b'{"userName": "kim"')
        status, body = await answered(reader)
        assert (status, body["status"]) == (408, "408")
        writer.close()
        assert (await running.send("GET", "/Users?count=0")).body["totalResults"] == 0


async def test_half_a_body_is_nothing(tmp_path: Path) -> None:
    """Who hangs up before all of it was there has written nothing, and others don't notice."""
    async with front_door(tmp_path) as running:
        await until_served(running)
        for end in (b'{"userName": "kim"}', b""):
            _, writer = await opened(running, *HEAD, "Content-Length: 99", body=end)
            writer.transport.abort()
        assert (await running.send("GET", "/Users?count=0")).body["totalResults"] == 0


async def test_a_body_in_chunks_is_a_body(tmp_path: Path) -> None:
    """Clients that don't know how long it will be send it in chunks."""
    async with front_door(tmp_path) as running:
        await until_served(running)
        reader, writer = await opened(running, *HEAD, "Transfer-Encoding: chunked")
        content = json.dumps({"userName": "kim@example.com"}).encode()
        for part in (content[:5], content[5:], b""):
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
        assert (await answered(reader))[0] == 201
        writer.close()


async def test_large_bodies_of_one_connection_are_few_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One client's groups don't fill the memory: one more is told to come again, and small requests go on."""
    monkeypatch.setattr(routes, "LARGE_AT_ONCE", 1)
    async with front_door(tmp_path, connections=[served(), served("entra", "token-of-entra")]) as running:
        await until_served(running)
        chunked = (*HEAD[:2], "Transfer-Encoding: chunked")
        statuses: list[int] = []
        async with asyncio.timeout(20):
            while 503 not in statuses:  # on a machine that stands still the first may be over before the second comes
                two = [await opened(running, *chunked, HEAD[2], body=b"1\r\n{\r\n") for _ in range(2)]
                statuses = [(await answered(reader))[0] for reader, _ in two]
                for _, writer in two:
                    writer.close()
        assert sorted(statuses) == [408, 503]
        assert (await running.send("POST", "/Users", {"userName": "kim@example.com"})).status == 201
        reader, writer = await opened(running, *chunked, "Authorization: Bearer token-of-entra", body=b"1\r\n{\r\n")
        assert (await answered(reader))[0] == 408
        writer.close()


async def test_a_long_body_holds_up_nobody(tmp_path: Path) -> None:
    """While a group of thousands is read, the connection's other requests and everybody else have their answers."""
    go_on = threading.Event()
    reading = ScimService._wish

    def slow(*arguments: Any) -> Any:
        if len(arguments[-1].body) > SHORT:
            assert go_on.wait(30)
        return reading(*arguments)

    async with front_door(tmp_path) as running:
        await until_served(running)
        members = [{"value": f"{number:036}"} for number in range(SHORT // 36)]
        with patch.object(ScimService, "_wish", slow):
            long = asyncio.create_task(running.send("POST", "/Groups", {"displayName": "All", "members": members}))
            for name in ("kim", "lee"):
                assert (await running.send("POST", "/Users", {"userName": name})).status == 201
            assert not long.done()
            go_on.set()
            made = await long
        assert (made.status, len(made.body["members"])) == (201, len(members))
