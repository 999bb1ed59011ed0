"""What a SCIM client is told when it can't have what it asks for (RFC 7644 §3.12)."""

from typing import Final, Literal, TypeAlias

from streamproc.core.errors import StreamprocError

ScimType: TypeAlias = Literal[
    "invalidFilter",
    "tooMany",
    "uniqueness",
    "mutability",
    "invalidSyntax",
    "invalidPath",
    "noTarget",
    "invalidValue",
    "invalidVers",
    "sensitive",
]
"""RFC 7644 §3.12, table 9."""
ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimError(StreamprocError):
    """The answer to a request. `detail`: for people, and without personal data."""

    def __init__(self, status: int, scim_type: ScimType | None, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.scim_type = scim_type
        self.detail = detail

    def body(self) -> dict[str, str | list[str]]:
        """The body of the answer; `status` is a string there."""
        named: dict[str, str | list[str]] = {} if self.scim_type is None else {"scimType": self.scim_type}
        return {"schemas": [ERROR], "status": str(self.status), **named, "detail": self.detail}
