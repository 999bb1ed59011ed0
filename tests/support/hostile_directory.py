"""Hands on to stand-ins of directories what is asked, and answers in their place what somebody hostile would."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeAlias

import aiohttp

MOST: Final = 256 * 1024 * 1024
"""Bytes after which an answer without end ends all the same."""
DATES: Final = (
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Mon, 30 Nov 99999 12:00:00 GMT",
    "",
    "0",
    "-1",
    ",",
    "Mon, 30 Nov 2026 12:00:00 +99999999999",
    "Mon, 00 Foo 0000 99:99:99 GMT",
    "Sat, 01 Jan 0001 00:00:00 +2359",
    "Mon, 30 Nov 2026 12:00:00 -0000",
    "Mon, " * 9,
    "\u00e9",
    "30 Nov 2026",
    "2026-11-30T12:00:00Z",
    "(((((",
    '"',
    "1" * 5000,
)
LINKS: Final = (
    "<>; rel=next",
    "<//[>; rel=next",
    "<https://{elsewhere}/x>; rel=next",
    "</>; rel=next",
    "<{url}>; rel=next",
    "<" * 50,
    "<javascript:x>; rel=next",
    '</x>; rel="next',
    "</ \x01>; rel=next",
    "<" + "x" * 9000 + ">; rel=next",
    ",,;;=",
    "<x>",
)
STATUSES: Final = (
    99,
    101,
    201,
    202,
    204,
    206,
    299,
    300,
    304,
    400,
    401,
    403,
    404,
    405,
    409,
    410,
    418,
    429,
    500,
    503,
    599,
    999,
)
CONTENTS: Final[tuple[bytes, ...]] = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"0",
    b'"x"',
    b"true",
    b"NaN",
    b"[NaN]",
    b'{"id":',
    b"[" * 100_000,
    b'{"a":' * 5000,
    b"[" * 300 + b"]" * 300,
    b"[" + b"{}," * 600_000 + b"{}]",
    b"[" + b"1," * 900_000 + b"1]",
    b'["\\ud800"]',
    b'["\xff"]',
    b"\xef\xbb\xbf[]",
    b"<html>down</html>",
    b'{"value":[1,2]}',
    b'{"value":{}}',
    b'{"value":[],"value":1}',
    b"\0" * 100,
    b'{"value":[{}],"@odata.deltaLink":"https://evil.example/"}',
    b'{"value":[],"@odata.nextLink":1}',
    b'{"data":{"results":1}}',
    b'{"employees":{"1":{}}}',
    b'{"Report_Entry":[null]}',
    b'{"Report_Entry":[{}]}',
    b'{"_embedded":{"users":[[]]}}',
    b'[{"id":' + b"9" * 5000 + b"}]",
    b'{"id":1e999}',
    b'{"results":[{"id":null}],"next":"' + b"x" * 100_000 + b'"}',
    b'{"responses":[{"individual_id":[]}]}',
    b'{"status":"success","data":{"results":[],"next":{}}}',
    b" " * 3_000_000,
)
BOMB: Final = gzip.compress(b" " * 50_000_000, 1)
KINDS: Final = (
    *[
        "date",
        "dates",
        "link",
        "status",
        "content",
        "content",
        "content",
        "packed",
        "framing",
        "endless",
        "slow",
        "stray",
        "redirect",
        "type",
        "cookies",
    ],
    *["retry", "odd_id", "other", "half", "many_keys", "long_text", "cycle", "elsewhere"],
)
"""What is wrong; from `odd_id` on an answer that is right but for that."""


@dataclass
class Asked:
    """A request, and what the stand-in says to it."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    content: bytes


Hostile: TypeAlias = Callable[[Asked, asyncio.StreamWriter], Awaitable[bool]]
"""Writes an answer; whether the connection goes on."""


