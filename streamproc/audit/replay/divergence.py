"""What a finding means for the log: what was done to which topic, partition and offset.

A record's hash covers its content and the hash before it. So a record that doesn't fit its own hash, or that the next
record doesn't follow, was altered. If a record fits in, and isn't what its event leads to, then the event was altered.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import orjson

from streamproc.audit.replay.json_diff import ABSENT, difference, short
from streamproc.audit.replay.partition import PartitionCheck, refold
from streamproc.audit.replay.record_check import LAST, Finding
from streamproc.core.records.stored_record import History, StoredRecord, as_json
from streamproc.core.records.topic_names import CHANGES, CONTROLS, DELIVERIES, OPERATIONS, OUTCOMES
from streamproc.core.records.user_record import FIRST, sealed

Kind: TypeAlias = Literal["altered", "added", "left out", "swapped", "told twice"]


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where what was recorded differs from what the log gives."""

    kind: Kind
    topic: str
    partition: int
    offset: int | None
    """None: it isn't known where a missing record would lie."""
    user: str
    seq: int | None
    """Offset in `identity.changes` of the event that it is about."""
    what: str
    path: str | None = None
    """Where in the value they differ, as a JSON Pointer (RFC 6901)."""
    recorded: Any = None
    """What was recorded there, cut short."""
    recomputed: Any = None
    """What the log gives there, cut short."""

    @property
    def sentence(self) -> str:
        """All but the two sides, in a line."""
        partition = f"{self.topic} partition {self.partition}"
        at = "" if self.offset is None else f" offset {self.offset}"
        who = f"; user {self.user}" if self.user else ""
        about = "" if self.seq is None or self.topic == CHANGES else f", event at offset {self.seq}"
        return f"{self.kind}: {partition}{at}{who}{about}: {self.what}"


_PLAIN: Final[dict[str, tuple[Kind, str, str]]] = {
    "gap": ("left out", CHANGES, "nothing lies at this offset, where offsets follow each other without a gap"),
    "mapping": ("altered", CHANGES, "the event's text isn't that of the mapping it names, and it wasn't rejected"),
    "unreadable": ("altered", CHANGES, "it can't be folded, and events.rejected doesn't say that it was rejected"),
    "unrejected": ("altered", CHANGES, "events.rejected says that it was rejected, and it can be folded"),
    "broken": ("altered", OPERATIONS, "it isn't a record of the user who is its key"),
    "unsealed": ("altered", OPERATIONS, "it doesn't fit its own hash, or doesn't follow the record before it"),
    "fate broken": ("altered", OUTCOMES, "it isn't an outcome of the user who is its key"),
    "fate impossible": ("altered", OUTCOMES, "its verdict, operations and instants contradict each other"),
    "fate not ordered": ("altered", OUTCOMES, "the order that it names says something else, or isn't there"),
    "fate twice": ("told twice", OUTCOMES, "the event's fate was told before"),
    "fate of nothing": ("added", OUTCOMES, "there is no such event of this user"),
    "delivery of nothing": ("altered", DELIVERIES, "its seq isn't that of an event of this user"),
    "delivery broken": ("altered", DELIVERIES, "it isn't a delivery of the user who is its key"),
    "move not ordered": ("altered", CHANGES, "no order moves this subject like that, by that operator and why"),
    "key": ("altered", CHANGES, "its key isn't the user whom it is about, or the mapping that it brings"),
}


def locate(history: History, partition: int, check: PartitionCheck, finding: Finding) -> Divergence:
    """The finding as a divergence. Reads the partition again where that tells more."""
    divergence = _RecordDivergence(history, partition, check, finding)
    match finding.problem:
        case "differs":
            return divergence.differs()
        case "no event":
            return divergence.no_event()
        case "no record":
            return divergence.no_record()
        case "fate differs":
            return _fate_differs(partition, finding)
        case "no fate":
            return _no_fate(partition, finding)
        case "order differs":
            return _order_differs(partition, finding)
        case "no order":
            return _no_order(finding)
        case plain:
            kind, topic, what = _PLAIN[plain]
            logged = finding.logged
            offset = finding.offset if logged is None else logged.offset
            seq = None if finding.seq == LAST else finding.seq
            return Divergence(kind, topic, partition, offset, finding.user, seq, what, recorded=_shortened(logged))


