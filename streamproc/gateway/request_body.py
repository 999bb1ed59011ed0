"""What the gateway reads of a request before it parses anything: the body's bytes, and the names that TLS verified."""

import asyncio

from aiohttp import StreamReader, web

from streamproc.gateway.responses import HttpError


async def body(request: web.BaseRequest, limit: int, deadline: float) -> bytes:
    """All of it, as it was sent.

    Raises HttpError where it is larger than `limit` (413), is compressed (415), isn't there by the deadline, in the
    loop's time (408), or is cut off (400).
    """
    if (request.content_length or 0) > limit:
        raise HttpError(413)
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise HttpError(415)
    try:
        if request.content.is_eof():  # it came with the headers, as most do
            content = request.content.read_nowait()
        else:
            async with asyncio.timeout_at(deadline):
                content = await _rest(request.content, limit)
    except TimeoutError:
        raise HttpError(408) from None
    except (web.RequestPayloadError, ConnectionError):
        raise HttpError(400) from None
    if len(content) > limit:
        raise HttpError(413)
    return content


async def _rest(content: StreamReader, limit: int) -> bytes:
    """All that comes; or, where it is too large, as much as shows that."""
    parts: list[bytes] = []
    size = 0
    async for part in content.iter_any():
        parts.append(part)
        size += len(part)
        if size > limit:
            break
    return b"".join(parts)


def certificate_names(request: web.BaseRequest) -> frozenset[str]:
    """Common name and DNS names of a client certificate; TLS has verified it, or there is none."""
    certificate = None if request.transport is None else request.transport.get_extra_info("peercert")
    if not certificate:
        return frozenset()
    common = [value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"]
    return frozenset([*common, *(value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS")])
