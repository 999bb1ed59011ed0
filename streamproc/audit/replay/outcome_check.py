"""One partition's outcomes compared with its events. Each event has one final outcome, or is still open.

Rule 1: a user's fates are told in the order of the events. So all events before one whose fate is told have a fate, and
so have all up to the event that `scim.deliveries` names. Later events are open.
Rule 2: an outcome names the effect and the cause of the record that it ends. `superseded` with `since` ends all events
after that one, and names neither of those that compaction had removed.
Rule 3: parked work is tried again after its fate was told. Such attempts aren't final, and have a cause of their own.
Rule 4: an outcome has nothing that contradicts its verdict (`_possible`).
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from streamproc.audit.orders import Orders
from streamproc.audit.replay.outcome_codec import ParsedOutcome
from streamproc.audit.replay.record_check import FATE_TOLD, Finding, RecordCheck, UserChain
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.user_record import OURS


class OutcomeCheck:
    """Compares one partition's outcomes. `deliveries`: user → highest seq in `scim.deliveries`, and its record.

    `orders`: None: they aren't known.
    """

    def __init__(
        self, records: RecordCheck, deliveries: Mapping[str, tuple[int, StoredRecord]], orders: Orders | None = None
    ) -> None:
        self._records = records
        self._deliveries = deliveries
        self._orders = orders

    def take_outcome(self, logged: StoredRecord, parsed: ParsedOutcome | None, now: int, *, last: bool = False) -> bool:
        """Compare the next outcome; None: the record isn't one.

        False: it is about an event after `now`. `last`: no event follows any more.
        """
        key = (logged.key or b"").decode(errors="replace")
        if parsed is None or parsed.outcome.user != key:
            self._add(now, "fate broken", key, logged)
            return True
        if parsed.outcome.seq > now and not last:
            return False
        self._compare(parsed, logged)
        return True

    def close(self) -> None:
        """All is read, the records too. An event without a fate is open, or its outcome was left out (rule 1)."""
        records = self._records
        for user, (seq, logged) in self._deliveries.items():
            chain = records.chains.get(user)
            if self._before(chain, seq):
                continue
            if chain is None or chain.index(seq) is None:
                self._add(seq, "delivery of nothing", user, logged)
            else:
                records.highest = max(records.highest, seq)
        records.close()
        for user, chain in records.chains.items():
            if chain.untold:
                until, delivery = self._deliveries.get(user, (-1, None))
                later = chain.last_told()
                for seq in chain.untold:
                    if seq <= until or seq < later:
                        records.findings.add(Finding(seq, "no fate", user, delivery if seq <= until else None, later))
                    else:
                        records.counts.open += 1
        records.counts.open -= records.counts.unfolded

    def _compare(self, parsed: ParsedOutcome, logged: StoredRecord) -> None:
        records, outcome = self._records, parsed.outcome
        user, seq, since_seq = outcome.user, outcome.seq, outcome.since
        records.counts.outcomes += 1
        chain = records.chains.get(user)
        if self._before(chain, seq):
            return
        index = None if chain is None else chain.index(seq)
        if chain is None or index is None:
            self._add(seq, "fate of nothing", user, logged)
            return
        records.highest = max(records.highest, seq)
        expected = chain.untold.get(seq)
        if expected is not None and not _fits(parsed, expected):
            self._add(seq, "fate differs", user, logged, orjson.loads(b"{%b}" % expected[:-1]))
        elif not _possible(outcome):
            self._add(seq, "fate impossible", user, logged)
        if not outcome.final:
            ordered = outcome.cause is not None and outcome.cause.source == OURS
            if ordered and self._orders is not None and self._orders.unlike_outcome(outcome, self._theirs(chain)):
                self._add(seq, "fate not ordered", user, logged)
            return
        first = index if since_seq is None else bisect_right(chain.seqs, since_seq)
        twice = False
        for event in range(first, index + 1):
            if event == 0 and chain.trusted:
                continue
            if chain.flags[event] & FATE_TOLD:
                if not twice:
                    self._add(chain.seqs[event], "fate twice", user, logged)
                twice = True
                continue
            chain.flags[event] |= FATE_TOLD
            chain.untold.pop(chain.seqs[event], None)
            records.counts.fates += 1

    def _theirs(self, chain: UserChain) -> Callable[[int], bool]:
        """Whether a seq is one of the user's, as far as that is known."""
        return lambda seq: self._before(chain, seq) or chain.index(seq) is not None

    def _before(self, chain: UserChain | None, seq: int) -> bool:
        """Whether it is about an event that the trusted records were made of."""
        return seq < self._records.start or (chain is not None and chain.trusted and seq <= chain.seqs[0])

    def _add(self, seq: int, problem: Any, user: str, logged: StoredRecord, expected: Any = None) -> None:
        self._records.findings.add(Finding(seq, problem, user, logged, expected))


def _fits(parsed: ParsedOutcome, expected: bytes) -> bool:
    outcome = parsed.outcome
    if outcome.cause is None:  # rule 2
        return outcome.final and outcome.effect == "unknown" and outcome.since is not None
    if not outcome.final and outcome.cause.source == OURS:
        return True  # rule 3
    return parsed.about == expected


def _possible(outcome: Outcome) -> bool:
    """Rule 4, as far as it is certain: parked work may have been delivered in part, and read back."""
    acknowledged, read_back = outcome.acknowledged is not None, outcome.read_back is not None
    if acknowledged != bool(outcome.operations) or (outcome.sessions_ended is not None and not read_back):
        return False
    match outcome.verdict:
        case "superseded":
            return not (acknowledged or read_back or outcome.requests)
        case "no-op":
            return not acknowledged
        case "revoked":
            return read_back
        case "delivered":
            return not read_back
        case _:
            return True
