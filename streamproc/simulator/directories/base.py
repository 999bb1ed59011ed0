"""What the directories share: people, handling a request, sending a hook."""

import asyncio
import base64
import hmac
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

import aiohttp
import orjson
from aiohttp import web

from streamproc.simulator.access import Client
from streamproc.simulator.directories import faults, people
from streamproc.simulator.directories.hooks import Hooks
from streamproc.simulator.directories.options import DirectoryOptions
from streamproc.simulator.directories.people import Change, Entry, Kind
from streamproc.simulator.errors import PlatformError
from streamproc.simulator.oauth import Tokens
from streamproc.simulator.surroundings import Surroundings

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Refused(Exception):  # noqa: N818 - an answer, not a fault of ours
    """An error answer, in the vendor's shape."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


class Site:
    """What the directories share."""

    def __init__(
        self, options: DirectoryOptions, around: Surroundings, connect: Callable[[], aiohttp.ClientSession]
    ) -> None:
        self.options = options
        self.around = around
        self.hooks = Hooks(around, connect)
        self.requests: list[dict[str, Any]] = []


class Directory(ABC):
    name: ClassVar[str]

    def __init__(self, site: Site) -> None:
        self.site = site
        self.tokens = Tokens(site.around)
        self.reset()

    def reset(self) -> None:
        """Remove all people and faults. Tokens stay valid."""
        self.entries: dict[str, Entry] = {}
        self.faults = faults.FaultPlan(self.site.around.ticks)
        self.seq = 0

    @property
    def options(self) -> DirectoryOptions:
        return self.site.options

    def now(self) -> datetime:
        return self.site.around.moment()

    @abstractmethod
    def add_routes(self, app: web.Application) -> None: ...

    @abstractmethod
    def new_id(self) -> str: ...

    @abstractmethod
    def announce(self, change: Change) -> None:
        """Send the hooks that the vendor would send."""

    @abstractmethod
    def admit(self, request: web.Request) -> None:
        """Raises Refused: wrong credentials, too many requests."""

    @abstractmethod
    def problem(self, status: int, message: str) -> Any:
        """The body of an error answer."""

    def stamped(self, response: web.Response) -> web.Response:
        """Adds the headers of every answer."""
        return response

    # People

    def create(self, fields: Any) -> Entry:
        values = people.with_names(people.checked(fields))
        at = self.now()
        entry = Entry(self.new_id(), len(self.entries) + 1, at, at, {})
        self.entries[entry.id] = entry
        return self._change("created", entry, values)

    def update(self, key: str, fields: Any) -> Entry:
        """The fields replace those of the person; None clears. `custom` is merged."""
        entry, changes = self._present(key), people.checked(fields)
        if "active" in changes:
            changes.setdefault("status", None)
        custom = {**entry.values.get("custom", {}), **changes.get("custom", {})}
        values = entry.values | changes | ({"custom": custom} if custom else {})
        return self._change(
            "updated", entry, {name: value for name, value in values.items() if _counts(entry, name, value)}
        )

    def remove(self, key: str) -> Entry:
        entry = self._present(key)
        entry.removed = "deleted"
        return self._change("removed", entry, entry.values)

    def find(self, key: str) -> Entry:
        """By the directory's own id, else the newest with this employee number. Raises ValueError."""
        if key in self.entries:
            return self.entries[key]
        for entry in reversed([*self.entries.values()]):
            if entry.values.get("employeeNumber") == key and entry.removed is None:
                return entry
        raise ValueError(f"{self.name} has nobody with this id or employee number")

    def _present(self, key: str) -> Entry:
        entry = self.find(key)
        if entry.removed is not None:
            raise ValueError(f"{self.name} has removed this one")
        return entry

    def living(self) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.removed is None]

    def in_application(self, values: people.Values) -> bool:
        """Whether somebody is assigned to the application, by themselves or by a group."""
        groups = set(self.options.application_groups.split(","))
        return bool(values.get("assigned")) or not groups.isdisjoint(values.get("groups") or [])

    def by_number(self, employee_number: str | None) -> Entry | None:
        if employee_number is None:
            return None
        return next((entry for entry in self.living() if entry.values.get("employeeNumber") == employee_number), None)

    def _change(self, kind: Kind, entry: Entry, values: people.Values) -> Entry:
        before, at = entry.values, self.now()
        changed = people.differing(before, values)
        if kind != "updated" or changed:
            self.seq += 1
            entry.values, entry.updated = values, at
            entry.history.append((self.seq, values))
            entry.changed |= dict.fromkeys(changed, (self.seq, at))
            self.announce(Change(kind, entry, before, changed, at))
        return entry

    # Requests

    def route(self, app: web.Application, method: str, path: str, handler: Handler, *, public: bool = False) -> None:
        async def serve(request: web.Request) -> web.Response:
            answer = self.stamped(await self._answer(request, handler, public=public))
            seen = {"method": request.method, "path": request.path, "query": dict(request.query)}
            number = len(self.site.requests) + 1
            self.site.requests.append({"n": number, "directory": self.name, **seen, "status": answer.status})
            return answer

        app.router.add_route(method, f"/{self.name}{path}", serve)

    async def _answer(self, request: web.Request, handler: Handler, *, public: bool) -> web.Response:
        try:
            await self._fail_on_demand(request.path)
            if not public:
                self.admit(request)
            return await handler(request)
        except Refused as refused:
            return answered(self.problem(refused.status, refused.message), refused.status, refused.headers)

    async def _fail_on_demand(self, path: str) -> None:
        if fault := self.faults.choose(faults.API, path):
            await asyncio.sleep(fault.delay_ms / 1000)
            if fault.kind == "refuse":
                after = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
                raise Refused(fault.status, "on demand", after)

    async def grant(self, request: web.Request) -> web.Response:
        """Client credentials (RFC 6749 §4.4), by Basic or in the form."""
        options = self.options
        clients = {options.client_id: Client(options.client_id, options.client_secret, self.name)}
        authorization, form = request.headers.get("Authorization"), await request.post()
        status, body = self.tokens.grant(clients, options.token_ttl_s, authorization, form)
        return answered(body, status, {"Cache-Control": "no-store"})

    def check_bearer(self, request: web.Request) -> None:
        try:
            self.tokens.find(request.headers.get("Authorization"))
        except PlatformError:
            raise Refused(401, "the access token is missing, wrong or expired") from None

    # Hooks

    async def deliver(self, about: Any, send: Callable[[], Awaitable[None]]) -> None:
        """Send, as far as the fault plan lets it."""
        fault = self.faults.choose(faults.HOOK)
        if fault and fault.kind == "drop":
            self.site.hooks.note(self.name, about=about, fault="drop")
            return
        if fault and fault.kind == "delay":
            await asyncio.sleep(fault.delay_ms / 1000)
        await send()
        if fault and fault.kind == "duplicate":
            await send()

    async def post(self, content: Any, about: Any, timeout_s: float) -> int:
        """POST to the gateway once."""
        headers = (self.options.hook_headers or {}).get(self.name, {})
        url = f"{self.options.gateway}/v1/{self.name}"
        return await self.site.hooks.post(self.name, url, content, headers, about=about, timeout_s=timeout_s)


def _counts(entry: Entry, name: str, value: Any) -> bool:
    """Whether it is stored: None clears a value, but a field that was never set stays absent."""
    return value is not None or name in entry.values


def answered(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)


def limit_of(request: web.Request, most: int, page_size: int) -> int:
    """Page length: as requested, at most the vendor's limit and ours."""
    limit = request.query.get("limit", str(most))
    if not limit.isascii() or not limit.isdigit():
        raise Refused(400, "limit must be a whole number")
    return max(1, min(int(limit), most, page_size))


def same_basic(authorization: str | None, user: str, password: str) -> bool:
    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return hmac.compare_digest((authorization or "").encode(), expected.encode())


def json_content(raw: bytes) -> dict[str, Any]:
    """Raises Refused: not a JSON object."""
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError:
        content = None
    if not isinstance(content, dict):
        raise Refused(400, "the body must be a JSON object")
    return content
