"""Client credentials (RFC 6749 §4.4) and the per-token rate limit of the platform."""

import base64
import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streamproc.simulator.access import Client
from streamproc.simulator.errors import too_many_requests, unauthorized
from streamproc.simulator.options import SimulatorOptions
from streamproc.simulator.surroundings import Surroundings

# The allowance shown while the limit is off.
UNLIMITED = 1_000_000


@dataclass(slots=True)
class Token:
    client: str
    expires_at: float
    window_start: float = -math.inf
    count: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """Values of the inin-ratelimit-* headers, which every response has."""

    count: int
    allowed: int
    reset: int

    def headers(self) -> dict[str, str]:
        return {
            "inin-ratelimit-count": str(self.count),
            "inin-ratelimit-allowed": str(self.allowed),
            "inin-ratelimit-reset": str(self.reset),
        }


class Tokens:
    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.requests = 0
        self._tokens: dict[str, Token] = {}

    def grant(
        self,
        clients: Mapping[str, Client],
        ttl_s: float,
        authorization: str | None,
        form: Mapping[str, Any],
        *,
        unknown: int = 401,
    ) -> tuple[int, dict[str, Any]]:
        """Status and body of a token request (RFC 6749 §5). `unknown` answers who isn't one of `clients`."""
        self.requests += 1
        given = _basic(authorization) if authorization else (form.get("client_id", ""), form.get("client_secret", ""))
        client = clients.get(str(given[0])) if given else None
        if given is not None and client is None:
            return unknown, {"error": "invalid_client", "error_description": "client not found"}
        if client is None or client.expired or not _same(given, client):
            return 401, {"error": "invalid_client", "error_description": "authentication failed"}
        grant_type = form.get("grant_type")
        if grant_type is None:
            return 400, {"error": "invalid_request", "error_description": "grant_type is missing"}
        if grant_type != "client_credentials":
            return 400, {"error": "unsupported_grant_type", "error_description": "only client_credentials"}
        now = self.around.ticks()
        self._tokens = {key: token for key, token in self._tokens.items() if token.expires_at > now}
        access_token = self.around.secret()
        self._tokens[access_token] = Token(client.id, now + ttl_s)
        return 200, {"access_token": access_token, "token_type": "bearer", "expires_in": int(ttl_s)}

    def find(self, authorization: str | None) -> Token:
        scheme, _, value = (authorization or "").partition(" ")
        token = self._tokens.get(value.strip()) if scheme.lower() == "bearer" else None
        if token is None or token.expires_at <= self.around.ticks():
            raise unauthorized()
        return token

    def expire(self) -> None:
        """No token is taken any more: as if all were revoked."""
        self._tokens.clear()

    def forget_windows(self) -> None:
        for token in self._tokens.values():
            token.window_start = -math.inf


def count(token: Token, options: SimulatorOptions, now: float) -> Window:
    """One request more. `now`: seconds that never go back."""
    if now >= token.window_start + options.rate_window_s:
        token.window_start, token.count = now, 0
    token.count += 1
    reset = math.ceil(token.window_start + options.rate_window_s - now)
    return Window(token.count, options.rate_limit or UNLIMITED, reset)


def check(window: Window) -> None:
    if window.count > window.allowed:
        limit = {"key": "token.rate.per.minute", "namespace": "platform.api", "value": window.allowed}
        raise too_many_requests(window.reset, limit)


def _same(given: tuple[Any, Any] | None, client: Client) -> bool:
    return given is not None and hmac.compare_digest(str(given[1]).encode(), client.secret.encode())


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:  # not base64, or not text
        return None
    return client, secret
