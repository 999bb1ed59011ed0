"""Why a client can't have what it asks for, by what is there now; and how it is told."""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from streamproc.core.provider.scim_error import ScimError


@dataclass(frozen=True, slots=True)
class NotFound:
    """No such resource of this type."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Another resource has this value of this attribute."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Stale:
    """The resource isn't at the version that If-Match names."""


@dataclass(frozen=True, slots=True)
class AlreadyThere:
    """Of a seed: it is there as it was read, or a client has written it since."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """It can't be done to this resource, whatever its version."""

    error: ScimError


Refusal: TypeAlias = NotFound | Taken | Stale | AlreadyThere | Invalid


def told(refusal: Refusal) -> ScimError:
    """What the client is told of it (RFC 7644 §3.12)."""
    match refusal:
        case NotFound():
            return ScimError(404, None, "There is no such resource.")
        case Taken(attribute):
            return ScimError(409, "uniqueness", f"Another resource has this {attribute}.")
        case Stale():
            return ScimError(412, None, "The resource has changed since the version that If-Match names.")
        case AlreadyThere():
            return ScimError(409, "uniqueness", "The resource is there already.")
        case Invalid(error):
            return error
        case _:
            assert_never(refusal)
