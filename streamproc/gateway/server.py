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
from typing import Any, Protocol, TypeAlias

import structlog
from aiohttp import HttpVersion11, web
from aiokafka.errors import KafkaError
from prometheus_client import Counter

from streamproc import telemetry
from streamproc.core.parsed_payload import Ignored
from streamproc.core.records.producer_record import Record
from streamproc.gateway import request_body
from streamproc.gateway.decide.authentication import check_body, check_headers, own_items
from streamproc.gateway.decide.security_event_token import Refusal, Token
from streamproc.gateway.decide.to_records import (
    Intake,
    content_type,
    decode,
    form_to_json,
    intake,
    rejected,
    to_records,
)
from streamproc.gateway.endpoints import Endpoint
from streamproc.gateway.jwks import KeysUnavailableError
from streamproc.gateway.responses import HANDSHAKE, HttpError, Success, later, validation
from streamproc.gateway.set_verifier import SetVerifier
from streamproc.gateway.shared_timeout import SharedTimeout
from streamproc.sources import SOURCES
from streamproc.sources.options import SourceOptions

log = structlog.get_logger("streamproc.gateway")

SECONDS = 2.0
"""For the whole of a request: Okta and Graph give up, or slow down, after 3."""
QUIET = logging.getLogger("streamproc.gateway.http")
QUIET.disabled = True
"""For aiohttp, whose messages on malformed requests quote them, secrets and all."""


Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Producer(Protocol):
    """The one thing that the gateway needs of Kafka's idempotent producer, with acks=all."""

    async def send(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[Any]:
        """Returns as soon as the record is on its way; the future is done when the brokers have it."""


class Gateway:
    """See above. `well` tells whether the brokers answer; `issuer` is that of door `set`."""

    def __init__(
        self,
        doors: Mapping[str, Endpoint],
        options: Mapping[str, SourceOptions],
        producer: Producer,
        well: Callable[[], Awaitable[bool]],
        *,
        max_body: int,
        in_flight: int,
        issuer: SetVerifier | None = None,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._doors = doors
        self._paths = {f"/v1/{door.name}": door for door in doors.values()}
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
        self._successes = {door.accepted: Success(door.accepted) for door in doors.values()}
        self._deadlines = SharedTimeout()
        self._counts: dict[tuple[str, int], Counter] = {}

    def app(self) -> web.Application:
        """The routes: a door for each source that is configured, and whether we are well."""
        made = web.Application()
        made.router.add_get("/healthz", self._healthz)
        for door in self._doors.values():
            made.router.add_post(f"/v1/{door.name}", partial(self._post, door))
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
        assert runner.server is not None
        runner.server.request_handler = partial(self._routed, runner.server.request_handler)
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
            ready(str(runner.addresses[0][1]))
            log.info("doors open", doors=sorted(self._doors), tls=tls is not None)
            await self._failure
        finally:
            await runner.cleanup()

    # Requests

    def _routed(self, usual: Handler, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        """What is posted to a door's very path goes to it at once, all else by aiohttp's routes, which cost more."""
        door = self._paths.get(request.raw_path) if request.method == "POST" else None
        if door is None or "Expect" in request.headers:
            return usual(request)
        return self._post(door, request)

    async def _healthz(self, request: web.BaseRequest) -> web.Response:  # noqa: ARG002
        since, well = self._health
        if self._ticks() - since > 1:
            self._health = (self._ticks(), False)  # while one asks, the others aren't kept waiting
            well = await self._well()
            self._health = (self._ticks(), well)
        return web.Response(status=200 if well else 503, text="ok" if well else "not ok")

    async def _challenge(self, door: Endpoint, request: web.BaseRequest) -> web.Response:
        """Okta's one GET, which carries the secret as its events do."""
        challenge = request.headers.get("x-okta-verification-challenge", "")
        try:
            self._prove(door, request, 0)
        except HttpError as answer:
            return web.Response(status=answer.status)
        if not 0 < len(challenge) <= HANDSHAKE:
            return web.Response(status=400)
        return web.json_response({"verification": challenge})

    async def _post(self, door: Endpoint, request: web.BaseRequest) -> web.StreamResponse:
        response: web.StreamResponse
        if door.kind == "graph" and "validationToken" in request.query:
            response = validation(request.query["validationToken"])
        elif self._busy >= self._in_flight:
            response = later()
        else:
            self._busy += 1
            try:
                await self._take(door, request)
                response = self._success(door, request)
            except HttpError as answer:
                response = answer.response()
            except Exception as error:  # noqa: BLE001 - one request's bug mustn't be the next one's
                log.error("request failed", source=door.name, error=type(error).__name__)  # noqa: TRY400 - it may quote
                response = later()
            finally:
                self._busy -= 1
        self._count(door.name, response.status)
        return response

    def _success(self, door: Endpoint, request: web.BaseRequest) -> web.StreamResponse:
        if request.keep_alive and request.version == HttpVersion11:
            return self._successes[door.accepted].at(int(self._clock()))
        return web.Response(status=door.accepted)

    def _count(self, door: str, status: int) -> None:
        """`labels` checks and locks; each pair is looked up there once."""
        count = self._counts.get((door, status))
        if count is None:
            count = self._counts[door, status] = telemetry.HOOKS.labels(door, str(status))
        count.inc()

    def _prove(self, door: Endpoint, request: web.BaseRequest, now: int) -> None:
        if failed := check_headers(door.proofs, request.headers, request_body.names(request), now):
            self._refuse(door, request, failed)

    def _refuse(self, door: Endpoint, request: web.BaseRequest, check: str) -> None:
        log.warning("refused", source=door.name, check=check, remote=request.remote)
        raise HttpError(401)

    async def _take(self, door: Endpoint, request: web.BaseRequest) -> None:
        """Prove, read and keep a request. Raises Answer where it doesn't end in success."""
        deadline = asyncio.get_running_loop().time() + SECONDS
        headers, now = request.headers, int(self._clock() * 1_000_000)
        self._prove(door, request, now)
        body = await request_body.body(request, self._max_body * door.factor, deadline)
        if failed := check_body(door.proofs, headers, body):
            self._refuse(door, request, failed)
        of = intake(door.source, headers, body, now)
        if door.kind == "set":
            await self._token(door, request, of, body, deadline)
            return
        if door.source == "hris":
            of, body = form_to_json(of, body)
        payload = decode(of, body)
        if door.kind == "graph":
            payload = {"value": self._ours(door, request, payload)}
            made, ignored = self._records(of, payload, None)
        else:
            made, ignored = self._records(of, payload, body)
        if door.strict and ignored:
            made = [rejected(of, body, ignored[0].code, ignored[0].reason)]
        await self._append(made, deadline)
        if door.strict and ignored:
            raise HttpError(400, {"code": ignored[0].code, "reason": ignored[0].reason})

    def _records(self, of: Intake, payload: Any, body: bytes | None) -> tuple[list[Record], list[Ignored]]:
        return to_records(SOURCES[of.source], self._options[of.source], of, payload, body)

    def _ours(self, door: Endpoint, request: web.BaseRequest, payload: Any) -> list[dict[str, Any]]:
        ours, others = own_items(payload, door.states)
        if others or not ours:
            log.warning("refused", source=door.name, check="clientState", remote=request.remote, items=others)
        if not ours:
            raise HttpError(401)
        return ours

    async def _token(self, door: Endpoint, request: web.BaseRequest, of: Intake, body: bytes, deadline: float) -> None:
        """A Security Event Token. What is kept are the claims that were signed; a verification event is one too."""
        assert self._issuer is not None
        found: Token | Refusal = Refusal("invalid_request", "the content type isn't application/secevent+jwt")
        if content_type(of.headers) == "application/secevent+jwt":
            try:
                found = await self._issuer.checked(body, of.received)
            except KeysUnavailableError as error:
                log.error("keys unavailable", reason=str(error))  # noqa: TRY400 - it says all
                raise HttpError(503) from None
        if isinstance(found, Refusal):
            log.warning("refused", source=door.name, check=found.err, why=found.description, remote=request.remote)
            raise HttpError(400, {"err": found.err, "description": found.description})
        if self._issuer.knows(found):
            return
        made, _ = self._records(replace(of, headers={"content-type": "application/json"}), found.payload, found.claims)
        await self._append(made, deadline)
        self._issuer.kept(found)

    async def _append(self, made: list[Record], deadline: float) -> None:
        """Returns when the brokers have it all. Raises Answer where they don't in time; it may still get to them."""
        sent: list[asyncio.Future[Any]] = []
        watched, kept = len(made) > 1, False
        try:
            with self._deadlines.at(deadline):
                for each in made:
                    sent.append(await self._producer.send(each.topic, each.value, each.key, headers=each.headers))
                    if watched:  # while one is waited for, another may fail
                        sent[-1].add_done_callback(self._settled)
                for future in sent:
                    await future
            kept = True
        except TimeoutError:
            log.warning("not acknowledged in time", records=len(made))
            raise HttpError(503) from None
        except KafkaError as error:
            self._fail(error)
            raise HttpError(503) from None
        finally:
            if not (kept or watched):
                for future in sent:
                    future.add_done_callback(self._settled)

    def _settled(self, future: asyncio.Future[Any]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """The producer itself retries what can be. After anything else its sequence has a gap: it takes no more."""
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)
