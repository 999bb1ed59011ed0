"""Strangers' requests that get around HTTP: framing, heads, bodies, and what is hardly HTTP at all."""

import base64
import gzip
from collections.abc import Callable
from random import Random
from typing import Final

from tests.support.hostile_requests import MARK, SECRET, Hostile, door, event, request


def ambiguous(rng: Random) -> Hostile:
    """Two ways to read where a request ends; the rest begins a request that the next sender's would complete."""
    rest = f"POST /v1/okta HTTP/1.1\r\nHost: gateway\r\nX-Request-Id: {MARK}\r\nX-Rest: ".encode()
    chunked = b"0\r\n\r\n" + rest
    framings: list[tuple[list[tuple[str, str]], bytes]] = [
        ([("Content-Length", str(len(chunked))), ("Transfer-Encoding", "chunked")], chunked),
        ([("Transfer-Encoding", "chunked"), ("Content-Length", "0")], chunked),
        ([("Content-Length", "0"), ("Content-Length", str(len(rest)))], rest),
        ([("Content-Length", f"0, {len(rest)}")], rest),
        ([("Content-Length", f"+{len(rest)}")], rest),
        ([("Content-Length", "-1")], rest),
        ([("Content-Length", "0x0")], rest),
        ([("Content-Length", "1_0")], rest),
        ([("Content-Length", "0 0")], rest),
        ([("Content-Length", "٠")], rest),
        ([("Content-Length", "18446744073709551616")], rest),
        ([("Content-Length", "")], rest),
        ([("Content-Length ", "0"), ("Transfer-Encoding", "chunked")], chunked),
        ([("Transfer-Encoding", "chunked, identity"), ("Content-Length", "3")], chunked),
        ([("Transfer-Encoding", "identity"), ("Content-Length", str(len(chunked)))], chunked),
        ([("Transfer-Encoding", "xchunked"), ("Content-Length", "0")], chunked),
        ([("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "identity")], chunked),
        ([("Transfer-Encoding", "\x0bchunked"), ("Content-Length", "0")], chunked),
        ([("Transfer-Encoding", "chunked\r\n\tx"), ("Content-Length", "0")], chunked),
        ([("Transfer_Encoding", "chunked"), ("Content-Length", "0"), ("Content-Length", "5")], chunked),
        ([("X\r\n Content-Length", "0"), ("Content-Length", "0")], rest),
        ([("X: y\nContent-Length", "0"), ("Content-Length", "0")], rest),
        ([("X: y\rContent-Length", "4"), ("Content-Length", "0")], rest),
        ([("Content-Length\0", "4"), ("Content-Length", "0")], rest),
    ]
    headers, body = framings[rng.randrange(len(framings))]
    return Hostile("ambiguous", (request(door(rng), b"", *headers, length=False) + body,), torn=True)


def chunks(rng: Random) -> Hostile:
    """Chunks that are none, that never end, that are headers, or that are too many."""
    head = request(door(rng), b"", ("Transfer-Encoding", "chunked"), length=False)
    bodies = [
        b"FFFFFFFFFFFFFFFFF\r\n",
        b"-1\r\n\r\n",
        b"zz\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5 ;\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"5\r\nhellox\r\n0\r\n\r\n",
        b"5;" + b"e" * 20_000 + b"\r\nhello\r\n0\r\n\r\n",
        b"1;a=b\r\nx\r\n" * 3000,
        b"\r\n\r\n",
        b"0\r\nAuthorization: " + SECRET.encode() + b"\r\n\r\n",
        b"0\r\n" + b"t: x\r\n" * 5000,
        b"7fffffffffffffff\r\n" + b"x" * 100_000,
        b"2\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}\r\n",
        b"100000\r\n" + b"[" * 100_000,
        b"00000000000000000000000000002\r\n{}\r\n0\r\n\r\n",
    ]
    body = rng.choice(bodies)
    return Hostile("chunks", (head, body))


def floods(rng: Random) -> Hostile:
    """Heads that are too many, too long, or strange."""
    start = door(rng)
    heads = [
        request(start, b"", *((f"x-{number}", "y") for number in range(rng.choice([50, 127, 129, 1000])))),
        request(start, b"", ("x" * rng.choice([100, 8190, 9000, 70_000]), "y")),
        request(start, b"", ("x", "y" * rng.choice([8100, 8190, 9000, 200_000]))),
        request(start + "?" + "q" * rng.choice([8000, 8190, 100_000]), b""),
        request(start + "?validationToken=" + "%0d%0aX" * rng.choice([1, 3000]), b""),
        request(start, b"", *[("Authorization", "x")] * 100),
        request(start, b"", *[("Cookie", "a=b" * 2000)] * 20),
        b"\r\n" * rng.choice([1, 1000, 100_000]),
        b"G" * 100_000,
        b"POST " + start.encode() + b" HTTP/1.1\r\n" + b" folded: x\r\n" * 5000,
    ]
    return Hostile("floods", (rng.choice(heads),))


def strange(rng: Random) -> Hostile:
    """What is hardly HTTP, or not at all; other methods, paths, versions and protocols."""
    body = event(rng)
    lines = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + rng.randbytes(60),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(500),
        rng.randbytes(rng.randrange(1, 3000)),
        b"GET /v1/okta\r\n",
        b"POST /v1/okta HTTP/0.9\r\n\r\n",
        b"POST /v1/okta HTTP/1.10\r\nHost: a\r\n\r\n",
        b"POST\t/v1/okta\tHTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT gateway:443 HTTP/1.1\r\nHost: gateway\r\n\r\n" + body,
        request(door(rng), body, ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "eA==")),
        request(door(rng), body, ("Upgrade", "h2c"), ("Connection", "Upgrade, HTTP2-Settings"), ("HTTP2-Settings", "")),
        request(door(rng), body, ("Expect", rng.choice(["100-continue", "200-ok", "100-continue, x", "\0"]))),
        *(
            request(door(rng), body, method=method)
            for method in ("GET", "PUT", "TRACE", "OPTIONS", "post", "M-SEARCH", "PO ST")
        ),
        *(
            request(path, body)
            for path in (
                "//v1/okta",
                "/v1//okta",
                "/v1/okta/",
                "/v1/okta%00",
                "/v1/okta%2f..%2fentra",
                "/v1/../v1/okta",
                "/v1/%6fkta",
                "/v1/okta;x=y",
                "http://gateway/v1/okta",
                "http://[::1",
                "http://a:b@c:99999/v1/okta",
                "*",
                "/v1/okta#x",
                "/v1/\xf6",
                "/v1/okta?" + "a=b&" * 1000,
            )
        ),
        request("/v1/okta", b"", ("X-Okta-Verification-Challenge", "x" * 3000), method="GET"),
        request(
            door(rng),
            body,
            ("X-HTTP-Method-Override", "GET"),
            ("X-Forwarded-For", "127.0.0.1"),
            ("X-Client-Cert", "pingone"),
        ),
    ]
    return Hostile("strange", (rng.choice(lines),), ends=rng.random() < 0.3)


def half(rng: Random) -> Hostile:
    """Bodies that stop, and heads."""
    path = door(rng)
    headers = rng.choice([[], [("X-Gusto-Signature", "0" * 64)], [("Content-Type", "application/secevent+jwt")]])
    whole = request(path, b"{" * 900, *headers)
    return Hostile("half", (whole[: rng.randrange(1, len(whole))],), ends=rng.random() < 0.7)


def too_much(rng: Random) -> Hostile:
    """Bodies that are too large, too deep, too many, or unfold."""
    bodies: list[tuple[bytes, list[tuple[str, str]]]] = [
        (b"[" * 300_000, []),
        (b'{"value":[' + b"{}," * 200_000 + b"{}]}", []),
        (b'{"value":' * 1500 + b"1" + b"}" * 1500, []),
        (b'{"value":[{"' + b"k" * 500_000 + b'":1}]}', []),
        (b'{"value":[{"clientState":1' + b"0" * 100_000 + b"}]}", []),
        (
            gzip.compress(b" " * 2_000_000),
            [("Content-Encoding", rng.choice(["gzip", "deflate", "br", "identity, gzip", "GZIP"]))],
        ),
        (b" " * 1_048_577, []),
        (
            b".".join([base64.urlsafe_b64encode(b'{"typ":"secevent+jwt","x":' + b"[" * 50_000)] * 3),
            [("Content-Type", "application/secevent+jwt")],
        ),
        (b"a" * 130_000 + b"." + b"b" * 100 + b".c", [("Content-Type", "application/secevent+jwt")]),
    ]
    body, headers = rng.choice(bodies)
    return Hostile("too_much", (request(door(rng), body, *headers),))


KINDS: Final[tuple[Callable[[Random], Hostile], ...]] = (ambiguous, chunks, floods, strange, half, too_much)
"""Each makes one."""
