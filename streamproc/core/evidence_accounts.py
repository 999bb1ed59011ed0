"""Accounts: per user, what a bundle's raw lines come to. The events are folded anew, and the rest is held against that.

Rule 1: a recorded record is, byte for byte, what its events give under the mapping in force at its offset.
Rule 2: a record that isn't there was compacted away if a later one of its user is; else it isn't written yet. Both are
told, and computed all the same.
Rule 3: each record has one fate, an outcome that is `final`, up to the newest one of its user that was told; what comes
after is open. `superseded` with `since` is the fate of all after that seq.
Rule 4: an order that an event or an outcome goes back to is among the controls.
Rule 5: users are told apart by partition, one partition after the other, so that only one is in memory.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson
from pydantic import ValidationError

from streamproc.core.controls import CONTROL, IDENTITY
from streamproc.core.delivery import OUTCOME, Outcome
from streamproc.core.errors import MappingError
from streamproc.core.events import ChangeEvent
from streamproc.core.evidence import (
    CONTROLS,
    EVENTS,
    OUTCOMES,
    RECORDS,
    TOPICS,
    Chosen,
    Contents,
    Finding,
    Line,
    short,
)
from streamproc.core.evidence_pages import Account, Folded, Pages
from streamproc.core.fold import FIRST, sealed
from streamproc.core.history import Logged
from streamproc.core.refold import Refold, Step, first_rules
from streamproc.core.rules import compiled

NEVER: Final = 2**63
EXPLAINED: Final = 20
"""Altered records of which it is told in what they differ: each costs another fold."""
RETRY: Final = "retry"
"""In the place of an order's id, where nobody ordered it: what was set aside was tried again after a while."""


