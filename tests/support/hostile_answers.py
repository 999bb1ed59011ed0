"""Hostile answers, as bytes: each is made of the one that an honest target would have given to the same request."""

import gzip
import itertools
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal, TypeAlias

import orjson

from streamproc.core.scim.dialect import ENTERPRISE, GENESYS
from tests.support.hostile_targets.store import Answered, Asked, Json

Then: TypeAlias = Literal["close", "silence", "drip"]


@dataclass(frozen=True, slots=True)
class Wire:
    """What goes over the connection. `then`: it is closed, kept open without a word, or gets `more` for ever."""

    data: bytes
    then: Then = "close"
    more: bytes = b" "


Make: TypeAlias = Callable[[Random, Asked, Answered], Wire]


@dataclass(frozen=True, slots=True)
class HostileAnswer:
    """One kind of hostile answer."""

    name: str
    make: Make


def http(status: int | bytes, body: bytes, *headers: tuple[str, str | bytes]) -> Wire:
    """One answer, whatever is in it."""
    first = status if isinstance(status, bytes) else b"HTTP/1.1 %d X" % status
    told = {name.lower() for name, _ in headers}
    lines = [first]
    if "content-type" not in told:
        lines.append(b"Content-Type: application/scim+json")
    if not told & {"content-length", "transfer-encoding"}:
        lines.append(b"Content-Length: %d" % len(body))
    if "connection" not in told:
        lines.append(b"Connection: close")
    for name, value in headers:
        lines.append(name.encode("latin-1") + b": " + (value if isinstance(value, bytes) else value.encode()))
    return Wire(b"\r\n".join(lines) + b"\r\n\r\n" + body)


def honest(answered: Answered, body: Any = ..., *headers: tuple[str, str | bytes], status: int | None = None) -> Wire:
    """The honest answer, with another body, status, or more headers."""
    shown = answered.body if body is ... else body
    content = b"" if shown is None else shown if isinstance(shown, bytes) else orjson.dumps(shown)
    kept = [
        (name, value) for name, value in answered.headers.items() if name not in {each.lower() for each, _ in headers}
    ]
    return http(status or answered.status or 200, content, *kept, *headers)


def _deep(levels: int, end: Any = 1) -> Any:
    for _ in range(levels):
        end = {"a": end} if levels % 2 else [end]
    return end


ODD: Final[dict[str, Any]] = {
    "number": 5,
    "negative": -1,
    "fraction": 1e308,
    "yes": True,
    "null": None,
    "list": [],
    "object": {},
    "in-object": {"value": "admin"},
    "numbers": [1, 2, 3],
    "deep": _deep(200),
    "deep-lists": _deep(241),
    "nul": "\0",
    "escape": "\x1b[2J\x07",
    "bidi": "\u202eadmin\u200b",
    "newlines": "a\r\nX-Admin: yes\r\n\r\n",
    "up": "../../Users/admin",
    "dots": "..",
    "query": "admin?x=1#y",
    "quoted": 'a" or userName sw "',
    "backslash": "\\",
    "percent": "%2e%2e%2fadmin",
    "admin": "admin",
    "ADMIN": "ADMIN",
    "star": "*",
    "nan": "nan",
    "infinite": "1e999",
    "long": "x" * 300_000,
    "semicolons": ";" * 100_000,
    "combining": "a" + "\u0315\u0300" * 50_000,
    "many": [{"value": f"role {number}", "name": f"role {number}", "type": "work"} for number in range(5_000)],
    "empties": [[]] * 100_000,
}
FIELDS: Final = (
    "id",
    "externalId",
    "userName",
    "displayName",
    "active",
    "title",
    "meta",
    "meta.version",
    "meta.resourceType",
    "schemas",
    "phoneNumbers",
    "phoneNumbers.0.value",
    "roles",
    "roles.0.value",
    "groups",
    "members",
    ENTERPRISE,
    f"{ENTERPRISE}|department",
    f"{ENTERPRISE}|manager",
    f"{GENESYS}|routingSkills",
    "Resources",
    "totalResults",
    "startIndex",
    "detail",
)


def each_resource(body: Any) -> list[Json]:
    """The resource that is shown, or those of a list."""
    if not isinstance(body, dict):
        return []
    listed = body.get("Resources")
    return [body, *listed] if isinstance(listed, list) else [body]


def _put(resource: Json, name: str, value: Any) -> None:
    first, *rest = name.split("|") if "|" in name else name.split(".") if ":" not in name else [name]
    if not rest:
        resource[first] = value
        return
    if first in {"phoneNumbers", "roles"}:
        resource[first] = [{"type": "work", "value": value}]
        return
    inner = resource.get(first)
    resource[first] = {**(inner if isinstance(inner, dict) else {}), rest[0]: value}