def _shortened(record: StoredRecord | None) -> Any:
    """A record's text, cut short."""
    return None if record is None else short((record.value or b"").decode(errors="replace"))


def _fate_differs(partition: int, finding: Finding) -> Divergence:
    assert finding.logged is not None
    outcome = as_json(finding.logged)
    shown = orjson.dumps({name: outcome.get(name) for name in ("effect", "cause")})
    path, recorded, recomputed = difference(shown, orjson.dumps(finding.expected))
    what = "it doesn't say the effect and the cause of the event's record"
    at, offset = finding.seq, finding.logged.offset
    return Divergence("altered", OUTCOMES, partition, offset, finding.user, at, what, path, recorded, recomputed)


def _order_differs(partition: int, finding: Finding) -> Divergence:
    """It isn't known which of the two was altered. An order is put into all partitions."""
    origin, named, ordered = finding.expected
    what = f"it doesn't say what its order says, {CONTROLS} partition {origin.partition} offset {origin.offset}"
    one, other = (None if side is None else orjson.dumps(side) for side in (named, ordered))
    sides = difference(one, other)
    return Divergence("altered", CHANGES, partition, finding.seq, "", finding.seq, what, *sides)


def _no_order(finding: Finding) -> Divergence:
    assert finding.logged is not None
    origin, at = finding.expected, finding.logged
    what = f"the order of the mapping at {CHANGES} partition {at.partition} offset {at.offset} isn't there"
    return Divergence("left out", CONTROLS, origin.partition, origin.offset, "", None, what)


def _no_fate(partition: int, finding: Finding) -> Divergence:
    until = finding.logged
    if until is None:
        says = f"that of seq {finding.expected} is told, which comes after it"
    else:
        seq = orjson.loads(until.value or b"")["seq"]
        says = f"{DELIVERIES} partition {partition} offset {until.offset} says that all are told up to seq {seq}"
    what = f"no fate of {finding.user} seq {finding.seq}, and {says}"
    sides = (ABSENT, "one final outcome")
    return Divergence("left out", OUTCOMES, partition, None, finding.user, finding.seq, what, None, *sides)


