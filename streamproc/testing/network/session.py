"""A client's side: what our code uses of aiohttp's session, and aiohttp's own exceptions."""

import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final, Self, TypeAlias
from urllib.parse import urlencode

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from streamproc.testing.process import Process

Ask: TypeAlias = Callable[[Process, str, str, dict[str, str], bytes, float], Awaitable["Heard"]]
"""Method, URL, headers, body and seconds of a request. Raises aiohttp's exceptions, and TimeoutError."""
IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Of these aiohttp sends a second one where the connection was lost."""


class Session:
    """Of one process. `seconds`: until an answer counts as missing."""

    def __init__(self, ask: Ask, process: Process, seconds: float) -> None:
        self.ask = ask
        self.process = process
        self.seconds = seconds
        self.closed = False

    def request(
        self,
        method: str,
        url: str | URL,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | Mapping[str, str] | None = None,
        timeout: aiohttp.ClientTimeout | None = None,
        allow_redirects: bool = False,  # noqa: ARG002 - nobody here follows them
    ) -> "_Asking":
        """For `async with`."""
        seconds = self.seconds if timeout is None or timeout.total is None else timeout.total
        sent = dict(headers or {})
        if data is None:
            body = b""
        elif isinstance(data, bytes):
            body = data
        else:
            body = urlencode(data).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        return _Asking(self, method, str(url), sent, body, seconds)

    async def close(self) -> None:
        """No more requests."""
        self.closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _Asking:
    """One request, made when it is entered."""

    __slots__ = ("_body", "_headers", "_method", "_seconds", "_session", "_url")

    def __init__(
        self, session: Session, method: str, url: str, headers: dict[str, str], body: bytes, seconds: float
    ) -> None:
        self._session, self._method, self._url = session, method, url
        self._headers, self._body, self._seconds = headers, body, seconds

    async def __aenter__(self) -> "Heard":
        session = self._session
        if session.closed:
            raise RuntimeError("Session is closed")
        return await session.ask(session.process, self._method, self._url, self._headers, self._body, self._seconds)

    async def __aexit__(self, *_: object) -> None:
        pass


class Heard:
    """An answer, as the client has it. `cut`: the connection was lost before the body's end."""

    __slots__ = ("body", "content_length", "cut", "headers", "status")

    def __init__(self, status: int, headers: CIMultiDict[str], body: bytes, *, cut: bool = False) -> None:
        self.status, self.headers, self.body, self.cut = status, headers, body, cut
        self.content_length = len(body)

    @property
    def content(self) -> Self:
        """Has `iter_any`."""
        return self

    @property
    def content_type(self) -> str:
        """Lower case, without parameters."""
        return self.headers.get("Content-Type", "application/octet-stream").partition(";")[0].strip().lower()

    async def iter_any(self) -> AsyncIterator[bytes]:
        """The body, as it came. Raises ClientPayloadError."""
        if self.cut:
            yield self.body[: len(self.body) // 2]
            raise aiohttp.ClientPayloadError("the answer is incomplete")
        if self.body:
            yield self.body

    async def read(self) -> bytes:
        """The body. Raises ClientPayloadError."""
        return b"".join([chunk async for chunk in self.iter_any()])


def unreachable(origin: str) -> aiohttp.ClientConnectorError:
    """Nobody listens there."""
    url = URL(origin)
    key: Any = SimpleNamespace(host=url.host, port=url.port, is_ssl=url.scheme == "https", ssl=True)
    return aiohttp.ClientConnectorError(key, ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))


def reset() -> aiohttp.ClientError:
    """A connection that was lost while a request was under way."""
    return aiohttp.ClientOSError(errno.ECONNRESET, "Connection reset by peer")
