"""Where a stand-in's handlers are found: what they use of aiohttp's application, in a hundredth of its time."""

import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import unquote

from aiohttp import web

from streamproc.testing.network.asked import Asked, Match

Handler: TypeAlias = Callable[[Any], Awaitable[web.StreamResponse]]
_PART = re.compile(r"\{(\w+)(?::([^{}]+))?\}")


class Routes:
    """Give it to what adds routes to an application; then `answer` is the server.

    A path without variables goes before all others, and these in the order in which they were added.
    """

    def __init__(self) -> None:
        self.router = self
        self.on_response_prepare: list[Callable[[Any, Any], Awaitable[None]]] = []
        self.cleanup_ctx: list[Any] = []
        self._exact: dict[tuple[str, str], Handler] = {}
        self._patterns: list[tuple[str, re.Pattern[str], str, Handler]] = []

    def add_route(self, method: str, path: str, handler: Handler) -> None:
        """`method`: `*` is each."""
        if "{" in path:
            self._patterns.append((method, _compiled(path), path, handler))
        else:
            self._exact[method, path] = handler

    def add_post(self, path: str, handler: Handler) -> None:
        """A route for POST."""
        self.add_route("POST", path, handler)

    def add_get(self, path: str, handler: Handler) -> None:
        """A route for GET."""
        self.add_route("GET", path, handler)

    async def answer(self, asked: Asked) -> web.StreamResponse:
        """By the handler whose route fits."""
        response = await self._found(asked)(asked)
        for prepare in self.on_response_prepare:
            await prepare(asked, response)
        return response

    def _found(self, asked: Asked) -> Handler:
        path = asked.raw_path
        if (handler := self._exact.get((asked.method, path))) is not None:
            asked.match_info = Match({}, path)
            return handler
        for method, pattern, canonical, handler in self._patterns:
            if method in ("*", asked.method) and (match := pattern.fullmatch(path)) is not None:
                parts = {name: unquote(part) for name, part in match.groupdict().items()}
                asked.match_info = Match(parts, canonical)
                return handler
        return _not_found


async def _not_found(_: Asked) -> web.StreamResponse:
    return web.Response(status=404)


@lru_cache(maxsize=1024)
def _compiled(path: str) -> re.Pattern[str]:
    text, at = "", 0
    for part in _PART.finditer(path):
        text += re.escape(path[at : part.start()]) + f"(?P<{part[1]}>{part[2] or '[^{}/]+'})"
        at = part.end()
    return re.compile(text + re.escape(path[at:]))
