"""Redaction: keyed hashes stand in for what says who somebody is. What decides access, and when, stays.

Who reads a redacted bundle may have a list of everybody, with all that is known of them. So that none of it can be
tried out, and nothing that is kept leads back by another way:

- Hashes are keyed (HMAC-SHA256), also that of each original record (`original`), with a key of each user's own. Without
  it no value can be tried out. All have one length; blanks around a value, the number of a list's elements, and facts
  that no mapping reads are left out.
- Equality: a value has another hash with each user, in each fact, and in each order. Two people with one surname,
  manager, site or operator don't show it, so that no list can be laid over what they share. User IDs and subjects are
  the same everywhere, and unlike for any two people.
- Order: ids and sequences become ranks among one user's own words of one moment. Nobody's stand beside another's.
- Places: all partitions are one, and all offsets are counted anew, of raw topics for each subject by itself. A key's
  partition can be computed, and would tell each user, and each of their subjects, from most others. So would the pace
  at which partitions are folded: a record is as old as its event.
- Facts that mappings look into stay where a rule or a copy sees a difference; any other value becomes a hash. Of those
  that expressions read, what they name stays, and each run of text between is a hash (`expressed.py`).
- Timing: moments from before the log knew of a user (when they were hired, or an account was made) only keep their
  order, and how far they lie apart up to a day; of what is forgotten after a month, also at which event it is. Dates
  don't say in which words, or zone, they were given. What came since keeps its time: when access was given and taken is
  what a bundle is evidence of. Who knows when that was, of somebody, can tell by it whom it is about, as they can by
  roles that nobody else has; a list of names can't.

Rule 1: one user's equal values of one fact become equal hashes, so what changed, and what not, can be followed.
Rule 2: every field is named here. A field that nobody has thought of is left out, and then the fold shows it.
"""

import re
from collections.abc import Callable, Collection, Iterable
from typing import Final

from streamproc.audit.evidence.pseudonyms import Places, Words
from streamproc.audit.evidence.redacted_facts import Facts
from streamproc.audit.evidence.redacted_orders import order_words
from streamproc.core.records.change_event import (
    BEGAN,
    ChangeEvent,
    Effective,
    Fact,
    Move,
    Order,
    Row,
    SourceFacts,
)
from streamproc.core.records.fact_names import DATES, FROM_DATES, STARTS
from streamproc.core.records.outcome import Outcome, Request
from streamproc.core.records.user_record import Cause

SHORTEST: Final = 16
"""Fewest bytes of a key."""
WHOLE: Final = (
    "names of sources, of facts that mappings read, and of operators' actions",
    "times since the log knows of somebody",
    "mappings",
    "verdicts, methods and statuses of requests",
    "streamproc's own words",
)
"""What stays as it is besides kept facts."""

PLAIN: Final = frozenset(
    {"due", "by what the source says", "said late of when it was theirs", "first mapping", "worker"}
)
"""What streamproc itself writes in fields where people write, too."""
_OURS: Final = re.compile(
    r"mass guard: \d+ users of one cause and \d+ others in [\d.e+]+ s, threshold \d+"
    r"|can't be created before these are known: [A-Za-z, ]+"
    r"|an operator rejected this revocation"
    r"|the account is protected, and never deactivated"
    r"|an earlier change is missing from this record's history"
    r"|out of scope|suspended"
)
_PATH: Final = re.compile(r"/(Users|Groups|Bulk|Schemas|ResourceTypes|ServiceProviderConfig)(?![A-Za-z])")
_ROWS: Final = frozenset({STARTS, DATES, FROM_DATES})
"""Names of rows that streamproc gives."""


