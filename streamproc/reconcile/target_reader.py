"""Target reader: questions to the target, as fast as its rate limit leaves room beside those who change something.

An answer is one only if it is about what was asked; trouble of the target is waited for, and told where it doesn't end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final

import structlog
from msgspec import Struct

from streamproc import telemetry
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.scim_http import PlatformHttp, ScimHttp
from streamproc.core.errors import TargetError
from streamproc.core.flow.rate_limit import RateLimiter
from streamproc.core.scim.dialect import Dialect
from streamproc.core.scim.filter import equals, resource_path
from streamproc.core.scim.list_response import Listing, turn_page
from streamproc.core.scim.response_action import Deliver, Denied, Gone, ReadBack, ResponseAction, Retry
from streamproc.core.scim.response_body import is_later_page, is_list, resource_id, same_id
from streamproc.core.scim.response_policy import Response, describe, response_action
from streamproc.reconcile.decide.pages import Page, is_account, page_path, read_page
from streamproc.reconcile.decide.schedule import PageOf

log = structlog.get_logger("streamproc.reconcile")

USERS: Final = "/Users"
ATTEMPTS: Final = 8
"""Times that one question is asked."""
FEW: Final = 2
"""The same beside SCIM, where nothing depends on it."""
AT_ONCE: Final = 4
"""Questions side by side."""


class ForbiddenError(TargetError):
    """The client may not ask that, nor anything of the kind."""


class Unread(Struct, frozen=True):
    """An account that couldn't be read. `trouble`: perhaps none could; else the answer was about something else."""

    why: str
    trouble: bool


class TargetReader:
    """Of one process."""

    def __init__(
        self, scim: ScimHttp, platform: PlatformHttp | None, dialect: Dialect, limiter: RateLimiter, clocks: Clocks
    ) -> None:
        self.dialect = dialect
        self.limiter = limiter
        self._scim = scim
        self._platform = platform
        self._clocks = clocks
        self._lanes = asyncio.Semaphore(AT_ONCE)
        self.requests = 0
        """That were sent."""
        self.answers = 0
        """That came to questions about users."""

    async def user(self, account: str) -> dict[str, Any] | Unread | None:
        """An account, read at its id. None: there is none."""
        path = resource_path("Users", account)
        try:
            answer = await self._ask(partial(self._send, "GET", path), USERS)
        except TargetError as error:
            return Unread(str(error), trouble=True)
        if isinstance(self._means(answer), Gone):
            return None
        if not is_account(answer.body) or not same_id(resource_id(answer.body), account):
            return Unread("/Users: an account was asked for by its id, and something else was shown", trouble=False)
        return answer.body

    async def page(self, asked: PageOf, attributes: Iterable[str]) -> Page:
        """A page of accounts. Raises TargetError."""
        path = page_path(active=asked.active, start=asked.start, attributes=attributes, dialect=self.dialect)
        answer = await self._ask(partial(self._send, "GET", path), USERS)
        page = read_page(answer.body, first=asked.start == 1)
        if isinstance(self._means(answer), Gone) or page is None:
            raise TargetError("/Users was answered by something that is no list: is STREAMPROC_SCIM_URL right?")
        return page

    async def body(self, path: str, what: str) -> dict[str, Any]:
        """What SCIM answers there, whole. `what`: in words, nobody named. Raises TargetError."""
        answer = await self._ask(partial(self._send, "GET", path), what)
        if isinstance(self._means(answer), Gone):
            raise TargetError(f"{what}: {describe(answer)}")
        return answer.body

    async def group(self, name: str) -> str | None:
        """The id of the group of that name. None: there is none, or more than one. Raises TargetError."""
        listing = Listing()
        while listing.end is None:
            path = f"/Groups?{equals(('displayName', name))}&excludedAttributes=members{listing.next_page}"
            answer = await self._ask(partial(self._send, "GET", path), "/Groups")
            if not (is_later_page if listing.pages else is_list)(answer.body):
                raise TargetError("/Groups was answered by something that is no list: is STREAMPROC_SCIM_URL right?")
            listing = turn_page(listing, answer.body, "displayName", name)
        exact = [group for group in listing.found if group.get("displayName") == name] or list(listing.found)
        return str(exact[0]["id"]) if len(exact) == 1 else None

    async def write(self, path: str, body: dict[str, Any], etag: str | None) -> Response:
        """A write that an operator has ordered, once. Raises TargetError where no answer came."""
        answer = await self._once(partial(self._send, "PATCH", path, body, etag))
        if answer.status is None:
            raise TargetError(f"/Users: {describe(answer)}")
        return answer

    async def platform_get(self, path: str) -> Response | None:
        """Beside SCIM. None: nothing can be asked there. Raises TargetError, also where it isn't allowed."""
        if self._platform is None:
            return None
        return await self._ask(partial(self._platform.get, path), path.partition("?")[0], attempts=FEW)

    async def platform_post(self, path: str, body: dict[str, Any]) -> Response | None:
        """The same, for a query that changes nothing."""
        if self._platform is None:
            return None
        return await self._ask(partial(self._platform.post, path, body), path.partition("?")[0], attempts=FEW)

    async def _send(
        self, method: str, path: str, body: dict[str, Any] | None = None, etag: str | None = None
    ) -> Response:
        return await self._scim.request(method, path, f"reconcile-{self.requests}", body, etag)

    def _means(self, answer: Response, attempt: int = 0) -> ResponseAction:
        return response_action("read", answer, attempt, self._clocks.jitter())

    async def _ask(self, send: Callable[[], Awaitable[Response]], what: str, *, attempts: int = ATTEMPTS) -> Response:
        """Ask until an answer counts: it is there, or there is no such thing. `what`: in words, nobody named.

        Raises TargetError.
        """
        for attempt in range(attempts):
            answer = await self._once(send)
            action = self._means(answer, attempt)
            if isinstance(action, Deliver | Gone):
                self.answers += what == USERS
                return answer
            if not isinstance(action, Retry | ReadBack | Denied) or answer.status == 403 or attempt == attempts - 1:
                break
            await self._clocks.pause(action.after)
        raise (ForbiddenError if answer.status == 403 else TargetError)(f"{what}: {describe(answer)}")

    async def _once(self, send: Callable[[], Awaitable[Response]]) -> Response:
        """One request, when the rate limit has room for it."""
        async with self._lanes:
            while (seconds := self.limiter.wait(self._clocks.ticks())) > 0:
                await self._clocks.pause(seconds)
            self.limiter.sent(self._clocks.ticks())
            self.requests += 1
            telemetry.RECONCILE_REQUESTS.inc()
            try:
                answer = await send()
            except BaseException:
                self.limiter.lost()
                raise
            self.limiter.answered(self._clocks.ticks(), answer.status, answer.headers, answer.body)
            return answer
