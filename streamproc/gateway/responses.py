"""What the gateway answers: nothing about why, and nearly always nothing at all."""

from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import SERVER_SOFTWARE

HANDSHAKE = 2048
"""Characters of what a source asks to be repeated."""


class HttpError(Exception):
    """Ends a request with a status."""

    def __init__(self, status: int, content: dict[str, Any] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.content = content

    def response(self) -> web.Response:
        """As it is sent."""
        if self.status == 503:
            return later()
        return (
            web.Response(status=self.status)
            if self.content is None
            else web.json_response(self.content, status=self.status)
        )


class Success(web.StreamResponse):
    """A status without content, on a connection of HTTP/1.1 that stays open: the same bytes as web.Response would
    send, made once a second. It keeps nothing of a request, so one does for all of them, also at the same time.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status=status)
        self._second = -1
        self._sent = b""

    @property
    def keep_alive(self) -> bool:
        """Always."""
        return True

    def at(self, second: int) -> "Success":
        """With the date of this moment, in s since 1970."""
        if second != self._second:
            length = "" if self.status == HTTPStatus.NO_CONTENT else "Content-Length: 0\r\n"
            date = formatdate(second, usegmt=True)
            head = f"HTTP/1.1 {self.status} {self.reason}\r\n{length}Date: {date}\r\nServer: {SERVER_SOFTWARE}\r\n\r\n"
            self._second, self._sent = second, head.encode()
        return self

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Sends it."""
        await request.writer.write(self._sent)
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """There is nothing after the head."""


def later() -> web.Response:
    """It is to be sent again."""
    return web.Response(status=503, headers={"Retry-After": "1"})


def validation(given: str) -> web.Response:
    """Graph asks for its token back as it is, as plain text (learn.microsoft.com/graph/change-notifications-...)."""
    if not 0 < len(given) <= HANDSHAKE:
        return web.Response(status=400)
    return web.Response(text=given, content_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})
