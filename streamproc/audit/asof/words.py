"""Whose words the facts of one user are, as `authority.view` weighs them."""

from collections.abc import Callable, Iterator
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, replace
from typing import Final, cast

from streamproc.core.fold.authority import AMBIGUOUS
from streamproc.core.fold.effective_dating import as_of, spoken
from streamproc.core.fold.mapping import Mapping
from streamproc.core.records.change_event import BEGAN, Effective, Fact, Order, SourceFacts
from streamproc.core.records.units import Millis


@dataclass(frozen=True, slots=True)
class Word:
    """One source's word on one fact, as it counts."""

    fact: str
    value: Fact
    """None: the source says that it is empty, or left the fact out of a snapshot."""
    source: str
    subject: str
    order: Order | None
    """Of the event that said so; None: it isn't known."""
    effective: Effective | None = None
    """From when it holds, where the event gave a date."""
    left: bool = False
    """The subject isn't this user's any more, and what it had said has no value."""


class Words:
    """Whose words the facts of one user are."""

    def __init__(
        self, mapping: Mapping, facts: MappingABC[str, SourceFacts], now: Millis, viewed: MappingABC[str, Fact]
    ) -> None:
        self._facts = {subject: one for subject, one in facts.items() if one.standing not in AMBIGUOUS}
        self._now = now
        self._viewed = viewed
        self._view: Callable[[MappingABC[str, SourceFacts]], dict[str, Fact]] = lambda some: mapping.view(some, now)
        self._active = mapping.file.attributes.active
        weighed = {self._active, BEGAN}
        self._signed = self._view({subject: _signed(one, subject, weighed) for subject, one in self._facts.items()})
        self._words: dict[str, tuple[Word, ...]] = {}

    def of(self, *names: str) -> tuple[Word, ...]:
        """The words that give these facts their values; none for a fact that nobody states."""
        return tuple(word for name in names for word in self._of_fact(name))

    def _of_fact(self, name: str) -> tuple[Word, ...]:
        if name not in self._viewed:
            return ()
        if name not in self._words:
            self._words[name] = tuple(self._search(name))
        return self._words[name]

    def _search(self, name: str) -> Iterator[Word]:
        signed: object = self._signed.get(name)
        if isinstance(signed, _Signature):
            yield self._word(signed.subject, name)
            return
        agreeing = [subject for subject in self._with_a_say(name) if self._agrees(subject, name)]
        if agreeing:
            yield from (self._word(subject, name) for subject in agreeing)
        else:  # the subject that has left took the value along
            yield from (self._word(subject, name) for subject, facts in self._facts.items() if _has_left(facts, name))

    def _with_a_say(self, name: str) -> Iterator[str]:
        """Subjects of sources whose word alone gives the value. Several can: true, false and null bear no signature."""
        for source in sorted({subject.partition("/")[0] for subject in self._facts}):
            own = {subject: facts for subject, facts in self._facts.items() if subject.partition("/")[0] == source}
            alone = self._view(own)
            if name in alone and alone[name] is self._viewed[name]:
                yield from own

    def _agrees(self, subject: str, name: str) -> bool:
        values = self._values(subject)
        return name in values and values[name] is self._viewed[name]

    def _word(self, subject: str, name: str) -> Word:
        facts = self._facts[subject]
        order = spoken(facts, name, self._now)
        effective = next((row.effective for row in facts.rows.values() if row.entered == order), None)
        value = self._values(subject).get(name)
        return Word(name, value, subject.partition("/")[0], facts.subject, order, effective, facts.left)

    def _values(self, subject: str) -> MappingABC[str, Fact]:
        facts = self._facts[subject]
        return facts.values if facts.left else as_of(facts, self._now)[0]


@dataclass(frozen=True, slots=True)
class _Signature:
    """Stands in for a value, to see whose value `view` chooses."""

    subject: str


_PLAIN: Final = (bool, type(None))


def _signed(facts: SourceFacts, subject: str, weighed: set[str]) -> SourceFacts:
    """The facts with each value signed, but for those by which `view` weighs words."""

    def sign(values: dict[str, Fact]) -> dict[str, Fact]:
        signature = cast("Fact", _Signature(subject))
        return {name: v if name in weighed or isinstance(v, _PLAIN) else signature for name, v in values.items()}

    rows = {name: replace(row, attributes=sign(row.attributes)) for name, row in facts.rows.items()}
    return replace(facts, values=sign(facts.values), rows=rows)


def _has_left(facts: SourceFacts, name: str) -> bool:
    return facts.left and name in facts.values
