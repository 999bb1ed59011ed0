"""Who left, by one partition's records, and what became of each of them, by its outcomes.

Rule 1: a case begins with the record that says `active` false where the user's record before it didn't. It goes on
through all records that don't say true, so that an event which supersedes another doesn't start a new clock. The next
record that says true ends it.
Where the mapping took access, by its scope or a suspension, a source's
no begins a case of its own: who leaves is told as a leaver, whatever had been taken before.
Rule 2: the user left at the event's own time, if the event says that they are inactive. Otherwise they left at the
first date in the facts that says so and has come to count since the record before. (When dates pass, a `due` event
names only one of them, and another event may be folded before the `due` event.)
Rule 3: an outcome belongs to the case that its seq lies in. The first outcome that tells an end counts.
Rule 4: a user whom the target confirmed as inactive was revoked, whoever sent it: a sink may have died before it could
say so.
Rule 5: each event has one fate, and a user's fates are told in order. Where a later event's fate is told and the fate
of the leaving itself isn't, an outcome was lost: whatever the others say, it isn't known what became of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

import orjson

from streamproc.audit.revocations.latency import Cause, Leaver, State
from streamproc.audit.revocations.outcome_effect import after_outcome
from streamproc.core.fold.authority import key
from streamproc.core.records.change_event import ChangeEvent, Effective, Origin
from streamproc.core.records.control import HELD, Control
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.resource import Resource, by_mapping
from streamproc.core.records.user_record import CHANGED

DECIDED: Final = frozenset({"rejected", "protected"})
"""Codes of `Parked` by which a user keeps access by decision."""
NOTICE: Final = "worker: the date has passed, and identity.changes doesn't say so yet"
UNSENT: Final = "sink: nothing was sent yet"
LOST: Final = "no outcome tells its fate, though a later one is told: see streamproc replay --verify"

_RowKey = tuple[str, str, str]
"""User, SOURCE/SUBJECT, and the row's name."""


@dataclass(frozen=True, slots=True)
class _Announcement:
    """The event that brought a row with a date ahead: when the date comes, the record has only the row."""

    origin: Origin
    source_time: int
    """In µs since 1970."""
    reason: str | None


@dataclass(slots=True)
class _Case:
    """One leaving of a user, as far as it is known."""

    leaver: Leaver
    was_active: bool
    """Whether the user was known to be active before."""
    active_again_seq: int | None = None
    """Seq of the record that says that the user is active again."""
    withdrawn: int | None = None
    """When that record's event was appended, in ms since 1970."""
    last_outcome_at: int = 0
    """In ms since 1970."""
    fate_told: bool = False
    """Whether the fate of the event itself is told (rule 5)."""
    overtaken: bool = False
    """Whether the mapping took access, and a source has said no since: that case tells the rest."""
    passed_over_at: int | None = None
    """When a later event's fate was told before it, in ms since 1970."""


