"""What is answered: always JSON, and where it went wrong a SCIM Error (RFC 7644 §3.12), never a page of HTML.

Okta calls anything else "Invalid JSON", and gives up.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from msgspec.json import Encoder

from streamproc.core.provider.scim_error import ScimError

SCIM_JSON: Final = "application/scim+json"
LIST_RESPONSE: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_encode: Final = Encoder().encode


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` None: there is no content."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """The body's bytes."""
        return b"" if self.body is None else _encode(self.body)


def error(told: ScimError, **headers: str) -> Answer:
    """A SCIM Error. In names of headers `_` stands for `-`."""
    return Answer(told.status, told.body(), {name.replace("_", "-"): value for name, value in headers.items()})


def later(detail: str, status: int = 503, seconds: int = 1) -> Answer:
    """The client should ask again."""
    return error(ScimError(status, None, detail), Retry_After=str(seconds))


def unauthorized() -> Answer:
    """Whoever it is has no token of ours (RFC 6750 §3)."""
    return error(ScimError(401, None, "The request has no token that is valid here."), WWW_Authenticate="Bearer")


def list_response(resources: list[Any], total: int, start_index: int) -> Answer:
    """A page (RFC 7644 §3.4.2). `Resources` is there also where it is empty: some clients look for it."""
    body = {
        "schemas": [LIST_RESPONSE],
        "totalResults": total,
        "startIndex": start_index,
        "itemsPerPage": len(resources),
        "Resources": resources,
    }
    return Answer(200, body)
