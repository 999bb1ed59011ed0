"""Reactivations: read topic by topic they are the same cases as seen one thing after the other."""

from dataclasses import dataclass, field

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streamproc.audit.revocations.reactivations import Reactivations
from streamproc.core.records.change_event import Origin
from streamproc.core.records.finding import LOOK, Difference, Finding
from streamproc.core.records.outcome import Outcome, Verdict
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import FINDINGS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause

ACTIVE = Difference("active", "changed", "own", False, True, "reactivated")


@dataclass
class Case:
    """A time that somebody had access, as who watches would note it."""

    begun: int
    findings: list[int]
    state: str = "open"
    stopped: int | None = None


@dataclass
class Watched:
    """Target, reconcile and sink, one thing after the other: what they write, and the cases as they come."""

    now: int = 1000
    active: bool = False
    offset: int = -1
    cases: list[Case] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    reactivations: Reactivations = field(default_factory=lambda: Reactivations(0))

    @property
    def case(self) -> Case | None:
        """The one that is open."""
        return self.cases[-1] if self.cases and self.cases[-1].stopped is None else None

    def turn(self) -> None:
        """Somebody activates the user, or takes that back."""
        self.active = not self.active

    def compare(self) -> None:
        """Reconcile tells what it sees: again while it is to be repaired, and once when it is over."""
        case = self.case
        if not self.active and case is None:
            return
        self.offset += 1
        at = Millis(self.now)
        found = Finding("E1", "g", "e", [ACTIVE] * self.active, at, at, 1, 0, self.active)
        logged = StoredRecord(FINDINGS, 0, self.offset, at, b"E1", orjson.dumps(found))
        self.reactivations.take_finding(logged)
        if self.active and case is None:
            self.cases.append(Case(self.now, [self.offset]))
        elif self.active and case is not None:
            case.findings.append(self.offset)
        elif case is not None:
            case.state, case.stopped = "nothing", self.now

    def look(self, which: int) -> None:
        """The sink reads the user because of one of the case's findings, and takes access if it is there."""
        case = self.case
        if case is None:
            return
        offset = case.findings[which % len(case.findings)]
        cause = Cause("streamproc", LOOK, Origin(FINDINGS, 0, offset, Millis(self.now)), "active was changed")
        verdict: Verdict = "revoked" if self.active else "no-op"
        read_back = Millis(self.now) if self.active else None
        case.state, case.stopped = "revoked" if self.active else "nothing", self.now
        self.active = False
        at = Millis(self.now)
        self.outcomes.append(Outcome("E1", 1, verdict, False, at, "x", cause, [], [], read_back=read_back))


steps = st.sampled_from(["turn", "compare"]) | st.integers(0, 3)


@given(st.lists(steps, max_size=40))
def test_topic_by_topic_they_are_the_cases_that_were(taken: list[str | int]) -> None:
    """Each time is one case, with the moments at which it was seen and ended, whichever finding the sink looked by."""
    watched = Watched()
    for step in taken:
        watched.now += 10
        if isinstance(step, int):
            watched.look(step)
        elif step == "turn":
            watched.turn()
        else:
            watched.compare()
    for outcome in watched.outcomes:
        watched.reactivations.take_outcome(outcome)
    found = [(case.appended, case.state, case.stopped) for case in watched.reactivations.leavers()]
    assert found == [(case.begun, case.state, case.stopped) for case in watched.cases]
