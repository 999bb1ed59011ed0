"""Gateway: takes in what sources send over HTTP, and answers success once the brokers have every record of it.

Rule 1: nothing is parsed before its sender is authenticated (`decide/authentication.py`), and an endpoint without a
secret doesn't exist.
Rule 2: success means that it is stored. What can't be stored within `SECONDS` is answered 503: senders who try again
make duplicates, which the log's readers recognise. Nothing is sent again from here.
Rule 3: what is authentic but can't be read is stored in `events.rejected`, and mostly still answered as success: Okta
never repeats after a 4xx, Graph and PingOne would drop or block everything behind it.
Rule 4: an answer doesn't say why; the log says which check failed, for which endpoint and from where, never a value.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import orjson
import structlog
from aiohttp import web
from prometheus_client import Counter

from streamproc import telemetry
from streamproc.adapters.kafka.log import KafkaError, NotAllowedError
from streamproc.core.parsed_payload import Ignored
from streamproc.core.records.producer_record import REJECTIONS, Record
from streamproc.core.records.units import Micros
from streamproc.gateway import request_body
from streamproc.gateway.decide.authentication import check_body, check_headers, own_items
from streamproc.gateway.decide.security_event_token import Refusal, Token
from streamproc.gateway.decide.to_records import Intake, content_type, decode, form_to_json, rejected, to_records
from streamproc.gateway.endpoints import Endpoint
from streamproc.gateway.fast_path import SharedTimeout, Success, route_posts
from streamproc.gateway.jwks import KeysUnavailableError
from streamproc.gateway.responses import HANDSHAKE, HttpError, later, validation
from streamproc.gateway.set_verifier import SetVerifier
from streamproc.sources import SOURCES
from streamproc.sources.options import SourceOptions

log = structlog.get_logger("streamproc.gateway")

SECONDS = 2.0
"""For a request, from its head to the answer: Okta and Graph give up, or slow down, after 3."""
QUIET = logging.getLogger("streamproc.gateway.http")
QUIET.disabled = True
"""For aiohttp, whose messages on malformed requests quote them, secrets and all."""


class Producer(Protocol):
    """The one thing that the gateway needs of Kafka's idempotent producer, with acks=all."""

    async def send(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[Any]:
        """Returns as soon as the record is on its way; the future is done when the brokers have it."""


class Gateway:
    """The HTTP server. `brokers_answer` asks them; `issuer` verifies what comes to endpoint `set`."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        options: Mapping[str, SourceOptions],
        producer: Producer,
        brokers_answer: Callable[[], Awaitable[bool]],
        *,
        max_body: int,
        in_flight: int,
        clock: Callable[[], float],
        ticks: Callable[[], float],
        issuer: SetVerifier | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._options = options
        self._producer = producer
        self._brokers_answer = brokers_answer
        self._max_body = max_body
        self._in_flight = in_flight
        self._issuer = issuer
        self._clock = clock
        self._ticks = ticks
        self._busy = 0
        self._health = (float("-inf"), False)
        """When the brokers were asked last, and whether they answered."""
        self._failure: asyncio.Future[None] | None = None
        self._successes = {endpoint.accepted: Success(endpoint.accepted) for endpoint in endpoints.values()}
        self._timeout = SharedTimeout()
        self._counts: dict[tuple[str, int], Counter] = {}

    def app(self) -> web.Application:
        """The routes: one for each source that is configured, and the health check."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        for endpoint in self._endpoints.values():
            app.router.add_post(f"/v1/{endpoint.name}", partial(self._post, endpoint))
        if "okta" in self._endpoints:
            app.router.add_get("/v1/okta", partial(self._challenge, self._endpoints["okta"]))
        return app

    async def run(self, host: str, port: int, tls: ssl.SSLContext | None, ready: Callable[[str], None]) -> None:
        """Serve until cancelled; `ready` gets the port. Raises what the producer couldn't overcome."""
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
        posts = {f"/v1/{endpoint.name}": partial(self._post, endpoint) for endpoint in self._endpoints.values()}
        route_posts(runner.server, posts)
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
            ready(str(runner.addresses[0][1]))
            log.info("doors open", doors=sorted(self._endpoints), tls=tls is not None)
            await self._failure
        finally:
            await runner.cleanup()

    # Requests

    async def _healthz(self, request: web.BaseRequest) -> web.Response:  # noqa: ARG002
        since, well = self._health
        if self._ticks() - since > 1:
            self._health = (self._ticks(), False)  # while one request asks, the others don't wait for it
            well = await self._brokers_answer()
            self._health = (self._ticks(), well)
        return web.Response(status=200 if well else 503, text="ok" if well else "not ok")

    async def _challenge(self, endpoint: Endpoint, request: web.BaseRequest) -> web.Response:
        """Okta's one GET, which carries the secret as its events do."""
        challenge = request.headers.get("x-okta-verification-challenge", "")
        try:
            self._check_headers(endpoint, request, 0)
        except HttpError as error:
            return web.Response(status=error.status)
        if not 0 < len(challenge) <= HANDSHAKE:
            return web.Response(status=400)
        return web.json_response({"verification": challenge})

    async def _post(self, endpoint: Endpoint, request: web.BaseRequest) -> web.StreamResponse:
        response: web.StreamResponse
        if endpoint.kind == "graph" and "validationToken" in request.query:
            response = validation(request.query["validationToken"])
        elif self._busy >= self._in_flight:
            response = later()
        else:
            self._busy += 1
            try:
                await self._accept(endpoint, request)
                response = self._successes[endpoint.accepted].answer(request, int(self._clock()))
            except HttpError as error:
                response = error.response()
            except Exception as error:  # noqa: BLE001 - a bug that one request meets mustn't end the others
                log.error("request failed", source=endpoint.name, error=type(error).__name__)  # noqa: TRY400 - it may quote
                response = later()
            finally:
                self._busy -= 1
        self._count(endpoint.name, response.status)
        return response

    def _count(self, endpoint: str, status: int) -> None:
        """`labels` checks and locks; each pair is looked up there once."""
        count = self._counts.get((endpoint, status))
        if count is None:
            count = self._counts[endpoint, status] = telemetry.HOOKS.labels(endpoint, str(status))
        count.inc()

    def _check_headers(self, endpoint: Endpoint, request: web.BaseRequest, now: int) -> None:
        if failed := check_headers(endpoint.proofs, request.headers, request_body.certificate_names(request), now):
            self._refuse(endpoint, request, failed)

    def _refuse(self, endpoint: Endpoint, request: web.BaseRequest, check: str) -> None:
        log.warning("refused", source=endpoint.name, check=check, remote=request.remote)
        raise HttpError(401)

    async def _accept(self, endpoint: Endpoint, request: web.BaseRequest) -> None:
        """Authenticate, read and store a request. Raises HttpError where it doesn't end in success."""
        deadline = asyncio.get_running_loop().time() + SECONDS
        headers, now = request.headers, Micros(int(self._clock() * 1_000_000))
        self._check_headers(endpoint, request, now)
        body = await request_body.body(request, self._max_body * endpoint.factor, deadline)
        if failed := check_body(endpoint.proofs, headers, body):
            self._refuse(endpoint, request, failed)
        intake = Intake.of_body(endpoint.source, headers, body, now)
        if endpoint.kind == "set":
            await self._accept_token(endpoint, request, intake, body, deadline)
            return
        if endpoint.source == "hris":
            intake, body = form_to_json(intake, body)
        payload = decode(intake, body)
        if endpoint.kind == "graph":
            payload = {"value": self._own_notifications(endpoint, request, payload)}
            records, ignored = self._to_records(intake, payload, None)
        else:
            records, ignored = self._to_records(intake, payload, body)
        if endpoint.strict and ignored:
            records = [rejected(intake, body, ignored[0])]
        await self._append(records, deadline)
        self._tell(endpoint, records)
        if endpoint.strict and ignored:
            raise HttpError(400, {"code": ignored[0].code, "reason": ignored[0].reason})

    def _to_records(self, intake: Intake, payload: Any, body: bytes | None) -> tuple[list[Record], list[Ignored]]:
        return to_records(SOURCES[intake.source], self._options[intake.source], intake, payload, body)

    def _tell(self, endpoint: Endpoint, records: list[Record]) -> None:
        """What was set aside; the worker tells of what is stored as events."""
        for record in records:
            if record.topic == REJECTIONS:
                told = orjson.loads(record.value)
                code = told["code"]
                if told["denies"]:
                    telemetry.rejected_denial(told["topic"], told["partition"], told["offset"])
                telemetry.REJECTED.labels(endpoint.source, code, "").inc()
                log.warning("rejected", source=endpoint.name, code=code)

    def _own_notifications(self, endpoint: Endpoint, request: web.BaseRequest, payload: Any) -> list[dict[str, Any]]:
        own, others = own_items(payload, endpoint.states)
        if others or not own:
            log.warning("refused", source=endpoint.name, check="clientState", remote=request.remote, items=others)
        if not own:
            raise HttpError(401)
        return own

    async def _accept_token(
        self, endpoint: Endpoint, request: web.BaseRequest, intake: Intake, body: bytes, deadline: float
    ) -> None:
        """A Security Event Token; a verification event is one too. The claims that were signed are stored."""
        assert self._issuer is not None
        token: Token | Refusal = Refusal("invalid_request", "the content type isn't application/secevent+jwt")
        if content_type(intake.headers) == "application/secevent+jwt":
            try:
                token = await self._issuer.verify(body, intake.received)
            except KeysUnavailableError as error:
                log.error("keys unavailable", reason=str(error))  # noqa: TRY400 - it says all
                raise HttpError(503) from None
        if isinstance(token, Refusal):
            log.warning("refused", source=endpoint.name, check=token.err, why=token.description, remote=request.remote)
            raise HttpError(400, {"err": token.err, "description": token.description})
        if self._issuer.is_repeated(token):
            return
        as_json = replace(intake, headers={"content-type": "application/json"})
        records, _ = self._to_records(as_json, token.payload, token.claims)
        await self._append(records, deadline)
        self._tell(endpoint, records)
        self._issuer.remember(token)

    async def _append(self, records: list[Record], deadline: float) -> None:
        """Returns when the brokers have all of them. Raises HttpError if they don't in time; they still may later."""
        sent: list[asyncio.Future[Any]] = []
        several, acknowledged = len(records) > 1, False
        try:
            with self._timeout.at(deadline):
                for record in records:
                    sent.append(
                        await self._producer.send(record.topic, record.value, record.key, headers=record.headers)
                    )
                    if several:  # while one is waited for, another may fail
                        sent[-1].add_done_callback(self._acknowledged)
                for future in sent:
                    await future
            acknowledged = True
        except TimeoutError:
            log.warning("not acknowledged in time", records=len(records))
            raise HttpError(503) from None
        except NotAllowedError:  # told once, by who knows for which topic
            raise HttpError(503) from None
        except KafkaError as error:
            self._fail(error)
            raise HttpError(503) from None
        finally:
            if not (acknowledged or several):
                for future in sent:
                    future.add_done_callback(self._acknowledged)

    def _acknowledged(self, future: asyncio.Future[Any]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """The producer itself retries what can be. After anything else its sequence has a gap: it takes no more."""
        if not isinstance(error, NotAllowedError) and self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)
