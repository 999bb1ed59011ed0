"""HTTP as all our clients speak it: no cookies, no redirects, the proxy that is set, bounded answers, seconds to wait.

A redirect isn't followed: a POST would become a GET, and the credentials would go wherever the answer says.
Rejected: aiohttp's `trust_env`, which reads the environment at each request, in a thread, and `~/.netrc` besides.

What an answer may be is bounded here for all: its head (`connection_bounds.py`), its bytes before and after unpacking,
the time until all of it is there, the values and the depth of its JSON. Answers are unpacked here, too: aiohttp takes a
packed answer that was cut off for a whole one.
"""

import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final

import aiohttp
import orjson
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from yarl import URL

from streamproc.adapters.connection_bounds import BoundedResponses, TooLongError
from streamproc.settings import NetworkSettings
from streamproc.settings.urls import overheard

HEADER: Final = 64 * 1024
"""Bytes of a header, or of the status line, that an answer may have."""
HEADERS: Final = 1000
LONGEST_DATE: Final = 64
"""Characters of a date."""
ANSWER: Final = 16 * 1024 * 1024
"""Bytes that an answer may have, unpacked; a longer one isn't read to its end."""
DEEPEST: Final = 250
"""Levels of JSON that are read: as many as can be written again inside of something else."""
VALUES: Final = 1_000_000
"""Values of one JSON text that are read: an empty object of two bytes takes 64 in memory."""
_BOM: Final = b"\xef\xbb\xbf"
_JSON: Final = re.compile(
    r"\s*(?:application/(?:[\w.-]+\+)?|text/)json\s*(?:;.*)?", re.IGNORECASE | re.ASCII | re.DOTALL
)


class UnpackError(aiohttp.ClientPayloadError):
    """An answer can't be unpacked."""


class OverheardError(aiohttp.InvalidURL):
    """A request would go by http to another machine, whoever said so: a setting, or a link in an answer."""


class NotSentError(Exception):
    """Nothing reached the server, so the request wasn't carried out. The message says why, and what to do."""


class UnansweredError(Exception):
    """No usable answer came: whether the request was carried out isn't known. The message says why.

    `odd`: one came, and it is none that can be used; another attempt hardly makes it better.
    """

    def __init__(self, why: str, *, odd: bool = False) -> None:
        super().__init__(why)
        self.odd = odd


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `headers`: lower-case names; `retry-after` is in seconds, and absent where it can't be read."""

    status: int
    content: bytes
    headers: dict[str, str]

    @property
    def is_json(self) -> bool:
        """Whether it says of itself that it is JSON, or nothing at all: a proxy's page doesn't."""
        return is_json(self.headers)


def http_session(network: NetworkSettings, *, connections: int = 100, seconds: float = 30.0) -> aiohttp.ClientSession:
    """Connections by which our clients ask others. `seconds`: until an answer counts as missing."""

    async def unheard(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if overheard(request.url):
            raise OverheardError(request.url)
        return await handler(request)

    async def through_proxy(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        url = request.url
        if (proxy := network.proxy(url.scheme, url.host or "", url.port)) is not None:
            request.update_proxy(*aiohttp.helpers.strip_auth_from_url(URL(proxy)), None)
        return await handler(request)

    tls = network.ssl_context()
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=30, ssl=True if tls is None else tls)
    factory: Any = partial(BoundedResponses, loop=connector._loop)  # noqa: SLF001 - a patch, see there
    connector._factory = factory  # noqa: SLF001
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=seconds),
        cookie_jar=_NoCookies(),
        headers={"Accept-Encoding": "gzip"},
        auto_decompress=False,
        max_line_size=HEADER,
        max_field_size=HEADER,
        max_headers=HEADERS,
        middlewares=(unheard, through_proxy) if network.proxied else (unheard,),
    )


class _NoCookies(aiohttp.DummyCookieJar):
    """aiohttp's own keeps none, but reads them all the same."""

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        pass


