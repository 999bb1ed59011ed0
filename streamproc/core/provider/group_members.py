"""Members of a group: a set of ids, told by its size and a sum of hashes, so that one more costs nothing by its size.

A record holds what comes and goes and what comes of it, never the whole set: 10,000 members would be half a megabyte
for each change. Whatever a client says of members, one by one or all at once, becomes such a change.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias, assert_never

from streamproc.core.records.value import Value

MOST_CHANGES: Final = 1_000
"""Members that come or go in one record."""
LISTED: Final = 1_000
"""Members of a group that a list of groups shows unasked. Of a larger one it shows none."""
_MODULUS: Final = 1 << 256


class Digest(Value, frozen=True):
    """What a set of members comes to, in whatever order they came.

    `hash`: the sum of the SHA-256 of each id, modulo 2^256, as 64 hexadecimal digits. It finds mistakes; it is no proof
    against somebody who looks for two sets with the same sum.
    """

    count: int = 0
    hash: str = "0" * 64

    def after(self, add: Iterable[str], remove: Iterable[str]) -> "Digest":
        """Of the set with these ids more, which it didn't have, and these fewer, which it had."""
        count, total = self.count, int(self.hash, 16)
        for member in add:
            count, total = count + 1, total + _number(member)
        for member in remove:
            count, total = count - 1, total - _number(member)
        return Digest(count, f"{total % _MODULUS:064x}")


NOBODY: Final = Digest()
"""Of the empty set."""


def digest(members: AbstractSet[str]) -> Digest:
    """Of a whole set."""
    return NOBODY.after(members, ())


def _number(member: str) -> int:
    return int.from_bytes(hashlib.sha256(member.encode()).digest(), "big")


@dataclass(frozen=True, slots=True)
class AddMembers:
    """These ids are members, too (RFC 7644 §3.5.2.1)."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveMembers:
    """These ids aren't members any more, whether they were or not (RFC 7644 §3.5.2.2)."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReplaceMembers:
    """These ids are the members, and nobody else is (RFC 7644 §3.5.2.3, or a PUT); none: all of them go."""

    ids: tuple[str, ...]


MemberEdit: TypeAlias = AddMembers | RemoveMembers | ReplaceMembers


@dataclass(frozen=True, slots=True)
class Delta:
    """What comes, none of which was a member, and what goes, all of which was. Both sorted."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Changes."""
        return len(self.add) + len(self.remove)

    def parts(self) -> Iterator["Delta"]:
        """The same in several, of `MOST_CHANGES` each, to be made one after the other; what goes comes first."""
        changes = iter([*((member, False) for member in self.remove), *((member, True) for member in self.add)])
        while part := tuple(islice(changes, MOST_CHANGES)):
            yield Delta(tuple(member for member, comes in part if comes), tuple(m for m, comes in part if not comes))


def delta(
    edits: Iterable[MemberEdit],
    among: Callable[[Collection[str]], AbstractSet[str]],
    everybody: Callable[[], AbstractSet[str]],
) -> Delta:
    """What the edits, one after the other, change in a set.

    `among`: those of some ids that are in it. `everybody`: all that are, asked only where an edit is about all of them.
    """
    edits = tuple(edits)
    if any(isinstance(edit, ReplaceMembers) for edit in edits):
        before: AbstractSet[str] = everybody()
    else:
        before = among({member for edit in edits for member in edit.ids})
    after = set(before)
    for edit in edits:
        match edit:
            case AddMembers(ids):
                after.update(ids)
            case RemoveMembers(ids):
                after.difference_update(ids)
            case ReplaceMembers(ids):
                after = set(ids)
            case _:
                assert_never(edit)
    return Delta(tuple(sorted(after - before)), tuple(sorted(before - after)))
