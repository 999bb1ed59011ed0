"""Gateway: takes in what sources send over HTTP, and answers success once the brokers have every record of it.

Rule 1: nothing is parsed that isn't proven (see `sources/proof.py`), and a door without a secret isn't there.
Rule 2: success means kept. What can't be kept within `SECONDS` is answered 503: whoever sends again makes duplicates,
which the log's readers recognise. Nothing is sent again from here.
Rule 3: what can't be read but is proven is kept in `events.rejected`, and mostly still answered as success: Okta never
repeats after a 4xx, Graph and PingOne would drop or block everything behind it.
Rule 4: an answer says nothing of why; the log says which check failed, for whom and from where, never a value.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import structlog
from aiohttp import web
from aiokafka.errors import KafkaError

from streamproc import telemetry
from streamproc.adapters.jwks import KeysUnavailableError
from streamproc.core.said import Ignored
from streamproc.services.doors import Door
from streamproc.services.issuer import Issuer
from streamproc.sources import SOURCES
from streamproc.sources.intake import Intake, Record, content_type, decoded, intake, records, rejected, unformed
from streamproc.sources.options import SourceOptions
from streamproc.sources.proof import after, before, own_items
from streamproc.sources.tokens import Refusal, Token

log = structlog.get_logger("streamproc.gateway")

SECONDS = 2.0
"""For the whole of a request: Okta and Graph give up, or slow down, after 3."""
HANDSHAKE = 2048
"""Characters of what a source asks to be repeated."""
QUIET = logging.getLogger("streamproc.gateway.http")
QUIET.disabled = True
"""For aiohttp, whose messages on malformed requests quote them, secrets and all."""


class Producer(Protocol):
    """The one thing that the gateway needs of Kafka's idempotent producer, with acks=all."""

    async def send(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[Any]:
        """Returns as soon as the record is on its way; the future is done when the brokers have it."""


class Answer(Exception):  # noqa: N818 - an answer that cuts the rest short, not an error
    """Ends a request with a status."""

    def __init__(self, status: int, content: dict[str, Any] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.content = content


class Gateway:
    """See above. `well` tells whether the brokers answer; `issuer` is that of door `set`."""

    def __init__(
        self,
        doors: Mapping[str, Door],
        options: Mapping[str, SourceOptions],
        producer: Producer,
        well: Callable[[], Awaitable[bool]],
        *,
        max_body: int,
        in_flight: int,
        issuer: Issuer | None = None,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._doors = doors
        self._options = options
        self._producer = producer
        self._well = well
        self._max_body = max_body
        self._in_flight = in_flight
        self._issuer = issuer
        self._clock = clock
        self._ticks = ticks
        self._busy = 0
        self._health = (float("-inf"), False)
        self._failure: asyncio.Future[None] | None = None

    def app(self) -> web.Application:
        """The routes: a door for each source that is configured, and whether we are well."""
        made = web.Application()
        made.router.add_get("/healthz", self._healthz)
        for door in self._doors.values():
            made.router.add_post(f"/v1/{door.name}", partial(self._counted, door))
        if "okta" in self._doors:
            made.router.add_get("/v1/okta", partial(self._challenge, self._doors["okta"]))
        return made

    async def run(self, host: str, port: int, tls: ssl.SSLContext | None, ready: Callable[[str], None]) -> None:
        """Serve until cancelled; `ready` is told the port. Raises what the producer couldn't overcome."""
        self._failure = asyncio.get_running_loop().create_future()
        runner = web.AppRunner(
            self.app(),
            access_log=None,
            logger=QUIET,
            auto_decompress=False,  # a few bytes could become gigabytes, and signatures are over what was sent
            keepalive_timeout=75,
            lingering_time=1,
            shutdown_timeout=SECONDS + 1,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
            ready(str(runner.addresses[0][1]))
            log.info("doors open", doors=sorted(self._doors), tls=tls is not None)
            await self._failure
        finally:
            await runner.cleanup()

    # Requests

    async def _healthz(self, request: web.Request) -> web.Response:  # noqa: ARG002
        since, well = self._health
        if self._ticks() - since > 1:
            self._health = (self._ticks(), False)  # while one asks, the others aren't kept waiting
            well = await self._well()
            self._health = (self._ticks(), well)
        return web.Response(status=200 if well else 503, text="ok" if well else "not ok")

    async def _challenge(self, door: Door, request: web.Request) -> web.Response:
        """Okta's one GET, which carries the secret as its events do."""
        challenge = request.headers.get("x-okta-verification-challenge", "")
        try:
            self._prove(door, request, 0)
        except Answer as answer:
            return web.Response(status=answer.status)
        if not 0 < len(challenge) <= HANDSHAKE:
            return web.Response(status=400)
        return web.json_response({"verification": challenge})

    async def _counted(self, door: Door, request: web.Request) -> web.Response:
        response = await self._post(door, request)
        telemetry.HOOKS.labels(door.name, str(response.status)).inc()
        return response

    async def _post(self, door: Door, request: web.Request) -> web.Response:
        if door.kind == "graph" and "validationToken" in request.query:
            return _validation(request.query["validationToken"])
        if self._busy >= self._in_flight:
            return _later()
        self._busy += 1
        try:
            await self._take(door, request)
        except Answer as answer:
            if answer.status == 503:
                return _later()
            if answer.content is None:
                return web.Response(status=answer.status)
            return web.json_response(answer.content, status=answer.status)
        except Exception as error:  # noqa: BLE001 - one request's bug mustn't be the next one's
            log.error("request failed", source=door.name, error=type(error).__name__)  # noqa: TRY400 - it may quote
            return _later()
        else:
            return web.Response(status=door.accepted)
        finally:
            self._busy -= 1

    def _prove(self, door: Door, request: web.Request, now: int) -> None:
        if failed := before(door.proofs, request.headers, _names(request), now):
            self._refuse(door, request, failed)

    def _refuse(self, door: Door, request: web.Request, check: str) -> None:
        log.warning("refused", source=door.name, check=check, remote=request.remote)
        raise Answer(401)

    async def _body(self, door: Door, request: web.Request, deadline: float) -> bytes:
        limit = self._max_body * door.factor
        if (request.content_length or 0) > limit:
            raise Answer(413)
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise Answer(415)
        parts: list[bytes] = []
        size = 0
        try:
            if request.content.is_eof():  # it came with the head, as most do
                parts.append(request.content.read_nowait())
            else:
                async with asyncio.timeout_at(deadline):
                    async for part in request.content.iter_any():
                        parts.append(part)
                        size += len(part)
                        if size > limit:
                            raise Answer(413)
        except TimeoutError:
            raise Answer(408) from None
        except (web.RequestPayloadError, ConnectionError):
            raise Answer(400) from None
        body = b"".join(parts)
        if len(body) > limit:
            raise Answer(413)
        return body

    async def _take(self, door: Door, request: web.Request) -> None:
        """Prove, read and keep a request. Raises Answer where it doesn't end in success."""
        deadline = asyncio.get_running_loop().time() + SECONDS
        headers, now = request.headers, int(self._clock() * 1_000_000)
        self._prove(door, request, now)
        body = await self._body(door, request, deadline)
        if failed := after(door.proofs, headers, body):
            self._refuse(door, request, failed)
        of = intake(door.source, headers, body, now)
        if door.kind == "set":
            await self._token(door, request, of, body, deadline)
            return
        if door.source == "hris":
            of, body = unformed(of, body)
        payload = decoded(of, body)
        if door.kind == "graph":
            payload = {"value": self._ours(door, request, payload)}
            made, ignored = self._records(of, payload, None)
        else:
            made, ignored = self._records(of, payload, body)
        if door.strict and ignored:
            made = [rejected(of, body, ignored[0].code, ignored[0].reason)]
        await self._append(made, deadline)
        if door.strict and ignored:
            raise Answer(400, {"code": ignored[0].code, "reason": ignored[0].reason})

    def _records(self, of: Intake, payload: Any, body: bytes | None) -> tuple[list[Record], list[Ignored]]:
        return records(SOURCES[of.source], self._options[of.source], of, payload, body)

    def _ours(self, door: Door, request: web.Request, payload: Any) -> list[dict[str, Any]]:
        ours, others = own_items(payload, door.states)
        if others or not ours:
            log.warning("refused", source=door.name, check="clientState", remote=request.remote, items=others)
        if not ours:
            raise Answer(401)
        return ours

    async def _token(self, door: Door, request: web.Request, of: Intake, body: bytes, deadline: float) -> None:
        """A Security Event Token. What is kept are the claims that were signed; a verification event is one too."""
        assert self._issuer is not None
        found: Token | Refusal = Refusal("invalid_request", "the content type isn't application/secevent+jwt")
        if content_type(of.headers) == "application/secevent+jwt":
            try:
                found = await self._issuer.checked(body, of.received)
            except KeysUnavailableError as error:
                log.error("keys unavailable", reason=str(error))  # noqa: TRY400 - it says all
                raise Answer(503) from None
        if isinstance(found, Refusal):
            log.warning("refused", source=door.name, check=found.err, why=found.description, remote=request.remote)
            raise Answer(400, {"err": found.err, "description": found.description})
        if self._issuer.knows(found):
            return
        made, _ = self._records(replace(of, headers={"content-type": "application/json"}), found.payload, found.claims)
        await self._append(made, deadline)
        self._issuer.kept(found)

    async def _append(self, made: list[Record], deadline: float) -> None:
        """Returns when the brokers have it all. Raises Answer where they don't in time; it may still get to them."""
        try:
            async with asyncio.timeout_at(deadline):
                sent = [await self._send(each) for each in made]
                for future in sent:
                    await future
        except TimeoutError:
            log.warning("not acknowledged in time", records=len(made))
            raise Answer(503) from None
        except KafkaError as error:
            self._fail(error)
            raise Answer(503) from None

    async def _send(self, record: Record) -> asyncio.Future[Any]:
        future = await self._producer.send(record.topic, record.value, record.key, headers=record.headers)
        future.add_done_callback(self._settled)
        return future

    def _settled(self, future: asyncio.Future[Any]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """The producer itself retries what can be. After anything else its sequence has a gap: it takes no more."""
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)


def _later() -> web.Response:
    return web.Response(status=503, headers={"Retry-After": "1"})


def _validation(given: str) -> web.Response:
    """Graph asks for its token back as it is, as plain text (learn.microsoft.com/graph/change-notifications-...)."""
    if not 0 < len(given) <= HANDSHAKE:
        return web.Response(status=400)
    return web.Response(text=given, content_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})


def _names(request: web.Request) -> frozenset[str]:
    """Common name and DNS names of a client certificate; TLS has verified it, or there is none."""
    found = None if request.transport is None else request.transport.get_extra_info("peercert")
    if not found:
        return frozenset()
    names = [value for part in found.get("subject", ()) for name, value in part if name == "commonName"]
    return frozenset([*names, *(value for kind, value in found.get("subjectAltName", ()) if kind == "DNS")])
