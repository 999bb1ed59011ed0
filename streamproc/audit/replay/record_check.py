"""Audit: one partition's records, as they were recorded, against those that its events give when folded anew.

Rule 1: a record is as it was when its bytes are those of the fold. One that is recorded again, or after a newer one, is
compared by its hash, which is over all the rest of it.
Rule 2: one that is missing was compacted if a newer one of its user is recorded, and it was old enough when the topic
was read. Those of the last events may not have been written yet.
Rule 3: what is found is told by the offset of the event that it is about, so that the first is the cause of the others.
"""

from array import array
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

import orjson

from streamproc.audit.replay.outcome_codec import about
from streamproc.core.fold.refold import Step
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.user_record import sealed

Problem: TypeAlias = Literal[
    "gap", "mapping", "unreadable", "unrejected", "broken", "unsealed", "differs", "no event", "no record",
    "fate broken", "fate differs", "fate impossible", "fate twice", "fate of nothing", "no fate", "delivery of nothing",
    "delivery broken", "key", "order differs", "no order",
]  # fmt: skip
"""What can be found, in the order in which the one about the same event is the cause of the other."""

_RANK: Final[dict[str, int]] = {name: rank for rank, name in enumerate(get_args(Problem))}

LAST: Final = 1 << 62
"""In the place of a seq, where it can't be told which event it is about."""

FOUND, TOLD = 1, 2
"""Flags of an event: its record is recorded; its fate is."""

MOST: Final = 20
"""Findings of a partition that are kept; all are counted."""

_HASH: Final = b'"hash":"'


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that isn't as it should be. `seq`: offset of the event that it is about.

    `logged`: the record it was found in; None: it is missing there. `expected`: what was to be there, where it is at
    hand. `offset`: where it would lie, as far as can be told.
    """

    seq: int
    problem: Problem
    user: str
    logged: StoredRecord | None = None
    expected: Any = None
    offset: int | None = None

    @property
    def rank(self) -> tuple[int, int]:
        """Rule 3."""
        return self.seq, _RANK[self.problem]


@dataclass(slots=True)
class Findings:
    """The first ones, and how many there are of each kind."""

    first: list[Finding] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """Keep it, if it is among the first."""
        self.counted[finding.problem] += 1
        if len(self.first) < MOST or finding.rank < self.first[-1].rank:
            insort(self.first, finding, key=lambda one: one.rank)
            del self.first[MOST:]


@dataclass(slots=True)
class Counts:
    """What was gone through. `events` includes the `rejected` ones, which led to no record.

    `records`: recorded ones that are equal. `repeats`: recorded again, and equal. `compacted`: not there any more.
    `outcomes`: lines of the audit log; `fates`: events whose end is told in them. `unfolded`: events whose record isn't
    written yet. `open`: those whose end isn't told yet. `trusted`: users whose record was taken as it is recorded.
    """

    events: int = 0
    rejected: int = 0
    mappings: int = 0
    records: int = 0
    repeats: int = 0
    compacted: int = 0
    unfolded: int = 0
    outcomes: int = 0
    fates: int = 0
    open: int = 0
    trusted: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """Both."""
        return Counts(*(getattr(self, name) + getattr(other, name) for name in Counts.__slots__))


class UserChain:
    """One user's events: their offsets, the hashes of their records, and what of them is recorded.

    `told`: effect and cause that an outcome is to name, of those whose fate isn't told yet. `trusted`: the first one
    was taken as it is.
    """

    __slots__ = ("flags", "hashes", "seqs", "told", "trusted")

    def __init__(self, *, trusted: bool = False) -> None:
        self.seqs = array("q")
        self.hashes = bytearray()
        self.flags = bytearray()
        self.told: dict[int, bytes] = {}
        self.trusted = trusted

    def add(self, seq: int, value: bytes) -> None:
        """The next event, and its record."""
        self.seqs.append(seq)
        at = value.rindex(_HASH) + len(_HASH)
        self.hashes += bytes.fromhex(value[at : at + 64].decode())
        self.flags.append(0)

    def told_up_to(self) -> int:
        """The last event whose fate is told; -1: none."""
        return max((seq for seq, flags in zip(self.seqs, self.flags, strict=True) if flags & TOLD), default=-1)

    def index(self, seq: int) -> int | None:
        """Of the event at that offset; None: it isn't this user's."""
        if not self.seqs or seq > self.seqs[-1]:
            return None
        if seq == self.seqs[-1]:
            return len(self.seqs) - 1
        at = bisect_left(self.seqs, seq)
        return at if self.seqs[at] == seq else None

    def newest(self) -> int:
        """The last event whose record is recorded; -1: none."""
        return max((seq for seq, flags in zip(self.seqs, self.flags, strict=True) if flags & FOUND), default=-1)

    def hash(self, index: int) -> str:
        """Of an event's record."""
        return self.hashes[index * 32 : index * 32 + 32].hex()


