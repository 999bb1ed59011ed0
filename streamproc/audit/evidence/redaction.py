"""Redaction: keyed hashes stand in for what says who somebody is. What decides access stays.

Rule 1: equal values become equal hashes everywhere, so it can still be followed who is who, who manages whom and what
moved where. Without the key nobody can tell which value a hash stands for, nor try values out.
Rule 2: a fact that a mapping looks into (rules, copies, `active`) stays as it is. Every other text or number becomes a
hash. A fact that a mapping only copies folds to the same hash in the desired resource.
Rule 3: ids decide which of two events of the same moment counts, so an id within an order keeps its rank among all
ids. The parts of an id keep their slashes, since one id can name all that begin with it.
Rule 4: what people wrote becomes one hash. Of requests only what happened is kept, not what was in them.
Rule 5: every field is named here. A field that nobody has thought of is left out, and then the fold shows it.
"""

import hmac
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import Final

from streamproc.audit.evidence.outcomes import RETRY
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.names import UnreadError, text_in
from streamproc.core.records.change_event import (
    BEGAN,
    ChangeEvent,
    Effective,
    Fact,
    JsonScalar,
    Move,
    Order,
    Row,
    SourceFacts,
)
from streamproc.core.records.control import Control
from streamproc.core.records.fact_names import ACTIVE, STARTS
from streamproc.core.records.outcome import Outcome, Request
from streamproc.core.records.user_record import Cause
from streamproc.core.text import plain

MARK: Final = "redacted-"
"""What each hash begins with."""
LENGTH: Final = 24
"""Hex digits of a hash: so many that no two values of a log ever share them."""
NUMBER: Final = 1e300
"""In the place of any number that no mapping takes for text."""
SHORTEST: Final = 16
"""Fewest bytes of a key."""

WHOLE: Final = (
    "names of sources, facts and operators' actions",
    "times, and dates with their zones",
    "places in the log",
    "mappings",
    "verdicts, methods and statuses of requests",
    "correlation ids that the target gave its answers",
    "streamproc's own words",
)
"""What stays as it is besides kept facts. By a correlation id the target's operator can tell whom it was about."""

PLAIN: Final = frozenset({"due", "by what the source says", "first mapping", "worker"})
"""What streamproc itself writes in fields where people write, too."""
_OURS: Final = re.compile(
    r"mass guard: \d+ users of one cause and \d+ others in [\d.e+]+ s, threshold \d+"
    r"|can't be created before these are known: [A-Za-z, ]+"
    r"|an operator rejected this revocation"
    r"|the account is protected, and never deactivated"
    r"|an earlier change is missing from this record's history"
)
_PATH: Final = re.compile(r"/(Users|Groups|Bulk|Schemas|ResourceTypes|ServiceProviderConfig)(?![A-Za-z])")


def facts_read(mappings: Iterable[Mapping]) -> frozenset[str]:
    """Facts that some mapping looks into (rule 2)."""
    facts = {BEGAN, ACTIVE}
    for mapping in mappings:
        file = mapping.file
        facts.add(file.attributes.active)
        facts |= {copy.fact for copy in file.copies}
        facts |= {fact for rule in file.rules for fact in rule.when}
    return frozenset(facts | set(map(plain, facts)))


def ids(event: ChangeEvent) -> Iterator[str]:
    """Every id within an order of an event (rule 3)."""
    yield event.order[2]
    facts = event.move.facts if event.move is not None else None
    if facts is not None:
        orders = [facts.floor, facts.grouped, *facts.later.values(), *facts.gone.values(), *facts.brought.values()]
        orders += [row.entered for row in facts.rows.values()]
        yield from (order[2] for order in orders if order is not None)


