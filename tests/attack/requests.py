"""Strangers at the gateway, over real sockets: nobody is let in by what he sends, and nobody is kept out by him.

The gateway is a process of its own, whose records, memory, descriptors and log are looked at from outside. While
strangers besiege it (more silent, slow and half sent requests than there are places) and try one request after the
other, senders who have the secrets send their hooks: each of theirs must succeed.
"""

import asyncio
import hashlib
import re
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count as counting
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson
import psutil
import uvloop

from tests.attack.part import Found, Part
from tests.support import hostile_http, hostile_proofs
from tests.support.gateway_process import GatewayProcess, Written, gateway_process
from tests.support.gateway_requests import AUDIENCE, ISSUER, JWKS
from tests.support.hostile_requests import GENUINE, MARK, SECRET, Hostile, request

KINDS: Final = (*hostile_proofs.KINDS, *hostile_http.KINDS)
SETTINGS: Final[dict[str, Any]] = {
    "gateway_token": SECRET,
    "okta_hook_secret": SECRET,
    "entra_client_state": SECRET,
    "pingone_hook_secret": SECRET,
    "workday_hook_secret": SECRET,
    "hris_hook_secret": SECRET,
    "hris_hook_signature": "gusto",
    "set_issuer": ISSUER,
    "set_audience": AUDIENCE,
}
BESIEGERS: Final = 250
"""Connections; and there are only a few more places than these."""
SHORT: Final = 50
"""Inputs, or fewer, in a suite that other tests run beside: fewer strangers, and who is cut off sends once more."""
AT_ONCE: Final = 40
PATIENCE: Final = 12.0
"""Seconds in which every connection must have come to an end, or to an answer."""
MEMORY: Final = 150
"""MB that strangers may cost."""
_STATUS: Final = re.compile(rb"^HTTP/[0-9.]+ ([0-9]{3})", re.MULTILINE)


def attack(rng: Random, count: int) -> Found:
    """So many hostile requests, one of each kind in turn."""
    found = Found()
    hostile = [KINDS[number % len(KINDS)](rng) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Attack(found, Path(folder)).play(hostile))
    return found


