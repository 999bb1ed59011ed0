"""Connections over real sockets: strangers take no places, heads end in time, a lack of descriptors is told.

Nothing ends by a limit but by those that a test sets, short ones; what has to come about may take long.
"""

import asyncio
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from structlog.testing import capture_logs

from streamproc.core.errors import SettingsError
from streamproc.gateway import connection, connections, request_body, server
from tests.support.certificates import certificate
from tests.support.gateway import NEW, OKTAS, Running, gateway
from tests.support.gateway_requests import BODY, OKTA, signed

PROVEN = f"POST /v1/okta HTTP/1.1\r\nHost: a\r\nAuthorization: {NEW}\r\nContent-Length: 2\r\n\r\n{{}}"
HRIS = {"hris_hook_secret": NEW, "hris_hook_signature": "gusto"}


Ends: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
SOON: Final = 20.0
"""Seconds for what has to come about, on a machine that is busy."""
NEVER: Final = 200.0
"""Seconds that no test waits."""


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """None is met, unless a test sets it; and what is overdue is soon seen."""
    for name in ("GRACE", "HEAD", "IDLE", "UNREAD"):
        monkeypatch.setattr(connection, name, NEVER)
    monkeypatch.setattr(connections, "HANDSHAKE", NEVER)
    monkeypatch.setattr(connections, "SWEEP", 0.02)
    monkeypatch.setattr(request_body, "GRACE", NEVER)
    monkeypatch.setattr(server, "SECONDS", SOON)
    return monkeypatch


@asynccontextmanager
async def connected(running: Running, count: int) -> AsyncIterator[list[Ends]]:
    """Plain connections."""
    host, port = running.root.rpartition("//")[2].split(":")
    connections_ = [await asyncio.open_connection(host, port) for _ in range(count)]
    try:
        yield connections_
    finally:
        for _, writer in connections_:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in connections_), return_exceptions=True)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What still came until the other side ended it; it must end soon."""
    async with asyncio.timeout(SOON):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def test_strangers_who_hold_connections_keep_nobody_out() -> None:
    """More than there are places, silent, with half a head or half a body: hooks go through, each in time."""
    few = {"gateway_connections": 40, "gateway_in_flight": 2}
    async with gateway(OKTAS | HRIS | few) as running, connected(running, 60) as idle:
        for number, (_, writer) in enumerate(idle):
            if number % 3 == 1:
                writer.write(b"POST /v1/okta HTTP/1.1\r\nHost:")
            if number % 3 == 2:
                writer.write(b"POST /v1/hris HTTP/1.1\r\nHost: a\r\nX-Gusto-Signature: 1\r\nContent-Length: 9\r\n\r\n{")
        async with asyncio.timeout(SOON):
            for _ in range(20):
                assert await running.status("/v1/okta", OKTA, Authorization=NEW) == 204
                assert await running.status("/v1/hris", BODY, **signed("gusto", NEW.encode())) == 200


async def test_strangers_bodies_take_no_place_of_a_proven_one(limits: pytest.MonkeyPatch) -> None:
    """As many as they like wait for a body that is still to be signed, and the largest go when there are too many."""
    head = b"POST /v1/hris HTTP/1.1\r\nHost: a\r\nX-Gusto-Signature: 1\r\nContent-Length: 1000000\r\n\r\n{"
    limits.setattr(request_body, "GRACE", 0.4)
    async with gateway(HRIS | {"gateway_in_flight": 1}) as running, connected(running, 31) as all_of_them:
        (reader, writer), *strangers = all_of_them
        for _, stranger in strangers:
            stranger.write(head)
        await asyncio.sleep(0.1)  # they wait
        limits.setattr(request_body, "GRACE", NEVER)
        sent_headers = "".join(f"{name}: {value}\r\n" for name, value in signed("gusto", NEW.encode()).items())
        writer.write(f"POST /v1/hris HTTP/1.1\r\nHost: a\r\n{sent_headers}Content-Length: {len(BODY)}\r\n\r\n".encode())
        await asyncio.sleep(0.1)  # a body comes in two parts if it is a large one
        writer.write(BODY)
        async with asyncio.timeout(SOON):
            assert (await reader.readline()).split()[1] == b"200"
            answers = [await reader.readline() for reader, _ in strangers]
        assert {answer.split()[1] for answer in answers} == {b"408", b"503"}


@pytest.mark.parametrize(
    ("sent", "answer"),
    [(b"", b""), (b"POST /v1/okta HTTP/1.1\r\nHost:", b"408"), (b"GET /" + b"x" * 7000, b"408")],
    ids=["nothing", "half a head", "a line without end"],
)
async def test_heads_end_in_time(limits: pytest.MonkeyPatch, sent: bytes, answer: bytes) -> None:
    """Whoever sends nothing, or not all, is told so and gone; a byte now and then doesn't help."""
    for name, seconds in {"GRACE": 0.2, "HEAD": 0.3, "IDLE": 0.3}.items():
        limits.setattr(connection, name, seconds)
    async with gateway(OKTAS) as running, connected(running, 1) as ((reader, writer),):
        writer.write(sent)

        async def drip() -> None:
            while sent:
                await asyncio.sleep(0.05)
                writer.write(b"x")

        dripping = asyncio.create_task(drip())
        got = await ended(reader)
        dripping.cancel()
        assert got.split()[1:2] in ([answer], []), "what it still sends may keep it from reading the answer"


