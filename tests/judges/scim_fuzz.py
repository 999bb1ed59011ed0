"""Hostile and malformed SCIM requests at a gateway: `python -m tests.judges.scim_fuzz [--count N] [--seed N] [--json]`

None is answered by an error of ours, none in a way that SCIM clients can't read, none is left without an answer.
Nothing is written for somebody who has no token, no password is kept, and what the log holds leads to what clients
read.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final

import structlog
from structlog.testing import capture_logs

from streamproc.compose.clocks import SYSTEM
from streamproc.core.provider.event import decode
from streamproc.testing.memory_log import MemoryLog
from tests.judges.scim_fuzz_requests import MARK, PASSWORD, Fuzzed, Known, fuzzed
from tests.support.front_door import RunningDoor, front_door, until_served
from tests.support.scim_gateway import new_broker

COUNT: Final = 10_000
AT_ONCE: Final = 4
"""Connections."""
PATIENCE: Final = 20.0
"""Seconds for an answer."""
KNOWN: Final = 40
"""Ids of a kind that requests may name."""
_ERROR: Final = ["urn:ietf:params:scim:api:messages:2.0:Error"]


@dataclass(slots=True)
class Fuzzing:
    """What was tried and found."""

    tried: Counter[str] = field(default_factory=Counter)
    """Requests by kind."""
    answered: Counter[int] = field(default_factory=Counter)
    """By status; 0: the connection was closed, as for what isn't HTTP."""
    written: int = 0
    """Records of `events.scim`."""
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: dict[str, str]
    body: bytes


async def fuzz(seed: int, count: int, folder: Path) -> Fuzzing:
    """Plays so many."""
    found = Fuzzing()
    # No client makes a hundred requests a second; this one may, or most would only be told to slow down.
    clocks = replace(SYSTEM, ticks=lambda: time.monotonic() * 1000)
    broker = new_broker()
    with capture_logs() as logged:
        async with front_door(folder, MemoryLog(broker), clocks=clocks) as door:
            await until_served(door)
            known = Known([], [])
            for number in range(4):
                known.users.append((await door.send("POST", "/Users", {"userName": f"u{number}"})).body["id"])
                known.groups.append((await door.send("POST", "/Groups", {"displayName": f"g{number}"})).body["id"])
            players = [_Player(found, door, Random(f"{seed}/{number}"), known) for number in range(AT_ONCE)]
            await asyncio.gather(*(each.play(number, count) for number, each in enumerate(players)))
            await _goes_on(found, door)
            before = await _all_of(door)
        async with front_door(folder / "anew", MemoryLog(broker)) as anew:
            await until_served(anew)
            if await _all_of(anew) != before:
                found.faults.append("a gateway that starts anew serves something else")
    found.faults += [f"logged: {line}" for line in logged if line["log_level"] in {"error", "critical"}]
    records = broker.records("events.scim")
    found.written = len(records)
    for record in records:
        assert record.value is not None
        if MARK.encode() in record.value or PASSWORD.encode() in record.value:
            found.faults.append(f"kept: {record.value[:300]!r}")
        decode(record.value)
    if PASSWORD in repr(logged) or MARK in repr(logged):
        found.faults.append("a log line has what a client sent")
    return found


class _Player:
    """Sends on one connection, or on the next if that was closed."""

    def __init__(self, found: Fuzzing, door: RunningDoor, rng: Random, known: Known) -> None:
        self._found = found
        self._port = int(door.url.split(":")[2].partition("/")[0])
        self._rng = rng
        self._known = known
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def play(self, first: int, count: int) -> None:
        """Every so many-th, from the first."""
        for number in range(first, count, AT_ONCE):
            await self._one(fuzzed(self._rng, number, self._known))
        self._close()

    async def _one(self, sent: Fuzzed) -> None:
        self._found.tried[sent.kind] += 1
        if not sent.whole:
            self._close()
        try:
            async with asyncio.timeout(PATIENCE):
                reply = await self._exchange(sent)
        except TimeoutError:
            self._fault(sent, "no answer")
            self._close()
            return
        self._found.answered[0 if reply is None else reply.status] += 1
        if reply is None:
            if sent.whole:
                self._fault(sent, "the connection was closed without an answer")
            return
        if why := _wrong(sent, reply):
            self._fault(sent, why)
        if reply.status == 201:
            self._keep(json.loads(reply.body)["id"], is_group="/groups/" in reply.headers.get("location", "").lower())
        if not sent.whole or reply.headers.get("connection", "").lower() == "close":
            self._close()

    def _fault(self, sent: Fuzzed, why: str) -> None:
        self._found.faults.append(f"{sent.kind}: {why}: {sent.content[:600]!r}")

    def _keep(self, made: str, *, is_group: bool) -> None:
        ids = self._known.groups if is_group else self._known.users
        if len(ids) >= KNOWN:
            ids[self._rng.randrange(KNOWN)] = made
        else:
            ids.append(made)

    async def _exchange(self, sent: Fuzzed) -> _Reply | None:
        """None: the connection was closed instead. A connection that was closed before is opened again."""
        fresh = self._streams is None
        try:
            reader, writer = self._streams = self._streams or await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(sent.content)
            if not sent.whole:
                writer.write_eof()
            else:
                await writer.drain()
            return await _read(reader, sent.method)
        except (ConnectionError, asyncio.IncompleteReadError):
            self._close()
            return None if fresh else await self._exchange(sent)

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


