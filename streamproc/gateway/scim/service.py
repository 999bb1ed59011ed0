"""One request of a SCIM client in, one answer out, whichever gateway it comes to (RFC 7644 §3).

Rule 1: a write is answered when its record is folded and valid, by what there was in that moment.
Rule 2: what is refused is refused by a state that is as new as the request: after a barrier, or after a record of the
request itself was folded. Before that, the name that is taken may be free, and the id that isn't there may be.
Rule 3: where an answer waits for what becomes of a deactivation in the target, nobody else waits for that.
Rule 4: whom nobody can serve now is told to come again (503, or 429), and a deactivation is never too much.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from msgspec import DecodeError, json

from streamproc.core.provider.decide import decide
from streamproc.core.provider.event import Asked
from streamproc.core.provider.fold import Void
from streamproc.core.provider.normalise import normalise
from streamproc.core.provider.normalise_patch import normalise_patch
from streamproc.core.provider.password import without_password
from streamproc.core.provider.proposal import KEPT_BODY, Proposal
from streamproc.core.provider.refusal import told
from streamproc.core.provider.request import Connection, Create, Delete, Patch, Replace, Request, going_on
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.provider.state import Folded, ResourceType, ScimResource
from streamproc.core.records.units import Millis
from streamproc.gateway.scim.answer import Answer, error, later
from streamproc.gateway.scim.delivery import Deliveries, shown_kinds
from streamproc.gateway.scim.discovery import discover
from streamproc.gateway.scim.endpoint import Endpoint, endpoint, parameters, readable
from streamproc.gateway.scim.listing import wanted
from streamproc.gateway.scim.pace import Pace
from streamproc.gateway.scim.reading import Reading, shown_of
from streamproc.gateway.scim.shared_log import SharedLog, UnavailableError
from streamproc.gateway.scim.turns import Turns

LARGEST_BODY: Final[dict[str, int]] = {"Users": 1024 * 1024, "Groups": 10 * 1024 * 1024}
"""Bytes, by endpoint: 10,000 members come in one body."""
SHORT: Final = 32 * 1024
"""Bytes of a body that is read at once. Of a longer one a thread makes sense, one at a time, and others have turns."""
TRIES: Final = 5
"""Records of one request that may be void, each because somebody else came first."""
LONGEST_SHOWN: Final = 256
"""Characters of User-Agent and path that are kept."""
_TYPES: Final[dict[str, ResourceType]] = {"Users": "User", "Groups": "Group"}
WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_METHODS: Final = {False: "GET, POST", True: "GET, PUT, PATCH, DELETE"}


@dataclass(frozen=True, slots=True)
class ScimRequest:
    """As it came over HTTP. `path`: below the root (`endpoint.below_root`); `query` without its `?`."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    if_match: str | None = None
    agent: str | None = None
    base: str = ""
    """URL of the root, as the client has it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process gives its services. `ticks`: seconds that never go back; `new_id`: another text each time."""

    now: Callable[[], Millis]
    ticks: Callable[[], float]
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class _Part:
    """So much of a request is folded; `following` is next."""

    made: ScimResource
    following: Proposal


@dataclass(frozen=True, slots=True)
class _Done:
    """A request is folded, and its answer is of that moment."""

    answer: Answer
    folded: Folded


