"""Outcomes: a bundle's outcomes against the records that they are about, and each event's one fate."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

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

RETRY: Final = "retry"
"""In the place of an order's id, where nobody ordered it: what was set aside was tried again after a while."""


class Outcomes:
    """See above. What isn't as it should be is told on the way."""

    def __init__(self, chosen: Scope, controls: Controls, find: Callable[[Finding], None]) -> None:
        self._chosen = chosen
        self._controls = controls
        self._find = find

    def compare(self, pages: LineReader, partition: int, accounts: dict[str, UserTally]) -> None:
        """A partition whose events were folded into the accounts."""
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

    def fates(self, account: UserTally) -> None:
        """Each event has one, up to the newest that was told."""
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

    def _passing(self, outcome: Outcome, account: UserTally) -> bool:
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
            known = cause.event == RETRY or cause.event in self._controls.ids
            return None if known else f"no order {cause.event} is there"
        if cause_digest(orjson.loads(orjson.dumps(cause))) != folded.cause:
            return "it names another event than the record of this seq"
        same = outcome.effect == folded.effect
        return None if same else f"effect {outcome.effect}, and the record's: {folded.effect}"
