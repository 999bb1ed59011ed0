"""Why there is no connection, told by servers that aren't Kafka's, or don't answer as they should."""

import asyncio
import datetime as dt
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from streamproc.adapters.kafka import probe, topics
from streamproc.adapters.kafka.probe import connection_problem
from streamproc.core.errors import KafkaIdentityError, KafkaUnavailableError
from streamproc.settings import load_settings
from tests.support.secured import DAY, Authority

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads, and says nothing."""
    await reader.read()


async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A web server that was asked for something strange."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As much of Kafka as is asked before a password: the listener takes GSSAPI alone."""
    for answer in (b"", struct.pack(">hih", 33, 1, 6) + b"GSSAPI"):
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        await reader.readexactly(size)
        content = struct.pack(">i", 1) + answer
        writer.write(struct.pack(">i", len(content)) + content)
    await reader.read()


@asynccontextmanager
async def serving(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """HOST:PORT of a server that talks so."""
    talks: set[asyncio.Task[None] | None] = set()

    async def noted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        try:
            await talk(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(noted, "127.0.0.1", 0, ssl=tls)
    try:
        async with server:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        await asyncio.sleep(0.05)
        await asyncio.gather(*filter(None, talks))
        await asyncio.sleep(0)


def asked(talk: Talk, tls: ssl.SSLContext | None = None, **settings: Any) -> Exception | None:
    """What is told of a server that talks so."""

    async def ask() -> Exception | None:
        async with serving(talk, tls) as address:
            return await connection_problem(load_settings(kafka=address, **settings).kafka)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("talk", "kind", "words"),
    [
        (silent, KafkaUnavailableError, r"doesn't answer as a Kafka broker does \(nothing within 0\.2 s\)"),
        (web, KafkaUnavailableError, r"doesn't answer as a Kafka broker does \(it closed the connection\)"),
        (broker, KafkaIdentityError, r"wants a password \(SASL: GSSAPI\)"),
    ],
)
def test_a_port_of_somebody_else_is_told(
    talk: Talk, kind: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A web server, something that keeps silent, and a listener that wants what we don't have."""
    monkeypatch.setattr(probe, "PATIENCE", 0.2)
    with pytest.raises(kind, match=words):
        raise asked(talk) or AssertionError("nothing was told")


def test_a_brokers_certificate_that_has_ended_is_told(tmp_path: Path) -> None:
    """As that, not as an authority that isn't known."""
    authority = Authority("test")
    certificate, key = authority.issue("broker", hosts=["127.0.0.1"], ends=-DAY + dt.timedelta(hours=1))
    (tmp_path / "broker.pem").write_text(certificate + key)
    (tmp_path / "ca.pem").write_text(authority.pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "broker.pem")
    problem = asked(broker, context, kafka_security="SSL", kafka_ca=str(tmp_path / "ca.pem"))
    assert isinstance(problem, KafkaIdentityError)
    assert "isn't to be trusted: certificate has expired. " in str(problem)


def test_who_accepts_and_keeps_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aiokafka would wait for 40 s before it says anything."""
    monkeypatch.setattr(probe, "PATIENCE", 0.2)
    monkeypatch.setattr(topics, "FIRST_ANSWER", 0.3)

    async def connect() -> None:
        async with serving(silent) as address, topics.admin_of(load_settings(kafka=address).kafka):
            pass

    with pytest.raises(KafkaUnavailableError, match="nothing within"):
        asyncio.run(asyncio.wait_for(connect(), 5))


def test_a_name_that_nobody_knows_is_told() -> None:
    """Of several brokers, the first that is up decides; where none is, the first is named."""
    problem = asyncio.run(connection_problem(load_settings(kafka="nowhere.invalid:9092,127.0.0.1:1").kafka))
    assert isinstance(problem, KafkaUnavailableError)
    assert "no Kafka broker answers at nowhere.invalid:9092: " in str(problem)