async def test_a_connection_that_has_proven_itself_stays(limits: pytest.MonkeyPatch) -> None:
    """Between its requests, for longer than a stranger may; the head of the next one has to come as fast as any."""
    async with gateway(OKTAS) as running, connected(running, 1) as ((reader, writer),):
        for _ in range(3):
            writer.write(PROVEN.encode())
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
            limits.setattr(connection, "IDLE", 0.2)
            async with connected(running, 1) as ((stranger, _),):
                assert await ended(stranger) == b""
        limits.setattr(connection, "GRACE", 0.2)
        writer.write(b"POST")
        assert (await ended(reader)).split()[1] == b"408"


async def test_a_head_is_limited_however_it_comes() -> None:
    """Many lines, long ones, and lines without end, in pieces or at once: none is kept."""
    async with gateway(OKTAS) as running:
        for line in (b"x: " + b"y" * 8000 + b"\r\n", b"x: y\r\n", b"x" * 5000):
            async with connected(running, 1) as ((reader, writer),):
                writer.write(b"GET /healthz HTTP/1.1\r\n")
                with suppress(ConnectionError):
                    for _ in range(20_000):
                        writer.write(line)
                        await writer.drain()
                        if reader.at_eof():
                            break
                assert (await ended(reader)).split()[1:2] in ([b"431"], [b"400"], [])


async def test_answers_that_nobody_reads_end_the_connection(limits: pytest.MonkeyPatch) -> None:
    """Requests without end by somebody who never reads what comes back don't stay."""
    limits.setattr(connection, "UNREAD", 0.3)
    async with gateway({"entra_client_state": NEW}) as running:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", int(running.root.rpartition(":")[2])))
        asked = "/v1/entra?validationToken=" + "x" * 2000  # which is sent back, so that few fill all buffers
        many = f"POST {asked} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode() * 10
        with pytest.raises(ConnectionError):  # noqa: PT012 - whichever of them it is
            async with asyncio.timeout(SOON):
                while True:
                    await loop.sock_sendall(sock, many)
        sock.close()


async def test_requests_that_wait_behind_one_are_few() -> None:
    """Whoever sends on without waiting for answers is read again when it is their turn, and all are answered."""
    many = b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"".join(b"x%d: %s\r\n" % (n, b"y" * 8000) for n in range(3))
    async with gateway(OKTAS) as running, connected(running, 1) as ((reader, writer),):
        running.brokers.mode = "silent"
        writer.write(PROVEN.encode())
        async with asyncio.timeout(SOON):
            while not running.brokers.pending:  # noqa: ASYNC110 - it is another task
                await asyncio.sleep(0.01)
        for _ in range(1000):
            writer.write(many + b"\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.5)
        for future in running.brokers.pending:
            future.set_result(None)
        for status in [b"204", *[b"200"] * 1000]:
            assert (await reader.readuntil(b"\r\n\r\n")).split()[1] == status
            await reader.readexactly(2 if status == b"200" else 0)


@contextmanager
def last_descriptors() -> Iterator[list[socket.socket]]:
    """All that this process may still have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 6, hard))
    taken: list[socket.socket] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(socket.socket())
        yield taken
    finally:
        for each in taken:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_running_out_of_descriptors_is_told_and_survived() -> None:
    """Who is connected goes on meanwhile, somebody who is a stranger goes, and whoever comes gets in again."""
    async with gateway(OKTAS) as running, connected(running, 1) as ((reader, writer),):
        writer.write(PROVEN.encode())
        await reader.readuntil(b"\r\n\r\n")
        with capture_logs() as logs:
            with last_descriptors() as taken:
                port = int(running.root.rpartition(":")[2])
                for each in taken[:4]:
                    each.setblocking(False)
                    await asyncio.get_running_loop().sock_connect(each, ("127.0.0.1", port))
                    await asyncio.sleep(0.1)
                writer.write(PROVEN.encode())
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
            assert await running.status("/v1/okta", OKTA, Authorization=NEW) == 204
        assert any("ulimit" in log["event"] and log["log_level"] == "error" for log in logs)


async def test_tls_that_isnt_agreed_on_ends(tmp_path: Path, limits: pytest.MonkeyPatch) -> None:
    """Silence, or rubbish, instead of a handshake holds a place of a stranger for a while, and no other one."""
    limits.setattr(connections, "HANDSHAKE", 0.5)
    certificate(tmp_path, "gateway", certificate(tmp_path, "ca"))
    tls = {"gateway_certificate": tmp_path / "gateway.pem", "gateway_key": tmp_path / "gateway.key"}
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    few = {"gateway_connections": 20}
    async with gateway(OKTAS | tls | few, client=client) as running, connected(running, 30) as silent:
        _, rubbish = silent[-1]
        rubbish.write(b"GET / HTTP/1.1\r\n\r\n")
        await asyncio.sleep(0.1)  # they hold their places
        limits.setattr(connections, "HANDSHAKE", NEVER)
        for _ in range(10):
            assert await running.status("/v1/okta", OKTA, Authorization=NEW) == 204
        for reader, _ in silent:
            await ended(reader)


async def test_a_port_that_is_taken_is_told_by_its_settings_name() -> None:
    """Nor is a host that isn't this machine's taken for a wrong port."""
    async with gateway(OKTAS) as running:
        port = int(running.root.rpartition(":")[2])
        with pytest.raises(SettingsError, match=f"gateway_port: can't listen at 127.0.0.1 port {port}: "):
            await connections.listen("127.0.0.1", port)
    with pytest.raises(SettingsError, match="gateway_host: "):
        await connections.listen("192.0.2.1", 0)
    with pytest.raises(SettingsError, match="gateway_host: nowhere"):
        await connections.listen("nowhere.invalid", 0)
