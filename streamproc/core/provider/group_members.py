"""Members of a group: a set of ids, told by its size and a sum of hashes, so that one more costs nothing by its size.

A record holds what comes and goes and what comes of it, never the whole set: 10,000 members would be half a megabyte
for each change.
"""

import hashlib
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from streamproc.core.records.value import Value

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
