"""Explain: why somebody is to have what they are to have. Each value, and each element of a list, with what gave it.

Nothing is decided here: `authority.view` is asked whose word counts, and a mapping of one rule alone what that rule
gives. So what is explained and what is desired can't differ.
"""

from collections.abc import Callable, Iterator
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, cast

from streamproc.core.fold.authority import view
from streamproc.core.fold.effective_dating import as_of, spoken
from streamproc.core.fold.mapping import Copy, Mapping, MappingFile, Rule
from streamproc.core.records.change_event import BEGAN, Effective, Fact, Order, SourceFacts
from streamproc.core.records.resource import LEVELS, LISTS, SCALARS


@dataclass(frozen=True, slots=True)
class Word:
    """One source's word on one fact, as it counts. `value` None: it has none, or it left the fact out of a snapshot.

    `order`: of the event that said so; None: it isn't known. `effective`: from when it holds, where it was said with a
    date. `left`: the subject isn't this user's any more, and what it had said has no value.
    """

    fact: str
    value: Fact
    source: str
    subject: str
    order: Order | None
    effective: Effective | None = None
    left: bool = False


@dataclass(frozen=True, slots=True)
class ByLine:
    """A line of `[attributes]`."""

    fact: str
    by: Literal["attribute"] = "attribute"


@dataclass(frozen=True, slots=True)
class ByCopy:
    """A `[[copy]]`, by its place in the file, from 1."""

    number: int
    fact: str
    by: Literal["copy"] = "copy"


@dataclass(frozen=True, slots=True)
class ByRule:
    """A `[[rule]]`, by its place in the file, from 1."""

    number: int
    when: dict[str, str | list[str]]
    by: Literal["rule"] = "rule"


@dataclass(frozen=True, slots=True)
class ByAlways:
    """`[always]`."""

    by: Literal["always"] = "always"


@dataclass(frozen=True, slots=True)
class ByNothing:
    """Nothing gives it a value, and the mapping owns it: it is empty on purpose."""

    by: Literal["nothing"] = "nothing"


Part: TypeAlias = ByLine | ByCopy | ByRule | ByAlways | ByNothing
"""What in the mapping gave something."""


@dataclass(frozen=True, slots=True)
class Why:
    """One reason. An element may have several; of skills and languages the highest level holds.

    `element`: a name in roles, groups, skills or languages; None: the attribute itself. `value`: its value, or the
    level; None of a role or a group, and of what is empty.
    """

    attribute: str
    element: str | None
    value: str | float | bool | None
    part: Part
    words: tuple[Word, ...]


def explain(mapping: Mapping, facts: MappingABC[str, SourceFacts], now: int) -> list[Why]:
    """Why these facts (by SOURCE/SUBJECT) ask for what they ask for at a moment (ms since 1970)."""
    return Explainer(mapping).explain(facts, now)