async def send(
    http: aiohttp.ClientSession,
    method: str,
    url: str | URL,
    headers: dict[str, str],
    data: Any = None,
    *,
    clock: Callable[[], float],
    most: int = ANSWER,
    **options: Any,
) -> Reply:
    """One request, one answer. `clock`: seconds since 1970. `most`: bytes that the answer may have.

    Raises NotSentError, UnansweredError.
    """
    answered = False
    try:
        async with http.request(method, url, headers=headers, data=data, allow_redirects=False, **options) as response:
            answered = True
            return Reply(response.status, await body(response, most), told_headers(response, clock()))
    except Exception as error:  # whatever an answer makes somebody stumble over, it is that one answer
        if not answered and not_sent(error):
            raise NotSentError(explain(error)) from error
        bad = isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError)
        away = isinstance(error, aiohttp.ClientError | OSError)  # TimeoutError, too
        raise UnansweredError(explain(error), odd=bad or (answered and not away)) from error


async def body(response: ClientResponse, most: int = ANSWER) -> bytes:
    """The content, unpacked, of a session of `http_session`. Raises TooLongError, UnpackError."""
    coding = ",".join(response.headers.getall("Content-Encoding", ())).strip().lower()
    if coding not in {"", "identity", "gzip", "x-gzip"}:
        raise UnpackError("packed in a way that wasn't asked for")
    if (response.content_length or 0) > most:
        raise TooLongError(f"more than {most} bytes")
    unpack = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS) if coding.endswith("gzip") else None
    content, came = bytearray(), 0
    async for chunk in response.content.iter_any():
        came += len(chunk)
        try:
            content += chunk if unpack is None else unpack.decompress(chunk, most + 1 - len(content))
        except zlib.error as error:
            raise UnpackError("packed in a way that can't be unpacked") from error
        if max(came, len(content)) > most:
            raise TooLongError(f"more than {most} bytes")
    if unpack is not None and came and (not unpack.eof or unpack.unused_data):
        raise UnpackError("packed, and isn't whole or goes on after its end")
    return bytes(content)


def told_headers(response: ClientResponse, now: float) -> dict[str, str]:
    """As in `Reply`; of `link` there may be several, which are one list. `now`: seconds since 1970."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    if "link" in headers:
        headers["link"] = ", ".join(response.headers.getall("Link"))
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
    if len(date) > LONGEST_DATE:
        return None
    try:
        parsed = parsedate_to_datetime(date)
        return (parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)).timestamp()
    except Exception:  # noqa: BLE001 - email's parser raises whatever a text makes it stumble over, even TypeError
        return None


def is_json(headers: Mapping[str, str]) -> bool:
    """Whether an answer says that it is JSON, or nothing at all. `headers`: lower-case names."""
    kind = headers.get("content-type", "").partition(";")[0].strip()
    return not kind or _JSON.fullmatch(kind) is not None


def decoded(content: bytes) -> Any:
    """JSON, after a byte order mark if need be. Raises orjson.JSONDecodeError, also for what has too many values or is
    nested too deeply.
    """
    opened = content.count(b"[") + content.count(b"{")
    if opened + content.count(b",") > VALUES:
        raise orjson.JSONDecodeError("too many values", "", 0)
    value = orjson.loads(content.removeprefix(_BOM))
    if opened > DEEPEST:
        try:
            orjson.dumps([[[[value]]]])
        except orjson.JSONEncodeError:
            raise orjson.JSONDecodeError("nested too deeply", "", 0) from None
    return value


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
        case OverheardError():
            return f"{kind}: http:// goes to this machine itself alone"
        case TooLongError():
            return f"{kind}: the answer has {error}"
        case UnpackError():
            return f"{kind}: the answer is {error}"
        case aiohttp.ClientPayloadError():
            return f"{kind}: the answer was cut short, or can't be unpacked"
        case aiohttp.ClientResponseError():
            # the message would quote the answer
            return f"{kind}: the answer isn't HTTP that can be read"
        case _:
            return kind
