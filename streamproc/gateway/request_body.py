"""What the gateway reads of a request before it knows what is in it: the bytes of its body, and who TLS says it is."""

import asyncio

from aiohttp import StreamReader, web

from streamproc.gateway.responses import HttpError


async def body(request: web.BaseRequest, limit: int, deadline: float) -> bytes:
    """All of it, as it was sent. Raises Answer where it is larger than the limit (413), is packed (415), doesn't come
    by the deadline, in the loop's time (408), or is cut off (400).
    """
    if (request.content_length or 0) > limit:
        raise HttpError(413)
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise HttpError(415)
    try:
        if request.content.is_eof():  # it came with the head, as most do
            found = request.content.read_nowait()
        else:
            async with asyncio.timeout_at(deadline):
                found = await _rest(request.content, limit)
    except TimeoutError:
        raise HttpError(408) from None
    except (web.RequestPayloadError, ConnectionError):
        raise HttpError(400) from None
    if len(found) > limit:
        raise HttpError(413)
    return found


async def _rest(content: StreamReader, limit: int) -> bytes:
    """What comes, up to the part with which it is larger than the limit."""
    parts: list[bytes] = []
    size = 0
    async for part in content.iter_any():
        parts.append(part)
        size += len(part)
        if size > limit:
            break
    return b"".join(parts)


def names(request: web.BaseRequest) -> frozenset[str]:
    """Common name and DNS names of a client certificate; TLS has verified it, or there is none."""
    found = None if request.transport is None else request.transport.get_extra_info("peercert")
    if not found:
        return frozenset()
    common = [value for part in found.get("subject", ()) for name, value in part if name == "commonName"]
    return frozenset([*common, *(value for kind, value in found.get("subjectAltName", ()) if kind == "DNS")])
