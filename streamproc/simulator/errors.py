"""The two error bodies of Genesys: SCIM's own, and that of the platform gateway in front of it."""

from typing import Any

import orjson

ERROR_URN = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimError(Exception):
    """The SCIM service refused the request (RFC 7644 §3.12)."""

    def __init__(self, scim_type: str | None, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.status = status
        self.scim_type = scim_type
        self.detail = detail
        self.headers: dict[str, str] = {}

    def body(self, _correlation: str) -> bytes:
        content: dict[str, Any] = {"schemas": [ERROR_URN], "status": str(self.status), "detail": self.detail}
        if self.scim_type:
            content["scimType"] = self.scim_type
        return orjson.dumps(content)


class PlatformError(Exception):
    """The gateway refused the request: the SDK's `ErrorBody`."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: dict[str, str] | None = None,
        limit: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.limit = limit

    def body(self, correlation: str) -> bytes:
        content: dict[str, Any] = {
            "message": self.message,
            "code": self.code,
            "status": self.status,
            "contextId": correlation,
            "details": [],
            "errors": [],
        }
        if self.limit:
            content["limit"] = self.limit
        return orjson.dumps(content)


def not_found(what: str) -> PlatformError:
    return PlatformError(404, "not.found", f"The requested {what} was not found.")


def unauthorized() -> PlatformError:
    message = "No authentication bearer token specified in authorization header."
    return PlatformError(401, "authentication.required", message, {"WWW-Authenticate": "Bearer"})


def too_many_requests(retry_after: int | None, limit: dict[str, Any] | None = None) -> PlatformError:
    """Genesys has two codes for 429; only one of them comes with a time to wait."""
    if retry_after is None:
        return PlatformError(429, "too.many.requests", "Rate limit exceeded the maximum.", limit=limit)
    message = f"Rate limit exceeded the maximum. Retry the request in [{retry_after}] seconds"
    return PlatformError(429, "too.many.requests.retry.after", message, {"Retry-After": str(retry_after)}, limit)
