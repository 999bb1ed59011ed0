"""Requests to the SCIM endpoints that nobody should send, made of those that clients do send: each from a seed."""

import copy
import gzip
import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Final
from urllib.parse import quote

from streamproc.gateway.scim.endpoint import below_root
from tests.judges.scim_fuzz_values import FILTERS, HEADERS, NUMBERS, PATHS, TEXTS
from tests.service.gateway.scim.dialogue import FOLDER, dialogue
from tests.support.front_door import TOKEN

MARK: Final = "smuggled"
"""Stands in what somebody without a token tries to have written."""
PASSWORD: Final = "a-password-that-nobody-keeps"
"""Nothing may hold it."""
LARGEST: Final = 3 * 1024 * 1024
"""Bytes: more than a user may have, and fewer than a group."""
_HOST: Final = b"Host: gateway\r\n"


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """One request, as it is written. `proven`: it carries the token. `whole`: HTTP can tell where it ends."""

    kind: str
    content: bytes
    method: str
    proven: bool = True
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Known:
    """Ids that are there, or were."""

    users: list[str]
    groups: list[str]

    def any(self, rng: Random, kind: str | None = None) -> str:
        """One; mostly of this kind."""
        if rng.random() < 0.05:
            return rng.choice(("nobody", "0", "%20", "x" * 40))
        kind = kind or rng.choice(("Users", "Groups"))
        return rng.choice(self.groups if kind == "Groups" else self.users)


_GROUPS: Final = frozenset({"sales", "support", "admins", "tests"})
"""What dialogues call their groups' ids."""


@cache
def _genuine() -> list[dict[str, Any]]:
    return [step for path in sorted(FOLDER.glob("*.json")) for step in dialogue(path.stem)]


def fuzzed(rng: Random, number: int, known: Known) -> Fuzzed:
    """`number`: of the request, which its names hold. `known`: ids that are there."""
    while True:
        made = rng.choice(_KINDS)(rng, number, known)
        if len(made.content) <= LARGEST:
            return made


def _parts(rng: Random, number: int, known: Known) -> tuple[str, str, Any]:
    """Method, path below the root with its query, and body of a request that some client sends."""
    step = rng.choice(_genuine())
    method, _, url = step["send"].partition(" ")
    text = json.dumps([url, step.get("body")])
    for name in _kept():
        text = text.replace("{" + name + "}", known.any(rng, "Groups" if name in _GROUPS else "Users"))
    for name in ("@example.com", "@okta.local"):
        text = text.replace(name, f"{rng.choice((number, rng.randrange(number + 1)))}{name}")
    url, body = json.loads(text)
    return method, url, body


@cache
def _kept() -> list[str]:
    return sorted({name for step in _genuine() for name in step.get("keep", ())})


def _written(
    rng: Random,
    method: str,
    url: str,
    content: bytes | None,
    *headers: bytes,
    authorization: bytes | None = f"Bearer {TOKEN}".encode(),
) -> bytes:
    """With the root before it, where the path has none."""
    path = url if below_root(url) else "/scim/v2" + url
    target = quote(path, safe="/?&=%:;#+~!$'()*,@[]-._").encode("utf-8", "surrogatepass")
    lines = [method.encode() + b" " + target + b" HTTP/1.1\r\n", _HOST]
    if authorization is not None:
        lines.append(b"Authorization: " + authorization + b"\r\n")
    lines += [header + b"\r\n" for header in headers]
    named = {header.partition(b":")[0].lower() for header in headers}
    if content is not None and not {b"content-length", b"transfer-encoding"} & named:
        lines.append(b"Content-Length: %d\r\n" % len(content))
    return b"".join(lines) + b"\r\n" + (content or b"")


