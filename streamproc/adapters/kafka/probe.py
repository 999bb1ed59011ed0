"""Why a cluster can't be connected to: one connection by hand, step by step; aiokafka only says that there is none.

TCP, then TLS, then Kafka's own first requests, then the password; the step that fails names the fault. It is asked when
something has failed, never before.
"""

import asyncio
import os
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeVar

from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.errors import KafkaError, SaslAuthenticationFailed
from aiokafka.protocol.metadata import MetadataRequest

from streamproc.adapters.kafka.client import connection
from streamproc.adapters.kafka.principal import expired, principal, subject
from streamproc.core.errors import KafkaIdentityError, KafkaUnavailableError
from streamproc.settings import KafkaSettings

PATIENCE: Final = 3.0
"""Seconds for each step with a broker."""
API_VERSIONS: Final = 18
SASL_HANDSHAKE: Final = 17
UNSUPPORTED_MECHANISM: Final = 33
LARGEST_ANSWER: Final = 1 << 20

Problem = KafkaUnavailableError | KafkaIdentityError
Result = TypeVar("Result")


class Address(NamedTuple):
    """A broker's, from the settings or as the cluster tells it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


async def connection_problem(kafka: KafkaSettings) -> Problem | None:
    """What keeps us from the cluster; None: nothing does. Brokers that are down don't matter while one is up."""
    bootstrap = [Address(host, port) for host, port, _ in collect_hosts(kafka.bootstrap_servers, randomize=False)]
    found: list[Problem] = []
    for address in bootstrap:
        problem = await _problem(kafka, address)
        if problem is None:
            return await _advertised_problem(kafka, address, {*bootstrap})
        found.append(problem)
    # A broker that refuses us says more than one that is down.
    return min(found, key=lambda each: isinstance(each, KafkaUnavailableError))


async def _problem(kafka: KafkaSettings, address: Address) -> Problem | None:
    if (problem := await _tcp_problem(address)) is not None:
        return problem
    context = kafka.ssl_context()
    try:
        async with _opened(address, context) as (reader, writer):
            await _ask(reader, writer, API_VERSIONS, b"")
            code, mechanisms = _mechanisms(await _ask(reader, writer, SASL_HANDSHAKE, _text(kafka.sasl_mechanism)))
    except ssl.SSLCertVerificationError as error:
        return KafkaIdentityError(
            f"the certificate of Kafka's broker {address} isn't to be trusted: {error.verify_message.rstrip('.')}. "
            "Is STREAMPROC_KAFKA_CA the authority that signed it, and the name in STREAMPROC_KAFKA one of its names?"
        )
    except (OSError, EOFError, TimeoutError) as error:
        return await _closed(kafka, address, error)
    if not kafka.security.startswith("SASL"):
        if code in {0, UNSUPPORTED_MECHANISM}:
            return KafkaIdentityError(
                f"Kafka's broker {address} wants a password (SASL: {', '.join(mechanisms)}), and "
                f"STREAMPROC_KAFKA_SECURITY is {kafka.security}"
            )
        return None
    if code == UNSUPPORTED_MECHANISM:
        return KafkaIdentityError(
            f"Kafka's broker {address} takes passwords by {', '.join(mechanisms)}, and STREAMPROC_KAFKA_SASL_MECHANISM "
            f"is {kafka.sasl_mechanism}"
        )
    if code:
        plain = kafka.security.removeprefix("SASL_")
        return KafkaIdentityError(
            f"Kafka's broker {address} takes no password: STREAMPROC_KAFKA_SECURITY is {kafka.security}, and there it "
            f"should be {plain}"
        )
    return await _password_problem(kafka, address)


async def _tcp_problem(address: Address) -> Problem | None:
    try:
        async with _opened(address, None):
            return None
    except TimeoutError:
        why = f"no answer within {PATIENCE:g} s"
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)
    return KafkaUnavailableError(f"no Kafka broker answers at {address}: {why}. Is it up? Is STREAMPROC_KAFKA right?")


async def _closed(kafka: KafkaSettings, address: Address, error: Exception) -> Problem:
    """Why a broker says nothing, or hangs up, where it should have greeted us."""
    with_tls = kafka.security.endswith("SSL")
    if with_tls and await _speaks_plainly(address):
        return KafkaIdentityError(
            f"Kafka's broker {address} speaks without TLS, and STREAMPROC_KAFKA_SECURITY is {kafka.security}: give the "
            "port of its TLS listener"
        )
    if not with_tls and await _speaks_tls(address):
        return KafkaIdentityError(
            f"Kafka's broker {address} speaks TLS, and STREAMPROC_KAFKA_SECURITY is {kafka.security}: there it should "
            "be SSL or SASL_SSL"
        )
    why = _alert(error)
    if not with_tls or isinstance(error, TimeoutError):
        return KafkaUnavailableError(
            f"{address} doesn't answer as a Kafka broker does ({why}). Is STREAMPROC_KAFKA right?"
        )
    if kafka.certificate is None:
        return KafkaIdentityError(
            f"Kafka's broker {address} wants a client certificate, it seems ({why}): set STREAMPROC_KAFKA_CERTIFICATE "
            "and STREAMPROC_KAFKA_KEY, or give the port of another listener"
        )
    if (ended := expired(kafka, datetime.now(UTC))) is not None:
        return KafkaIdentityError(
            f"Kafka's broker {address} refuses our certificate {subject(kafka)}: it ended on {ended:%Y-%m-%d %H:%M} UTC"
        )
    return KafkaIdentityError(
        f"Kafka's broker {address} refuses our certificate {subject(kafka)} ({why}). Is the authority that signed it "
        "one of those that the broker trusts?"
    )