class LeaverTracker:
    """The leavers of one partition. Takes all changes first, then the rest, topic by topic, in any order of topics.

    `fact`: the fact that gives `active`, by the mapping in force; it may change from call to call.
    """

    def __init__(self, partition: int) -> None:
        self.cases: dict[str, list[_Case]] = {}
        self._partition = partition
        self._active: dict[str, bool] = {}
        """User → whether the last record that said anything of `active` said true."""
        self._withheld: set[str] = set()
        """Users from whom it is the mapping alone that takes access."""
        self._announced: dict[_RowKey, _Announcement] = {}

    # identity.changes

    def take_announcement(self, event: ChangeEvent, fact: str) -> None:
        """Remember the event of a row by which a user may leave at a later date."""
        effective = event.effective
        if effective is None or event.attributes.get(fact) is not False:
            return
        if effective.at > event.origin.appended * 1000:
            row = (event.user, key(event.source, event.subject), event.row or event.event)
            self._announced[row] = _Announcement(event.origin, event.order[0], event.reason)

    def take_change(self, event: ChangeEvent, changed: int, value: bytes, before: bytes | None, fact: str) -> None:
        """An event, and the record that it led to. `changed`: its append time in ms; `before`: the record before."""
        if CHANGED not in value:
            return
        record = orjson.loads(value)
        user, active = record["user"], record["desired"].get("active")
        if active is None:
            return
        was = self._active.get(user)
        self._active[user] = active
        cause = _cause(record["desired"])
        overtakes = cause == "source" and user in self._withheld and active is False
        (self._withheld.discard if cause == "source" else self._withheld.add)(user)
        if active is False and (was is not False or overtakes):
            if overtakes and (case := self._last(user)) is not None:
                case.overtaken = True
            leaver = self._leaver(event, changed, record, _as_of(before), fact, cause)
            self.cases.setdefault(user, []).append(_Case(leaver, was_active=was is True or overtakes))
        elif active is True and was is False and (case := self._last(user)) is not None:
            case.active_again_seq, case.withdrawn = record["seq"], changed

    def take_overdue(self, value: bytes, fact: str, end: int) -> None:
        """A user's last record: has a date passed by `end` (ms since 1970) of which no event in the log tells?"""
        record = orjson.loads(value)
        user, as_of = record["user"], record["as_of"]
        row = _row(record, fact, as_of, end)
        if row is not None and self._active.get(user) is True:
            leaver = self._dated(user, record["seq"], None, row, record)
            self.cases.setdefault(user, []).append(_Case(replace(leaver, why=NOTICE), was_active=True))

    def _leaver(
        self, event: ChangeEvent, changed: int, record: Mapping[str, Any], since: int | None, fact: str, cause: Cause
    ) -> Leaver:
        user, seq, as_of = record["user"], record["seq"], record["as_of"]
        dated = event.effective
        spoken = event.kind in {"snapshot", "change"} and event.attributes.get(fact) is False
        if not spoken or (dated is not None and dated.at > as_of * 1000):
            row = _row(record, fact, -1 if since is None else since, as_of)
            if row is not None and cause == "source":
                return self._dated(user, seq, changed, row, record)
            dated = Effective(event.order[0], "", "") if event.kind == "due" else None
        origin = event.origin
        return Leaver(
            user,
            event.source,
            self._partition,
            seq,
            event.order[0],
            dated,
            origin.received,
            origin.appended,
            changed,
            reason=event.reason,
            cause=cause,
        )

    def _dated(
        self, user: str, seq: int, changed: int | None, row: tuple[str, str, Effective], record: Mapping[str, Any]
    ) -> Leaver:
        subject, name, effective = row
        source = subject.partition("/")[0]
        facts = record["facts"][subject]
        announcement = self._announced.pop((user, subject, name), None)
        if announcement is None:  # the row came along with a subject that had been another user's
            announcement = _Announcement(Origin(**facts["origin"]), facts["rows"][name]["entered"][0], None)
        origin = announcement.origin
        return Leaver(
            user,
            source,
            self._partition,
            seq,
            announcement.source_time,
            effective,
            origin.received,
            origin.appended,
            changed,
            reason=announcement.reason,
        )

    # What followed

    def take_record(self, user: str, value: bytes, at: int) -> None:
        """A record of `scim.operations`."""
        seq = orjson.loads(value)["seq"]
        for case in self.cases[user]:
            if case.leaver.seq == seq and case.leaver.folded is None and case.leaver.changed is not None:
                case.leaver = replace(case.leaver, folded=at)

    def take_outcome(self, outcome: Outcome, *, before_end: bool = True) -> None:
        """A record of `scim.outcomes`, in their order there (rules 3 to 5).

        `before_end` False: it lies after the end of the period, and only shows that no outcome was lost.
        """
        if outcome.final:
            self._mark_fates(outcome, before_end=before_end)
        if not before_end:
            return
        case = self._at(outcome.user, outcome.seq)
        if case is None or case.leaver.stopped is not None:
            return
        case.last_outcome_at = outcome.at
        case.leaver = after_outcome(case.leaver, outcome, was_active=case.was_active)

    def take_delivery(self, delivery: DeliveredState) -> None:
        """The user's newest delivery: why work was parked, by its code."""
        case, parked = self._at(delivery.user, delivery.seq), delivery.parked
        if case is None or case.leaver.stopped is not None or parked is None:
            return
        state: State = "kept" if parked.code in DECIDED else "open"
        why = parked.reason if parked.code in HELD else f"parked, {parked.told}"
        case.leaver = replace(case.leaver, state=state, why=why)

    def take_order(self, control: Control, at: int) -> None:
        """The newest order about a user, given at a moment (ms since 1970): it may not have been carried out yet."""
        case = self._last(control.user or "")
        if (
            case is not None
            and case.active_again_seq is None
            and case.leaver.stopped is None
            and at > case.last_outcome_at
        ):
            word = f"{control.action} ordered by {control.by} and not carried out yet: {control.reason}"
            case.leaver = replace(case.leaver, why=f"{case.leaver.why}; {word}" if case.leaver.why else word)

    def leavers(self, paused: Control | None) -> list[Leaver]:
        """All leavers. `paused`: the order by which all sinks are paused."""
        leavers: list[Leaver] = []
        for case in chain.from_iterable(self.cases.values()):
            leaver = case.leaver
            if case.passed_over_at is not None and not case.fate_told and leaver.changed is not None:
                leaver = replace(leaver, state="missing", stopped=case.passed_over_at, why=LOST)
            elif case.overtaken and leaver.stopped is None:
                continue
            elif leaver.stopped is None and case.withdrawn is not None:
                leaver = replace(leaver, state="withdrawn", stopped=case.withdrawn, why="")
            elif leaver.state == "open" and leaver.why != NOTICE:
                stop = "" if paused is None else f"; sinks paused by {paused.by}: {paused.reason}"
                leaver = replace(leaver, why=(leaver.why or UNSENT) + stop)
            leavers.append(leaver)
        return leavers

    def _mark_fates(self, outcome: Outcome, *, before_end: bool) -> None:
        """Which cases' fates a final outcome tells, and which it passes over (rule 5)."""
        since_seq = outcome.seq - 1 if outcome.since is None else outcome.since
        for case in self.cases.get(outcome.user, ()):
            seq = case.leaver.seq
            if since_seq < seq <= outcome.seq:
                case.fate_told = True
            elif seq <= since_seq and before_end and case.passed_over_at is None:
                case.passed_over_at = outcome.at

    def _last(self, user: str) -> _Case | None:
        cases = self.cases.get(user)
        return cases[-1] if cases else None

    def _at(self, user: str, seq: int) -> _Case | None:
        for case in reversed(self.cases.get(user, ())):
            if case.leaver.seq <= seq:
                return case if case.active_again_seq is None or seq < case.active_again_seq else None
        return None


def _cause(desired: Resource) -> Cause:
    if not by_mapping(desired):
        return "source"
    return "suspension" if "suspended" in desired else "scope"


def _as_of(value: bytes | None) -> int | None:
    return None if value is None else int(orjson.loads(value)["as_of"])


def _row(record: Mapping[str, Any], fact: str, since: int, until: int) -> tuple[str, str, Effective] | None:
    """The first row that says "inactive" and came to count after `since`, up to `until` (ms since 1970).

    Returns its subject, its name, and its date.
    """
    ahead = [
        (row["effective"]["at"], subject, name, row["effective"])
        for subject, facts in record["facts"].items()
        if not facts["left"]
        for name, row in facts["rows"].items()
        if row["effective"] is not None
        and row["attributes"].get(fact) is False
        and since * 1000 < row["effective"]["at"] <= until * 1000
    ]
    if not ahead:
        return None
    _, subject, name, effective = min(ahead, key=lambda row: row[:3])
    return subject, name, Effective(**effective)
