"""Where the comparison of a partition begins: which mapping is in force there, and which records are trusted."""

from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from streamproc.audit.orders import Orders
from streamproc.audit.replay.record_check import Finding, Findings, user_and_seq
from streamproc.core.errors import HistoryError, MappingError
from streamproc.core.fold.mapping_switch import switched
from streamproc.core.records.change_event import decode_event
from streamproc.core.records.mapping_in_force import MARK, MappingInForce, mapping_event
from streamproc.core.records.stored_record import History, StoredRecord
from streamproc.core.records.topic_names import CHANGES, OPERATIONS
from streamproc.core.records.user_record import FIRST, decode_state, sealed


@dataclass(frozen=True, slots=True)
class PartitionRequest:
    """What is to be verified."""

    trusted_before: int | None = None
    """In ms since 1970: the records of before are taken as they are recorded."""
    mapping: MappingInForce | None = None
    """For partitions that name none."""
    rejected: frozenset[tuple[int, int]] | None = None
    """Partition and offset of the changes in `events.rejected`; None: the topic isn't there."""
    rejected_since: int = 0
    """In ms since 1970: what was rejected before may have been removed from there by now."""
    orders: Orders | None = None
    """None: `streamproc.controls` isn't there."""


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """Where the comparison begins."""

    offset: int
    """Of the first event that is folded."""
    rules: MappingInForce | None
    """The mapping in force there; None: it isn't what it says, which is a finding."""
    trusted: dict[str, bytes]
    """User → the record before the offset, as it was recorded."""


def starting_point(history: History, partition: int, request: PartitionRequest, findings: Findings) -> StartingPoint:
    """Raises HistoryError where no mapping is known."""
    start, rules = 0, None
    if request.trusted_before is not None:
        for logged in history.read(CHANGES, partition, until=request.trusted_before):
            start = logged.offset + 1
            rules = _ruled(rules, logged)
        if start == 0 and (oldest := next(history.read(CHANGES, partition), None)) is not None:
            start = oldest.offset
    if rules is None:
        rules = _first(history, partition, start, request, findings)
    if rules is None:
        return StartingPoint(start, None, {})
    trusted = {} if start == 0 else _trusted(history, partition, start, findings)
    return StartingPoint(start, rules, trusted)


def _ruled(known: MappingInForce | None, logged: StoredRecord) -> MappingInForce | None:
    event = mapping_event(logged)
    if event is None:
        return known
    try:
        return switched(known, logged.offset, logged.timestamp, event) or known
    except MappingError:
        return known


def _first(
    history: History, partition: int, start: int, request: PartitionRequest, findings: Findings
) -> MappingInForce | None:
    """The first mapping, which holds for what lies before it too. None: it isn't what it says, which is a finding."""
    events = 0
    for logged in history.read(CHANGES, partition, first=start):
        events += 1
        if MARK not in (logged.value or b""):
            continue
        rules = _ruled(None, logged)
        if rules is not None:
            return rules
        if request.rejected is None or (partition, logged.offset) not in request.rejected:
            findings.add(Finding(logged.offset, "mapping", "", logged))
            return None
    if request.mapping is None and events:
        if (unreadable := _unreadable(history, partition, start, request)) is not None:
            findings.add(Finding(unreadable.offset, "unreadable", "", unreadable))
            return None
        raise HistoryError(
            f"{CHANGES} partition {partition} doesn't say which mapping was in force. Give the file: --mapping FILE"
        )
    return request.mapping


def _unreadable(history: History, partition: int, start: int, request: PartitionRequest) -> StoredRecord | None:
    """The first record that is no event and wasn't rejected: it may have been the mapping's."""
    for logged in history.read(CHANGES, partition, first=start):
        if request.rejected is None or (partition, logged.offset) not in request.rejected:
            try:
                decode_event(logged.value or b"")
            except ValidationError:
                return logged
    return None


def _trusted(history: History, partition: int, start: int, findings: Findings) -> dict[str, bytes]:
    """The newest record of each user before an offset; where compaction has removed it, the first one after it.

    A record must fit its own hash and, where the one before it is there, follow that.
    """
    newest: dict[str, dict[str, Any]] = {}
    values: dict[str, bytes] = {}
    beyond: set[str] = set()
    """Users of whom a record was seen that isn't before the offset."""
    for logged in history.read(OPERATIONS, partition):
        value = logged.value or b""
        try:
            user, seq = user_and_seq(value)
        except (KeyError, TypeError, ValueError):
            continue  # the comparison finds it
        known = newest.get(user)
        if user in beyond or (known is not None and seq <= known["seq"]):
            continue
        raw = orjson.loads(value)
        adjacent = raw.get("prev") == (FIRST if known is None else known["seq"])
        if seq >= start:
            beyond.add(user)
            if adjacent:
                continue
        whole = sealed(value) and _readable(value)
        if not whole or (known is not None and adjacent and raw.get("before") != known["hash"]):
            findings.add(Finding(seq, "unsealed", user, logged))
        if not whole:
            continue
        newest[user], values[user] = {name: raw.get(name) for name in ("seq", "hash")}, value
    return values


def _readable(value: bytes) -> bool:
    """Whether the fold could go on from a record."""
    try:
        decode_state(value)
    except ValidationError:
        return False
    return True
