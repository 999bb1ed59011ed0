"""Fates: one partition's outcomes against its events. Each event has one that is final, or is open still.

Rule 1: a user's fates are told in the order of the events. So those before one that is told are, and those up to the
event that `scim.deliveries` names: later ones are open.
Rule 2: an outcome says the effect and the cause of the record that it ends. `superseded` with `since` ends all events
after that one, and knows nothing of those that compaction had removed.
Rule 3: what was set aside is tried again after its fate was told: such attempts aren't final, and have a cause of their
own.
Rule 4: what a verdict can't be told with isn't there (`_possible`).
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

import orjson

from streamproc.audit.replay.outcome_codec import ParsedOutcome
from streamproc.audit.replay.record_check import TOLD, Finding, RecordCheck, UserChain
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.user_record import OURS


class OutcomeCheck:
    """See above. `deliveries`: user → the delivery of the highest seq, as (seq, the record that says so)."""

    def __init__(self, audit: RecordCheck, deliveries: Mapping[str, tuple[int, StoredRecord]]) -> None:
        self._audit = audit
        self._deliveries = deliveries

    def recorded(self, logged: StoredRecord, said: ParsedOutcome | None, now: int, *, last: bool = False) -> bool:
        """Compare the next outcome, which says `said`.

        False: it is about an event after `now`; `last`: there is none any more.
        """
        key = (logged.key or b"").decode(errors="replace")
        if said is None or said.outcome.user != key:
            self._found(now, "fate broken", key, logged)
            return True
        if said.outcome.seq > now and not last:
            return False
        self._compare(said, logged)
        return True

    def close(self) -> None:
        """All has been read, of the records too: what has no fate is open, or it was left out (rule 1)."""
        audit = self._audit
        for user, (seq, logged) in self._deliveries.items():
            course = audit.courses.get(user)
            if self._before(course, seq):
                continue
            if course is None or course.index(seq) is None:
                self._found(seq, "delivery of nothing", user, logged)
            else:
                audit.highest = max(audit.highest, seq)
        audit.close()
        for user, course in audit.courses.items():
            if course.told:
                until, said_by = self._deliveries.get(user, (-1, None))
                later = course.told_up_to()
                for seq in course.told:
                    if seq <= until or seq < later:
                        audit.findings.add(Finding(seq, "no fate", user, said_by if seq <= until else None, later))
                    else:
                        audit.counts.open += 1
        audit.counts.open -= audit.counts.unfolded

    def _compare(self, said: ParsedOutcome, logged: StoredRecord) -> None:
        audit, outcome = self._audit, said.outcome
        user, seq, since = outcome.user, outcome.seq, outcome.since
        audit.counts.outcomes += 1
        course = audit.courses.get(user)
        if self._before(course, seq):
            return
        index = None if course is None else course.index(seq)
        if course is None or index is None:
            self._found(seq, "fate of nothing", user, logged)
            return
        audit.highest = max(audit.highest, seq)
        expected = course.told.get(seq)
        if expected is not None and not _fits(said, expected):
            self._found(seq, "fate differs", user, logged, orjson.loads(b"{%b}" % expected[:-1]))
        elif not _possible(outcome):
            self._found(seq, "fate impossible", user, logged)
        if not outcome.final:
            return
        first = index if since is None else bisect_right(course.seqs, since)
        for each in range(first, index + 1):
            if each == 0 and course.trusted:
                continue
            if course.flags[each] & TOLD:
                self._found(course.seqs[each], "fate twice", user, logged)
                continue
            course.flags[each] |= TOLD
            course.told.pop(course.seqs[each], None)
            audit.counts.fates += 1

    def _before(self, course: UserChain | None, seq: int) -> bool:
        """Whether it is about what the trusted records were made of."""
        return seq < self._audit.start or (course is not None and course.trusted and seq <= course.seqs[0])

    def _found(self, seq: int, problem: Any, user: str, logged: StoredRecord, expected: Any = None) -> None:
        self._audit.findings.add(Finding(seq, problem, user, logged, expected))


def _fits(said: ParsedOutcome, expected: bytes) -> bool:
    outcome = said.outcome
    if outcome.cause is None:  # rule 2
        return outcome.final and outcome.effect == "unknown" and outcome.since is not None
    if not outcome.final and outcome.cause.source == OURS:
        return True  # rule 3
    return said.about == expected


def _possible(outcome: Outcome) -> bool:
    """Rule 4: no more than is certain. What was set aside in the end may have been delivered in part, and read back."""
    wrote, back = outcome.acknowledged is not None, outcome.read_back is not None
    if wrote != bool(outcome.operations) or (outcome.sessions_ended is not None and not back):
        return False
    match outcome.verdict:
        case "superseded":
            return not (wrote or back or outcome.requests)
        case "no-op":
            return not wrote
        case "revoked":
            return back
        case "delivered":
            return not back
        case _:
            return True