class _Attack:
    def __init__(self, found: Found, folder: Path) -> None:
        self.found = found
        self.folder = folder
        self.gateway: GatewayProcess
        self.sent: Counter[str] = Counter()
        """Genuine requests by the SHA-256 of their bodies."""
        self.torn: set[str] = set()
        """The same of those that came after a request that couldn't be read."""
        self.numbers = counting()
        self.over = False
        self.peak = 0
        self.tries = 1

    async def play(self, hostile: list[Hostile]) -> None:
        keys = self.folder / "keys.json"
        keys.write_bytes(orjson.dumps(JWKS))
        besiegers, at_once = BESIEGERS, AT_ONCE
        if len(hostile) <= SHORT:
            besiegers, at_once, self.tries = BESIEGERS // 3, AT_ONCE // 4, 3
        settings = SETTINGS | {"set_jwks": str(keys), "gateway_connections": besiegers + 6}
        async with gateway_process(settings, self.folder) as self.gateway:
            before = psutil.Process(self.gateway.process.pid).memory_info().rss
            background = [
                asyncio.create_task(each)
                for each in (*map(self._besiege, range(besiegers)), *map(self._send, GENUINE), self._watch())
            ]
            places, half = asyncio.Semaphore(at_once), len(hostile) // 2
            await asyncio.gather(*(self._try(each, places) for each in hostile[:half]))
            self._take_descriptors()
            await asyncio.gather(*(self._try(each, places) for each in hostile[half:]))
            self.over = True
            for each in background[:besiegers]:
                each.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await self._settled()
            if self.gateway.process.returncode is not None:
                self.found.harmed("unhandled", "the gateway has ended")
        grown = (self.peak - before) / 2**20
        if grown > MEMORY:
            self.found.harmed("unbounded", f"{grown:.0f} MB more")
        self._judge_records(self.gateway.written)
        self._judge_log(self.gateway.log.read_bytes(), len(hostile))

    def _take_descriptors(self) -> None:
        """From now on the gateway may have fewer than it uses."""
        process = psutil.Process(self.gateway.process.pid)
        _, hard = process.rlimit(psutil.RLIMIT_NOFILE)
        process.rlimit(psutil.RLIMIT_NOFILE, (max(30, process.num_fds() - 20), hard))

    # Strangers

    async def _besiege(self, number: int) -> None:
        """Hold a place: silent, with half a head, or with a body that never ends."""
        begun = (
            b"",
            b"POST /v1/okta HTTP/1.1\r\nHost: gateway\r\nX: ",
            request("/v1/hris", b"", ("X-Gusto-Signature", "0" * 64), ("Content-Length", "1000000"), length=False)
            + b"{",
            request("/v1/entra", b"", ("Content-Length", "1000000"), length=False) + b"{",
            request("/v1/set", b"", ("Transfer-Encoding", "chunked"), length=False) + b"5\r\nab",
        )[number % 5]
        while not self.over:
            with suppress(OSError):
                async with self._connection() as (reader, writer):
                    writer.write(begun)
                    held = time.monotonic()
                    while not reader.at_eof():
                        with suppress(TimeoutError):
                            await asyncio.wait_for(reader.read(1000), 1)
                        if time.monotonic() - held > PATIENCE:
                            self.found.harmed("without_fate", f"{begun!r} holds a connection for ever")
                            return
                        if number % 10 >= 5:
                            writer.write(b"x")
            await asyncio.sleep(1)

    async def _try(self, hostile: Hostile, places: asyncio.Semaphore) -> None:
        async with places:
            self.found.tried += 1
            answered, ended = b"", False
            try:
                async with self._connection() as (reader, writer):
                    for piece in hostile.pieces:
                        writer.write(piece)
                        await asyncio.sleep(0)
                    if hostile.torn:
                        writer.write(self._genuine("okta", torn=True))
                    if hostile.ends:
                        writer.write_eof()
                    answered, ended = await _answer(reader, wait_for_end=hostile.torn)
            except OSError:
                ended = True
            except TimeoutError:
                pass
        statuses = [int(status) for status in _STATUS.findall(answered) if status != b"100"]
        told = f"{hostile.kind}: {b''.join(hostile.pieces)[:300]!r} -> {answered[:200]!r}"
        if not statuses and not ended:
            self.found.harmed("without_fate", told)
        if any(status >= 500 and status != 503 for status in statuses):
            self.found.harmed("unhandled", told)
        if any(status < 300 for status in statuses) and b"validationToken" not in hostile.pieces[0]:
            self.found.harmed("let_in", told)
        if len(answered) > 100_000:
            self.found.harmed("unbounded", told)

    # Those who have the secrets

    async def _send(self, door: str) -> None:
        """One hook after the other, each on a connection of its own, in two pieces."""
        while not self.over:
            whole = self._genuine(door)
            answered = b""
            for _ in range(self.tries):
                try:
                    async with self._connection() as (reader, writer):
                        writer.write(whole[: len(whole) - 5])
                        await asyncio.sleep(0.005)
                        writer.write(whole[-5:])
                        answered, _ = await _answer(reader)
                except (OSError, TimeoutError) as error:
                    answered = repr(error).encode()
                if answered.startswith(b"HTTP/"):
                    break
            if not re.match(rb"HTTP/1\.1 20[024] ", answered):
                self.found.harmed("kept_in", f"a leaver's hook at {door} was answered {answered[:60]!r}")
            await asyncio.sleep(0.02)

    async def _watch(self) -> None:
        process = psutil.Process(self.gateway.process.pid)
        while not self.over:
            with suppress(psutil.Error):
                self.peak = max(self.peak, process.memory_info().rss)
            with suppress(OSError, TimeoutError):
                async with self._connection() as (reader, writer):
                    writer.write(request("/healthz", method="GET"))
                    answered, _ = await _answer(reader)
                if not answered.startswith(b"HTTP/1.1 200"):
                    self.found.harmed("unhandled", f"healthz says {answered[:60]!r}")
            await asyncio.sleep(0.1)

    async def _settled(self) -> None:
        """Of all connections none is left."""
        process = psutil.Process(self.gateway.process.pid)
        until = time.monotonic() + PATIENCE
        while (left := len(process.net_connections("tcp")) - 1) > 0:
            if time.monotonic() > until:
                self.found.harmed("unbounded", f"{left} connections are left")
                return
            await asyncio.sleep(0.05)

    def _genuine(self, door: str, *, torn: bool = False) -> bytes:
        whole = GENUINE[door](next(self.numbers))
        digest = hashlib.sha256(whole.partition(b"\r\n\r\n")[2]).hexdigest()
        if torn:
            self.torn.add(digest)
        else:
            self.sent[digest] += 1
        return whole

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    # What became of it

    def _judge_records(self, written: list[Written]) -> None:
        """Each is one of theirs who have the secrets, as they have said it, and each of these is there."""
        seen: set[str] = set()
        for record in written:
            digest = record.headers.get("streamproc-body") or record.key.rpartition("/")[2]
            if MARK in record.key + "".join(record.headers.values()):
                self.found.harmed("wrong_account", f"{record} was said by somebody else")
            elif digest in self.torn:
                self.found.harmed("let_in", f"{record} was sent after what can't be read")
            elif digest not in self.sent:
                self.found.harmed("let_in", f"{record}")
            seen.add(digest)
        for digest in self.sent.keys() - seen:
            self.found.harmed("without_fate", f"a hook isn't in the log: {digest}")

    def _judge_log(self, log: bytes, tried: int) -> None:
        lines = log.splitlines()
        if SECRET.encode() in log:
            self.found.harmed("let_in", "a secret is in the log")
        for line in lines:
            if b"Traceback" in line or b"request failed" in line:
                self.found.harmed("unhandled", line[:300].decode("utf-8", "replace"))
        if len(lines) > 200 + tried / 10:
            self.found.harmed("unbounded", f"{len(lines)} lines in the log")


async def _answer(reader: asyncio.StreamReader, *, wait_for_end: bool = False) -> tuple[bytes, bool]:
    """What comes back until there is an answer or the connection ends, and whether it has. Raises TimeoutError."""
    answered = bytearray()
    async with asyncio.timeout(PATIENCE):
        while True:
            part = await reader.read(65536)
            answered += part
            if not part:
                return bytes(answered), True
            heads = [each for each in re.split(rb"(?=HTTP/[0-9.]+ )", bytes(answered)) if b"\r\n\r\n" in each]
            if not wait_for_end and any(not each.startswith(b"HTTP/1.1 100") for each in heads):
                return bytes(answered), False


PARTS: Final = (Part("requests", 5000, SHORT, attack),)