def _field(name: str, value: Any) -> Make:
    def make(_: Random, asked: Asked, answered: Answered) -> Wire:
        body = deepcopy(answered.body) if isinstance(answered.body, dict) else {"schemas": []}
        for resource in each_resource(body):
            _put(resource, name, value)
        return honest(answered, body)

    return make


HEADERS: Final = (
    "ETag",
    "Location",
    "Retry-After",
    "Content-Type",
    "Content-Encoding",
    "Transfer-Encoding",
    "Connection",
    "Date",
    "Set-Cookie",
    "ININ-Correlation-Id",
    "inin-ratelimit-allowed",
    "inin-ratelimit-count",
    "inin-ratelimit-reset",
)
HEADER_VALUES: Final[dict[str, bytes]] = {
    "empty": b"",
    "control": b'"5\x01\x7f"',
    "bytes": b'"\xff\xfe\x80"',
    "star": b"*",
    "list": b'"1", "2"',
    "long": b'"' + b"5" * 60_000 + b'"',
    "huge-number": b"9" * 400,
    "negative": b"-1",
    "nan": b"nan",
    "infinite": b"1e999",
    "digits": "१२३".encode(),
    "far": b"Fri, 31 Dec 9999 23:59:59 GMT",
    "odd-date": b"Mon, 99 Foo 2026 99:99:99 +9999999999",
    "date-of-one": b"1",
    "admin": b"http://127.0.0.1:9/scim/v2/Users/admin",
    "up": b"/Users/%2e%2e",
    "html": b"text/html",
    "gzip": b"gzip",
    "chunked": b"chunked",
    "cookie": b'a=\x01; expires=Foo; "=";;=;Path=/; Max-Age=99999999999999999999',
    "one": b"1",
    "all-used": b"1000000",
}


def _header(name: str, value: bytes) -> Make:
    return lambda _, asked, answered: honest(answered, ..., (name, value))


def _limits(allowed: str, count: str, reset: str) -> Make:
    told = (("inin-ratelimit-allowed", allowed), ("inin-ratelimit-count", count), ("inin-ratelimit-reset", reset))
    return lambda _, asked, answered: honest(answered, ..., *told)


def _instead(body: bytes, *headers: tuple[str, str | bytes], status: int | bytes = 200) -> Make:
    return lambda _, asked, answered: http(status, body, *headers)


def _about(**said: Any) -> Make:
    """Every resource says so of itself."""

    def make(_: Random, asked: Asked, answered: Answered) -> Wire:
        body = deepcopy(answered.body) if isinstance(answered.body, dict) else {}
        for resource in each_resource(body):
            resource.update(said)
            for name in [name for name, value in said.items() if value == "-"]:
                del resource[name]
        return honest(answered, body)

    return make


def _listed(*resources: Json, total: Any = None) -> Make:
    """A list of these, to whatever was asked; what is searched for they say of themselves where they have "?"."""

    def make(_: Random, asked: Asked, answered: Answered) -> Wire:
        pairs = dict(asked.pairs)
        shown = [
            {name: pairs.get(name, "x") if value == "?" else value for name, value in each.items()}
            for each in resources
        ]
        return honest(
            answered, {"totalResults": len(shown) if total is None else total, "Resources": shown}, status=200
        )

    return make


def _wire(
    change: Callable[[bytes], bytes], then: Literal["close", "silence", "drip"] = "close", more: bytes = b" "
) -> Make:
    return lambda _, asked, answered: Wire(change(honest(answered).data), then, more)


def _head(extra: bytes, body: bytes = b"") -> Callable[[bytes], bytes]:
    return lambda _: b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + extra + b"\r\n\r\n" + body


_ODD_IDS: Final[tuple[Any, ...]] = ("..", "\n", {}, 5.5, "", "x" * 9_000)
_OTHER: Final = orjson.dumps({"id": "admin", "userName": "admin@example.com", "active": False, "externalId": "?"})
_BOMB: Final = gzip.compress(b" " * 2**26, 9)
_SECOND: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_OTHER),
    _OTHER,
)

