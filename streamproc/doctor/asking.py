"""Asks the target, a few times where it is too busy; what an answer means is decided elsewhere."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from streamproc.adapters.scim_http import PlatformHttp, ScimHttp
from streamproc.core.scim.response_policy import Response
from streamproc.core.scim.retry_after import asked_to_wait

ATTEMPTS: Final = 3
WAIT: Final = 2.0
"""Seconds before another attempt, unless it is told."""
LONGEST: Final = 8.0
"""Seconds that are waited at most."""
PAGE: Final = 100
PAGES: Final = 50
AGAIN: Final = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Target:
    """The target's two APIs."""

    scim: ScimHttp
    platform: PlatformHttp
    pause: Callable[[float], Awaitable[None]]

    async def of_scim(self, path: str) -> Response:
        """GET below the SCIM root. Never raises for what the network or the server does."""
        return await self._ask(partial(self.scim.request, "GET", path, "doctor"))

    async def of_platform(self, path: str) -> Response:
        """The same below the root of the target's own API."""
        return await self._ask(partial(self.platform.get, path))

    async def listed(self, path: str) -> list[dict[str, Any]] | Response:
        """All entities of a list that comes in pages, or the answer that is none. `path`: without its page."""
        found: list[dict[str, Any]] = []
        mark = "&" if "?" in path else "?"
        for number in range(1, PAGES + 1):
            answer = await self.of_platform(f"{path}{mark}pageSize={PAGE}&pageNumber={number}")
            entities = answer.body.get("entities")
            if answer.status != 200 or not isinstance(entities, list):
                return answer
            found += [entity for entity in entities if isinstance(entity, dict)]
            count = answer.body.get("pageCount")
            if not entities or not (number < count if isinstance(count, int) else len(entities) == PAGE):
                break
        return found

    async def _ask(self, send: Callable[[], Awaitable[Response]]) -> Response:
        answer = await send()
        for _ in range(ATTEMPTS - 1):
            if answer.status not in AGAIN:
                break
            told = asked_to_wait(answer.headers, answer.body if answer.status == 429 else {})
            await self.pause(min(LONGEST, told or WAIT))
            answer = await send()
        return answer
