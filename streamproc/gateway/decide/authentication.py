"""Does a request come from whom it says? Decided on the raw bytes, before anything is parsed.

Rule 1: comparisons with a secret take constant time, and include every valid secret: two while one is being replaced.
Rule 2: the result is the name of the check that failed, for the operator's log and nobody else; "" where all passed.
Rule 3: Graph puts its secret (`clientState`) into the body. Only there a body is parsed first, after its size was
checked, and the secret is removed from what is passed on.
"""

import binascii
import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, assert_never

from streamproc.sources.lenient_json import items, micros, record

Secrets: TypeAlias = tuple[bytes, ...]
Part: TypeAlias = Literal["id", "timestamp", "body", "."]

WINDOW: Final = 300_000_000
"""µs by which a signed timestamp may differ from our clock: an older one is a replay. 5 minutes is Finch's value."""
CANDIDATES: Final = 8
"""Signatures looked at in one header."""
MOST: Final = 5_000
"""Notifications of Graph's in one body. A longer list is nobody's: who sent it is only known by looking at each."""


@dataclass(frozen=True, slots=True)
class Header:
    """A secret in a header. The name of a scheme before it (Bearer, Basic) is skipped."""

    name: str
    secrets: Secrets


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client certificate that TLS has verified, by one of its names: see `certificate_names`."""

    name: str


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a vendor signs: HMAC over the parts, in hex or any base64; the length tells which."""

    header: str
    algorithm: Literal["sha256", "sha512"] = "sha256"
    parts: tuple[Part, ...] = ("body",)
    id: str = ""
    """Header of the part `id`."""
    timestamp: str = ""
    """Header of the part `timestamp`."""
    prefix: str = ""
    """What each signature in the header begins with."""
    encoded: bool = False
    """Vendors hand the key out in base64."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature over the body. `secrets`: the keys, decoded."""

    scheme: Scheme
    secrets: Secrets


Proof: TypeAlias = Header | Certificate | Signature

SCHEMES: Final = {
    "gusto": Scheme("x-gusto-signature"),
    # documentation.bamboohr.com: docs/webhooks. The page doesn't say how the timestamp is written.
    "bamboohr": Scheme("x-bamboohr-signature", parts=("body", "timestamp"), timestamp="x-bamboohr-timestamp"),
    # Finch's own page: developer.tryfinch.com/developer-resources/Webhooks
    "finch": Scheme(
        "finch-signature",
        parts=("id", ".", "timestamp", ".", "body"),
        id="finch-event-id",
        timestamp="finch-timestamp",
        prefix="v1,",
        encoded=True,
    ),
    "merge": Scheme("x-merge-webhook-signature"),
    "kombo": Scheme("x-kombo-signature"),  # not confirmed by a document
    "hibob": Scheme("bob-signature", "sha512"),  # apidocs.hibob.com: docs/working-with-webhooks
}

_CUSTOM: Final = re.compile(r"([A-Za-z0-9-]{1,64}):(sha256|sha512)")


def scheme(name: str) -> Scheme | None:
    """A vendor's scheme by its name, or HEADER:ALGORITHM for one that signs the body alone. None: neither."""
    custom = _CUSTOM.fullmatch(name)
    if custom is None:
        return SCHEMES.get(name)
    return Scheme(custom[1].lower(), "sha512" if custom[2] == "sha512" else "sha256")


def check_headers(proofs: Iterable[Proof], headers: Mapping[str, str], names: Collection[str], now: int) -> str:
    """Before the body is read: the check that failed, or "".

    `headers` by names in lower case; `names` of a verified client certificate; `now`: µs since 1970.
    """
    for proof in proofs:
        match proof:
            case Header(name, secrets):
                if not matches(_credential(headers.get(name, "")), secrets):
                    return "header"
            case Certificate(name):
                if name not in names:
                    return "certificate"
            case Signature(scheme_):
                if scheme_.header not in headers:
                    return "signature"
                if scheme_.timestamp and abs(now - _instant(headers.get(scheme_.timestamp, ""))) > WINDOW:
                    return "timestamp"
            case _ as never:
                assert_never(never)
    return ""