MUST: Final[dict[str, Make]] = {
    # bodies
    "empty": _instead(b""),
    "cut-short": lambda _, asked, answered: Wire(honest(answered).data[:-9]),
    "half-json": lambda _, asked, answered: honest(answered, orjson.dumps(answered.body or {})[:-9]),
    "array": lambda _, asked, answered: honest(answered, [answered.body]),
    "text": _instead(b'"ok"'),
    "number": _instead(b"5"),
    "nan": _instead(b'{"id": NaN}'),
    "big-number": _instead(b'{"id": 1%b}' % (b"0" * 5_000)),
    "surrogates": _instead(b'{"id": "\\ud800", "userName": "\\udfff"}'),
    "no-utf-8": _instead(b'{"id": "\xff\xfe"}'),
    "deep": _instead(b"[" * 200_000),
    "deep-and-closed": _instead(b'{"a":' * 900 + b"1" + b"}" * 900),
    "deep-detail": _instead(b'{"detail":' + b"[" * 240 + b"]" * 240 + b"}", status=400),
    "many-values": _instead(b"[" + b"[]," * 400_000 + b"[]]"),
    "three-megabytes": _instead(orjson.dumps({"id": "x", "title": "x" * 3_000_000})),
    "page": _instead(b"<html>Sign in</html>", ("Content-Type", "text/html")),
    "page-of-json": lambda _, asked, answered: honest(answered, ..., ("Content-Type", "text/html; charset=utf-8")),
    "bomb": _instead(_BOMB, ("Content-Encoding", "gzip")),
    "bomb-unsaid": _instead(_BOMB),
    "packed-and-not": _instead(b"{}", ("Content-Encoding", "gzip")),
    "packed-twice": _instead(gzip.compress(gzip.compress(b"{}")), ("Content-Encoding", "gzip, gzip")),
    "brotli": _instead(b"\x0b\x02\x80{}\x03", ("Content-Encoding", "br")),
    "twice-the-key": lambda _, asked, answered: honest(
        answered, b'{"id":"admin","active":false,' + orjson.dumps(answered.body or {"a": 1}).removeprefix(b"{")
    ),
    # who it is
    "somebody-else": _instead(_OTHER),
    "somebody-elses-id": _about(id="admin"),
    "no-id": _about(id="-"),
    "somebody-elses-mark": _about(externalId="E-admin"),
    "somebody-elses-name": _about(userName="admin@example.com", externalId="-"),
    "id-alone": lambda _, asked, answered: honest(answered, {"id": (answered.body or {}).get("id", "admin")}),
    "admins-id-alone": _instead(b'{"id": "admin"}', status=201),
    "admins-location": lambda _, asked, answered: http(201, b"", ("Location", "/api/v2/scim/v2/Users/admin")),
    "a-group": _about(meta={"resourceType": "Group"}),
    "an-error-in-200": _about(schemas=["urn:ietf:params:scim:api:messages:2.0:Error"]),
    "inactive-in-words": _about(active="no longer"),
    "inactive-unsaid": _about(active="-"),
    "inactive-and-nothing-else": lambda _, asked, answered: honest(
        answered, {"id": (answered.body or {}).get("id"), "active": False}
    ),
    "inactive-as-list": _about(active=[False]),
    # lists
    "found-admin": _listed({"id": "admin", "externalId": "?", "userName": "?"}),
    "found-admin-twice": _listed({"id": "admin", "externalId": "?"}, {"id": "ADMIN", "externalId": "?"}),
    "found-admins-group": _listed({"id": "g-Admins", "displayName": "?"}),
    "found-two": _listed({"id": "admin", "externalId": "?"}, {"id": "root", "externalId": "?"}),
    "found-nobody": _listed(),
    "found-nobody-of-many": _listed(total=10**9),
    "found-with-odd-ids": _listed(*({"id": odd, "externalId": "?"} for odd in _ODD_IDS)),
    "found-many": _listed(*({"id": f"x{number}", "externalId": f"X{number}"} for number in range(20_000))),
    "total-of-none": _listed(total="nobody"),
    "total-below-none": _listed(total=-5),
    "resources-of-text": lambda _, asked, answered: honest(answered, {"totalResults": 1, "Resources": ["admin"]}),
    "resources-of-object": lambda _, asked, answered: honest(answered, {"Resources": {"id": "admin"}}),
    # errors
    **{
        f"{status}-{name}": _instead(orjson.dumps(body), status=status)
        for status in (400, 401, 403, 404, 409, 412, 429, 500, 503)
        for name, body in (
            ("long-words", {"detail": "x" * 1_000_000, "scimType": "y" * 1_000_000}),
            ("no-words", {"detail": {"a": [{}]}, "message": [], "scimType": {"b": 1}, "code": [[]]}),
        )
    },
    "429-for-ever": _instead(b'{"message": "in [%b] seconds"}' % (b"9" * 999), ("Retry-After", "9" * 300), status=429),
    "503-for-ever": _instead(b"", ("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT"), status=503),
    "status-099": _instead(b"{}", status=b"HTTP/1.1 099 X"),
    "status-600": _instead(b"{}", status=b"HTTP/1.1 600 X"),
    "status-999": _instead(b"{}", status=b"HTTP/1.1 999 X"),
    "status-of-letters": _instead(b"{}", status=b"HTTP/1.1 2xx X"),
    "elsewhere": _instead(b"", ("Location", "http://127.0.0.1:9/"), status=302),
    "elsewhere-for-good": _instead(_OTHER, ("Location", "/api/v2/scim/v2/Users/admin"), status=308),
    "elsewhere-oddly": _instead(b"", ("Location", b"http://[::1\xff\x01/" + b"x" * 5_000), status=301),
    "unchanged": _instead(b"", status=304),
    # limits
    "limit-of-none": _limits("0", "0", "60"),
    "limit-used-up": _limits("300", "300", "9999999999"),
    "limit-passed": _limits("1", "99999999999999999999", "300"),
    "limit-of-one": _limits("1", "1", "60"),
    "limit-of-nan": _limits("nan", "inf", "-1"),
    # the wire
    "nothing": _wire(lambda _: b""),
    "silence": _wire(lambda _: b"", "silence"),
    "head-and-silence": _wire(lambda data: data[: data.index(b"\r\n\r\n") + 4], "silence"),
    "half-a-head": _wire(lambda data: data[:30], "silence"),
    "head-without-end": _wire(_head(b"X-A: 1"), "drip", b"X-B: 2\r\n"),
    "body-without-end": _wire(_head(b"Transfer-Encoding: chunked"), "drip", b"4000\r\n" + b" " * 0x4000 + b"\r\n"),
    "body-by-drops": _wire(_head(b"Content-Length: 100000"), "drip", b" "),
    "other-protocol": _wire(lambda _: b"SSH-2.0-OpenSSH_9.6\r\n"),
    "old-protocol": _wire(lambda _: b'{"id": "admin"}'),
    "http-2": _wire(lambda _: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "continue-for-ever": _wire(lambda _: b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000, "silence"),
    "early-hints": _wire(lambda data: b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + data),
    "switched": _wire(lambda _: b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    "longer-than-told": _wire(_head(b"Content-Length: 2", b"{}" + _SECOND)),
    "shorter-than-told": _wire(_head(b"Content-Length: 2000", b"{}")),
    "two-lengths": _wire(_head(b"Content-Length: 2\r\nContent-Length: 40", b"{}" + b" " * 38)),
    "length-below-none": _wire(_head(b"Content-Length: -1", b"{}")),
    "length-of-words": _wire(_head(b"Content-Length: many", b"{}")),
    "length-beyond-all": _wire(_head(b"Content-Length: 99999999999999999999", b"{}")),
    "length-and-chunks": _wire(_head(b"Content-Length: 2\r\nTransfer-Encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n")),
    "odd-chunks": _wire(_head(b"Transfer-Encoding: chunked", b"zz\r\n{}\r\n")),
    "negative-chunks": _wire(_head(b"Transfer-Encoding: chunked", b"-2\r\n{}\r\n0\r\n\r\n")),
    "huge-chunk": _wire(_head(b"Transfer-Encoding: chunked", b"ffffffffffffffff\r\n{}")),
    "no-last-chunk": _wire(_head(b"Transfer-Encoding: chunked", b"2\r\n{}\r\n")),
    "two-answers": _wire(lambda data: data + _SECOND),
    "many-headers": _wire(_head(b"\r\n".join(b"X-%d: %d" % (n, n) for n in range(5_000)))),
    "long-header": _wire(_head(b"X-Long: " + b"x" * 200_000)),
    "folded-header": _wire(_head(b"X-A: 1\r\n  folded\r\nContent-Length: 2", b"{}")),
    "header-without-colon": _wire(_head(b"X-A 1\r\nContent-Length: 2", b"{}")),
    "nul-in-header": _wire(_head(b"X-A: \x00\r\nContent-Length: 2", b"{}")),
    "bare-newlines": _wire(lambda data: data.replace(b"\r\n", b"\n")),
}  # fmt: skip


def _others() -> Iterator[tuple[str, Make]]:
    for name, (called, value) in itertools.product(FIELDS, ODD.items()):
        yield f"{name.rpartition(':')[2]}-{called}", _field(name, value)
    for name, (called, each) in itertools.product(HEADERS, HEADER_VALUES.items()):
        yield f"{name.lower()}-{called}", _header(name, each)


ANSWERS: Final = tuple(HostileAnswer(name, make) for name, make in (*MUST.items(), *_others()))


def token_answer(rng: Random) -> Wire:
    """What a token endpoint gives that is no token, or an odd one."""
    answered = Answered(200, {"access_token": "t", "token_type": "Bearer", "expires_in": 60})
    if rng.random() < 0.5:
        return MUST[rng.choice([*MUST])](rng, Asked("POST", "/Users"), answered)
    odd = {rng.choice([*answered.body]): ODD[rng.choice([*ODD])]}
    return honest(answered, answered.body | odd)
