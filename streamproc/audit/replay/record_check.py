"""One partition's records as they were recorded, compared with those that its events give when folded anew.

Rule 1: a record is unchanged if its bytes are those of the fold. A record that is recorded again, or after a newer one,
is compared by its hash, which covers all the rest of it.
Rule 2: a missing record was compacted if a newer record of its user is there, and if it was old enough when the topic
was read. Records of the last events may not have been written yet.
Rule 3: findings are ordered by the offset of the event that they are about, so that the first is the others' cause.
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
    "delivery broken", "key", "order differs", "no order", "move not ordered", "fate not ordered",
]  # fmt: skip
"""Kinds of findings. Of two about the same event, the one listed first is the other's cause."""

_RANK: Final[dict[str, int]] = {name: rank for rank, name in enumerate(get_args(Problem))}

LAST: Final = 1 << 62
"""Stands in for a seq where it isn't known which event a finding is about."""

RECORDED, FATE_TOLD = 1, 2
"""Flags of an event: its record was met; its fate was told."""

FINDINGS_KEPT: Final = 20
"""Findings of a partition that are kept; all are counted."""

_HASH: Final = b'"hash":"'


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that isn't what the log gives."""

    seq: int
    """Offset of the event that it is about."""
    problem: Problem
    user: str
    logged: StoredRecord | None = None
    """The record with the problem; None: one is missing."""
    expected: Any = None
    """What should be there, where that is at hand."""
    offset: int | None = None
    """Where a missing record would lie, as far as that is known."""

    @property
    def rank(self) -> tuple[int, int]:
        """The order of findings (rule 3)."""
        return self.seq, _RANK[self.problem]


@dataclass(slots=True)
class Findings:
    """The first findings, and how many there are of each kind."""

    first: list[Finding] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it if it is among the first."""
        self.counted[finding.problem] += 1
        if len(self.first) < FINDINGS_KEPT or finding.rank < self.first[-1].rank:
            insort(self.first, finding, key=lambda kept: kept.rank)
            del self.first[FINDINGS_KEPT:]


@dataclass(slots=True)
class Counts:
    """What was compared."""

    events: int = 0
    """Rejected ones too."""
    rejected: int = 0
    """Events that led to no record."""
    mappings: int = 0
    records: int = 0
    """Records that are equal."""
    repeats: int = 0
    """Records that were recorded again, and are equal."""
    compacted: int = 0
    """Records that compaction removed."""
    unfolded: int = 0
    """Events whose record isn't written yet."""
    outcomes: int = 0
    """Records of `scim.outcomes`."""
    fates: int = 0
    """Events whose end is told by them."""
    open: int = 0
    """Events whose end isn't told yet."""
    trusted: int = 0
    """Users whose record was taken as it is recorded."""

    def __add__(self, other: "Counts") -> "Counts":
        """The sums."""
        return Counts(*(getattr(self, name) + getattr(other, name) for name in Counts.__slots__))


class UserChain:
    """One user's events: their offsets, the hashes of their records, and what of each was met in the topics."""

    __slots__ = ("flags", "hashes", "seqs", "trusted", "untold")

    def __init__(self, *, trusted: bool = False) -> None:
        self.seqs = array("q")
        self.hashes = bytearray()
        self.flags = bytearray()
        self.untold: dict[int, bytes] = {}
        """Seq of an event whose fate isn't told yet → the effect and cause that its outcome has to name."""
        self.trusted = trusted
        """The first record was taken as it is recorded."""

    def add(self, seq: int, value: bytes) -> None:
        """Add the next event, with its record."""
        self.seqs.append(seq)
        at = value.rindex(_HASH) + len(_HASH)
        self.hashes += bytes.fromhex(value[at : at + 64].decode())
        self.flags.append(0)

    def last_told(self) -> int:
        """The last event whose fate is told; -1: none."""
        return max((seq for seq, flags in zip(self.seqs, self.flags, strict=True) if flags & FATE_TOLD), default=-1)

    def index(self, seq: int) -> int | None:
        """The index of the event at that offset; None: it isn't this user's."""
        if not self.seqs or seq > self.seqs[-1]:
            return None
        if seq == self.seqs[-1]:
            return len(self.seqs) - 1
        at = bisect_left(self.seqs, seq)
        return at if self.seqs[at] == seq else None

    def newest(self) -> int:
        """The last event whose record was met; -1: none."""
        return max((seq for seq, flags in zip(self.seqs, self.flags, strict=True) if flags & RECORDED), default=-1)

    def hash(self, index: int) -> str:
        """The hash of an event's record."""
        return self.hashes[index * 32 : index * 32 + 32].hex()


