"""What the gateway answers where it isn't a success: nothing about why, and nearly always no content."""

from typing import Any

from aiohttp import web

HANDSHAKE = 2048
"""Characters of what a source asks to have sent back."""


class HttpError(Exception):
    """Ends a request with a status. `why`: for the log, where nothing else has told it."""

    def __init__(self, status: int, content: dict[str, Any] | None = None, *, why: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.content = content
        self.why = why

    def response(self) -> web.Response:
        """As it is sent."""
        if self.status == 503:
            return later()
        return (
            web.Response(status=self.status)
            if self.content is None
            else web.json_response(self.content, status=self.status)
        )


def later() -> web.Response:
    """The sender should send it again."""
    return web.Response(status=503, headers={"Retry-After": "1"})


def validation(token: str) -> web.Response:
    """Graph asks for its token back as it is, as plain text (learn.microsoft.com/graph/change-notifications-...)."""
    if not 0 < len(token) <= HANDSHAKE:
        return web.Response(status=400)
    return web.Response(text=token, content_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})
