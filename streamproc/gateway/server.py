"""Gateway: takes in what sources send over HTTP, and answers success once the brokers have every record of it.

Rule 1: nothing is parsed before its sender is authenticated (`decide/authentication.py`), and an endpoint without a
secret doesn't exist.
Rule 2: success means that it is stored. What can't be stored within `SECONDS` is answered 503: senders who try again
make duplicates, which the log's readers recognise. Nothing is sent again from here.
Rule 3: what is authentic but can't be read is stored in `events.rejected`, and mostly still answered as success: Okta
never repeats after a 4xx, Graph and PingOne would drop or block everything behind it.
Rule 4: whose sender isn't known yet takes no place from those who are: places are per endpoint, and taken after proof.
Rule 5: an answer doesn't say why; the log says which check failed, for which endpoint and from where, never a value.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn, TypeAlias, assert_never, cast

import orjson
import structlog
from aiohttp import web

from streamproc import telemetry
from streamproc.adapters.clocks import Clocks
from streamproc.core.parsed_payload import Ignored
from streamproc.core.records.producer_record import REJECTIONS, Record
from streamproc.core.records.units import Micros
from streamproc.gateway.appender import Appender, Producer
from streamproc.gateway.connection import HTTP, Connection
from streamproc.gateway.connections import Connections, fitting, listen
from streamproc.gateway.counts import Counts
from streamproc.gateway.decide.authentication import certificate_names, check_body, check_headers, own_items
from streamproc.gateway.decide.security_event_token import Refusal, Token
from streamproc.gateway.decide.to_records import Intake, content_type, decode, form_to_json, rejected, to_records
from streamproc.gateway.endpoints import Endpoint
from streamproc.gateway.fast_path import SharedTimeout, Success, route_posts
from streamproc.gateway.health import Health
from streamproc.gateway.jwks import KeysUnavailableError
from streamproc.gateway.request_body import Bodies
from streamproc.gateway.responses import HANDSHAKE, HttpError, later, validation
from streamproc.gateway.scim.front_door import FrontDoor
from streamproc.gateway.scim.routes import ScimRoutes
from streamproc.gateway.set_verifier import SetVerifier
from streamproc.gateway.summed_log import SummedLog
from streamproc.sources import SOURCES
from streamproc.sources.options import SourceOptions

log = structlog.get_logger("streamproc.gateway")

Reading: TypeAlias = Callable[[], tuple[list[Record], list[Ignored]]]
SECONDS = 2.0
"""For a request, from its head to the answer: Okta and Graph give up, or slow down, after 3."""


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
        connections: int,
        clocks: Clocks,
        issuer: SetVerifier | None = None,
        front_door: FrontDoor | None = None,
        url: str | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._options = options
        self.health = Health(brokers_answer, clocks.ticks)
        self._in_flight = in_flight
        self._connections = connections
        self._issuer = issuer
        self._clocks = clocks
        self._busy = dict.fromkeys(endpoints, 0)
        """Requests of proven senders, by endpoint."""
        self._successes = {endpoint.accepted: Success(endpoint.accepted) for endpoint in endpoints.values()}
        self._log = SummedLog(log, clocks.ticks)
        timeout = SharedTimeout()
        self._appender = Appender(producer, timeout, self._log)
        self._bodies = {name: Bodies(timeout, int(max_body * endpoint.factor)) for name, endpoint in endpoints.items()}
        self._counts = Counts(telemetry.HOOKS)
        self._scim: ScimRoutes | None = None
        if front_door is not None:
            self._scim = ScimRoutes(front_door, in_flight=in_flight, log=self._log, timeout=timeout, url=url)

    @property
    def failure(self) -> asyncio.Future[None]:
        """Done with what the producer couldn't overcome."""
        return self._appender.failure

    @property
    def key_failures(self) -> int:
        """Times in a row that the keys of Security Event Tokens couldn't be had."""
        return 0 if self._issuer is None else self._issuer.failures

    def add_routes(self, app: web.Application) -> None:
        """One for each source that is configured, and the health check."""
        app.router.add_get("/healthz", self._answers)
        app.router.add_get("/readyz", self._answers)
        for endpoint in self._endpoints.values():
            app.router.add_post(f"/v1/{endpoint.name}", partial(self._post, endpoint))
        if "okta" in self._endpoints:
            app.router.add_get("/v1/okta", partial(self._challenge, self._endpoints["okta"]))

    async def run(self, host: str, port: int, tls: ssl.SSLContext | None, ready: Callable[[str], None]) -> None:
        """Serve until cancelled; `ready` gets the port. Raises SettingsError, and what the producer can't overcome."""
        most = fitting(self._connections)
        if most < self._connections:
            log.warning("fewer connections than set: the limit of descriptors is lower (ulimit -n)", connections=most)
        self.add_routes(app := web.Application())
        runner = web.AppRunner(app, shutdown_timeout=SECONDS + 1, **HTTP)
        await runner.setup()
        assert runner.server is not None
        if self._scim is not None:
            self._scim.route(runner.server)
        posts = {f"/v1/{endpoint.name}": partial(self._post, endpoint) for endpoint in self._endpoints.values()}
        route_posts(runner.server, posts)
        listening = await listen(host, port)
        try:
            ready(str(listening[0].getsockname()[1]))
            log.info("doors open", doors=sorted(self._endpoints), scim=self._scim is not None, tls=tls is not None)
            connections = Connections(runner.server, most, tls, self._log)
            await connections.serve(listening, self.failure)
        finally:
            for each in listening:
                each.close()
            await runner.cleanup()

    # Requests

    async def _answers(self, request: web.BaseRequest) -> web.Response:  # noqa: ARG002
        well = await self.health.well()
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
        else:
            try:
                await self._accept(endpoint, request)
                response = self._successes[endpoint.accepted].answer(request, int(self._clocks.clock()))
            except HttpError as error:
                response = error.response()
                if error.why:
                    self._tell(endpoint, request, "not taken", why=error.why)
            except Exception as error:  # noqa: BLE001 - a bug that one request meets mustn't end the others
                self._log.tell("error", "request failed", source=endpoint.name, error=type(error).__name__)
                response = later()
        self._counts.count(endpoint.name, response.status)
        return response

    def _tell(self, endpoint: Endpoint, request: web.BaseRequest, event: str, times: int = 1, **what: str) -> None:
        self._log.tell("warning", event, remote=request.remote, times=times, source=endpoint.name, **what)

    def _check_headers(self, endpoint: Endpoint, request: web.BaseRequest, now: int) -> None:
        transport = request.transport
        names = certificate_names(None if transport is None else transport.get_extra_info("peercert"))
        if failed := check_headers(endpoint.proofs, request.headers, names, now):
            self._refuse(endpoint, request, failed)

    def _refuse(self, endpoint: Endpoint, request: web.BaseRequest, check: str) -> NoReturn:
        self._tell(endpoint, request, "refused", check=check)
        raise HttpError(401)

    async def _accept(self, endpoint: Endpoint, request: web.BaseRequest) -> None:
        """Authenticate, read and store a request. Raises HttpError where it doesn't end in success."""
        deadline = asyncio.get_running_loop().time() + SECONDS
        now = self._clocks.micros()
        self._check_headers(endpoint, request, now)
        bodies = self._bodies[endpoint.name]
        if endpoint.proven_by_head:
            with self._place(endpoint, request):
                body = await bodies.read(request, deadline, proven=True)
                await self._store(endpoint, request, body, None, now, deadline)
            return
        body = await bodies.read(request, deadline, proven=False)
        said = await self._said(endpoint, request, body, now, deadline)
        with self._place(endpoint, request):
            await self._store(endpoint, request, body, said, now, deadline)

    @contextmanager
    def _place(self, endpoint: Endpoint, request: web.BaseRequest) -> Iterator[None]:
        """One of the endpoint's, for a request whose sender is proven."""
        cast("Connection", request.protocol).prove()
        if self._busy[endpoint.name] >= self._in_flight:
            raise HttpError(503, why="busy")
        self._busy[endpoint.name] += 1
        try:
            yield
        finally:
            self._busy[endpoint.name] -= 1

    async def _said(
        self, endpoint: Endpoint, request: web.BaseRequest, body: bytes, now: Micros, deadline: float
    ) -> Token | dict[str, Any] | None:
        """What of a body is proven by the body itself; None: all of it. Raises HttpError where nothing is."""
        match endpoint.kind:
            case "hook":
                if failed := check_body(endpoint.proofs, request.headers, body):
                    self._refuse(endpoint, request, failed)
                return None
            case "graph":
                return self._own_notifications(endpoint, request, decode(request.headers, body))
            case "set":
                return await self._token(endpoint, request, body, now, deadline)
            case _ as never:
                assert_never(never)

    def _own_notifications(self, endpoint: Endpoint, request: web.BaseRequest, payload: Any) -> dict[str, Any]:
        own, others = own_items(payload, endpoint.states)
        if others or not own:
            self._tell(endpoint, request, "refused", max(others, 1), check="clientState")
        if not own:
            raise HttpError(401)
        return {"value": own}

    async def _token(
        self, endpoint: Endpoint, request: web.BaseRequest, body: bytes, now: Micros, deadline: float
    ) -> Token:
        """A Security Event Token; a verification event is one too."""
        assert self._issuer is not None
        token: Token | Refusal = Refusal("invalid_request", "the content type isn't application/secevent+jwt")
        if content_type(request.headers) == "application/secevent+jwt":
            try:
                with self._bodies[endpoint.name].place(request, len(body), deadline):
                    token = await self._issuer.verify(body, now)
            except KeysUnavailableError as error:
                self._log.tell("error", "keys unavailable", reason=str(error))
                raise HttpError(503) from None
            except TimeoutError:
                raise HttpError(503, why="keys") from None
        if isinstance(token, Refusal):
            self._tell(endpoint, request, "refused", check=token.err, why=token.description)
            raise HttpError(400, {"err": token.err, "description": token.description})
        return token

    async def _store(
        self,
        endpoint: Endpoint,
        request: web.BaseRequest,
        body: bytes,
        said: Token | dict[str, Any] | None,
        now: Micros,
        deadline: float,
    ) -> None:
        """The records of a request; of a Security Event Token the claims that were signed, once."""
        intake = Intake.of_body(endpoint.source, request.headers, body, now)
        if isinstance(said, Token):
            assert self._issuer is not None
            if self._issuer.is_repeated(said):
                return
            intake = replace(intake, headers={"content-type": "application/json"})
            read = self._to_records(intake, said.payload, said.claims)
        elif said is not None:
            read = self._to_records(intake, said, None)
        else:
            if endpoint.source == "hris":
                intake, body = form_to_json(intake, body)
            read = self._to_records(intake, decode(intake.headers, body), body)
        records, ignored = await self._bodies[endpoint.name].take_in(len(body), read, deadline)
        correctable = bool(endpoint.strict and ignored and said is None)
        if correctable:
            records = [rejected(intake, body, ignored[0])]
        await self._appender.append(records, deadline)
        for record in records:
            if record.topic == REJECTIONS:  # the worker tells of what is stored as events
                told = orjson.loads(record.value)
                code = told["code"]
                if told["denies"]:
                    telemetry.rejected_denial(intake.source, told["topic"], told["partition"], told["offset"])
                telemetry.REJECTED.labels(endpoint.source, code, "").inc()
                self._log.tell("warning", "rejected", source=endpoint.name, code=code)
        if isinstance(said, Token) and self._issuer is not None:
            self._issuer.remember(said)
        if correctable:
            raise HttpError(400, {"code": ignored[0].code, "reason": ignored[0].reason})

    def _to_records(self, intake: Intake, payload: Any, body: bytes | None) -> Reading:
        return partial(to_records, SOURCES[intake.source], self._options[intake.source], intake, payload, body)
