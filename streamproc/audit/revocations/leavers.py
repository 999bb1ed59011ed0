"""Leaving: who left, read off one partition's records, and what its outcomes say became of it.

Rule 1: a leaving begins with the record that says `active` false of somebody of whom the one before didn't. It goes on
through all records that don't say true, so that an event which supersedes another doesn't start the clock anew; the
next record that says true ends it.
Rule 2: its moment is the event's own, where the event says that the user is inactive. Else it is that of the first row
of the timeline that says so and has come to count since the record before: of a date that passes, a `due` event names
only one row, and any other event may be folded before the `due` event is.
Rule 3: an outcome belongs to the leaving that its seq lies in. The first that tells an end counts.
Rule 4: what the target confirmed as inactive was revoked, whoever sent it: a sink may have died before it could say so.
Only of somebody who was never known to be active, and whom nobody tried to deactivate, there was nothing to revoke.
Rule 5: each event has one fate, and a user's are told in order. Where a later one is told and the leaving's own isn't,
an outcome was lost: whatever the others say, it isn't known what became of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, assert_never

import orjson

from streamproc.audit.revocations.latency import Leaver, State
from streamproc.core.fold.authority import key
from streamproc.core.records.change_event import ChangeEvent, Effective, Origin
from streamproc.core.records.control import HELD, Control
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.outcome import Outcome, Request
from streamproc.core.records.user_record import CHANGED

DECIDED: Final = frozenset({"rejected", "protected"})
"""Codes of `Parked` by which somebody keeps their access."""
ORDERS: Final = "streamproc"
"""Source in the cause of what an operator ordered, or time brought again; its event is the order's id, or `RETRY`."""
RETRY: Final = "retry"
NOTICE: Final = "worker: the date has passed, and identity.changes doesn't say so yet"
UNSENT: Final = "sink: nothing was sent yet"
LOST: Final = "no outcome tells its fate, though a later one is told: see streamproc replay --verify"

_Place = tuple[str, str, str]
"""User, SOURCE/SUBJECT, and the row's name."""


@dataclass(frozen=True, slots=True)
class _Said:
    """Where a row came from: it takes a date to come, and the record then only has the row."""

    origin: Origin
    told: int
    reason: str | None


@dataclass(slots=True)
class _Case:
    """A leaving under way. `until`: seq of the record that says they are active again. `active`: they were before.

    `ended`: its own event's fate is told. `passed`: when a later one's was told first (rule 5).
    """

    leaver: Leaver
    active: bool
    until: int | None = None
    withdrawn: int | None = None
    heard: int = 0
    """When the last outcome was told."""
    ended: bool = False
    passed: int | None = None