def _dumped(rng: Random, body: Any) -> bytes:
    """As JSON; sometimes not quite."""
    text = json.dumps(body, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    match rng.randrange(12):
        case 0:
            return text[: rng.randrange(len(text) + 1)]
        case 1:
            at = rng.randrange(len(text) + 1)
            return (
                text[:at] + rng.choice([b"\xff", b"\0", b",", b"}", b'"', b"\\u12", b"[" * 2000, b"1e9999"]) + text[at:]
            )
        case 2:
            return b"\xef\xbb\xbf" + text
        case _:
            return text


def _values(rng: Random) -> Any:
    def deep(levels: int) -> Any:
        value: Any = rng.choice(TEXTS[:12])
        for _ in range(levels):
            value = [value] if rng.random() < 0.5 else {rng.choice(("value", "name", "emails", "x")): value}
        return value

    return rng.choice(
        (
            lambda: rng.choice(TEXTS),
            lambda: rng.choice(NUMBERS),
            lambda: rng.choice((None, True, False, [], {}, [[]], [None], [{}], {"": ""}, {"value": None})),
            lambda: deep(rng.choice((3, 14, 17, 200))),
            lambda: [rng.choice(TEXTS) for _ in range(rng.choice((2, 30, 1_200)))],
            lambda: [{"value": rng.choice(TEXTS), "type": rng.choice(TEXTS), "primary": True} for _ in range(3)],
            lambda: {rng.choice(TEXTS): rng.choice(TEXTS) for _ in range(5)},
        )
    )()


def _spoiled(rng: Random, body: Any) -> Any:
    """With some values, keys or lengths that it shouldn't have; and a password, somewhere."""
    body = copy.deepcopy(body)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at, within = None, body
        while isinstance(within, dict | list) and within:
            keys = list(within) if isinstance(within, dict) else list(range(len(within)))
            at, parent = rng.choice(keys), within
            within = parent[at]
            if rng.random() < 0.3:
                break
        if at is None:
            return _values(rng)
        match rng.randrange(6):
            case 0 if isinstance(parent, dict):
                parent[rng.choice(TEXTS)] = parent.pop(at)
            case 1 if isinstance(parent, dict):
                parent[str(at).swapcase()] = _values(rng)
            case 2 if isinstance(parent, list):
                parent.extend(copy.deepcopy(parent) * rng.choice((1, 40, 400)))
            case 3:
                del parent[at]
            case _:
                parent[at] = _values(rng)
    if isinstance(body, dict) and rng.random() < 0.5:
        body[rng.choice(("password", "PassWord", "urn:ietf:params:scim:schemas:core:2.0:User:password"))] = PASSWORD
        if isinstance(operations := body.get("Operations"), list):
            operations.append({"op": "replace", "path": "password", "value": PASSWORD})
            operations.append({"op": "add", "value": {"password": PASSWORD}})
    return body


def _of_body(rng: Random, number: int, known: Known) -> Fuzzed:
    method, url, body = _parts(rng, number, known)
    if body is None:
        method, body = rng.choice((("POST", {"userName": f"u{number}"}), ("PATCH", {"Operations": []})))
    return Fuzzed("body", _written(rng, method, url, _dumped(rng, _spoiled(rng, body))), method)


def _of_genuine(rng: Random, number: int, known: Known) -> Fuzzed:
    """What clients send, to other resources than they mean."""
    method, url, body = _parts(rng, number, known)
    return Fuzzed("genuine", _written(rng, method, url, None if body is None else json.dumps(body).encode()), method)


def _of_operations(rng: Random, number: int, known: Known) -> Fuzzed:
    """A PATCH that no client would think of."""
    operations = [
        {
            rng.choice(("op", "op", "OP", "x")): rng.choice(("add", "Replace", "REMOVE", "remove", "move", 1, None)),
            "path": rng.choice((*TEXTS, None, 7, [])),
            "value": _values(rng),
        }
        for _ in range(rng.choice((1, 2, 5, 1_001)))
    ]
    kind = rng.choice(("Users", "Groups"))
    url = f"/{kind}/{known.any(rng, kind)}"
    return Fuzzed("operations", _written(rng, "PATCH", url, _dumped(rng, {"Operations": operations})), "PATCH")


def _of_query(rng: Random, _: int, known: Known) -> Fuzzed:
    names = (
        "filter",
        "filter",
        "startIndex",
        "count",
        "attributes",
        "excludedAttributes",
        "sortBy",
        "cursor",
        "FILTER",
        "",
    )
    values = (
        *FILTERS,
        *TEXTS[:30],
        "-1",
        "0",
        "1.5",
        "99999999999999999999999",
        "userName,name.x,urn:x,,",
        "members",
        "٣",
        "1_0",
    )
    asked = "&".join(
        f"{rng.choice(names)}={quote(rng.choice(values).encode('utf-8', 'surrogatepass'))}"
        for _ in range(rng.choice((1, 1, 2, 4)))
    )
    path = rng.choice(("/Users", "/Groups", f"/Users/{known.any(rng)}", "/Schemas", "/ResourceTypes"))
    return Fuzzed("query", _written(rng, "GET", f"{path}?{asked}", None), "GET")


def _of_path(rng: Random, number: int, known: Known) -> Fuzzed:
    method = rng.choice(("GET", "GET", "PUT", "DELETE", "PATCH", "POST", "OPTIONS", "TRACE", "FOO", "get"))
    url = rng.choice(PATHS).replace("{id}", known.any(rng))
    if below_root(url) is None:
        url = rng.choice(("/scim/v2", "/api/v2/scim", "/api/v2/scim/v2", "/SCIM/V2", "//scim/v2")) + url
    body = None if method in {"GET", "DELETE"} else json.dumps({"userName": f"p{number}", "displayName": f"p{number}"})
    return Fuzzed("path", _written(rng, method, url, None if body is None else body.encode()), method)


def _of_headers(rng: Random, number: int, known: Known) -> Fuzzed:
    method, url, body = _parts(rng, number, known)
    content = None if body is None else json.dumps(body).encode()
    headers = rng.sample(HEADERS, rng.choice((1, 2, 4)))
    whole = b"Content-Length: 5" not in headers and not any(
        each.startswith((b"Expect", b"Upgrade")) for each in headers
    )
    return Fuzzed("headers", _written(rng, method, url, content, *headers), method, whole=whole)


def _of_stranger(rng: Random, number: int, known: Known) -> Fuzzed:
    """Without a token, or with what is nearly one."""
    method, url, body = _parts(rng, number, known)
    body = {"userName": f"{MARK}-{number}", "displayName": f"{MARK}-{number}", **(body or {})}
    basic = b64encode(f"okta:{TOKEN}x".encode())
    nearly = (
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        f"Bearer {TOKEN[:-1]}".encode(),
        f"Bearer {TOKEN.upper()}".encode(),
        f"Bearer {TOKEN} x".encode(),
        f"Bearer {TOKEN}\0".encode(),
        f"Digest {TOKEN}".encode(),
        b"Basic " + basic,
        b"Basic !!!",
        b"Basic " + b64encode(TOKEN.encode()),
        b"Bearer e30.e30.",
        b"Bearer eyJzdWIiOiJva3RhIn0.AAAA",
        b"Bearer \xff\xfe",
        b"Bearer " + b"x" * 5000,
        f"Bearer {TOKEN}, Bearer x".encode(),
        f"Bearer Bearer {TOKEN}".encode(),
    )
    content = json.dumps(body).encode() if rng.random() < 0.8 else b"{" * 100_000
    sent = _written(rng, rng.choice((method, "POST")), url, content, authorization=rng.choice(nearly))
    return Fuzzed("stranger", sent, method, proven=False)


def _of_token(rng: Random, *_: object) -> Fuzzed:
    """At the place where tokens are fetched."""
    forms = (
        b"",
        b"grant_type=client_credentials",
        b"grant_type=client_credentials&client_id=okta&client_secret=x",
        b"&&&=%ff",
        b"{}",
        b"\xff" * 100,
        b"grant_type=password&client_id=okta&client_secret=" + TOKEN.encode(),
        b"client_id=okta&client_secret=" + TOKEN.encode(),
        b"x" * 9000,
        b"grant_type=client_credentials&client_id=other&client_secret=" + TOKEN.encode(),
    )
    method = rng.choice(("POST", "POST", "GET", "PUT"))
    url = rng.choice(("/oauth/token", "/oauth/token/", "/OAUTH/token?x"))
    target = f"{method} {url} HTTP/1.1\r\n".encode()
    form = rng.choice(forms)
    sent = (
        target
        + _HOST
        + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(form)
        + form
    )
    return Fuzzed("token", sent, method, proven=False)


def _of_framing(rng: Random, number: int, known: Known) -> Fuzzed:
    """A body that HTTP has its own ways to send, or a head that is hardly one."""
    _, url, _ = _parts(rng, number, known)
    body = json.dumps({"userName": f"f{number}", "password": PASSWORD}).encode()
    packed = gzip.compress(b'{"userName":"' + b"x" * 20_000_000 + b'"}') if rng.random() < 0.05 else gzip.compress(body)
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in (body[:5], body[5:])) + b"0\r\n\r\n"
    large = b'{"userName":"' + b"x" * (1024 * 1024) + b'"}'
    choices: tuple[tuple[bytes, bool], ...] = (
        (_written(rng, "POST", "/Users", chunked, b"Transfer-Encoding: chunked"), True),
        (_written(rng, "POST", "/Users", b"zz\r\n", b"Transfer-Encoding: chunked"), False),
        (_written(rng, "POST", "/Users", packed, b"Content-Encoding: gzip"), True),
        (_written(rng, "POST", "/Users", b"\x1f\x8bxx", b"Content-Encoding: gzip"), True),
        (_written(rng, "POST", "/Users", body, b"Content-Encoding: br"), True),
        (_written(rng, "POST", "/Users", large), True),
        (_written(rng, "POST", "/Users", body[:-3], b"Content-Length: %d" % len(body)), False),
        (_written(rng, "POST", "/Users", body, b"Content-Length: 1", b"Content-Length: 2"), False),
        (_written(rng, "POST", "/Users", body, b"Content-Length: -1"), False),
        (_written(rng, "POST", "/Users", body, b"Transfer-Encoding: chunked", b"Content-Length: 3"), False),
        (_written(rng, "GET", url, None, b"X: " + b"a" * 20_000), False),
        (_written(rng, "GET", url, None, *[b"X: a"] * 2000), False),
        (_written(rng, "GET", "/Users?filter=" + "a" * 20_000, None), False),
        (b"GET /scim/v2/Users HTTP/9.9\r\n\r\n", False),
        (b"GET /scim/v2/Users HTTP/1.0\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n\r\n", False),
        (b"GET http://gateway/scim/v2/Users HTTP/1.1\r\n" + _HOST + b"\r\n", True),
        (b"GET /scim/v2/Users HTTP/1.1\r\n" + b"\xff: \xff\r\n\r\n", False),
        (b"POST /scim/v2/Users\r\n\r\n", False),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", False),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", False),
    )
    content, whole = rng.choice(choices)
    method = content.partition(b" ")[0].decode("latin-1")
    return Fuzzed("framing", content, method, proven=TOKEN.encode() in content, whole=whole)


_Kind = Callable[[Random, int, Known], Fuzzed]
_KINDS: Final[tuple[_Kind, ...]] = (
    _of_body,
    _of_body,
    _of_body,
    _of_operations,
    _of_operations,
    _of_genuine,
    _of_genuine,
    _of_genuine,
    _of_query,
    _of_query,
    _of_path,
    _of_headers,
    _of_stranger,
    _of_stranger,
    _of_framing,
    _of_token,
)
