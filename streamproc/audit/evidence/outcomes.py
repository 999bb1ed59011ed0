"""Compares a bundle's outcomes with the records that they are about, and looks for each event's one fate."""

from bisect import bisect_right
from collections.abc import Callable, Mapping

import orjson
from pydantic import ValidationError

from streamproc.audit.evidence.controls import Controls
from streamproc.audit.evidence.finding import Finding
from streamproc.audit.evidence.format import EVENTS, OUTCOMES, TOPICS
from streamproc.audit.evidence.line_reader import LineReader
from streamproc.audit.evidence.scope import Scope
from streamproc.audit.evidence.user_tally import Folded, UserTally, cause_digest
from streamproc.core.records.outcome import OUTCOME, Outcome
from streamproc.core.records.user_record import FIRST


class Outcomes:
    """The outcomes of a bundle. Reports what isn't as it should be on the way."""

    def __init__(self, scope: Scope, controls: Controls, find: Callable[[Finding], None]) -> None:
        self._scope = scope
        self._controls = controls
        self._find = find

    def compare(self, reader: LineReader, partition: int, tallies: dict[str, UserTally]) -> None:
        """Compare a partition, whose events were folded into the tallies."""
        for number, line in reader.of(partition):
            try:
                outcome = OUTCOME.validate_json(line.value or b"")
            except ValidationError:
                self._find(Finding("altered", OUTCOMES, "not an outcome", number))
                continue
            user, seq = outcome.user, outcome.seq
            tally = tallies.get(user)
            if user.encode() != line.key:
                self._find(Finding("altered", OUTCOMES, "its key names another user", number, user, seq))
            if tally is not None and self._passes_over(outcome, tally):
                tally.outcomes += 1
                tally.fates.append((FIRST if outcome.since is None else outcome.since, seq, number))
                continue
            if tally is None or seq not in tally.folded:
                what = f"no event at offset {seq} of {TOPICS[EVENTS]} led to it: it was added, or its event left out"
                self._find(Finding("added", OUTCOMES, what, number, user, seq))
                continue
            tally.outcomes += 1
            tally.why |= self._scope.why("outcome", line.timestamp)
            if (wrong := self._wrong(outcome, tally.folded)) is not None:
                self._find(Finding("altered", OUTCOMES, wrong, number, user, seq))
            if outcome.final:
                tally.fates.append((seq - 1 if outcome.since is None else outcome.since, seq, number))

    def fates(self, tally: UserTally) -> None:
        """Look for one fate of each event, up to the newest that has one. Each event is met once, whoever tells it."""
        seqs = sorted(tally.folded)
        following = list(range(len(seqs) + 1))  # index of an event → of a later one up to which all have a fate
        newest = FIRST
        for since_seq, until_seq, number in tally.fates:
            at, end = bisect_right(seqs, since_seq), bisect_right(seqs, until_seq)
            newest = seqs[end - 1] if at < end and seqs[end - 1] > newest else newest
            doubled: int | None = None
            while at < end:
                untold = _untold(following, at)
                doubled = at if untold > at and doubled is None else doubled
                if untold < end:
                    following[untold] = untold + 1
                at = untold + 1
            if doubled is not None:
                what = "a second fate of the same event"
                self._find(Finding("added", OUTCOMES, what, number, tally.user, seqs[doubled]))
        at = -1
        while (at := _untold(following, at + 1)) < len(seqs) and seqs[at] < newest:
            self._find(Finding("left out", OUTCOMES, "no fate of this event is there", None, tally.user, seqs[at]))

    def _passes_over(self, outcome: Outcome, tally: UserTally) -> bool:
        """Whether it ends an event of the period together with later events, which aren't in the bundle."""
        newest = next(reversed(tally.folded), FIRST)
        return self._scope.until is not None and outcome.since is not None and outcome.since < newest < outcome.seq

    def _wrong(self, outcome: Outcome, records: Mapping[int, Folded]) -> str | None:
        """What in an outcome contradicts the record that it is about; None: nothing."""
        cause, folded = outcome.cause, records[outcome.seq]
        if outcome.final and outcome.verdict == "revoked" and outcome.read_back is None:
            return "revoked, but the target was never asked again"
        if cause is None:  # compaction had removed the record when its fate was told
            return None if outcome.since is not None and outcome.verdict == "superseded" else "it names no event"
        if cause.source == "streamproc" and not outcome.final:
            return self._controls.orders.unlike_outcome(outcome, records.__contains__)
        if cause_digest(orjson.loads(orjson.dumps(cause))) != folded.cause:
            return "it names another event than the record of this seq"
        same = outcome.effect == folded.effect
        return None if same else f"effect {outcome.effect}, and the record's: {folded.effect}"


def _untold(following: list[int], at: int) -> int:
    """The index of the first event from `at` on that has no fate yet."""
    first = at
    while following[first] != first:
        first = following[first]
    while following[at] != first:
        following[at], at = first, following[at]
    return first
