"""What stands in for words, places and moments in a redacted bundle. Why it does: `redaction.py`."""

import hmac
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from streamproc.core.fold.effective_dating import LAG, REMEMBERED
from streamproc.core.records.change_event import Order, Origin
from streamproc.core.records.units import Micros, micros_of

MARK: Final = "redacted-"
"""What each hash begins with."""
LENGTH: Final = 24
"""Hex digits of a hash: so many that no two values of a log ever share them."""
NEAR: Final = LAG
"""µs; as far apart as any rule compares two moments. What lies before the log knew of somebody keeps this distance."""
APART: Final = NEAR + 1
"""µs; as far apart are all others, however far they were: no less than before, so that each only comes nearer."""


def _keyed(key: bytes, *parts: str) -> bytes:
    """A digest of these parts, and of no others that look the same side by side."""
    content = b"".join(b"%d:%b" % (len(part), part) for part in (each.encode() for each in parts))
    return hmac.digest(key, content, "sha256")


class Words:
    """Keyed hashes of what is said about one thing. `about`: what; another has other hashes for the same words."""

    def __init__(self, key: bytes, *about: str) -> None:
        self._key = _keyed(key, *about)

    @staticmethod
    def user(key: bytes, user: str) -> str:
        """A user ID, the same wherever it is."""
        return MARK + _keyed(key, "user", user).hex()[:LENGTH]

    @staticmethod
    def subject(key: bytes, source: str, subject: str) -> str:
        """A source's subject, the same wherever it is."""
        return MARK + _keyed(key, "subject", source, subject).hex()[:LENGTH]

    def word(self, text: str) -> str:
        """Any words, such as an id."""
        return MARK + _keyed(self._key, "word", text).hex()[:LENGTH]

    def fact(self, name: str, text: str) -> str:
        """A fact's value."""
        return MARK + _keyed(self._key, "fact", name, text).hex()[:LENGTH]

    def prose(self, text: str | None, plain: Collection[str] = ()) -> str | None:
        """What somebody wrote, such as a reason or a name; `plain`: what streamproc itself writes there."""
        return text if text is None or text in plain else self.word(text)

    def whole(self, name: str, digest: str) -> str:
        """A hash in the place of another, in its length."""
        return _keyed(self._key, name, digest).hex()


class Places:
    """Where, when and in which order something was said of one user, counted anew. `take` all first, then `settle`."""

    def __init__(self) -> None:
        self._orders: set[Order] = set()
        self._ranks: dict[Order, int] = {}
        self._offsets: dict[tuple[str, str, int], list[int]] = {}
        self._partitions: dict[tuple[str, str, int], int] = {}
        self._cancelling: set[str] = set()
        self._known: int | None = None
        self._remembered: set[int] = set()
        self._forgetting: set[int] = set()
        self._before: list[int] = []
        self._moments: list[int] = []

    def take(
        self,
        origins: Iterable[tuple[Origin, str]],
        orders: Iterable[Order],
        times: Iterable[int],
        cancelling: Iterable[str] = (),
        remembered: Iterable[Order] = (),
    ) -> None:
        """Take in what an event has: the first origin is its own; each with the subject that it is about.

        `remembered`: those of the orders that the fold forgets in time.
        """
        self._cancelling.update(cancelling)
        self._remembered.update(order[0] for order in remembered)
        for number, (origin, subject) in enumerate(origins):
            place = origin.topic, subject, origin.partition
            if place not in self._offsets:
                self._partitions[place] = sum(known[:2] == place[:2] for known in self._offsets)
            self._offsets.setdefault(place, []).append(origin.offset)
            appended = micros_of(origin.appended)
            self._forgetting.add(appended - REMEMBERED)
            if number == 0:
                self._known = appended if self._known is None else min(self._known, appended)
        orders = list(orders)
        self._orders.update(orders)
        self._before += [*times, *(order[0] for order in orders)]

    def settle(self) -> None:
        """All was taken in."""
        at, rank = -1, 0
        for order in sorted(self._orders):
            rank = rank + 1 if order[0] == at else 0
            at = order[0]
            if rank:
                self._ranks[order] = rank
        self._orders.clear()
        self._offsets = {place: sorted(set(offsets)) for place, offsets in self._offsets.items()}
        self._bring_nearer(self._known or 0)

    def _bring_nearer(self, known: int) -> None:
        """Move what lies before the log knew of the user up towards that moment, and never past it.

        Moments near each other move as one. None moves so far that an event would find it remembered that had found it
        forgotten.
        """
        together = [[known]]
        for each in sorted({each for each in self._before if 0 < each < known}, reverse=True):
            if together[-1][-1] - each > NEAR:
                together.append([])
            together[-1].append(each)
        moved, cuts = {each: each for each in together[0]}, sorted(self._forgetting)
        earliest = together[0][-1]
        for moments in together[1:]:
            room = [earliest - APART - moments[0]]
            for each in self._remembered.intersection(moments):
                at = bisect_right(cuts, each)
                room += [cut - 1 - each for cut in cuts[at : at + 1]]
            moved |= {each: each + min(room) for each in moments}
            earliest = moved[moments[-1]]
        self._before = sorted(moved)
        self._moments = [moved[each] for each in self._before]

    def cancels(self, name: str) -> list[str]:
        """Ids that cancel an id, since it is, or begins with, them: the shortest first."""
        ends = [at for at, character in enumerate(name) if character == "/"]
        return [each for each in (*(name[:at] for at in ends), name) if each in self._cancelling]

    def cancels_all(self, name: str) -> bool:
        """Whether an id itself is one that cancels."""
        return name in self._cancelling

    def time(self, moment: int) -> Micros:
        """A moment (µs since 1970); one from before the log knew of the user isn't when it was."""
        at = bisect_left(self._before, moment)
        known = at < len(self._before) and self._before[at] == moment
        return Micros(self._moments[at] if known else moment)

    def order(self, order: Order) -> Order:
        """A place in a source's own order: its moment, and the rank among those of that moment."""
        return self.time(order[0]), self._ranks.get(order, 0), ""

    def origin(self, origin: Origin, subject: str) -> Origin:
        """Where something was said of a subject: how many of its records lie before it."""
        place = origin.topic, subject, origin.partition
        offset = bisect_left(self._offsets[place], origin.offset)
        return replace(origin, partition=self._partitions[place], offset=offset)


def seq_among(seqs: list[int], new: list[int], seq: int) -> int:
    """An offset, counted anew among a user's own: as many of their events lie up to it as before."""
    at = bisect_left(seqs, seq)
    if at < len(seqs) and seqs[at] == seq:
        return new[at]
    if at == len(seqs):
        return new[-1] + 1
    return new[at] - 1
