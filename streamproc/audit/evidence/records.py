"""Compares a bundle's records, byte for byte, with what its events give."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from streamproc.audit.evidence.events import Events
from streamproc.audit.evidence.finding import Finding, short
from streamproc.audit.evidence.format import EVENTS, RECORDS, TOPICS
from streamproc.audit.evidence.line_reader import LineReader
from streamproc.audit.evidence.raw_line import Line
from streamproc.audit.evidence.scope import Scope
from streamproc.audit.evidence.user_tally import UserTally
from streamproc.core.records.user_record import sealed

EXPLAINED: Final = 20
"""Altered records that are explained: each costs another fold."""


class Records:
    """The records of a bundle. Reports what isn't as it should be on the way."""

    def __init__(self, scope: Scope, find: Callable[[Finding], None]) -> None:
        self._scope = scope
        self._find = find
        self._changed: list[tuple[Finding, str, int, Line]] = []

    def compare(self, reader: LineReader, partition: int, tallies: dict[str, UserTally]) -> None:
        """Compare a partition, whose events were folded into the tallies."""
        differing: dict[str, int] = {}
        for number, line in reader.of(partition):
            user, seq = _user_and_seq(line.value)
            key = (line.key or b"").decode(errors="replace")
            tally = tallies.get(key)
            if user != key or seq is None:
                self._find(Finding("altered", RECORDS, "not a record of the user whom its key names", number, key))
                continue
            if tally is None:
                self._find(Finding("added", RECORDS, "no event of this user is there", number, user, seq))
                continue
            tally.why |= self._scope.why("record", line.timestamp)
            folded = tally.folded.get(seq)
            if folded is None:
                what = f"no event at offset {seq} of {TOPICS[EVENTS]} led to it: it was added, or its event left out"
                self._find(Finding("added", RECORDS, what, number, user, seq))
                continue
            tally.recorded.add(seq)
            if hashlib.sha256(line.value or b"").digest() != folded.value:
                if user not in differing:
                    finding = Finding("altered", RECORDS, "isn't what its events give", number, user, seq)
                    if len(self._changed) < EXPLAINED:
                        self._changed.append((finding, user, seq, line))
                    self._find(finding)
                differing[user] = differing.get(user, -1) + 1
        for user, count in differing.items():
            if count:
                what = f"{count} later records differ as well: each has the hash of the one before"
                self._find(Finding("altered", RECORDS, what, None, user))

    def differences(self, events: Events) -> Iterator[tuple[Finding, str]]:
        """For each altered record, in what it differs."""
        for finding, user, seq, line in self._changed:
            value = line.value or b""
            folded = events.record(line.partition, user, seq)
            try:
                differences = list(_different("", orjson.loads(value), orjson.loads(folded)))
            except orjson.JSONDecodeError:
                differences = ["it isn't JSON"]
            fits = "" if sealed(value) else "; its own hash doesn't fit it"
            yield finding, f"isn't what its events give: {'; '.join(differences[:3]) or 'spelled differently'}{fits}"


def _user_and_seq(value: bytes | None) -> tuple[str | None, int | None]:
    """The user and seq that a record names; None: it names none."""
    try:
        raw = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None, None
    if not isinstance(raw, dict) or not isinstance(raw.get("user"), str) or type(raw.get("seq")) is not int:
        return None, None
    return raw["user"], raw["seq"]


def _different(path: str, left: Any, right: Any) -> Iterator[str]:
    """Where the recorded (left) and the folded (right) value differ, with both sides, shortened."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys()):
            if name != "hash" or path:
                yield from _different(f"{path}.{name}" if path else name, left.get(name), right.get(name))
    elif left != right or type(left) is not type(right):
        yield f"{path}: recorded {short(left)}, folded {short(right)}"