class ScimService:
    """One connection's. `patch_body`: groups are in the answer to their PATCH, too, as users always are. `deliveries`:
    None where nobody can know what became of users. `delivered`: the answer to a deactivation says it.
    """

    def __init__(
        self,
        connection: Connection,
        log: SharedLog,
        around: Surroundings,
        *,
        patch_body: bool = False,
        pace: Pace | None = None,
        deliveries: Deliveries | None = None,
        delivered: bool = False,
    ) -> None:
        self._connection = connection
        self._log = log
        self._around = around
        self._patch_body = patch_body
        self._pace = pace or Pace()
        self._deliveries = deliveries
        self._held_for = deliveries if delivered else None
        self._shown = connection.kinds if deliveries is None else shown_kinds(connection.kinds)
        self._turns = Turns()
        self._long = asyncio.Semaphore()

    async def answer(self, request: ScimRequest) -> Answer:
        """The answer, whatever the request is."""
        try:
            return await self._answer(request, endpoint(request.path))
        except ScimError as refused:
            return error(refused)
        except UnavailableError as unavailable:
            return later(str(unavailable))

    async def _answer(self, request: ScimRequest, asked: Endpoint) -> Answer:
        method = request.method.upper()
        if asked.name in {"Bulk", "Me", ".search"} or asked.id == ".search":
            raise ScimError(501, None, "The service doesn't have this endpoint.")
        if not asked.name:
            raise ScimError(404, None, "There is no such endpoint.")
        if asked.name not in _TYPES:
            if method != "GET":
                return error(ScimError(405, None, "It can only be read."), Allow="GET")
            return discover(asked, self._shown.values(), parameters(request.query), request.base)
        if method not in _METHODS[asked.id is not None].split(", "):
            told_methods = _METHODS[asked.id is not None]
            return error(ScimError(405, None, f"Here there are {told_methods}."), Allow=told_methods)
        named = parameters(request.query)
        kind = self._shown[_TYPES[asked.name]]
        reading = Reading(self._log.resources, kind, request.base, shown_of(kind, named), self._deliveries)
        if method != "GET":
            return await self._write(request, method, asked, reading, whole="attributes" in named)
        if not self._pace.take(self._around.ticks()):
            return _too_fast()
        page = wanted(named)
        if self._deliveries is not None and reading.asks_for_delivery:
            await self._deliveries.ready()
        await self._log.barrier()
        begun = self._around.ticks()
        try:
            return reading.list(page) if asked.id is None else reading.get(asked.id)
        finally:
            self._pace.spend(self._around.ticks() - begun)

    async def _write(
        self, request: ScimRequest, method: str, endpoint_: Endpoint, reading: Reading, *, whole: bool
    ) -> Answer:
        if len(request.body) > LARGEST_BODY[endpoint_.name]:
            raise ScimError(413, None, f"The body has more than {LARGEST_BODY[endpoint_.name]:,} bytes.")
        read = partial(self._wish, method, endpoint_, request)
        if len(request.body) <= SHORT:
            wish, body = read()
        else:
            async with self._long:
                wish, body = await asyncio.to_thread(read)
        if not self._pace.take(self._around.ticks(), must=_takes_access(wish)):
            return _too_fast()
        kept = None if body is None or len(request.body) > KEPT_BODY else json.encode(body).decode()
        asked = Asked(
            id=self._around.new_id(),
            at=self._around.now(),
            method=method,
            path=readable(request.path)[:LONGEST_SHOWN],
            agent=None if request.agent is None else readable(request.agent)[:LONGEST_SHOWN],
            sha256=hashlib.sha256(request.body).hexdigest() if request.body else None,
            body=kept,
        )
        whole = whole or self._patch_body or method != "PATCH" or endpoint_.name == "Users"
        answered = partial(_told, reading, created=method == "POST", whole=whole)
        async with self._turns.turn(endpoint_.id):
            done = await self._carry_out(wish, asked, answered)
        if self._held_for is None or endpoint_.id is None or not _takes_access(wish):
            return done.answer
        offset = done.folded.offset if done.folded.changed else None
        return reading.delivered(done.answer, await self._held_for.came_of(self._connection.name, endpoint_.id, offset))

    def _wish(self, method: str, asked: Endpoint, request: ScimRequest) -> tuple[Request, Any]:
        """What the client asks for, and the body without what is secret. Raises ScimError."""
        type_ = _TYPES[asked.name]
        kind = self._connection.kinds[type_]
        body = without_password(_parsed(request.body)) if method in WITH_BODY else None
        if asked.id is None:
            return Create(type_, normalise(kind, body)), body
        if method == "PUT":
            return Replace(type_, asked.id, normalise(kind, body), request.if_match), body
        if method == "PATCH":
            return Patch(type_, asked.id, normalise_patch(kind, body), request.if_match), body
        return Delete(type_, asked.id, request.if_match), body

    async def _carry_out(self, request: Request, asked: Asked, answered: Callable[[Folded], Answer]) -> _Done:
        """Decides and appends until it is folded, or refused for good. Raises ScimError, UnavailableError."""
        made: str | None = None
        fresh, void = False, 0
        following: Proposal | None = None
        while void < TRIES:
            found = following or decide(self._log.resources, self._connection, asked, request)
            if not isinstance(found, Proposal):
                if fresh:
                    raise told(found)
                await self._log.barrier()
                fresh = True
                continue
            done = await self._log.append(found.event, partial(_seen, found, answered))
            fresh, following = True, None
            match done:
                case _Done():
                    return done
                case _Part():
                    made, following = done.made.id, done.following
                case Void():
                    void += 1
                    there = None if made is None else self._log.resources.get(made)
                    request = request if there is None else going_on(request, there)
        raise UnavailableError("Others write the same at the same time.")


def _seen(proposal: Proposal, answered: Callable[[Folded], Answer], done: Folded | Void) -> _Done | _Part | Void:
    if isinstance(done, Void):
        return done
    following = None if done.after is None else proposal.then(done.after)
    return _Done(answered(done), done) if done.after is None or following is None else _Part(done.after, following)


def _told(reading: Reading, done: Folded, *, created: bool, whole: bool) -> Answer:
    """The answer to a write that is valid."""
    if done.after is None:
        return Answer(204)
    if created:
        return reading.whole(201, done.after)
    return reading.whole(200, done.after) if whole else Answer(204, headers=reading.headers(done.after))


def _takes_access(request: Request) -> bool:
    """Whether it says that somebody is out, true or not until now."""
    match request:
        case Delete(type="User"):
            return True
        case Replace(type="User", body=body):
            return body.attributes.get("active") is False
        case Patch(type="User", patch=patch):
            return any(each.target.path == "active" and each.value is False for each in patch.operations)
        case _:
            return False


def _parsed(body: bytes) -> Any:
    try:
        return json.decode(body)
    except (DecodeError, RecursionError):
        raise ScimError(400, "invalidSyntax", "The body is no JSON.") from None


def _too_fast() -> Answer:
    return later("More requests in a second than one connection may make.", 429)