@dataclass
class Door:
    """Between the product and the stand-ins."""

    root: str
    elsewhere: str
    """HOST:PORT of somebody else, who counts what comes."""
    hostile: Callable[[Asked], Hostile | None] = lambda _: None
    written: int = 0
    """Bytes of the longest answer since it was last looked at."""
    strayed: list[str] = field(default_factory=list)
    """Requests that came to somebody else."""


@asynccontextmanager
async def doors(root: str) -> AsyncIterator[tuple[Door, str]]:
    """A door to the stand-ins at `root`, and its own http://HOST:PORT."""
    door = Door(root, "")
    tasks: set[asyncio.Task[None]] = set()

    async with aiohttp.ClientSession(auto_decompress=False) as http:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while await _one(door, http, reader, writer):
                    pass
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, aiohttp.ClientError):
                pass
            finally:
                writer.transport.abort()

        async def stray(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, asyncio.IncompleteReadError):
                door.strayed.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
            writer.close()

        def kept(handler: Any) -> Any:
            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = asyncio.ensure_future(handler(reader, writer))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

            return accept

        servers = [await asyncio.start_server(kept(each), "127.0.0.1", 0) for each in (serve, stray)]
        ports = [server.sockets[0].getsockname()[1] for server in servers]
        door.elsewhere = f"127.0.0.1:{ports[1]}"
        try:
            yield door, f"http://127.0.0.1:{ports[0]}"
        finally:
            for server in servers:
                server.close()
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0.01)  # until the sockets are closed