class _RecordDivergence:
    """A finding about records, with what the topics around it say."""

    def __init__(self, history: History, partition: int, check: PartitionCheck, finding: Finding) -> None:
        self._history, self._partition, self._check, self._finding = history, partition, check, finding
        self._seq = finding.seq
        self._value = b"" if finding.logged is None else finding.logged.value or b""
        self._raw = {} if finding.logged is None else as_json(finding.logged)

    def differs(self) -> Divergence:
        """The record isn't what its event leads to."""
        value, digest = self._recomputed()
        expected = orjson.loads(value)
        sides = difference(self._value, value)
        following = self._following()
        if not sealed(self._value):
            return self._record("altered", "it doesn't fit its own hash", *sides)
        if self._raw.get("before") != expected["before"] or self._raw.get("prev") != expected["prev"]:
            return self._record("altered", "it doesn't follow the record before it", *sides)
        if following is not None and following.get("before") == expected["hash"]:
            return self._record("altered", "the record after it doesn't follow it", *sides)
        if self._raw.get("mapping") != expected["mapping"] and self._elsewhere() is None:
            what = (
                f"mapping {digest[1]} is in force from this event on; the record of offset {self._seq} was made by "
                f"{self._raw.get('mapping')}"
            )
            return self._event("altered", what, *sides, offset=digest[0])
        return self._event_differs(sides)

    def no_event(self) -> Divergence:
        """A record is there, and nothing leads to it."""
        if not sealed(self._value):
            return self._record("altered", "it doesn't fit its own hash, and there is no such event of this user")
        event = self._at(self._seq)
        if not self._linked():
            return self._record("added", "no event led to it, and it doesn't follow the user's record before it")
        if event is None:
            return self._event("left out", f"it led to {OPERATIONS} offset {self._offset}, and isn't there")
        if (self._partition, self._seq) in (self._check.request.rejected or ()):
            return self._record("added", "its event was rejected")
        return self._event_differs((None, self._raw.get("cause"), _cause(event)))

    def no_record(self) -> Divergence:
        """An event is there, its record isn't, and later events have been folded."""
        value, _ = self._recomputed()
        raw = orjson.loads(value)
        folded = self._folded(raw["cause"])
        if folded is not None:
            return self._event(
                "swapped", f"the event that lies here was folded at offset {folded}", None, ABSENT, raw["cause"]
            )
        shown = short({name: raw[name] for name in ("seq", "effect", "cause", "hash")})
        what = "the event's record isn't there, though nothing newer of the user is"
        if self._finding.user in self._check.records.chains and self._later():
            what = "the event's record isn't there, and compaction can't have removed it"
        return self._record("left out", what, None, ABSENT, shown)

    def _event_differs(self, sides: tuple[str | None, Any, Any]) -> Divergence:
        """The record fits in, so the event is another one than was folded."""
        offset = self._elsewhere()
        if offset is not None:
            return self._event("swapped", f"the event that was folded here lies at offset {offset} now", *sides)
        event = self._at(self._seq)
        if self._raw.get("cause") != _cause(event):
            return self._event("altered", "it isn't the event that was folded here", *sides)
        return self._event("altered", f"it doesn't lead to the record that was made of it, {self._where}", *sides)

    @property
    def _offset(self) -> int | None:
        return self._finding.offset if self._finding.logged is None else self._finding.logged.offset

    @property
    def _where(self) -> str:
        return f"{OPERATIONS} offset {self._offset}, which fits its hash and the records around it"

    def _record(self, kind: Kind, what: str, path: str | None = None, one: Any = None, other: Any = None) -> Divergence:
        user = self._finding.user
        return Divergence(kind, OPERATIONS, self._partition, self._offset, user, self._seq, what, path, one, other)

    def _event(
        self,
        kind: Kind,
        what: str,
        path: str | None = None,
        one: Any = None,
        other: Any = None,
        *,
        offset: int | None = None,
    ) -> Divergence:
        at = self._seq if offset is None else offset
        return Divergence(kind, CHANGES, self._partition, at, self._finding.user, self._seq, what, path, one, other)

    def _recomputed(self) -> tuple[bytes, tuple[int, str]]:
        """The record as the fold gives it, with offset and digest of the mapping in force. Folds up to there again."""
        again = refold(self._history, self._partition, self._check.start)
        for logged in self._history.read(CHANGES, self._partition, first=self._check.start.offset):
            step = again.take(logged)
            if logged.offset == self._seq:
                assert again.rules is not None
                return step.records[self._finding.user], (again.rules.seq, again.rules.digest)
        raise AssertionError("the event was there before")

    def _following(self) -> dict[str, Any] | None:
        """The user's record that says that it follows this one."""
        for logged in self._history.read(OPERATIONS, self._partition, key=self._finding.user.encode()):
            raw = as_json(logged)
            if raw.get("prev") == self._seq:
                return raw
        return None

    def _folded(self, cause: dict[str, Any]) -> int | None:
        """The other offset at which an event was folded, as a record of the user says; None: there is none."""
        for logged in self._history.read(OPERATIONS, self._partition, key=self._finding.user.encode()):
            raw = as_json(logged)
            if raw.get("cause") == cause and raw.get("seq") != self._seq and sealed(logged.value or b""):
                return int(raw["seq"])
        return None

    def _linked(self) -> bool:
        """Whether the record follows the user's last one before it, as the fold gives that."""
        chain = self._check.records.chains.get(self._finding.user)
        at = 0 if chain is None else bisect_left(chain.seqs, self._seq)
        if chain is None or at == 0:
            return (self._raw.get("prev"), self._raw.get("before")) == (FIRST, "")
        return (self._raw.get("prev"), self._raw.get("before")) == (chain.seqs[at - 1], chain.hash(at - 1))

    def _later(self) -> bool:
        return self._check.records.chains[self._finding.user].newest() > self._seq

    def _at(self, offset: int) -> dict[str, Any] | None:
        """The event at an offset, as JSON; empty where it isn't one. None: nothing lies there."""
        logged = next(self._history.read(CHANGES, self._partition, first=offset), None)
        return None if logged is None or logged.offset != offset else as_json(logged)

    def _elsewhere(self) -> int | None:
        """Where the event lies that the record says it was made of; None: at its own offset, or nowhere."""
        for logged in self._history.read(CHANGES, self._partition):
            if _cause(as_json(logged)) == self._raw.get("cause"):
                return None if logged.offset == self._seq else logged.offset
        return None


def _cause(event: dict[str, Any] | None) -> dict[str, Any] | None:
    """As a record says it."""
    if not event:
        return None
    return {name: event.get(name) for name in ("source", "event", "origin", "reason")}
