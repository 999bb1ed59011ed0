"""Is a request from whom it says? Decided on the raw bytes, before anything is parsed.

Rule 1: whatever is compared with a secret is compared in constant time, and with every secret that is valid: two of
them, while one is being replaced.
Rule 2: the answer is the name of the check that failed, for the operator's log and nobody else; "" where all passed.
Rule 3: Graph puts its secret (`clientState`) into the body, so there alone a body is parsed first, once its size is
known to be within bounds, and what is kept of it goes on without the secret.
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
"""µs by which a signed timestamp may differ from our clock: longer ago it is a replay. Finch names these 5 minutes."""
CANDIDATES: Final = 8
"""Signatures looked at in one header."""


@dataclass(frozen=True, slots=True)
class Header:
    """A secret in a header. A word in front that names a scheme (Bearer, Basic) is passed over."""

    name: str
    secrets: Secrets


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client certificate that TLS has verified, by its common name or a DNS name."""

    name: str


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a vendor signs: HMAC over the parts, in hex or any base64, which no length leaves open.

    `prefix`: what each signature in the header begins with. `encoded`: keys are handed out in base64.
    """

    header: str
    algorithm: Literal["sha256", "sha512"] = "sha256"
    parts: tuple[Part, ...] = ("body",)
    id: str = ""
    timestamp: str = ""
    prefix: str = ""
    encoded: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature over the body. `secrets`: the keys themselves, decoded."""

    scheme: Scheme
    secrets: Secrets


Proof: TypeAlias = Header | Certificate | Signature

SCHEMES: Final = {
    "gusto": Scheme("x-gusto-signature"),
    # documentation.bamboohr.com: docs/webhooks. How the timestamp is written isn't said.
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


def scheme(said: str) -> Scheme | None:
    """A vendor's scheme by its name, or HEADER:ALGORITHM for one that signs the body alone. None: neither."""
    found = _CUSTOM.fullmatch(said)
    if found is None:
        return SCHEMES.get(said)
    return Scheme(found[1].lower(), "sha512" if found[2] == "sha512" else "sha256")


def check_headers(proofs: Iterable[Proof], headers: Mapping[str, str], names: Collection[str], now: int) -> str:
    """What can be told before the body is read. `headers` in lower case; `names` of a verified client certificate."""
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
    """What can be told only with the whole body."""
    for proof in proofs:
        if isinstance(proof, Signature) and not _signed(proof, headers, body):
            return "signature"
    return ""


def matches(given: bytes, secrets: Secrets) -> bool:
    """Whether it is one of the secrets. All of them are compared, however the first one comes out."""
    return bool(sum([hmac.compare_digest(given, secret) for secret in secrets]))


def own_items(payload: Any, secrets: Secrets) -> tuple[list[dict[str, Any]], int]:
    """Notifications of Graph whose `clientState` is ours, without it, and how many others there were.

    One request mixes subscriptions (learn.microsoft.com/graph/change-notifications-delivery-webhooks).
    """
    ours: list[dict[str, Any]] = []
    told = items(record(payload).get("value"))
    for item in told:
        found = record(item)
        state = found.get("clientState")
        if isinstance(state, str) and matches(_bytes(state), secrets):
            ours.append({name: value for name, value in found.items() if name != "clientState"})
    return ours, len(told) - len(ours)


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
    said: dict[Part, bytes] = {
        "id": _bytes(headers.get(scheme_.id, "")),
        "timestamp": _bytes(headers.get(scheme_.timestamp, "")),
        "body": body,
        ".": b".",
    }
    content = b"".join(said[part] for part in scheme_.parts)
    digests = tuple(hmac.digest(secret, content, scheme_.algorithm) for secret in proof.secrets)
    words = headers.get(scheme_.header, "").split()[:CANDIDATES]
    return bool(sum([matches(given, digests) for given in _given(words, scheme_)]))


def _given(words: Iterable[str], scheme_: Scheme) -> Iterable[bytes]:
    size = hashlib.new(scheme_.algorithm).digest_size
    for each in words:
        if not each.startswith(scheme_.prefix):
            continue
        word = each.removeprefix(scheme_.prefix).removeprefix(f"{scheme_.algorithm}=")
        try:
            if len(word) == 2 * size:
                yield bytes.fromhex(word)
            else:
                plain = word.rstrip("=").translate(str.maketrans("-_", "+/"))
                yield b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (ValueError, binascii.Error):
            continue
