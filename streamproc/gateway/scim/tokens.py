"""Who may speak for a connection: tokens that an administrator pastes into the identity provider, and those that it
fetches with one of them (OAuth 2.0 client credentials, RFC 6749 §4.4).

Rule 1: of a token that is pasted only the hash is kept. It is 256 bits by chance, so a plain SHA-256 is enough: nobody
guesses it, and nobody tries all.
Rule 2: comparing takes the same time whichever token it is, and looks at all of them.
Rule 3: a token that is fetched is valid on each gateway, as all have the key, and on none any more once the token that
it was fetched with is gone.
"""

import binascii
import hmac
import json
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

from streamproc.core.provider.connection_token import hashed
from streamproc.core.records.connection_definition import ConnectionDefinition
from streamproc.core.records.units import Millis
from streamproc.gateway.scim.answer import Answer

FETCHED: Final = 3600
"""Seconds that a fetched token is valid."""
LONGEST: Final = 4096
"""Characters of a header or a form that are looked at."""
_SHORTEST_KEY: Final = 32


@dataclass(frozen=True, slots=True)
class KnownToken:
    """What is kept of a token. `sha256`: of it, in hexadecimal digits; `until`: ms since 1970, None: for good."""

    connection: str
    sha256: str
    until: Millis | None = None


def known_tokens(definitions: Iterable[ConnectionDefinition]) -> tuple[KnownToken, ...]:
    """Those of connections; a removed one has none."""
    return tuple(KnownToken(each.name, one.sha256, one.until) for each in definitions for one in each.tokens)


class Tokens:
    """Those valid here. `keys`: fetched ones are signed with the first, and verified with any; none: no fetching.

    A key is 32 bytes or more, of all gateways, and nothing that can be read where the hashes can.
    """

    def __init__(self, known: Iterable[KnownToken], keys: tuple[bytes, ...] = ()) -> None:
        if any(len(key) < _SHORTEST_KEY for key in keys):
            raise ValueError(f"a key has at least {_SHORTEST_KEY} bytes")
        self._known = tuple(known)
        self._keys = keys

    def connection(self, authorization: str | None, now: Millis) -> str | None:
        """Whose request it is, by its header Authorization. None: nobody's.

        `Bearer TOKEN`; the token alone, which some paste; `Basic`, where it is the password, whatever the name is.
        """
        credential = _credential(authorization or "")
        if credential is None:
            return None
        known = self._pasted(credential, now)
        return self._fetched(credential, now) if known is None else known.connection

    def grant(self, authorization: str | None, form: bytes, now: Millis) -> Answer:
        """The answer to `POST /oauth/token`: the client's id is the connection's name, its secret one of the tokens.

        They come as Basic or in the form (RFC 6749 §2.3.1).
        """
        try:
            named = dict(parse_qsl(form[:LONGEST].decode("ascii", "replace"), keep_blank_values=True))
        except ValueError:
            named = {}
        client, secret = named.get("client_id", ""), named.get("client_secret", "")
        basic = _basic(authorization or "")
        if basic is not None:
            client, secret = unquote_plus(basic[0]), unquote_plus(basic[1])
        known = self._pasted(secret, now) if secret else None
        if not self._keys or known is None or not hmac.compare_digest(known.connection.encode(), _bytes(client)):
            return _refused(401, "invalid_client", {"WWW-Authenticate": "Basic"})
        if "grant_type" not in named:
            return _refused(400, "invalid_request")
        if named["grant_type"] != "client_credentials":
            return _refused(400, "unsupported_grant_type")
        end = now + FETCHED * 1000
        if known.until is not None:
            end = min(end, known.until)
        body = {
            "access_token": self._signed({"sub": known.connection, "exp": end, "by": known.sha256[:16]}),
            "token_type": "Bearer",
            "expires_in": (end - now) // 1000,
        }
        return Answer(200, body, dict(_UNCACHED))

    def _pasted(self, token: str, now: Millis) -> KnownToken | None:
        given = hashed(token).encode()
        found = [each for each in self._known if hmac.compare_digest(given, each.sha256.encode())]
        return next((each for each in found if _is_valid(each, now)), None)

    def _signed(self, claims: Mapping[str, Any]) -> str:
        content = _encoded(json.dumps(claims, sort_keys=True).encode())
        return f"{content}.{_encoded(_signature(self._keys[0], content))}"

    def _fetched(self, token: str, now: Millis) -> str | None:
        content, _, signature = token.partition(".")
        given = _decoded(signature)
        if not sum([hmac.compare_digest(given, _signature(key, content)) for key in self._keys]):
            return None
        claims = json.loads(_decoded(content))
        by = [each for each in self._known if each.connection == claims["sub"] and each.sha256[:16] == claims["by"]]
        if now >= claims["exp"] or not any(_is_valid(each, now) for each in by):
            return None
        return str(claims["sub"])


_UNCACHED: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""RFC 6749 §5.1."""


def _refused(status: int, why: str, headers: Mapping[str, str] | None = None) -> Answer:
    """RFC 6749 §5.2."""
    return Answer(status, {"error": why}, {**_UNCACHED, **(headers or {})})


def _is_valid(token: KnownToken, now: Millis) -> bool:
    return token.until is None or now < token.until


def _signature(key: bytes, content: str) -> bytes:
    return hmac.digest(key, b"scim access token\0" + _bytes(content), "sha256")


def _credential(authorization: str) -> str | None:
    """The token in a header."""
    if not authorization or len(authorization) > LONGEST:
        return None
    if (basic := _basic(authorization)) is not None:
        return basic[1]
    scheme, _, rest = authorization.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else authorization.strip()


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, rest = authorization.strip()[:LONGEST].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = b64decode(rest.strip(), validate=True).decode("utf-8", "replace").partition(":")
    except (ValueError, binascii.Error):
        return "", ""
    return name, password


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """Nothing where it isn't base64: no signature is."""
    try:
        return urlsafe_b64decode(_bytes(text) + b"=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return b""