class Redaction:
    """Redacts values. `ranked`: all ids that `ids` gives, of all events to come."""

    def __init__(self, key: bytes, facts_read: Collection[str], ranked: Iterable[str]) -> None:
        self.kept_facts = frozenset(facts_read)
        self.hidden: set[str] = set()
        """Facts with a value that became a hash."""
        self._key = key
        self._ranks = {name: rank for rank, name in enumerate(sorted({*ranked, ""}))}

    def word(self, text: str) -> str:
        """A keyed hash of the text. Blanks, and blanks around it, stay: the mapping decides whether they count."""
        bare = text.strip()
        if not bare:
            return text
        return text.replace(bare, MARK + hmac.digest(self._key, bare.encode(), "sha256").hex()[:LENGTH])

    def id(self, name: str) -> str:
        """An id, redacted part by part."""
        return name if name == STARTS else "/".join(self.word(part) for part in name.split("/"))

    def prose(self, text: str | None) -> str | None:
        """What somebody wrote, such as a reason or a name, redacted."""
        return text if text is None or text in PLAIN else self.word(text)

    def event(self, event: ChangeEvent) -> ChangeEvent:
        """An event, redacted. One that brings a mapping keeps all but who ordered it, and why."""
        if event.mapping is not None:
            mapping = replace(event.mapping, by=self.prose(event.mapping.by) or "")
            return replace(event, reason=self.prose(event.reason), mapping=mapping)
        due = event.kind == "due"
        return ChangeEvent(
            user=self.word(event.user),
            source=event.source,
            subject=self.word(event.subject),
            event=f"due/{self.id(event.event.removeprefix('due/'))}" if due else self.id(event.event),
            kind=event.kind,
            order=self._order(event.order),
            attributes=self._facts(event.attributes),
            origin=event.origin,
            reason=self.prose(event.reason),
            effective=_effective(event.effective),
            row=None if event.row is None else self.id(event.row),
            cancels=None if event.cancels is None else self.id(event.cancels),
            move=None if event.move is None else self._move(event.move),
            kept=event.kept,
        )

    def outcome(self, outcome: Outcome, cause: Cause | None, problems: Collection[str]) -> Outcome:
        """An event, redacted. One that brings a mapping keeps all but who ordered it and why."""
        ours = outcome.reason is not None and (
            outcome.reason == "; ".join(problems) or _OURS.fullmatch(outcome.reason) is not None
        )
        if outcome.cause is not None and outcome.cause.source == "streamproc":
            named = outcome.cause.event
            event = named if named == RETRY else self.id(named)
            cause = Cause("streamproc", event, outcome.cause.origin, self.prose(outcome.cause.reason))
        return Outcome(
            user=self.word(outcome.user),
            seq=outcome.seq,
            verdict=outcome.verdict,
            final=outcome.final,
            at=outcome.at,
            effect=outcome.effect,
            cause=None if outcome.cause is None else cause,
            operations=outcome.operations,
            requests=[self._request(request) for request in outcome.requests],
            reason=outcome.reason if ours else self.prose(outcome.reason),
            since=outcome.since,
            acknowledged=outcome.acknowledged,
            read_back=outcome.read_back,
            sessions_ended=outcome.sessions_ended,
        )

    def control(self, control: Control) -> Control:
        """An operator's order, redacted; a mapping that it brings stays whole."""
        source, slash, subject = (control.subject or "").partition("/")
        return Control(
            id=self.id(control.id),
            action=control.action,
            user=None if control.user is None else self.word(control.user),
            since=control.since,
            by=self.word(control.by),
            reason=self.word(control.reason),
            at=control.at,
            subject=None if control.subject is None else source + slash + self.word(subject),
            mapping=control.mapping,
            input=None if control.input is None else self.word(control.input),
        )

    def _request(self, request: Request) -> Request:
        path = _PATH.match(request.path)
        return Request(
            id=self.word(request.id),
            method=request.method,
            path="" if path is None else path[0],
            body=None,
            sent=request.sent,
            answered=request.answered,
            status=request.status,
            correlation_id=request.correlation_id,
            error=self.prose(request.error),
            absent=request.absent,
        )

    def _move(self, move: Move) -> Move:
        return Move(
            other=None if move.other is None else self.word(move.other),
            by=None if move.by is None else self.word(move.by),
            facts=None if move.facts is None else self._source_facts(move.facts),
        )

    def _source_facts(self, facts: SourceFacts) -> SourceFacts:
        return SourceFacts(
            subject=self.word(facts.subject),
            origin=facts.origin,
            floor=None if facts.floor is None else self._order(facts.floor),
            values=self._facts(facts.values),
            later=_each_order(self._order, facts.later),
            grouped=None if facts.grouped is None else self._order(facts.grouped),
            rows={
                self.id(name): Row(
                    entered=self._order(row.entered),
                    attributes=self._facts(row.attributes),
                    effective=_effective(row.effective),
                    whole=row.whole,
                )
                for name, row in facts.rows.items()
            },
            gone={self.id(name): self._order(order) for name, order in facts.gone.items()},
            left=facts.left,
            since=facts.since,
            vouched=facts.vouched,
            brought=_each_order(self._order, facts.brought),
            standing=facts.standing,
        )

    def _order(self, order: Order) -> Order:
        at, sequence, name = order
        return (at, sequence, f"{self._ranks[name]:08d}.{self.id(name)}" if name else "")

    def _facts(self, values: dict[str, Fact]) -> dict[str, Fact]:
        return {name: value if name in self.kept_facts else self._fact(name, value) for name, value in values.items()}

    def _fact(self, name: str, value: Fact) -> Fact:
        hidden: Fact
        if isinstance(value, list):
            hidden = [self._value(scalar) for scalar in value]
        elif isinstance(value, dict):
            hidden = {self.word(key): self._value(scalar) for key, scalar in value.items()}
        else:
            hidden = self._value(value)
        if hidden != value:
            self.hidden.add(name)
        return hidden

    def _value(self, value: JsonScalar) -> JsonScalar:
        """A value, redacted. A number becomes the hash of the text that a mapping makes of it; or else NUMBER."""
        if value is None or isinstance(value, bool | str):
            return self.word(value) if isinstance(value, str) else value
        try:
            return self.word(text_in(value) or "")
        except UnreadError:
            return NUMBER


def _effective(effective: Effective | None) -> Effective | None:
    """A date and its zone stay."""
    if effective is None:
        return None
    return Effective(at=effective.at, said=effective.said, zone=effective.zone, lags=effective.lags)


def _each_order(change: Callable[[Order], Order], orders: dict[str, Order]) -> dict[str, Order]:
    return {name: change(order) for name, order in orders.items()}