async def _password_problem(kafka: KafkaSettings, address: Address) -> Problem | None:
    try:
        link = await _connected(kafka, address)
    except SaslAuthenticationFailed:
        return KafkaIdentityError(
            f"Kafka's broker {address} doesn't accept the user name and password of {principal(kafka)} "
            f"({kafka.sasl_mechanism}): see STREAMPROC_KAFKA_USERNAME and STREAMPROC_KAFKA_PASSWORD"
        )
    except (KafkaError, OSError, ValueError) as error:
        return KafkaIdentityError(
            f"Kafka's broker {address} hung up on {principal(kafka)}'s password ({error or type(error).__name__})"
        )
    link.close()
    return None


async def _advertised_problem(kafka: KafkaSettings, address: Address, known: set[Address]) -> Problem | None:
    """Brokers are connected to at the addresses that they tell, whatever the settings say. None: one can be reached."""
    try:
        link = await _connected(kafka, address)
        try:
            metadata = await _within(link.send(MetadataRequest([])))
        finally:
            link.close()
    except (KafkaError, OSError, ValueError):
        return None
    told = [Address(broker[1], broker[2]) for broker in metadata.brokers]
    problems = {each: None if each in known else await _problem(kafka, each) for each in told}
    unreachable = {each: problem for each, problem in problems.items() if problem is not None}
    if not unreachable or len(unreachable) < len(told):
        return None
    first = next(iter(unreachable))
    return KafkaUnavailableError(
        f"Kafka's broker {address} answers, and says that it is to be reached at {first} (advertised.listeners): "
        f"{unreachable[first]}"
    )


async def _connected(kafka: KafkaSettings, address: Address) -> AIOKafkaConnection:
    """As aiokafka does it, with the password."""
    arguments = connection(kafka)
    del arguments["bootstrap_servers"]
    return await _within(create_conn(*address, **arguments))


@asynccontextmanager
async def _opened(
    address: Address, context: ssl.SSLContext | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await _within(asyncio.open_connection(*address, ssl=context))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError, TimeoutError):
            await _within(writer.wait_closed())


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: int, body: bytes) -> bytes:
    """A request of an early version, which every broker takes before it knows who asks. Raises OSError, EOFError."""
    version = 1 if key == SASL_HANDSHAKE else 0
    request = struct.pack(">hhi", key, version, 1) + _text("streamproc") + body
    writer.write(struct.pack(">i", len(request)) + request)
    await writer.drain()
    (size,) = struct.unpack(">i", await _within(reader.readexactly(4)))
    if not 4 <= size < LARGEST_ANSWER:
        raise EOFError("what came isn't Kafka's")
    return (await _within(reader.readexactly(size)))[4:]


def _mechanisms(answer: bytes) -> tuple[int, list[str]]:
    """Error code and the listener's SASL mechanisms."""
    code, count = struct.unpack_from(">hi", answer)
    at, names = 6, []
    for _ in range(count):
        (length,) = struct.unpack_from(">h", answer, at)
        names.append(answer[at + 2 : at + 2 + length].decode())
        at += 2 + length
    return code, names


async def _speaks_plainly(address: Address) -> bool:
    try:
        async with _opened(address, None) as (reader, writer):
            await _ask(reader, writer, API_VERSIONS, b"")
    except (OSError, EOFError, TimeoutError):
        return False
    return True


async def _speaks_tls(address: Address) -> bool:
    """Whether it answers a TLS greeting; whose certificate it is doesn't matter here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with _opened(address, context):
            return True
    except (OSError, TimeoutError):
        return False


def _alert(error: Exception) -> str:
    """What the other side said of the reason, if anything."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    if isinstance(error, TimeoutError):
        return f"nothing within {PATIENCE:g} s"
    return "it closed the connection"


def _text(content: str) -> bytes:
    return struct.pack(">h", len(content.encode())) + content.encode()


async def _within(step: Awaitable[Result]) -> Result:
    async with asyncio.timeout(PATIENCE):
        return await step
