"""Why a user is to have what is desired: each value, and each element of a list, with what gave it.

Nothing is decided here. `authority.view` says whose word counts, and a mapping that has one rule alone says what that
rule gives. So the explanation can't differ from what is desired.
"""

from collections.abc import Callable, Iterator
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, cast

from streamproc.core.fold.authority import AMBIGUOUS
from streamproc.core.fold.effective_dating import as_of, spoken
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.mapping_file import Copy, MappingFile, Rule
from streamproc.core.records.change_event import BEGAN, Effective, Fact, Order, SourceFacts
from streamproc.core.records.resource import LEVELS, LISTS, SCALARS, Resource
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


@dataclass(frozen=True, slots=True)
class ByLine:
    """A line of `[attributes]`."""

    fact: str
    by: Literal["attribute"] = "attribute"


@dataclass(frozen=True, slots=True)
class ByCopy:
    """A `[[copy]]`, by its number in the file, from 1."""

    number: int
    fact: str
    by: Literal["copy"] = "copy"


@dataclass(frozen=True, slots=True)
class ByRule:
    """A `[[rule]]`, by its number in the file, from 1."""

    number: int
    when: dict[str, str | list[str]]
    by: Literal["rule"] = "rule"


@dataclass(frozen=True, slots=True)
class ByAlways:
    """`[always]`."""

    by: Literal["always"] = "always"


@dataclass(frozen=True, slots=True)
class ByNothing:
    """Nothing gives a value to an attribute that the mapping owns: it is empty on purpose."""

    by: Literal["nothing"] = "nothing"


@dataclass(frozen=True, slots=True)
class ByEarlier:
    """An earlier event: what was said last can't be read, and changes nothing."""

    by: Literal["earlier"] = "earlier"


Part: TypeAlias = ByLine | ByCopy | ByRule | ByAlways | ByNothing | ByEarlier
"""What in the mapping gave something."""


@dataclass(frozen=True, slots=True)
class Why:
    """One reason. An element may have several; of skills and languages the highest level holds."""

    attribute: str
    element: str | None
    """A name in roles, groups, skills or languages; None: the reason is for the attribute itself."""
    value: str | float | bool | None
    """The value, or an element's level; None for a role, a group, and what is empty."""
    part: Part
    words: tuple[Word, ...]


class Explainer:
    """Explains by one mapping, for many users."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self._lines = {name: fact for name, fact in mapping.file.attributes if isinstance(fact, str)}
        self._copies = [(n, copy, _alone(copies=[copy])) for n, copy in enumerate(mapping.file.copies, 1)]
        self._rules = [(n, rule, _alone(rules=[rule])) for n, rule in enumerate(mapping.file.rules, 1)]

    def explain(self, facts: MappingABC[str, SourceFacts], now: Millis, recorded: Resource | None = None) -> list[Why]:
        """Why these facts, by SOURCE/SUBJECT, give what they give at a moment (ms since 1970).

        `recorded`: the state that is explained, of which some may stay from earlier.
        """
        viewed = self.mapping.view(facts, now)
        desired = cast("dict[str, Any]", self.mapping.desire("", viewed)[0])
        kept = cast("dict[str, Any]", recorded or {})
        words = _Words(self.mapping, facts, now, viewed)
        whys = [self._scalar(name, desired[name], viewed, words) for name in ("active", *SCALARS) if name in desired]
        for name in (*LISTS, *LEVELS):
            if name in desired:
                whys += self._elements(name, viewed, words)
        for name in self.mapping.unread(viewed):
            if name in kept:
                whys += _earlier(name, kept[name], words.of(*self._feeding(name)))
        return whys

    def _scalar(self, name: str, value: Any, facts: MappingABC[str, Fact], words: "_Words") -> Why:
        for number, rule, alone in reversed(self._rules):  # the last one that matches holds
            if getattr(rule, name, None) is not None and alone.desire("", facts)[0].get(name) is not None:
                return Why(name, None, value, ByRule(number, rule.when), words.of(*rule.when))
        fact = self._lines.get(name)
        if fact is not None and fact in facts:
            return Why(name, None, value, ByLine(fact), words.of(fact))
        return Why(name, None, value, ByNothing(), words.of(*self._feeding(name)))

    def _elements(self, name: str, facts: MappingABC[str, Fact], words: "_Words") -> list[Why]:
        """Why each element of a list is there."""
        whys: list[Why] = []
        for number, copy, alone in self._copies:
            if copy.to == name:
                for element, level in _elements_given(alone, name, facts):
                    whys.append(Why(name, element, level, ByCopy(number, copy.fact or ""), words.of(copy.fact or "")))
        for number, rule, alone in self._rules:
            if getattr(rule, name):
                for element, level in _elements_given(alone, name, facts):
                    whys.append(Why(name, element, level, ByRule(number, rule.when), words.of(*rule.when)))
        if name == "roles":
            whys += [Why(name, role, None, ByAlways(), ()) for role in self.mapping.file.always.roles]
        return whys or [Why(name, None, None, ByNothing(), words.of(*self._feeding(name)))]

    def _feeding(self, name: str) -> list[str]:
        """Facts that can give something to an attribute."""
        named = {self._lines[name]} if name in self._lines else set()
        named |= {copy.fact for _, copy, _ in self._copies if copy.to == name and copy.fact is not None}
        named |= {fact for _, rule, _ in self._rules if getattr(rule, name, None) for fact in rule.when}
        return sorted(named)


class _Words:
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


def _earlier(name: str, value: Any, words: tuple[Word, ...]) -> list[Why]:
    """Why an attribute is still as it was; `words`: those of which some can't be read."""
    if isinstance(value, dict) and value:
        return [Why(name, element, level, ByEarlier(), words) for element, level in value.items()]
    if isinstance(value, list) and value:
        return [Why(name, element, None, ByEarlier(), words) for element in value]
    return [Why(name, None, None if isinstance(value, dict | list) else value, ByEarlier(), words)]


def _has_left(facts: SourceFacts, name: str) -> bool:
    return facts.left and name in facts.values


def _alone(copies: list[Copy] | None = None, rules: list[Rule] | None = None) -> Mapping:
    """A mapping of these alone."""
    return Mapping(MappingFile.model_validate({"copy": copies or [], "rule": rules or []}), "")


def _elements_given(alone: Mapping, name: str, facts: MappingABC[str, Fact]) -> list[tuple[str, float | None]]:
    """Elements of a list, with their levels."""
    given = cast("dict[str, Any]", alone.desire("", facts)[0]).get(name) or ()
    return list(given.items()) if isinstance(given, dict) else [(element, None) for element in given]
