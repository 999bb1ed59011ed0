"""Value of `scim.resources`: what is known of a connection's users, groups and memberships, so that nobody need read
all of `events.scim` again.

Rule 1: a record's `seq` is the offset in `events.scim` of the record that it comes of. Of one of those, memberships
come first and the resource last; so a membership that is newer than its group's record comes of a record that was
carried out in part, before a crash, and what counts is what it was before (`was`).
Rule 2: nothing is ever deleted. What a group held that is deleted is older than whatever has its id by now.
"""

from typing import Final, Literal, TypeAlias

from msgspec import DecodeError, json
from pydantic import TypeAdapter

from streamproc.core.provider.state import ScimResource
from streamproc.core.records.units import Micros
from streamproc.core.records.value import Value, decoder, encode_sorted
from streamproc.sources.scim.known import Subject

Held: TypeAlias = Literal["client", "target", "no"]
"""A member by a client's word; one that was only read at the target; none."""


class KnownMember(Value, frozen=True):
    """Whether somebody is a member of a group, and whether they were before the record at `seq`."""

    held: Held
    was: Held


class KnownResource(Value, frozen=True):
    """A user or group. `resource` None: it is deleted. `moment`: of the record at `seq` (`Learned.moment`).

    `subject`: of a user. `told`: of a group, the offset of a record by which a client spoke
    of all members, so that whoever is one since then or longer is so by a client's word.
    """

    moment: Micros
    resource: ScimResource | None
    subject: Subject | None = None
    told: int | None = None


class Known(Value, frozen=True):
    """What is known of a user or group, or, where the key has two ids, of a membership."""

    seq: int
    resource: KnownResource | None = None
    member: KnownMember | None = None


KNOWN: Final[TypeAdapter[Known]] = TypeAdapter(Known)
decode_known: Final = decoder(Known, KNOWN)
"""The Known in a value of `scim.resources`. Raises pydantic.ValidationError where it isn't one."""
_ids: Final = json.Decoder(tuple[str, ...]).decode


def key_of(connection: str, *ids: str) -> bytes:
    """Key of a resource by its id, or of a membership by those of group and member."""
    return json.encode([connection, *ids])


def ids_in(key: bytes) -> tuple[str, ...]:
    """Connection and ids; nothing where it is no such key."""
    try:
        return _ids(key)
    except DecodeError:
        return ()


def encode_known(known: Known) -> bytes:
    """Equal values are equal bytes."""
    return encode_sorted(known)