class Accounts:
    """See above. `each()` gives them by partition and user; the rest holds once it has come to its end."""

    def __init__(self, contents: Contents, chosen: Chosen, find: Callable[[Finding], None]) -> None:
        self.texts: dict[str, str] = {}
        """Digest → text of each mapping that some event brought."""
        self.ranges: dict[str, dict[str, list[int]]] = {}
        """Topic → partition → offset of the first and the last line."""
        self._contents = contents
        self._chosen = chosen
        self._find = find
        self._controls: dict[str, Line] = {}
        self._placed: dict[tuple[int, int], str | None] = {}
        self._moves: set[tuple[str, str | None]] = set()
        self._changed: list[tuple[Finding, int, bytes]] = []

    @property
    def controls(self) -> int:
        """How many orders there are."""
        return len(self._placed)

    def each(self) -> Iterator[Account]:
        """By partition, and in it by user. What isn't as it should be is told on the way."""
        controls = Pages(self._contents, CONTROLS, self._find)
        while controls.partition is not None:
            for number, line in controls.of(controls.partition):
                self._control(number, line)
        pages = [Pages(self._contents, file, self._find) for file in (EVENTS, RECORDS, OUTCOMES)]
        events, records, outcomes = pages
        while heads := [each.partition for each in pages if each.partition is not None]:
            partition = min(heads)
            accounts: dict[str, Account] = {}
            self._events(events, partition, accounts)
            self._records(records, partition, accounts)
            self._outcomes(outcomes, partition, accounts)
            for user in sorted(accounts):
                self._fates(accounts[user])
                yield accounts[user]
        self.ranges = {TOPICS[each.file]: each.ranges for each in (*pages, controls)}

    def differences(self) -> Iterator[tuple[Finding, str]]:
        """For each altered record that was found, in what it differs. The partition is folded once more for it."""
        for finding, partition, value in self._changed:
            refold = self._refold(partition)
            folded = next(
                (
                    step.records[finding.user]
                    for _, line in self._of(partition)
                    if (step := _taken(refold, line.logged(TOPICS[EVENTS]))) is not None
                    and finding.user in step.records
                    and line.offset == finding.seq
                ),
                b"{}",
            )
            try:
                found = list(_different("", orjson.loads(value), orjson.loads(folded)))
            except orjson.JSONDecodeError:
                found = ["it isn't JSON"]
            fits = "" if sealed(value) else "; its own hash doesn't fit it"
            yield finding, f"isn't what its events give: {'; '.join(found[:3]) or 'spelled differently'}{fits}"

    # Controls

    def _control(self, number: int, line: Line) -> None:
        try:
            control = CONTROL.validate_json(line.value or b"")
        except ValidationError:
            self._find(Finding("altered", CONTROLS, "not an operator's order", number))
            return
        self._controls[control.id] = line
        self._placed[line.place] = control.mapping
        if control.action in IDENTITY:
            self._moves.add((control.by, control.reason))

    # Events

    def _of(self, partition: int, until: int = NEVER) -> Iterator[tuple[int, Line]]:
        pages = Pages(self._contents, EVENTS, lambda _: None)
        while pages.partition is not None and pages.partition <= partition:
            for number, line in pages.of(pages.partition):
                if line.partition == partition and line.offset < until:
                    yield number, line

    def _before(self, partition: int, until: int = NEVER) -> Iterator[Logged]:
        return (line.logged(TOPICS[EVENTS]) for _, line in self._of(partition, until))

    def _refold(self, partition: int) -> Refold:
        return Refold(lambda until: self._before(partition, until), first_rules(self._before(partition)))

    def _events(self, pages: Pages, partition: int, accounts: dict[str, Account]) -> None:
        refold = self._refold(partition)
        if refold.rules is None and pages.partition == partition:
            what = f"no event of partition {partition} says which mapping is in force: nothing of it can be folded"
            self._find(Finding("left out", EVENTS, what))
        for number, line in pages.of(partition):
            step = _taken(refold, line.logged(TOPICS[EVENTS])) if refold.rules is not None else None
            event = None if step is None else step.event
            if step is None and refold.rules is not None:
                self._find(Finding("altered", EVENTS, "can't be folded", number, seq=line.offset))
            if self._chosen.beyond(line.timestamp):
                self._find(Finding("added", EVENTS, "after the end of the period", number, seq=line.offset))
            if event is not None and event.kind == "mapping":
                self._mapping(number, line, event, step)
            else:
                user = (line.key or b"").decode(errors="replace")
                account = accounts.setdefault(user, Account(user, partition))
                account.events += 1
                account.why |= self._chosen.why("event", line.timestamp)
                if event is not None:
                    self._event(number, line, event, user)
            for user, value in () if step is None else step.records.items():
                if user in accounts:
                    accounts[user].folded[line.offset] = _folded(value)

    def _event(self, number: int, line: Line, event: ChangeEvent, user: str) -> None:
        if event.user != user:
            what = f"it is about user {event.user}, and its key says another"
            self._find(Finding("altered", EVENTS, what, number, user, line.offset))
        by = None if event.move is None else event.move.by
        if by is not None and (by, event.reason) not in self._moves:
            what = f"the order behind this {event.kind}, {event.event}, isn't there"
            self._find(Finding("left out", CONTROLS, what, None, user, line.offset))

    def _mapping(self, number: int, line: Line, event: ChangeEvent, step: Step | None) -> None:
        if step is None or step.rejected is not None or event.mapping is None:
            what = f"mapping {event.event}: its text isn't that of the mapping that it names"
            self._find(Finding("altered", EVENTS, what, number, seq=line.offset))
            return
        try:
            compiled(event.event, event.mapping.text)
        except MappingError:  # it changed nothing, so nobody looked at it
            return
        self.texts.setdefault(event.event, event.mapping.text)
        place = (event.origin.partition, event.origin.offset)
        if event.origin.topic != TOPICS[CONTROLS]:
            return
        if place not in self._placed:
            what = f"the order that brought mapping {event.event}, at partition {place[0]}, offset {place[1]}"
            self._find(Finding("left out", CONTROLS, what, seq=line.offset))
        elif self._placed[place] != event.mapping.text:
            what = f"the order of mapping {event.event} brought another text than its event"
            self._find(Finding("altered", CONTROLS, what, seq=line.offset))

    # Records

    def _records(self, pages: Pages, partition: int, accounts: dict[str, Account]) -> None:
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
                        self._changed.append((finding, partition, line.value or b""))
                    self._find(finding)
                differing[user] = differing.get(user, -1) + 1
        for user, count in differing.items():
            if count:
                what = f"{count} later records differ as well: each has the hash of the one before"
                self._find(Finding("altered", RECORDS, what, None, user))

    # Outcomes

    def _outcomes(self, pages: Pages, partition: int, accounts: dict[str, Account]) -> None:
        for number, line in pages.of(partition):
            try:
                outcome = OUTCOME.validate_json(line.value or b"")
            except ValidationError:
                self._find(Finding("altered", OUTCOMES, "not an outcome", number))
                continue
            user, seq = outcome.user, outcome.seq
            account = accounts.get(user)
            if user.encode() != line.key:
                self._find(Finding("altered", OUTCOMES, "its key names another user", number, user, seq))
            if account is not None and self._passing(outcome, account):
                account.outcomes += 1
                account.fates.append((FIRST if outcome.since is None else outcome.since, seq, number))
                continue
            if account is None or seq not in account.folded:
                what = f"no event at offset {seq} of {TOPICS[EVENTS]} led to it: it was added, or its event left out"
                self._find(Finding("added", OUTCOMES, what, number, user, seq))
                continue
            account.outcomes += 1
            account.why |= self._chosen.why("outcome", line.timestamp)
            if (wrong := self._wrong(outcome, account.folded[seq])) is not None:
                self._find(Finding("altered", OUTCOMES, wrong, number, user, seq))
            if outcome.final:
                account.fates.append((seq - 1 if outcome.since is None else outcome.since, seq, number))

    def _passing(self, outcome: Outcome, account: Account) -> bool:
        """Whether it passes over an event within the period together with later ones, which aren't here."""
        newest = max(account.folded, default=FIRST)
        return self._chosen.until is not None and outcome.since is not None and outcome.since < newest < outcome.seq

    def _wrong(self, outcome: Outcome, folded: Folded) -> str | None:
        """What of an outcome doesn't go with the record that it is about."""
        cause = outcome.cause
        if outcome.final and outcome.verdict == "revoked" and outcome.read_back is None:
            return "revoked, but the target was never asked again"
        if cause is None:  # compaction had removed the record when its fate was told
            return None if outcome.since is not None and outcome.verdict == "superseded" else "it names no event"
        if cause.source == "streamproc" and not outcome.final:
            return None if cause.event == RETRY or cause.event in self._controls else f"no order {cause.event} is there"
        if _digest(orjson.loads(orjson.dumps(cause))) != folded.cause:
            return "it names another event than the record of this seq"
        same = outcome.effect == folded.effect
        return None if same else f"effect {outcome.effect}, and the record's: {folded.effect}"

    def _fates(self, account: Account) -> None:
        """Rule 3."""
        seqs, told = sorted(account.folded), set[int]()
        for since, until, number in account.fates:
            for seq in seqs[bisect_right(seqs, since) : bisect_right(seqs, until)]:
                if seq in told:
                    what = "a second fate of the same event"
                    self._find(Finding("added", OUTCOMES, what, number, account.user, seq))
                told.add(seq)
        newest = max(told, default=FIRST)
        for seq in [seq for seq in seqs if seq < newest and seq not in told]:
            self._find(Finding("left out", OUTCOMES, "no fate of this event is there", None, account.user, seq))


def _taken(refold: Refold, logged: Logged) -> Step | None:
    """None: the fold fell over it. No event of ours does that, but this may be anybody's."""
    try:
        return refold.take(logged)
    except Exception:  # noqa: BLE001 - whatever it was, it is the line's fault
        return None


def _folded(value: bytes) -> Folded:
    raw = orjson.loads(value)
    cause = _digest(raw["cause"])
    return Folded(raw["prev"], raw["before"], raw["hash"], raw["effect"], cause, hashlib.sha256(value).digest())


def _named(value: bytes | None) -> tuple[str | None, int | None]:
    """User and seq of a recorded record; None where it doesn't say."""
    try:
        raw = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None, None
    if not isinstance(raw, dict) or not isinstance(raw.get("user"), str) or type(raw.get("seq")) is not int:
        return None, None
    return raw["user"], raw["seq"]


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def _different(path: str, left: Any, right: Any) -> Iterator[str]:
    """Where the recorded (left) and the folded value differ, and both sides, shortened."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys()):
            if name != "hash" or path:
                yield from _different(f"{path}.{name}" if path else name, left.get(name), right.get(name))
    elif left != right or type(left) is not type(right):
        yield f"{path}: recorded {short(left)}, folded {short(right)}"