class Explainer:
    """Explains by one mapping, for many users."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self._lines = {name: fact for name, fact in mapping.file.attributes if fact is not None}
        self._copies = [(n, copy, _alone(copies=[copy])) for n, copy in enumerate(mapping.file.copies, 1)]
        self._rules = [(n, rule, _alone(rules=[rule])) for n, rule in enumerate(mapping.file.rules, 1)]

    def explain(self, facts: MappingABC[str, SourceFacts], now: int) -> list[Why]:
        """See the function of that name."""
        file = self.mapping.file
        said = view(facts, now, file.authority, file.attributes.active)
        desired = cast("dict[str, Any]", self.mapping.desire("", said)[0])
        words = _Words(self.mapping, facts, now, said)
        whys = [self._scalar(name, desired[name], said, words) for name in ("active", *SCALARS) if name in desired]
        for name in (*LISTS, *LEVELS):
            if name in desired:
                whys += self._elements(name, said, words)
        return whys

    def _scalar(self, name: str, value: Any, said: MappingABC[str, Fact], words: "_Words") -> Why:
        for number, rule, alone in reversed(self._rules):  # the last one that matches holds
            if getattr(rule, name, None) is not None and alone.desire("", said)[0].get(name) is not None:
                return Why(name, None, value, ByRule(number, rule.when), words.of(*rule.when))
        fact = self._lines.get(name)
        if fact is not None and fact in said:
            return Why(name, None, value, ByLine(fact), words.of(fact))
        return Why(name, None, value, ByNothing(), words.of(*self._feeding(name)))

    def _elements(self, name: str, said: MappingABC[str, Fact], words: "_Words") -> list[Why]:
        """Why each element of a list is there."""
        whys: list[Why] = []
        for number, copy, alone in self._copies:
            if copy.to == name:
                for element, level in _given(alone, name, said):
                    whys.append(Why(name, element, level, ByCopy(number, copy.fact), words.of(copy.fact)))
        for number, rule, alone in self._rules:
            if getattr(rule, name):
                for element, level in _given(alone, name, said):
                    whys.append(Why(name, element, level, ByRule(number, rule.when), words.of(*rule.when)))
        if name == "roles":
            whys += [Why(name, role, None, ByAlways(), ()) for role in self.mapping.file.always.roles]
        return whys or [Why(name, None, None, ByNothing(), words.of(*self._feeding(name)))]

    def _feeding(self, name: str) -> list[str]:
        """Facts that may give something to a list, title or division."""
        named = {copy.fact for _, copy, _ in self._copies if copy.to == name}
        named |= {fact for _, rule, _ in self._rules if getattr(rule, name, None) for fact in rule.when}
        return sorted(named)


class _Words:
    """Whose words the facts of one user are."""

    def __init__(
        self, mapping: Mapping, facts: MappingABC[str, SourceFacts], now: int, said: MappingABC[str, Fact]
    ) -> None:
        self._facts = facts
        self._now = now
        self._said = said
        self._view: Callable[[MappingABC[str, SourceFacts]], dict[str, Fact]] = lambda some: view(
            some, now, mapping.file.authority, mapping.file.attributes.active
        )
        self._active = mapping.file.attributes.active
        kept = {self._active, BEGAN}
        self._signed = self._view({subject: _signed(each, subject, kept) for subject, each in facts.items()})
        self._found: dict[str, tuple[Word, ...]] = {}

    def of(self, *names: str) -> tuple[Word, ...]:
        """The words that give these facts their values. None of what nobody speaks of."""
        return tuple(each for name in names for each in self._one(name))

    def _one(self, name: str) -> tuple[Word, ...]:
        if name not in self._said:
            return ()
        if name not in self._found:
            self._found[name] = tuple(self._search(name))
        return self._found[name]

    def _search(self, name: str) -> Iterator[Word]:
        signed: object = self._signed.get(name)
        if isinstance(signed, _Signature):
            yield self._word(signed.subject, name)
            return
        agreeing = [subject for subject in self._with_a_say(name) if self._agrees(subject, name)]
        if agreeing:
            yield from (self._word(subject, name) for subject in agreeing)
        else:  # who has left has taken it along
            yield from (self._word(subject, name) for subject, each in self._facts.items() if _has_left(each, name))

    def _with_a_say(self, name: str) -> Iterator[str]:
        """Subjects of sources whose word, taken alone, is the value. Several: truth and null are nobody's alone."""
        for source in sorted({subject.partition("/")[0] for subject in self._facts}):
            own = {each: facts for each, facts in self._facts.items() if each.partition("/")[0] == source}
            alone = self._view(own)
            if name in alone and alone[name] is self._said[name]:
                yield from own

    def _agrees(self, subject: str, name: str) -> bool:
        values = self._values(subject)
        return name in values and values[name] is self._said[name]

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
    """In the place of a value, to see whose it is."""

    subject: str


_PLAIN: Final = (bool, type(None))


def _signed(facts: SourceFacts, subject: str, kept: set[str]) -> SourceFacts:
    """The facts with each value signed, but for those that are looked at when words are weighed."""

    def sign(values: dict[str, Fact]) -> dict[str, Fact]:
        signature = cast("Fact", _Signature(subject))
        return {name: v if name in kept or isinstance(v, _PLAIN) else signature for name, v in values.items()}

    rows = {name: replace(row, attributes=sign(row.attributes)) for name, row in facts.rows.items()}
    return replace(facts, values=sign(facts.values), rows=rows)


def _has_left(facts: SourceFacts, name: str) -> bool:
    return facts.left and name in facts.values


def _alone(copies: list[Copy] | None = None, rules: list[Rule] | None = None) -> Mapping:
    """A mapping of these alone."""
    return Mapping(MappingFile.model_validate({"copy": copies or [], "rule": rules or []}), "")


def _given(alone: Mapping, name: str, said: MappingABC[str, Fact]) -> list[tuple[str, float | None]]:
    """Elements of a list, with their levels."""
    given = cast("dict[str, Any]", alone.desire("", said)[0]).get(name) or ()
    return list(given.items()) if isinstance(given, dict) else [(element, None) for element in given]