class LeaverTracker:
    """See above. Of one partition: first `folded` with all changes, then the rest in any order.

    `fact`: which fact gives `active`, by the mapping in force; it may change from call to call.
    """

    def __init__(self, partition: int) -> None:
        self.cases: dict[str, list[_Case]] = {}
        self._partition = partition
        self._active: dict[str, bool] = {}
        """User → whether the last record that said anything of `active` said true."""
        self._rows: dict[_Place, _Said] = {}

    # identity.changes

    def announced(self, event: ChangeEvent, fact: str) -> None:
        """Remember where a row comes from that may make somebody leave at a later date."""
        effective = event.effective
        if effective is None or event.attributes.get(fact) is not False:
            return
        if effective.at > event.origin.appended * 1000:
            place = (event.user, key(event.source, event.subject), event.row or event.event)
            self._rows[place] = _Said(event.origin, event.order[0], event.reason)

    def folded(self, event: ChangeEvent, changed: int, value: bytes, before: bytes | None, fact: str) -> None:
        """An event led to a record (Kafka value); `changed`: ms, when it was appended; `before`: the record before."""
        if CHANGED not in value:
            return
        record = orjson.loads(value)
        user, active = record["user"], record["desired"].get("active")
        if active is None:
            return
        was = self._active.get(user)
        self._active[user] = active
        if active is False and was is not False:
            leaver = self._leaver(event, changed, record, _as_of(before), fact)
            self.cases.setdefault(user, []).append(_Case(leaver, was is True))
        elif active is True and was is False and (case := self._last(user)) is not None:
            case.until, case.withdrawn = record["seq"], changed

    def overdue(self, value: bytes, fact: str, end: int) -> None:
        """A user's last record: whether a date had passed by `end` (ms) that nothing in the log speaks of."""
        record = orjson.loads(value)
        user, as_of = record["user"], record["as_of"]
        row = _row(record, fact, as_of, end)
        if row is not None and self._active.get(user) is True:
            leaver = self._dated(user, record["seq"], None, row, record)
            self.cases.setdefault(user, []).append(_Case(replace(leaver, why=NOTICE), active=True))

    def _leaver(
        self, event: ChangeEvent, changed: int, record: Mapping[str, Any], since: int | None, fact: str
    ) -> Leaver:
        user, seq, as_of = record["user"], record["seq"], record["as_of"]
        dated = event.effective
        spoken = event.kind in {"snapshot", "change"} and event.attributes.get(fact) is False
        if not spoken or (dated is not None and dated.at > as_of * 1000):
            row = _row(record, fact, -1 if since is None else since, as_of)
            if row is not None:
                return self._dated(user, seq, changed, row, record)
            dated = Effective(event.order[0], "", "") if event.kind == "due" else None
        origin = event.origin
        place = (user, event.source, self._partition, seq)
        return Leaver(*place, event.order[0], dated, origin.received, origin.appended, changed, reason=event.reason)

    def _dated(
        self, user: str, seq: int, changed: int | None, row: tuple[str, str, Effective], record: Mapping[str, Any]
    ) -> Leaver:
        subject, name, effective = row
        source = subject.partition("/")[0]
        facts = record["facts"][subject]
        said = self._rows.pop((user, subject, name), None)
        if said is None:  # it came along with a subject that had been somebody else's
            said = _Said(Origin(**facts["origin"]), facts["rows"][name]["entered"][0], None)
        origin = said.origin
        place = (user, source, self._partition, seq)
        return Leaver(*place, said.told, effective, origin.received, origin.appended, changed, reason=said.reason)

    # What followed

    def written(self, user: str, value: bytes, at: int) -> None:
        """A record of `scim.operations`."""
        seq = orjson.loads(value)["seq"]
        for case in self.cases[user]:
            if case.leaver.seq == seq and case.leaver.folded is None and case.leaver.changed is not None:
                case.leaver = replace(case.leaver, folded=at)

    def told(self, outcome: Outcome, *, within: bool = True) -> None:
        """A record of `scim.outcomes`, in the order in which they lie there (rules 3 to 5).

        `within` False: it lies after the end, and counts only as one that isn't lost.
        """
        if outcome.final:
            self._ended(outcome, within=within)
        if not within:
            return
        case = self._at(outcome.user, outcome.seq)
        if case is None or case.leaver.stopped is not None:
            return
        case.heard = outcome.at
        leaver = case.leaver = _attempted(case.leaver, outcome.requests)
        match outcome.verdict:
            case "revoked" | "delivered" | "no-op" if outcome.read_back is not None and (
                case.active or leaver.attempts or outcome.verdict == "revoked"
            ):
                case.leaver = replace(
                    leaver,
                    state="revoked",
                    acknowledged=outcome.acknowledged or leaver.acknowledged,
                    read_back=outcome.read_back,
                    sessions_ended=outcome.sessions_ended,
                    stopped=outcome.read_back,
                    why=_let_through(outcome),
                )
            case "revoked" | "delivered" | "no-op":
                case.leaver = replace(leaver, state="nothing", stopped=outcome.at, why="")
            case "held":
                case.leaver = replace(leaver, state="open", why=outcome.reason or "held by the mass guard")
            case "rejected":
                case.leaver = replace(leaver, state="kept", why=f"rejected by {_order(outcome)}")
            case "skipped":
                case.leaver = replace(leaver, state="open", why=f"given up by {_order(outcome)}")
            case "parked":
                case.leaver = replace(leaver, state="open", why=f"parked: {outcome.reason}")
            case "superseded" | "read":
                pass
            case "retry" | "conflict" | "unknown" | "adopted" | "absent" | "missing" | "narrowed":
                case.leaver = replace(leaver, why=f"target: {outcome.reason or outcome.verdict}")
            case _:
                assert_never(outcome.verdict)

    def holds(self, delivery: DeliveredState) -> None:
        """The user's newest delivery: why something was set aside, by its code."""
        case, parked = self._at(delivery.user, delivery.seq), delivery.parked
        if case is None or case.leaver.stopped is not None or parked is None:
            return
        state: State = "kept" if parked.code in DECIDED else "open"
        why = parked.reason if parked.code in HELD else f"parked, {parked.told}"
        case.leaver = replace(case.leaver, state=state, why=why)

    def ordered(self, control: Control, at: int) -> None:
        """The last order about a user: it may not have been carried out yet."""
        case = self._last(control.user or "")
        if case is not None and case.until is None and case.leaver.stopped is None and at > case.heard:
            word = f"{control.action} ordered by {control.by} and not carried out yet: {control.reason}"
            case.leaver = replace(case.leaver, why=f"{case.leaver.why}; {word}" if case.leaver.why else word)

    def leavers(self, paused: Control | None) -> list[Leaver]:
        """All of them. `paused`: the order by which the sinks stand still."""
        found: list[Leaver] = []
        for case in (each for cases in self.cases.values() for each in cases):
            leaver = case.leaver
            if case.passed is not None and not case.ended and leaver.changed is not None:
                leaver = replace(leaver, state="missing", stopped=case.passed, why=LOST)
            elif leaver.stopped is None and case.withdrawn is not None:
                leaver = replace(leaver, state="withdrawn", stopped=case.withdrawn, why="")
            elif leaver.state == "open" and leaver.why != NOTICE:
                stop = "" if paused is None else f"; sinks paused by {paused.by}: {paused.reason}"
                leaver = replace(leaver, why=(leaver.why or UNSENT) + stop)
            found.append(leaver)
        return found

    def _ended(self, outcome: Outcome, *, within: bool) -> None:
        """Rule 5."""
        since = outcome.seq - 1 if outcome.since is None else outcome.since
        for case in self.cases.get(outcome.user, ()):
            seq = case.leaver.seq
            if since < seq <= outcome.seq:
                case.ended = True
            elif seq <= since and within and case.passed is None:
                case.passed = outcome.at

    def _last(self, user: str) -> _Case | None:
        cases = self.cases.get(user)
        return cases[-1] if cases else None

    def _at(self, user: str, seq: int) -> _Case | None:
        for case in reversed(self.cases.get(user, ())):
            if case.leaver.seq <= seq:
                return case if case.until is None or seq < case.until else None
        return None


