"""Value of `events.scim`: one write of a SCIM client, as it was decided on.

It holds what comes of the write, never how to come to it: a PATCH is worked out once, at the edge, so no later release
of any code can work it out otherwise. Whether it counts at all is for the fold to say (`fold.py`): only where the
resource is still the one that it was decided on, and its names are free.
"""

from typing import Any, Final, Literal, TypeAlias

from msgspec import DecodeError, Struct, ValidationError
from msgspec.json import Decoder
from pydantic import TypeAdapter

from streamproc.core.errors import StreamprocError
from streamproc.core.provider.state import ResourceType
from streamproc.core.records.units import Millis
from streamproc.core.records.value import Value, encode_sorted

Change: TypeAlias = Literal["create", "put", "patch", "delete", "none", "seed"]
"""What the client did. `none`: it asked for what is so already. `seed`: no client did, it was read at the target."""
FORMAT: Final = 1


class Asked(Value, frozen=True):
    """The request that it came of."""

    id: str
    """Ours, another one for each request."""
    at: Millis
    """When it came, by the gateway's clock."""
    method: str
    path: str
    agent: str | None = None
    """Header User-Agent."""
    sha256: str | None = None
    """Of the body as it came, in hexadecimal digits."""
    body: str | None = None
    """As it came, but for what is secret; None: there was none, or it is too large to keep."""


class Members(Value, frozen=True):
    """What comes and goes of a group's members in this record, and what comes of it (`Digest`).

    More changes than one record takes are in several, of the same request; each is based on the one before.
    """

    add: tuple[str, ...]
    remove: tuple[str, ...]
    count: int
    hash: str
    part: int = 1
    parts: int = 1


class ScimEvent(Value, frozen=True):
    """One write to one resource. With neither `id` nor `base` it makes one, and the fold gives it an id."""

    v: Literal[1]
    """Format of the record."""
    connection: str
    """Whose it is: the record's key."""
    anchor: str
    """What says who a user of the connection is (`ConnectionDefinition.anchor`), so that readers need no settings."""
    change: Change
    type: ResourceType
    id: str | None
    """A seeded resource is made under this id."""
    base: int | None
    """The version that it was decided on; None: there is none yet."""
    claims: dict[str, str]
    """All that the resource claims afterwards (`ScimResource.claims`)."""
    result: dict[str, Any] | None
    """All attributes afterwards (`ScimResource.attributes`); None: it is deleted."""
    members: Members | None
    """Of a group; None: they stay as they are."""
    written: tuple[str, ...]
    """Paths that the client set or cleared, whether that changed anything or not: `userName`, `name.givenName`,
    `phoneNumbers[type eq "mobile"]`, `urn:…:User:department`. All below a path is meant as well."""
    urgent: bool
    """It takes access away: `active` isn't true any more, or it is deleted."""
    request: Asked
    ignored: tuple[str, ...] = ()
    """Names of attributes in the request that we don't know."""
    probes: tuple[str, ...] = ()
    """Patterns of the userNames of the connection's test users (`ConnectionDefinition.probes`)."""


SCIM_EVENT: Final[TypeAdapter[ScimEvent]] = TypeAdapter(ScimEvent)


class NotAnEventError(StreamprocError):
    """A record of `events.scim` isn't an event: somebody else wrote it."""


class LaterFormatError(StreamprocError):
    """A record of `events.scim` was written by a later release. To pass over it would be to differ from that one about
    what is so: take the later release here, too.
    """


class _Format(Struct):
    v: int


_EVENT: Final = Decoder(ScimEvent).decode
_FORMAT: Final = Decoder(_Format).decode


def decode(value: bytes) -> ScimEvent:
    """The event in a value of `events.scim`, read strictly: no field more, no number in quotes.

    Raises LaterFormatError and NotAnEventError.
    """
    try:
        return _EVENT(value)
    except (DecodeError, RecursionError) as error:
        if isinstance(error, ValidationError):
            _check_format(value)
        raise NotAnEventError(str(error)) from error


def encode(event: ScimEvent) -> bytes:
    """Equal events are equal bytes: keys are sorted."""
    return encode_sorted(event)


def attribute_of(path: str) -> str:
    """The attribute, of an extension under its URN, that a written path is in: `name`, `urn:…:User:department`."""
    whole = path.partition("[")[0]
    urn, colon, name = whole.rpartition(":")
    return urn + colon + name.partition(".")[0]


def _check_format(value: bytes) -> None:
    try:
        written = _FORMAT(value).v
    except (DecodeError, RecursionError):
        return
    if written > FORMAT:
        raise LaterFormatError(f"format {written} of events.scim, and this release reads {FORMAT}")
