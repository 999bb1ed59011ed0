"""HTTP as all our clients speak it: no cookies, no redirects, the proxy that is set, bounded answers, seconds to wait.

A redirect isn't followed: a POST would become a GET, and the credentials would go wherever the answer says.
Rejected: aiohttp's `trust_env`, which reads the environment at each request, in a thread, and `~/.netrc` besides.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
import orjson
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from yarl import URL

from streamproc.settings import NetworkSettings

HEADER: Final = 64 * 1024
"""Bytes of a header, or of the status line, that an answer may have."""
HEADERS: Final = 1000
ANSWER: Final = 16 * 1024 * 1024
"""Bytes that an answer may have, unpacked; a longer one isn't read to its end."""
_BOM: Final = b"\xef\xbb\xbf"


class TooLongError(aiohttp.ClientPayloadError):
    """An answer has more bytes than are read."""


class NotSentError(Exception):
    """Nothing reached the server, so the request wasn't carried out. The message says why, and what to do."""


class UnansweredError(Exception):
    """No usable answer came: whether the request was carried out isn't known. The message says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `headers`: lower-case names; `retry-after` is in seconds, and absent where it can't be read."""

    status: int
    content: bytes
    headers: dict[str, str]


def http_session(network: NetworkSettings, *, connections: int = 100, seconds: float = 30.0) -> aiohttp.ClientSession:
    """Connections by which our clients ask others. `seconds`: until an answer counts as missing."""

    async def through_proxy(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        url = request.url
        if (proxy := network.proxy(url.scheme, url.host or "", url.port)) is not None:
            request.update_proxy(*aiohttp.helpers.strip_auth_from_url(URL(proxy)), None)
        return await handler(request)

    tls = network.ssl_context()
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=30, ssl=True if tls is None else tls),
        timeout=aiohttp.ClientTimeout(total=seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        max_line_size=HEADER,
        max_field_size=HEADER,
        max_headers=HEADERS,
        middlewares=(through_proxy,) if network.proxied else (),
    )


async def send(
    http: aiohttp.ClientSession,
    method: str,
    url: str,
    headers: dict[str, str],
    data: Any = None,
    *,
    clock: Callable[[], float] = time.time,
    **options: Any,
) -> Reply:
    """One request, one answer. `clock`: seconds since 1970. Raises NotSentError, UnansweredError."""
    try:
        async with http.request(method, url, headers=headers, data=data, allow_redirects=False, **options) as response:
            return Reply(response.status, await body(response), told_headers(response, clock()))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise (NotSentError if not_sent(error) else UnansweredError)(explain(error)) from error


async def body(response: ClientResponse, most: int = ANSWER) -> bytes:
    """The content, unpacked. Raises TooLongError."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > most:
            raise TooLongError(f"more than {most} bytes")
    return bytes(content)


def told_headers(response: ClientResponse, now: float) -> dict[str, str]:
    """As in `Reply`. `now`: seconds since 1970."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    if (asked := headers.pop("retry-after", None)) is not None:
        seconds = retry_after(asked, headers.get("date"), now)
        if seconds is not None:
            headers["retry-after"] = f"{seconds:g}"
    return headers


def retry_after(asked: str, date: str | None, now: float) -> float | None:
    """Seconds from Retry-After (RFC 9110 §10.2.3): a number, or a date in the server's own clock, which `date` tells.

    A moment that is over is 0. None: it is neither.
    """
    try:
        seconds = float(asked)
    except ValueError:
        if (until := moment(asked)) is None:
            return None
        told = moment(date or "")
        return max(0.0, until - (now if told is None else told))
    return seconds if 0.0 <= seconds < math.inf else None  # nor is NaN at least 0


def moment(date: str) -> float | None:
    """Seconds since 1970 of a date in any of HTTP's three forms, which are all GMT (RFC 9110 §5.6.7)."""
    try:
        parsed = parsedate_to_datetime(date)
        return (parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def decoded(content: bytes) -> Any:
    """JSON, after a byte order mark if need be. Raises orjson.JSONDecodeError."""
    return orjson.loads(content.removeprefix(_BOM))


def not_sent(error: BaseException) -> bool:
    """Whether the server surely has nothing of the request: no connection, no way through the proxy, no such URL."""
    beyond = aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.ConnectionTimeoutError, ValueError
    return isinstance(error, beyond)


def explain(error: BaseException) -> str:
    """Why there is no answer, and what to do where that is known. It has no secret: no URL, no header."""
    kind = type(error).__name__
    match error:
        case aiohttp.ClientHttpProxyError(status=407):
            return f"{kind}: the proxy wants a name and password (407): http://NAME:PASSWORD@HOST:PORT"
        case aiohttp.ClientHttpProxyError():
            return f"{kind}: the proxy answered {error.status} instead of connecting"
        case aiohttp.ClientProxyConnectionError():
            return f"{kind}: the proxy {error.host}:{error.port} can't be reached: {error.os_error.strerror or ''}"
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(error.certificate_error, "verify_message", "") or type(error.certificate_error).__name__
            return (
                f"{kind}: the certificate of {error.host}:{error.port} isn't trusted ({reason}): "
                "STREAMPROC_HTTPS_CA names certificate authorities beside the system's"
            )
        case aiohttp.ClientConnectorDNSError():
            return f"{kind}: the name {error.host} can't be resolved"
        case aiohttp.ClientConnectorError():
            return f"{kind}: {error.host}:{error.port} can't be reached: {error.os_error.strerror or ''}".rstrip(": ")
        case TooLongError():
            return f"{kind}: the answer has {error}"
        case aiohttp.ClientPayloadError():
            return f"{kind}: the answer was cut short, or can't be unpacked"
        case aiohttp.ClientResponseError():
            return f"{kind}: the answer isn't HTTP that can be read: {error.message[:200]}"
        case _:
            return kind