def check_body(proofs: Iterable[Proof], headers: Mapping[str, str], body: bytes) -> str:
    """With the complete body: the check that failed, or ""."""
    for proof in proofs:
        if isinstance(proof, Signature) and not _signed(proof, headers, body):
            return "signature"
    return ""


def certificate_names(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """The names of a client certificate, as `ssl.SSLSocket.getpeercert` has it.

    Those are its DNS names (RFC 6125 §6.4.4); where it has none, its common name, if that is only one. They are
    compared as they are, byte for byte: `*.example.com` is nobody's but who is configured so, and a name with a zero
    byte in it isn't the part before that.
    """
    if not certificate:  # as in most requests
        return frozenset()
    names = frozenset(name for kind, name in certificate.get("subjectAltName", ()) if kind == "DNS")
    if names:
        return names
    common = [value for part in certificate.get("subject", ()) for kind, value in part if kind == "commonName"]
    return frozenset(common) if len(common) == 1 else frozenset()


def matches(given: bytes, secrets: Secrets) -> bool:
    """Whether it is one of the secrets. All of them are compared, whatever the first comparison gives."""
    return bool(sum([hmac.compare_digest(given, secret) for secret in secrets]))


def own_items(payload: Any, secrets: Secrets) -> tuple[list[dict[str, Any]], int]:
    """Graph's notifications whose `clientState` is one of the secrets, without it, and the number of the others.

    One request mixes subscriptions (learn.microsoft.com/graph/change-notifications-delivery-webhooks).
    """
    own: list[dict[str, Any]] = []
    notifications = items(payload.get("value")) if isinstance(payload, dict) else []
    if len(notifications) > MOST:
        return [], len(notifications)
    for item in notifications:  # names aren't looked at more closely before it is known whose they are
        state = item.get("clientState") if isinstance(item, dict) else None
        if isinstance(state, str) and matches(_bytes(state), secrets):
            own.append({name: value for name, value in record(item).items() if name != "clientState"})
    return own, len(notifications) - len(own)


def _credential(value: str) -> bytes:
    word, space, rest = value.strip().partition(" ")
    return _bytes(rest.strip() if space and word.lower() in {"bearer", "basic"} else value.strip())


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")  # aiohttp gives bytes that aren't UTF-8 as surrogates


def _instant(value: str) -> int:
    """µs since 1970 of a timestamp header: seconds or milliseconds since then, or RFC 3339. 0: none of these."""
    if re.fullmatch(r"[0-9]{1,16}", value):
        number = int(value)
        return number * 1000 if number >= 10**11 else number * 1_000_000
    return micros(value) or 0


def _signed(proof: Signature, headers: Mapping[str, str], body: bytes) -> bool:
    scheme_ = proof.scheme
    parts: dict[Part, bytes] = {
        "id": _bytes(headers.get(scheme_.id, "")),
        "timestamp": _bytes(headers.get(scheme_.timestamp, "")),
        "body": body,
        ".": b".",
    }
    content = b"".join(parts[part] for part in scheme_.parts)
    digests = tuple(hmac.digest(secret, content, scheme_.algorithm) for secret in proof.secrets)
    words = headers.get(scheme_.header, "").split()[:CANDIDATES]
    return bool(sum([matches(signature, digests) for signature in _signatures(words, scheme_)]))


def _signatures(words: Iterable[str], scheme_: Scheme) -> Iterable[bytes]:
    size = hashlib.new(scheme_.algorithm).digest_size
    for prefixed in words:
        if not prefixed.startswith(scheme_.prefix):
            continue
        word = prefixed.removeprefix(scheme_.prefix).removeprefix(f"{scheme_.algorithm}=")
        try:
            if len(word) == 2 * size:
                yield bytes.fromhex(word)
            else:
                plain = word.rstrip("=").translate(str.maketrans("-_", "+/"))
                yield b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (ValueError, binascii.Error):
            continue
