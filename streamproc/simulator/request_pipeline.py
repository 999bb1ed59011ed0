"""The stages of every SCIM request: token, rate limit, body limits, the fault plan, the service, the ledger."""

import asyncio
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import orjson
from aiohttp import web

from streamproc.simulator import oauth, options, scim
from streamproc.simulator.access import Access, Client
from streamproc.simulator.audits import Actor, AuditLog, actor_of
from streamproc.simulator.errors import PlatformError, ScimError, not_found, unauthorized
from streamproc.simulator.faults import AFTER, Fault, FaultPlan
from streamproc.simulator.ledger import Ledger, LedgerEntry, RequestCounts, Snapshot
from streamproc.simulator.options import SimulatorOptions
from streamproc.simulator.schema import USER
from streamproc.simulator.store import Change, Store
from streamproc.simulator.surroundings import Surroundings

CORRELATION = "ININ-Correlation-Id"
_SCIM_JSON = "application/scim+json"
_PLATFORM_JSON = "application/json"
_NO_WINDOW = {"inin-ratelimit-count": "0"}
_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Simulator:
    """The state behind one port."""

    def __init__(
        self,
        initial: SimulatorOptions,
        around: Surroundings | None = None,
        told: Callable[[LedgerEntry], None] | None = None,
    ) -> None:
        """`told` is called with each entry of the ledger, as it is made."""
        self.initial = initial
        self.around = around or Surroundings()
        self._told = told
        self.tokens = oauth.Tokens(self.around)
        self.access = Access(initial)
        self.reset()

    def reset(self) -> None:
        """Back to the start, except that tokens stay valid."""
        self.options = self.initial
        self.access.reset(self.options)
        self.audits = AuditLog(self.now)
        self.store = Store(self.options, self.around, self.now)
        self.ledger = Ledger(self.around.now, self._told)
        self.ended: list[str] = []
        self.requests = RequestCounts()
        self.faults = FaultPlan(self.options.seed)
        self.tokens.requests = 0
        self.tokens.forget_windows()

    def configure(self, changes: dict[str, Any]) -> None:
        self.options = options.merged(self.options, changes)
        self.store.configure(self.options)
        self.access.configure(self.options)

    def now(self) -> float:
        """Seconds since 1970, by the organisation's clock."""
        return self.around.now() + self.options.clock_skew_s

    def admit(self, authorization: str | None, headers: dict[str, str]) -> Client:
        """Whose token it is, within the rate limit, whose headers are added. Raises PlatformError."""
        token = self.tokens.find(authorization)
        window = oauth.count(token, self.options, self.around.ticks())
        headers.update(window.headers())
        oauth.check(window)
        client = self.access.clients.get(token.client)
        if client is None:
            raise unauthorized()
        return client

    def audit(self, actor: Actor, change: Change) -> None:
        self.audits.record(actor, change, self.options)

    def users_of(self, call: scim.Call) -> tuple[str, ...]:
        """Names by which a fault rule can select the user of this call: externalId, userName."""
        entry = self.store.users.get(call.id or "") if call.resource == USER.endpoint else None
        attrs = entry.attrs if entry else call.body if isinstance(call.body, dict) and call.resource == "users" else {}
        names = (attrs.get("externalId"), attrs.get("userName"))
        return tuple(name for name in names if isinstance(name, str))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        correlation = self.around.id()
        if self.options.latency_ms:
            await asyncio.sleep(self.options.latency_ms / 1000)
        target = scim.split(request.path)
        if target is None:
            self.requests.by_route["other"] += 1
            body = not_found("resource").body(correlation)
            return _response(404, body, _PLATFORM_JSON, {CORRELATION: correlation})
        headers = request.headers
        resource, id_, versioned = target
        call = scim.Call(
            request.method,
            resource,
            id_,
            versioned,
            request.query if request.query_string else {},
            headers.get("If-Match"),
            headers.get("If-None-Match"),
        )
        self.requests.by_route[call.route] += 1
        if (request.content_length or 0) <= self.options.max_body_bytes and request.body_exists:
            call.raw = await request.read()
        return await self._decide(request, call, correlation)

    async def _decide(self, request: web.Request, call: scim.Call, correlation: str) -> web.StreamResponse:
        fault: Fault | None = None
        sent = {CORRELATION: correlation}
        try:
            client = self.admit(request.headers.get("Authorization"), sent)
            self._parse(request, call)
            fault = self.faults.choose(
                call.method, f"{call.resource}/{call.id or ''}".rstrip("/"), lambda: self.users_of(call)
            )
            if fault and fault.delay_ms:
                await asyncio.sleep(fault.delay_ms / 1000)
            answer = self._answer(client, call, fault)
        except (ScimError, PlatformError) as error:
            answer = scim.Answer(error.status, error=error)
        lost = fault is not None and fault.kind in ("reset", "lost_answer")
        replaced = fault is not None and fault.kind in AFTER
        if call.writes:
            self._record(request, call, answer, fault, answered=not (lost or replaced))
        if lost:
            abort(request)
        if fault and replaced:
            failure = fault.failure()
            answer = scim.Answer(failure.status, error=failure)
        self.requests.by_status["lost" if lost else str(answer.status)] += 1
        return _sent(request, answer, sent, correlation)

    def _answer(self, client: Client, call: scim.Call, fault: Fault | None) -> scim.Answer:
        if fault:
            if fault.kind == "reset":
                return scim.Answer(0)
            if refusal := fault.refusal():
                raise refusal
            if fault.kind == "version_conflict":
                raise scim.version_conflict(self.store)
        self.access.require_scim(client, call, self.options)
        answer = scim.decide(self.store, call)
        if answer.change:
            self.audit(actor_of(client, by_scim=True), answer.change)
        return answer

    def _parse(self, request: web.Request, call: scim.Call) -> None:
        limit = self.options.max_body_bytes
        if (request.content_length or 0) > limit or len(call.raw) > limit:
            message = f"The request is over the size limit. Maximum bytes: {limit}"
            raise PlatformError(413, "request.entity.too.large", message)
        if call.method not in ("POST", "PUT", "PATCH"):
            return
        if request.content_type not in (_SCIM_JSON, _PLATFORM_JSON):
            raise PlatformError(415, "unsupported.media.type", f"Use {_SCIM_JSON} or {_PLATFORM_JSON}.")
        try:
            call.body = orjson.loads(call.raw)
        except orjson.JSONDecodeError:
            call.raw = b""
            raise PlatformError(400, "bad.request", "The request could not be understood: bad JSON.") from None

    def _record(
        self, request: web.Request, call: scim.Call, answer: scim.Answer, fault: Fault | None, *, answered: bool
    ) -> None:
        change = answer.change
        after = change.after if change else None
        named = Subject.of(self, call, after)
        self.ledger.append(
            method=call.method,
            path=request.path,
            user=named.user,
            id=named.id,
            request_id=request.headers.get("X-Request-Id"),
            if_match=call.if_match,
            status=answer.status,
            applied=change is not None,
            changed=change is not None and change.changed,
            version=named.version,
            answered=answered,
            fault=fault.kind if fault else None,
            raw=call.raw if call.body is not None else b"",
            before=Snapshot.of(change.before if change else named.current),
            after=Snapshot.of(after or named.current),
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """Who a write was about, for the ledger."""

    user: str | None
    id: str | None
    version: int | None
    current: Any

    @classmethod
    def of(cls, simulator: Simulator, call: scim.Call, after: Any) -> "Subject":
        store = simulator.store
        stored = store.users if call.resource == USER.endpoint else store.groups
        entry = after or stored.get(call.id or "")
        if call.resource != USER.endpoint:
            user = None
        elif entry:
            user = entry.attrs.get("externalId") or entry.attrs["userName"]
        else:
            user = next(iter(simulator.users_of(call)), None)
        return cls(user, entry.id if entry else call.id, entry.version if entry else None, entry)


def _sent(request: web.Request, answer: scim.Answer, headers: dict[str, str], correlation: str) -> web.StreamResponse:
    if "inin-ratelimit-count" not in headers:
        headers |= _NO_WINDOW
    headers |= answer.headers
    accept = request.headers.get("Accept", "")
    kind = _PLATFORM_JSON if "scim+json" not in accept and _PLATFORM_JSON in accept else _SCIM_JSON
    body = answer.body
    if answer.error:
        headers |= answer.error.headers
        body = answer.error.body(correlation)
        if isinstance(answer.error, PlatformError):
            kind = _PLATFORM_JSON
    return _response(answer.status or 500, body, kind, headers)


def _response(status: int, body: bytes, kind: str, headers: dict[str, str]) -> web.Response:
    if body:
        headers["Content-Type"] = kind
    return web.Response(body=body or None, status=status, headers=headers)


def abort(request: web.Request) -> None:
    """A real reset: without SO_LINGER the kernel would close politely."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        with suppress(OSError):
            connection.setsockopt(SOL_SOCKET, SO_LINGER, _LINGER)
        transport.abort()