async def _one(
    door: Door, http: aiohttp.ClientSession, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ")
    headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    body = await reader.readexactly(int(headers.get("Content-Length", "0")))
    async with http.request(method, door.root + path, headers=headers, data=body, allow_redirects=False) as given:
        names = {"date", "content-type", "link", "retry-after"}
        told = {name: value for name, value in given.headers.items() if name.lower() in names}
        asked = Asked(method, path, given.status, told, await given.read())
    hostile = None if "token" in path else door.hostile(asked)
    if hostile is None:
        writer.write(whole(asked.status, asked.headers, asked.content))
        await writer.drain()
        return True
    return await hostile(asked, writer)


def whole(status: int, headers: dict[str, str], content: bytes) -> bytes:
    """An answer with its length."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", *(f"{n}: {v}" for n, v in headers.items())]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + content


def chosen(rng: Random, door: Door, others: dict[str, str]) -> tuple[str, Hostile]:
    """Something hostile, and its name. `others`: ids of people, and whom to tell of in their place."""
    kind = rng.choice(KINDS)
    seed = rng.getrandbits(32)

    async def hostile(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        parts, goes_on, endless = _answer(kind, Random(seed), asked, door, others)
        sent = 0
        for part in parts:
            writer.write(part)
            await writer.drain()
            sent += len(part)
            if kind == "slow":
                await asyncio.sleep(0.02)
        while endless and sent < MOST and not writer.is_closing():
            writer.write(parts[-1])
            await asyncio.wait_for(writer.drain(), 2.0)
            sent += len(parts[-1])
        door.written = max(door.written, sent)
        return goes_on

    return f"{kind}/{seed}", hostile


def _answer(kind: str, rng: Random, asked: Asked, door: Door, others: dict[str, str]) -> tuple[list[bytes], bool, bool]:
    """Parts, whether the connection goes on, and whether the last part comes for ever."""
    status, headers, content = asked.status, dict(asked.headers), asked.content
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    match kind:
        case "date":
            headers["Date"] = rng.choice(DATES)
        case "dates":
            headers |= {"Date": rng.choice(DATES), "date": rng.choice(DATES)}
        case "link":
            headers["Link"] = rng.choice(LINKS).format(elsewhere=door.elsewhere, url=asked.path)
        case "status":
            status = rng.choice(STATUSES)
        case "content":
            status, content = rng.choice([200, 200, 200, 404]), rng.choice(CONTENTS)
        case "type":
            headers["Content-Type"] = rng.choice(["text/html", "application/octet-stream", "image/png; x=json"])
        case "redirect":
            status, headers["Location"] = rng.choice([301, 302, 307, 308]), f"http://{door.elsewhere}/x"
        case "cookies":
            headers |= {"Set-Cookie": 'a="\\0' + ";=" * rng.randrange(5000), "X" * 500: "y" * 60_000}
        case "retry":
            status, headers["Retry-After"] = (
                rng.choice([429, 503]),
                rng.choice(["99999999", "1e400", "-1", "soon", *DATES]),
            )
        case "packed":
            packed = gzip.compress(content)
            coding, content = rng.choice(
                [
                    ("gzip", BOMB),
                    ("gzip", packed[:-3]),
                    ("gzip", packed + packed),
                    ("gzip", b"x"),
                    ("br", content),
                    ("gzip, gzip", gzip.compress(packed)),
                    ("deflate", zlib.compress(content)),
                ]
            )
            headers["Content-Encoding"] = coding
        case "framing":
            broken = [
                whole(status, headers, content)[:-5],
                b"HTTP/9.9 x\r\n\r\n",
                b"\0" * 100,
                b"",
                head + b"Content-Length: -1\r\n\r\n",
                head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
                head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
                head + b"X: \0\r\n\r\n{}",
                head + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
                b"HTTP/1.1 200\r\n" + b"y" * 70_000,
            ]
            return [rng.choice(broken)], False, False
        case "endless":
            last = rng.choice(
                [
                    [head + b"\r\n", b" " * 65_536],
                    [head + b"\r\n[", b"{}," * 20_000],
                    [b"HTTP/1.1 100 C\r\n\r\n" * 500],
                    [head, b"X: " + b"x" * 60_000 + b"\r\n"],
                    [head, b"X: y\r\n" * 1000],
                    [head + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65_536 + b"\r\n"],
                    [head + b"Content-Encoding: gzip\r\n\r\n", BOMB],
                ]
            )
            return last, False, True
        case "slow":
            answer = whole(status, headers, content)
            return [answer[place : place + 1] for place in range(200)], False, False
        case "stray":
            stray = whole(404, headers, b'{"errorCode":"E0000007","code":"NOT_FOUND"}')
            return [whole(status, headers, content) + stray], True, False
        case _:
            content = _changed(kind, rng, asked, door, others)
    return [whole(status, headers, content)], True, False


def _changed(kind: str, rng: Random, asked: Asked, door: Door, others: dict[str, str]) -> bytes:
    """The right answer, but for one thing."""
    text = asked.content.decode("utf-8", "replace")
    found = next((each for each in others if each in text), "")
    match kind:
        case "odd_id":
            odd = rng.choice(
                ["null", "true", "[]", "{}", '""', "1.5", '"."', '".."', '"../x"', '"\\u0000"', f'"{"x" * 70_000}"']
            )
            return (text.replace(f'"{found}"', odd) if found else text).encode()
        case "other":
            return (text.replace(found, others[found]) if found else text).encode()
        case "half":
            return text.replace("{", '{"nick":"\\ud83d",', 1).encode()
        case "many_keys":
            keys = ",".join(f'"k{n}":{n}' for n in range(20_000))
            return text.replace("{", "{" + keys + ",", 1).encode()
        case "long_text":
            return text.replace("{", '{"nick":"' + "x" * 1_200_000 + '",', 1).encode()
        case "cycle":
            return _linked(text, asked.path)
        case _:
            return _linked(text, f"http://{door.elsewhere}{asked.path}")


def _linked(text: str, url: str) -> bytes:
    with suppress(ValueError):
        content = json.loads(text)
        if isinstance(content, dict):
            content |= {"@odata.nextLink": url, "next": url, "_links": {"next": {"href": url}}}
            content |= {"_meta": {"links": {"next": {"href": url}}}, "meta": {"page": {"nextCursor": url}}}
            if isinstance(content.get("data"), dict):
                content["data"]["next"] = url
            return json.dumps(content).encode()
    return text.encode()