async def _read(reader: asyncio.StreamReader, method: str) -> _Reply:
    """An answer, after those that only say that the body may come."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ")[1])
        if status >= 200:
            break
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    has_body = method != "HEAD" and status not in {204, 304}
    body = await reader.readexactly(int(headers.get("content-length", "0"))) if has_body else b""
    return _Reply(status, headers, body)


def _wrong(sent: Fuzzed, reply: _Reply) -> str | None:
    """What is wrong with an answer; None: nothing."""
    if not sent.proven and reply.status < 400:
        return f"{reply.status} without a token"
    if reply.status >= 500 and reply.status not in {501, 503}:
        return f"{reply.status} {reply.body[:300]!r}"
    if reply.status == 503 and "retry-after" not in reply.headers:
        return "503, and not when to come again"
    if PASSWORD.encode() in reply.body:
        return "the password is in the answer"
    if not reply.body:
        return None if reply.status in {204, 304} or sent.method == "HEAD" else f"{reply.status} without a body"
    if "json" not in reply.headers.get("content-type", ""):
        return f"{reply.status} {reply.headers.get('content-type')} {reply.body[:200]!r}"
    try:
        told: Any = json.loads(reply.body)
    except ValueError:
        return f"{reply.status} isn't JSON: {reply.body[:200]!r}"
    if reply.status >= 400 and sent.kind != "token":
        told = told if isinstance(told, dict) else {}
        if told.get("schemas") != _ERROR or told.get("status") != str(reply.status) or not told.get("detail"):
            return f"{reply.status} is no SCIM Error: {reply.body[:200]!r}"
    return None


async def _goes_on(found: Fuzzing, door: RunningDoor) -> None:
    """Afterwards a client is served as ever."""
    made = await door.send("POST", "/Users", {"userName": "who comes afterwards"})
    gone = await door.send("DELETE", f"/Users/{made.body.get('id')}")
    if (made.status, gone.status) != (201, 204):
        found.faults.append(f"afterwards a client is told {made.status} and {gone.status}")


async def _all_of(door: RunningDoor) -> list[Any]:
    """All that a client can read, with each group's members."""
    told: list[Any] = []
    for kind in ("Users", "Groups"):
        start = 1
        while True:
            page = (await door.send("GET", f"/{kind}?startIndex={start}&count=1000&attributes=members")).body
            whole = (await door.send("GET", f"/{kind}?startIndex={start}&count=1000")).body
            told += [*_without_place(page["Resources"]), *_without_place(whole["Resources"])]
            start += 1000
            if start > page["totalResults"]:
                break
    return told


def _without_place(resources: list[Any]) -> list[Any]:
    """Each gateway has a port of its own."""
    for each in resources:
        each.get("meta", {}).pop("location", None)
    return resources


def main() -> int:
    """Exit code 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.judges.scim_fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(fuzz(options.seed, options.count, Path(folder)))
    shown = {
        "tried": dict(found.tried.most_common()),
        "answered": {str(status): number for status, number in sorted(found.answered.items())},
        "written": found.written,
        "faults": len(found.faults),
        "seconds": round(time.monotonic() - begun, 1),
        "examples": found.faults[:20],
    }
    if options.json:
        sys.stdout.write(json.dumps(shown, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{name}: {value}\n" for name, value in shown.items() if name != "examples")
        sys.stdout.writelines(f"  {each}\n" for each in found.faults[:20])
    return int(bool(found.faults) or found.tried.total() < options.count)


if __name__ == "__main__":
    sys.exit(main())
