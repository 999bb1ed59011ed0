"""Records: a bundle's records, byte for byte against what its events give."""

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
"""Altered records of which it is told in what they differ: each costs another fold."""


class Records:
    """See above. What isn't as it should be is told on the way."""

    def __init__(self, chosen: Scope, find: Callable[[Finding], None]) -> None:
        self._chosen = chosen
        self._find = find
        self._changed: list[tuple[Finding, str, int, Line]] = []

    def compare(self, pages: LineReader, partition: int, accounts: dict[str, UserTally]) -> None:
        """A partition whose events were folded into the accounts."""
        differing: dict[str, int] = {}
        for number, line in pages.of(partition):
            user, seq = _named(line.value)
            key = (line.key or b"").decode(errors="replace")
            account = accounts.get(key)
            if user != key or seq is None:
                self._find(Finding("altered", RECORDS, "not a record of the user whom its key names", number, key))
                continue
            if account is None:
                self._find(Finding("added", RECORDS, "no event of this user is there", number, user, seq))
                continue
            account.why |= self._chosen.why("record", line.timestamp)
            folded = account.folded.get(seq)
            if folded is None:
                what = f"no event at offset {seq} of {TOPICS[EVENTS]} led to it: it was added, or its event left out"
                self._find(Finding("added", RECORDS, what, number, user, seq))
                continue
            account.recorded.add(seq)
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
        """For each altered record that was found, in what it differs."""
        for finding, user, seq, line in self._changed:
            value = line.value or b""
            folded = events.record(line.partition, user, seq)
            try:
                found = list(_different("", orjson.loads(value), orjson.loads(folded)))
            except orjson.JSONDecodeError:
                found = ["it isn't JSON"]
            fits = "" if sealed(value) else "; its own hash doesn't fit it"
            yield finding, f"isn't what its events give: {'; '.join(found[:3]) or 'spelled differently'}{fits}"


def _named(value: bytes | None) -> tuple[str | None, int | None]:
    """User and seq of a recorded record; None where it doesn't say."""
    try:
        raw = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None, None
    if not isinstance(raw, dict) or not isinstance(raw.get("user"), str) or type(raw.get("seq")) is not int:
        return None, None
    return raw["user"], raw["seq"]


def _different(path: str, left: Any, right: Any) -> Iterator[str]:
    """Where the recorded (left) and the folded value differ, and both sides, shortened."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys()):
            if name != "hash" or path:
                yield from _different(f"{path}.{name}" if path else name, left.get(name), right.get(name))
    elif left != right or type(left) is not type(right):
        yield f"{path}: recorded {short(left)}, folded {short(right)}"