def _as_of(value: bytes | None) -> int | None:
    return None if value is None else int(orjson.loads(value)["as_of"])


def _row(record: Mapping[str, Any], fact: str, since: int, until: int) -> tuple[str, str, Effective] | None:
    """The first row that says "inactive" and came to count after `since`, up to `until` (ms): subject, name, when."""
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
    _, subject, name, effective = min(ahead, key=lambda one: one[:3])
    return subject, name, Effective(**effective)


def _attempted(leaver: Leaver, requests: list[Request]) -> Leaver:
    """With what these requests say: when the first to deactivate went out, and when one was last accepted."""
    ours = [each for each in requests if deactivates(each)]
    if not ours:
        return leaver
    sent = min(each.sent for each in ours)
    accepted = [each.answered for each in ours if each.status is not None and 200 <= each.status < 300]
    return replace(
        leaver,
        sent=sent if leaver.sent is None else min(leaver.sent, sent),
        acknowledged=max(accepted, default=leaver.acknowledged),
        attempts=leaver.attempts + len(ours),
    )


def deactivates(request: Request) -> bool:
    """Whether it is a PATCH that takes a user's access away."""
    operations = (request.body or {}).get("Operations") if request.method == "PATCH" else None
    return isinstance(operations, list) and any(
        isinstance(each, dict) and each.get("path") == "active" and each.get("value") is False for each in operations
    )


def _let_through(outcome: Outcome) -> str:
    """By whose order it was sent; empty: nobody had to."""
    cause = outcome.cause
    if cause is None or cause.source != ORDERS or cause.event == RETRY:
        return ""
    return f"after {cause.event.partition('-')[0]} by {_order(outcome)}"


def _order(outcome: Outcome) -> str:
    return (outcome.cause.reason if outcome.cause is not None else None) or outcome.reason or "an operator"
