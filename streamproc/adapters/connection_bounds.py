"""Bounds of one connection to a server: of the heads of its answers, and one answer to one request.

aiohttp bounds each header, and their number; together they may be gigabytes, and interim answers (1xx) have no end. An
answer that nobody asked for, behind another one, would be taken for that to the next request. This is a patch of one
class of aiohttp's, and a test holds it.
"""

from typing import Any, Final

from aiohttp import ClientPayloadError
from aiohttp.client_proto import ResponseHandler

HEAD: Final = 1024 * 1024
"""Bytes of an answer's head, all headers and interim answers together."""


class TooLongError(ClientPayloadError):
    """An answer has more bytes than are read."""


class BoundedResponses(ResponseHandler):
    """The answers on one connection."""

    _head = 0
    """Bytes that came since the request, until its answer's head is there."""
    _answered = True
    """Whether the answer's head is there, or no request is under way."""

    def set_response_params(self, **options: Any) -> None:
        """A request begins."""
        self._head, self._answered = 0, False
        super().set_response_params(**options)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        before = self._answered
        super().data_received(data)
        if not before:
            self._head += len(data)
            if not self._answered and self._head > HEAD:
                self.set_exception(TooLongError(f"a head of more than {HEAD} bytes"))
                self._end()

    def feed_data(self, data: Any, size: int = 0) -> None:
        """A head is there, whole."""
        if self._answered:
            self._end()
            return
        status = data[0].code
        self._answered = status == 101 or status >= 200 or status < 100
        if self._answered:
            super().feed_data(data, size)

    def _end(self) -> None:
        self.force_close()
        if self.transport is not None:
            self.transport.close()