class RecordCheck:
    """The records (rules 1 and 2). `fates.py` has the rest of it.

    `intact`: whether compaction can't have touched a record, by the offset at which it would lie and the time (ms since
    1970) of its event. `start`: offset of the first event that is gone through.
    """

    def __init__(self, start: int, trusted: dict[str, bytes], intact: Callable[[int, int], bool]) -> None:
        self.counts = Counts(trusted=len(trusted))
        self.findings = Findings()
        self.courses: dict[str, UserChain] = {}
        self.start = start
        self.highest = -1
        """The last event of which something is recorded."""
        self._intact = intact
        self._awaited: dict[bytes, bytes] = {}
        self._now = start - 1
        self._appended = 0
        self._last = -1
        """Offset of the recorded record before the next one."""
        self._hole: int | None = None
        """The first offset that has none, among those of the last event."""
        self._missing: dict[tuple[str, int], tuple[int, int]] = {}
        """User and seq of an event whose record wasn't there → when it was appended, and where the record would lie."""
        self._disputed: list[Finding] = []
        self._read: tuple[StoredRecord | None, tuple[str, int] | None] = (None, None)
        for user, value in trusted.items():
            course = self.courses[user] = UserChain(trusted=True)
            course.add(said_of(value)[1], value)
            course.flags[0] = FOUND | TOLD

    def folded(self, step: Step) -> None:
        """The next event, and what it led to."""
        self._unmatched()
        self._now, self._appended = step.logged.offset, step.logged.timestamp
        self.counts.events += 1
        for user, value in step.records.items():
            course = self.courses.get(user)
            if course is None:
                course = self.courses[user] = UserChain()
            course.add(self._now, value)
            course.told[self._now] = about(value)
            self._awaited[user.encode()] = value

    def disputed(self, logged: StoredRecord, rejected: str | None) -> None:
        """The last event was rejected, and `events.rejected` doesn't say so; `rejected` None: it's the other way."""
        problem: Problem = "unrejected" if rejected is None else "mapping" if rejected == "mapping" else "unreadable"
        self._disputed.append(Finding(logged.offset, problem, "", logged))

    @property
    def awaits(self) -> bool:
        """Whether a record of the last event hasn't been met yet."""
        return bool(self._awaited)

    def recorded(self, logged: StoredRecord, *, last: bool = False) -> bool:
        """Compare the next recorded record. False: it is about a later event; `last`: there is none any more."""
        if last:
            self._unmatched()  # what belongs here is missing here, whatever comes after it
        value, key = logged.value, logged.key
        if key is not None and value is not None and self._awaited.get(key) == value:
            del self._awaited[key]
            self.counts.records += 1
            self._reach(logged.offset)
            self.highest = self._now
            self.courses[key.decode()].flags[-1] |= FOUND
            return True
        said = self._said(logged)
        if said is None:
            self._reach(logged.offset)
            self.findings.add(Finding(self._now, "broken", (key or b"").decode(errors="replace"), logged))
            return True
        user, seq = said
        if seq > self._now and not last:
            return False
        self._reach(logged.offset)
        self._compare(user, seq, logged)
        return True

    def close(self) -> None:
        """All has been read: what is missing was compacted, isn't written yet, or was left out (rule 2)."""
        self._unmatched()
        newest = {user: self.courses[user].newest() for user, _ in self._missing}
        for (user, seq), (appended, offset) in self._missing.items():
            later = seq < newest[user]
            if not later and seq > self.highest:
                self.counts.unfolded += 1
            elif later and not self._intact(offset, appended):
                self.counts.compacted += 1
            else:
                self.findings.add(Finding(seq, "no record", user, offset=offset))
        self._missing.clear()
        for finding in self._disputed:
            if finding.seq < self.highest:  # else the worker hasn't come so far
                self.findings.add(finding)

    def _reach(self, offset: int) -> None:
        if self._hole is None and offset > self._last + 1:
            self._hole = self._last + 1
        self._last = offset

    def _unmatched(self) -> None:
        for key in self._awaited:
            place = self._last + 1 if self._hole is None else self._hole
            self._missing[key.decode(), self._now] = (self._appended, place)
        self._awaited.clear()
        self._hole = None

    def _said(self, logged: StoredRecord) -> tuple[str, int] | None:
        if self._read[0] is not logged:
            try:
                said = said_of(logged.value or b"")
            except (KeyError, TypeError, ValueError):
                self._read = (logged, None)
            else:
                self._read = (logged, said if said[0].encode() == logged.key else None)
        return self._read[1]

    def _compare(self, user: str, seq: int, logged: StoredRecord) -> None:
        course = self.courses.get(user)
        if seq < self.start or (course is not None and course.trusted and seq < course.seqs[0]):
            return  # what the trusted records were made of
        index = None if course is None else course.index(seq)
        if course is None or index is None:
            self.findings.add(Finding(seq, "no event", user, logged))
            return
        self._missing.pop((user, seq), None)
        expected = self._awaited.pop(user.encode(), None) if seq == self._now else None
        if sealed(logged.value or b"") != course.hash(index):
            self.findings.add(Finding(seq, "differs", user, logged, expected))
        elif course.flags[index] & FOUND:
            self.counts.repeats += 1
        else:
            self.counts.records += 1
        course.flags[index] |= FOUND
        self.highest = max(self.highest, seq)


def said_of(value: bytes) -> tuple[str, int]:
    """User and seq that a record names. Raises KeyError, TypeError or ValueError where it isn't one."""
    raw = orjson.loads(value)
    user, seq = raw["user"], raw["seq"]
    if not isinstance(user, str) or not isinstance(seq, int) or isinstance(seq, bool):
        raise TypeError("not a record")
    return user, seq
