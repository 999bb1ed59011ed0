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
from dataclasses import asdict
from typing import Any, Final, get_args

import orjson
from pydantic import ValidationError

from streamproc.core.audit import TOLD, Audit, Course, Finding
from streamproc.core.delivery import OUTCOME, Fate, Outcome
from streamproc.core.fold import Cause
from streamproc.core.history import Logged

OURS: Final = "streamproc"
"""Source of a cause that is no event (rule 3)."""

_FATES: Final = frozenset(get_args(Fate))


class Fates:
    """See above. `deliveries`: user → the delivery of the highest seq, as (seq, the record that says so)."""

    def __init__(self, audit: Audit, deliveries: Mapping[str, tuple[int, Logged]]) -> None:
        self._audit = audit
        self._deliveries = deliveries
        self._read: tuple[Logged | None, Outcome | None] = (None, None)

    def recorded(self, logged: Logged, now: int, *, last: bool = False) -> bool:
        """Compare the next outcome. False: it is about an event after `now`; `last`: there is none any more."""
        said = self._said(logged)
        key = (logged.key or b"").decode(errors="replace")
        if said is None or said.user != key:
            self._found(now, "fate broken", key, logged)
            return True
        if said.seq > now and not last:
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

    def _said(self, logged: Logged) -> Outcome | None:
        if self._read[0] is not logged:
            self._read = (logged, _outcome(logged.value or b""))
        return self._read[1]

    def _compare(self, said: Outcome, logged: Logged) -> None:
        audit, user, seq, since = self._audit, said.user, said.seq, said.since
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
        if expected is not None and not _fits(said, logged.value or b"", *expected):
            self._found(seq, "fate differs", user, logged, {"cause": asdict(expected[1]), "effect": expected[0]})
        elif not _possible(said):
            self._found(seq, "fate impossible", user, logged)
        if not said.final:
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

    def _before(self, course: Course | None, seq: int) -> bool:
        """Whether it is about what the trusted records were made of."""
        return seq < self._audit.start or (course is not None and course.trusted and seq <= course.seqs[0])

    def _found(self, seq: int, problem: Any, user: str, logged: Logged, expected: Any = None) -> None:
        self._audit.findings.add(Finding(seq, problem, user, logged, expected))


def _outcome(value: bytes) -> Outcome | None:
    """What it says, if it is an outcome at all."""
    try:
        said = OUTCOME.validate_json(value, strict=True)
    except ValidationError:
        return None
    return None if said.final and said.verdict not in _FATES else said


def _fits(said: Outcome, value: bytes, effect: str, expected: Cause) -> bool:
    cause = said.cause
    if cause is None:  # rule 2
        return said.final and said.effect == "unknown" and said.since is not None
    if not said.final and cause.source == OURS:
        return True  # rule 3
    as_told = b'"effect":%s,"cause":%s,' % (orjson.dumps(effect), orjson.dumps(expected))
    return said.effect == effect and cause == expected and as_told in value


def _possible(said: Outcome) -> bool:
    """Rule 4: no more than is certain. What was set aside in the end may have been delivered in part, and read back."""
    wrote, back = said.acknowledged is not None, said.read_back is not None
    if wrote != bool(said.operations) or (said.sessions_ended is not None and not back):
        return False
    match said.verdict:
        case "superseded":
            return not (wrote or back or said.requests)
        case "no-op":
            return not wrote
        case "revoked":
            return back
        case "delivered":
            return not back
        case _:
            return True
