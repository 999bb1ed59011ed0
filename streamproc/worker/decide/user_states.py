"""How many users are in scope, and how the others stand, by the acknowledged records of one worker."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.json import Decoder

from streamproc.core.records.resource import Resource
from streamproc.core.records.user_record import FIRST
from streamproc.worker.decide.encoded_record import prev_of

STATES: Final = ("in", "suspended", "left", "released", "never")


class _Record(Struct, frozen=True):
    desired: Resource


_DECODER: Final = Decoder(_Record)
_MARKS: Final = (b'"scope":"', b'"suspended":true')
"""In an encoded record of each who isn't simply in scope; a fact may have such a name, too."""


class UserStates:
    """A name is kept only of those who aren't simply in scope."""

    def __init__(self) -> None:
        self._users = 0
        self._others: dict[bytes, str] = {}

    def note(self, user: bytes, value: bytes) -> None:
        """The user's record is this now, and wasn't until now."""
        self._users += prev_of(value) == FIRST
        self._stands(user, value)

    def add(self, user: bytes, value: bytes) -> None:
        """A user who is there, whenever they came."""
        self._users += 1
        self._stands(user, value)

    def forget(self) -> None:
        """Partitions have moved: those that are there are added, whatever was noted before."""
        self._users, self._others = 0, {}

    def counts(self) -> Mapping[str, int]:
        """Users, by each of `STATES`."""
        counts = Counter(self._others.values())
        return {**{state: counts[state] for state in STATES}, "in": self._users - len(self._others)}

    def _stands(self, user: bytes, value: bytes) -> None:
        state = _state(value)
        if state != "in":
            self._others[user] = state
        elif self._others:
            self._others.pop(user, None)


def _state(value: bytes) -> str:
    if not any(mark in value for mark in _MARKS):
        return "in"
    desired = _DECODER.decode(value).desired
    return desired.get("scope") or ("suspended" if "suspended" in desired else "in")