class RecordCheck:
    """Compares one partition's records (rules 1 and 2); `OutcomeCheck` compares the outcomes.

    `start`: offset of the first event that is folded. `trusted`: user → the record before it. `intact`: whether
    compaction can't have removed a record, by the offset where it would lie and the time (ms since 1970) of its event.
    """

    def __init__(self, start: int, trusted: dict[str, bytes], intact: Callable[[int, int], bool]) -> None:
        self.counts = Counts(trusted=len(trusted))
        self.findings = Findings()
        self.chains: dict[str, UserChain] = {}
        self.start = start
        self.highest = -1
        """The last event of which anything was met in the topics."""
        self._intact = intact
        self._awaited: dict[bytes, bytes] = {}
        self._now = start - 1
        self._appended = 0
        self._last = -1
        """Offset of the recorded record before the next one."""
        self._hole: int | None = None
        """The first offset without a record, among those of the last event."""
        self._missing: dict[tuple[str, int], tuple[int, int]] = {}
        """User and seq of an event whose record wasn't met → when it was appended, and where the record would lie."""
        self._disputed: list[Finding] = []
        self._read: tuple[StoredRecord | None, tuple[str, int] | None] = (None, None)
        for user, value in trusted.items():
            chain = self.chains[user] = UserChain(trusted=True)
            chain.add(user_and_seq(value)[1], value)
            chain.flags[0] = RECORDED | FATE_TOLD

    def take_step(self, step: Step) -> None:
        """Take in the next event, with what it led to."""
        self._note_missing()
        self._now, self._appended = step.logged.offset, step.logged.timestamp
        self.counts.events += 1
        for user, value in step.records.items():
            chain = self.chains.get(user)
            if chain is None:
                chain = self.chains[user] = UserChain()
            chain.add(self._now, value)
            chain.untold[self._now] = about(value)
            self._awaited[user.encode()] = value

    def dispute(self, logged: StoredRecord, rejected: str | None) -> None:
        """The last event was rejected, and `events.rejected` doesn't say so; `rejected` None: the other way round."""
        problem: Problem = "unrejected" if rejected is None else "mapping" if rejected == "mapping" else "unreadable"
        self._disputed.append(Finding(logged.offset, problem, "", logged))

    @property
    def awaits_record(self) -> bool:
        """Whether a record of the last event hasn't been met yet."""
        return bool(self._awaited)

    def take_record(self, logged: StoredRecord, *, last: bool = False) -> bool:
        """Compare the next record of the topic. False: it is about a later event. `last`: no event follows any more."""
        if last:
            self._note_missing()  # a record that belongs here is missing, whatever follows
        value, key = logged.value, logged.key
        if key is not None and value is not None and self._awaited.get(key) == value:
            del self._awaited[key]
            self.counts.records += 1
            self._reached(logged.offset)
            self.highest = self._now
            self.chains[key.decode()].flags[-1] |= RECORDED
            return True
        named = self._user_and_seq(logged)
        if named is None:
            self._reached(logged.offset)
            self.findings.add(Finding(self._now, "broken", (key or b"").decode(errors="replace"), logged))
            return True
        user, seq = named
        if seq > self._now and not last:
            return False
        self._reached(logged.offset)
        self._compare(user, seq, logged)
        return True

    def close(self) -> None:
        """All is read. What is missing was compacted, isn't written yet, or was left out (rule 2)."""
        self._note_missing()
        newest = {user: self.chains[user].newest() for user, _ in self._missing}
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
            if finding.seq < self.highest:  # otherwise the worker may not have folded it yet
                self.findings.add(finding)

    def _reached(self, offset: int) -> None:
        if self._hole is None and offset > self._last + 1:
            self._hole = self._last + 1
        self._last = offset

    def _note_missing(self) -> None:
        for key in self._awaited:
            offset = self._last + 1 if self._hole is None else self._hole
            self._missing[key.decode(), self._now] = (self._appended, offset)
        self._awaited.clear()
        self._hole = None

    def _user_and_seq(self, logged: StoredRecord) -> tuple[str, int] | None:
        if self._read[0] is not logged:
            try:
                named = user_and_seq(logged.value or b"")
            except (KeyError, TypeError, ValueError):
                self._read = (logged, None)
            else:
                self._read = (logged, named if named[0].encode() == logged.key else None)
        return self._read[1]

    def _compare(self, user: str, seq: int, logged: StoredRecord) -> None:
        chain = self.chains.get(user)
        if seq < self.start or (chain is not None and chain.trusted and seq < chain.seqs[0]):
            return  # the trusted records were made of it
        index = None if chain is None else chain.index(seq)
        if chain is None or index is None:
            self.findings.add(Finding(seq, "no event", user, logged))
            return
        self._missing.pop((user, seq), None)
        expected = self._awaited.pop(user.encode(), None) if seq == self._now else None
        if sealed(logged.value or b"") != chain.hash(index):
            self.findings.add(Finding(seq, "differs", user, logged, expected))
        elif chain.flags[index] & RECORDED:
            self.counts.repeats += 1
        else:
            self.counts.records += 1
        chain.flags[index] |= RECORDED
        self.highest = max(self.highest, seq)


def user_and_seq(value: bytes) -> tuple[str, int]:
    """The user and seq that a record names. Raises KeyError, TypeError or ValueError where it isn't one."""
    raw = orjson.loads(value)
    user, seq = raw["user"], raw["seq"]
    if not isinstance(user, str) or not isinstance(seq, int) or isinstance(seq, bool):
        raise TypeError("not a record")
    return user, seq
