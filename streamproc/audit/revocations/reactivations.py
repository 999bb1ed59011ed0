"""Who had access again after it was taken, because somebody gave it back in the target, and when it was taken again.

Rule 1: a case begins with a finding that is an incident, and ends with the first outcome of a look at one of its
findings that tells an end, or with a finding that isn't an incident any more. Places say which look belongs to which.
Rule 2: the clock starts when the finding was appended, when streamproc first knew. When access was given back is
told beside it: by the target's own audit log, or else when it was seen first.
Rule 3: a finding that saw the target before access was taken again says nothing new, though it lies behind.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from operator import itemgetter

from pydantic import ValidationError

from streamproc.audit.revocations.latency import Leaver
from streamproc.audit.revocations.outcome_effect import after_outcome
from streamproc.core.records.finding import Changed, Finding, decode_finding, is_look
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.units import micros_of

SOURCE = "reconcile"
"""By whose word it is known."""


@dataclass(slots=True)
class _Seen:
    """Of one user, with the offset of the finding that each belongs to."""

    findings: list[tuple[int, int, Finding]] = field(default_factory=list)
    """Offset, when it was appended (ms since 1970), and what it says."""
    outcomes: list[tuple[int, Outcome]] = field(default_factory=list)


class Reactivations:
    """Those of one partition. Takes all findings first."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._seen: dict[str, _Seen] = {}

    @property
    def users(self) -> frozenset[str]:
        """Of whom an incident was found."""
        return frozenset(self._seen)

    def take_finding(self, logged: StoredRecord) -> None:
        """A record of `scim.findings`. One that isn't a finding about the user of its key is passed over."""
        try:
            finding = decode_finding(logged.value or b"")
        except ValidationError:
            return
        if finding.user is None or finding.user.encode() != logged.key:
            return
        if finding.incident or finding.user in self._seen:
            seen = self._seen.setdefault(finding.user, _Seen())
            seen.findings.append((logged.offset, logged.timestamp, finding))

    def take_outcome(self, outcome: Outcome) -> None:
        """A record of `scim.outcomes`, in their order there."""
        if is_look(outcome.cause) and outcome.cause is not None and outcome.user in self._seen:
            self._seen[outcome.user].outcomes.append((outcome.cause.origin.offset, outcome))

    def leavers(self) -> Iterator[Leaver]:
        """All cases, each told as a leaver is."""
        for seen in self._seen.values():
            yield from self._cases(seen)

    def _cases(self, seen: _Seen) -> Iterator[Leaver]:
        """The cases of one user, by findings and what was done since each."""
        events: list[tuple[int, int, int, Finding | None]]
        events = [(offset, 0, at, found) for offset, at, found in seen.findings]
        events += [(offset, 1, at, None) for at, (offset, _) in enumerate(seen.outcomes)]
        case: Leaver | None = None
        for _, _, at, finding in sorted(events, key=itemgetter(0, 1, 2)):
            if finding is None:
                if case is not None and case.stopped is None:
                    case = after_outcome(case, seen.outcomes[at][1], was_active=True)
            elif finding.incident and case is not None and case.stopped is None:
                case = _named(case, finding)
            elif finding.incident and (case is None or finding.at > (case.stopped or 0)):
                if case is not None:
                    yield case
                case = _named(self._begun(finding, at), finding)
            elif case is not None and case.stopped is None and not finding.incident:
                case = replace(case, state="nothing", stopped=at, why="")
        if case is not None:
            yield case

    def _begun(self, finding: Finding, appended: int) -> Leaver:
        assert finding.user is not None
        return Leaver(
            finding.user,
            SOURCE,
            self._partition,
            finding.seq,
            micros_of(finding.since),
            None,
            None,
            appended,
            None,
            cause="reactivation",
        )


def _named(case: Leaver, finding: Finding) -> Leaver:
    """The case, with who gave access back and when, as soon as a finding knows."""
    changed = _changed(finding)
    if changed is None:
        return case
    return replace(case, source_time=micros_of(changed.at), reason=f"activated in the target by {changed.who}")


def _changed(finding: Finding) -> Changed | None:
    return next((each.changed for each in finding.differences if each.attribute == "active"), None)