class Redaction:
    """Redacts what is said of one user. `key`: of the whole bundle; `places`: of what was said of the user."""

    def __init__(self, key: bytes, user: str, facts: Facts, places: Places) -> None:
        self.user = Words.user(key, user)
        self.words = Words(key, "of", user)
        self._key, self._facts, self._places = key, facts, places

    def event(self, event: ChangeEvent) -> ChangeEvent:
        """An event of the user, redacted."""
        due, by = event.kind == "due", None if event.move is None else event.move.by
        reason = self.words.prose(event.reason, PLAIN)
        if by is not None:
            reason = order_words(self._key, f"{event.source}/{event.subject}").prose(event.reason)
        return ChangeEvent(
            user=self.user,
            source=event.source,
            subject=Words.subject(self._key, event.source, event.subject),
            event=f"due/{self._id(event.event.removeprefix('due/'))}" if due else self._id(event.event),
            kind=event.kind,
            order=self._places.order(event.order),
            attributes=self._values(event.attributes),
            origin=self._places.origin(event.origin, event.subject),
            reason=reason,
            effective=self._effective(event.effective),
            row=None if event.row is None else self._id(event.row),
            cancels=None if event.cancels is None else self._id(event.cancels),
            move=None if event.move is None else self._move(event.source, event.subject, event.move),
            kept=tuple(self._facts.named(event.kept)),
        )

    def outcome(
        self, outcome: Outcome, cause: Cause | None, problems: Collection[str], seqs: Callable[[int], int]
    ) -> Outcome:
        """An outcome, redacted. `cause`, `problems`: of its redacted record, or of the redacted order."""
        ours = outcome.reason is not None and (
            outcome.reason == "; ".join(problems) or _OURS.fullmatch(outcome.reason) is not None
        )
        return Outcome(
            user=self.user,
            seq=seqs(outcome.seq),
            verdict=outcome.verdict,
            final=outcome.final,
            at=outcome.at,
            effect=outcome.effect,
            cause=None if outcome.cause is None else cause,
            operations=outcome.operations,
            requests=[self._request(request) for request in outcome.requests],
            reason=outcome.reason if ours else self.words.prose(outcome.reason),
            since=None if outcome.since is None else seqs(outcome.since),
            acknowledged=outcome.acknowledged,
            read_back=outcome.read_back,
            sessions_ended=outcome.sessions_ended,
        )

    def original(self, digest: str) -> str:
        """Stands in for an original record's hash: who has that and the key can tell that it is the same record."""
        return self.words.whole("original", digest)

    def _id(self, name: str) -> str:
        """An event's or a row's id. One names all that begin with it where it cancels them: that stays, and no more."""
        if name in _ROWS:
            return name
        parts = [FROM_DATES] if name.startswith(f"{FROM_DATES}/") else []
        cancels = [self.words.word(each) for each in self._places.cancels(name)]
        return "/".join([*parts, *cancels, *([] if self._places.cancels_all(name) else [self.words.word(name)])])

    def _request(self, request: Request) -> Request:
        path = _PATH.match(request.path)
        return Request(
            id=self.words.word(request.id),
            method=request.method,
            path="" if path is None else path[0],
            body=None,
            sent=request.sent,
            answered=request.answered,
            status=request.status,
            correlation_id=None if request.correlation_id is None else self.words.word(request.correlation_id),
            error=self.words.prose(request.error),
            absent=request.absent,
        )

    def _move(self, source: str, subject: str, move: Move) -> Move:
        words = order_words(self._key, f"{source}/{subject}")
        return Move(
            other=None if move.other is None else Words.user(self._key, move.other),
            by=None if move.by is None else words.word(move.by),
            facts=None if move.facts is None else self._source_facts(source, move.facts),
        )

    def _source_facts(self, source: str, facts: SourceFacts) -> SourceFacts:
        order, named = self._places.order, self._facts.named
        return SourceFacts(
            subject=Words.subject(self._key, source, facts.subject),
            origin=self._places.origin(facts.origin, facts.subject),
            floor=None if facts.floor is None else order(facts.floor),
            values=self._values(facts.values),
            later={name: order(facts.later[name]) for name in named(facts.later)},
            grouped=None if facts.grouped is None else order(facts.grouped),
            rows={
                self._id(name): Row(
                    entered=order(row.entered),
                    attributes=self._values(row.attributes),
                    effective=self._effective(row.effective),
                    whole=row.whole,
                )
                for name, row in facts.rows.items()
            },
            gone={self._id(name): order(each) for name, each in facts.gone.items()},
            left=facts.left,
            since=None if facts.since is None else self._places.time(facts.since),
            vouched=None if facts.vouched is None else self._places.time(facts.vouched),
            brought={name: order(facts.brought[name]) for name in named(facts.brought)},
            standing=facts.standing,
        )

    def _values(self, values: dict[str, Fact]) -> dict[str, Fact]:
        return self._facts.of(values, self.words, self._places.time)

    def _effective(self, effective: Effective | None) -> Effective | None:
        """A date, without the words and the zone in which it was given."""
        if effective is None:
            return None
        return Effective(at=self._places.time(effective.at), said="", zone="", lags=effective.lags)


def orders_in(event: ChangeEvent) -> Iterable[Order]:
    """Every order within an event."""
    yield event.order
    facts = event.move.facts if event.move is not None else None
    if facts is not None:
        found = [facts.floor, facts.grouped, *facts.later.values(), *facts.gone.values(), *facts.brought.values()]
        found += [row.entered for row in facts.rows.values()]
        yield from (order for order in found if order is not None)


def remembered_in(event: ChangeEvent) -> Iterable[Order]:
    """Every order within an event that the fold forgets after a month."""
    facts = event.move.facts if event.move is not None else None
    if event.effective is not None or event.row is not None or event.cancels is not None:
        yield event.order
    if facts is not None:
        yield from (*(row.entered for row in facts.rows.values()), *facts.gone.values())


def cancelling(event: ChangeEvent) -> Iterable[str]:
    """Every id within an event that takes out what begins with it."""
    facts = event.move.facts if event.move is not None else None
    return [*(() if event.cancels is None else (event.cancels,)), *(() if facts is None else facts.gone)]


def times_in(event: ChangeEvent) -> Iterable[int]:
    """Every moment within an event (µs since 1970), but for those of its orders."""
    facts = event.move.facts if event.move is not None else None
    rows = () if facts is None else facts.rows.values()
    said = [event.attributes, *(() if facts is None else (facts.values,)), *(row.attributes for row in rows)]
    found = [each.get(BEGAN) for each in said]
    found += [each.at for each in (event.effective, *(row.effective for row in rows)) if each is not None]
    found += [] if facts is None else [facts.since, facts.vouched]
    return (each for each in found if isinstance(each, int) and not isinstance(each, bool))
