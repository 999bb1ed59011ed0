"""Why a user is to have what is desired: each value, and each element of a list, with what gave it.

Nothing is decided here. `authority.view` says whose word counts, `scope.standing` who is ours, and a mapping that has
one rule alone says what that rule gives. So the explanation can't differ from what is desired.
"""

from collections.abc import Iterator
from collections.abc import Mapping as MappingABC
from dataclasses import replace
from typing import Any, NamedTuple, cast

from streamproc.audit.asof.why import (
    ByAlways,
    ByCopy,
    ByEarlier,
    ByExpression,
    ByLeaving,
    ByLine,
    ByNothing,
    ByRule,
    ByScope,
    BySuspension,
    Part,
    Why,
)
from streamproc.audit.asof.words import Word, Words
from streamproc.core.expressions.expression import Expression, Unknown
from streamproc.core.fold.computed import copy_place, rule_place, value_place
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.mapping_file import Copy, MappingFile, Rule, Value
from streamproc.core.fold.scope import decisive, standing
from streamproc.core.records.change_event import Fact, SourceFacts
from streamproc.core.records.resource import LEVELS, LISTS, SCALARS, STANDING, Resource
from streamproc.core.records.units import Millis


class Explainer:
    """Explains by one mapping, for many users."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        file, expressions = mapping.file, mapping.expressions
        self._lines = {
            name: _line(value, expressions.get(value_place("attributes", name)))
            for name, value in file.attributes
            if value is not None
        }
        self._ids = {
            name: _line(value, expressions.get(value_place("externalIds", name)))
            for name, value in file.externalIds.items()
        }
        self._copies = [
            _Gift(ByCopy(n + 1, copy.fact, copy.expr), copy, file, expressions.get(copy_place(n)))
            for n, copy in enumerate(file.copies)
        ]
        self._rules = [
            _Gift(ByRule(n + 1, rule.when, rule.condition), rule, file, expressions.get(rule_place(n)))
            for n, rule in enumerate(file.rules)
        ]

    def explain(self, facts: MappingABC[str, SourceFacts], now: Millis, recorded: Resource | None = None) -> list[Why]:
        """Why these facts, by SOURCE/SUBJECT, give what they give at a moment (ms since 1970).

        `recorded`: the state that is explained, of which some may stay from earlier.
        """
        viewed = self.mapping.view(facts, now)
        words = Words(self.mapping, facts, now, viewed)
        policy = self._policy(viewed, words, recorded)
        if recorded is not None and "scope" in recorded:
            return [*policy, *self._frozen(recorded, policy, words)]
        desired = cast("dict[str, Any]", self.mapping.desire("", viewed)[0])
        kept = cast("dict[str, Any]", recorded or {})
        suspended = {"active"} if recorded is not None and "suspended" in recorded else set()
        names = [name for name in ("active", *SCALARS) if name in desired and name not in suspended]
        whys = policy + [self._scalar(name, desired[name], viewed, words) for name in names]
        for name in (*LISTS, *LEVELS):
            if name in desired:
                whys += self._elements(name, viewed, words)
        for authority, value in desired.get("externalIds", {}).items():
            line = self._ids[authority]
            whys.append(Why("externalIds", authority, value, line.part, words.of(*line.reads)))
        for name in self.mapping.unread(viewed):
            if name in kept:
                whys += _kept(name, kept[name], ByEarlier(), words.of(*self._feeding(name)))
        return whys

    def _policy(self, facts: MappingABC[str, Fact], words: Words, recorded: Resource | None) -> list[Why]:
        """Why a user is in scope or out of it, and suspended."""
        here = standing(self.mapping, facts, recorded)
        whys: list[Why] = []
        if self.mapping.who is not None and here.who is not None:
            said, clause, on = _decided(self.mapping.who, here.who, facts)
            state = here.state if recorded is None else recorded.get("scope", "in")
            whys.append(Why("scope", None, state, ByScope(said, clause, on), words.of(*on)))
        if self.mapping.suspension is not None and here.suspension is not None and here.suspended:
            said, clause, on = _decided(self.mapping.suspension, here.suspension, facts)
            if recorded is None or "suspended" in recorded:
                whys.append(Why("active", None, False, BySuspension(said, clause, on), words.of(*on)))
        return whys

    def _frozen(self, recorded: Resource, policy: list[Why], words: Words) -> Iterator[Why]:
        """Why somebody who is out of scope has what is desired of them. `policy`: why they are out."""
        for name, value in cast("dict[str, Any]", recorded).items():
            if name == "active" and "denied" in recorded:
                line = self._lines[name]
                yield Why(name, None, value, line.part, words.of(*line.reads))
            elif name == "active" and recorded.get("scope") == "left":
                yield from (replace(why, attribute=name, value=value) for why in policy)
            elif name not in {"externalId", *STANDING}:
                yield from _kept(name, value, ByLeaving(), ())

    def _scalar(self, name: str, value: Any, facts: MappingABC[str, Fact], words: Words) -> Why:
        for rule in reversed(self._rules):  # the last one that matches holds
            if rule.gives(name) and rule.alone.desire("", facts)[0].get(name) is not None:
                return Why(name, None, value, rule.part, words.of(*rule.reads))
        line = self._lines.get(name)
        if line is not None and any(fact in facts for fact in line.reads):
            return Why(name, None, value, line.part, words.of(*line.reads))
        return Why(name, None, value, ByNothing(), words.of(*self._feeding(name)))

    def _elements(self, name: str, facts: MappingABC[str, Fact], words: Words) -> list[Why]:
        """Why each element of a list is there."""
        whys: list[Why] = []
        for gift in (*self._copies, *self._rules):
            if gift.gives(name):
                for element, level in _elements_given(gift.alone, name, facts):
                    whys.append(Why(name, element, level, gift.part, words.of(*gift.reads)))
        if name == "roles":
            whys += [Why(name, role, None, ByAlways(), ()) for role in self.mapping.file.always.roles]
        return whys or [Why(name, None, None, ByNothing(), words.of(*self._feeding(name)))]

    def _feeding(self, name: str) -> list[str]:
        """Facts that can give something to an attribute."""
        reads = [self._lines[name].reads] if name in self._lines else []
        reads += [line.reads for line in self._ids.values() if name == "externalIds"]
        reads += [gift.reads for gift in (*self._copies, *self._rules) if gift.gives(name)]
        return sorted({fact for each in reads for fact in each})


class _Line(NamedTuple):
    """What gives an attribute its value."""

    part: ByLine | ByExpression
    reads: tuple[str, ...]


class _Gift:
    """A copy or a rule, as a mapping of its own."""

    def __init__(
        self, part: ByCopy | ByRule, written: Copy | Rule, file: MappingFile, expression: Expression | None
    ) -> None:
        self.part, self._written = part, written
        parts = {"tables": file.tables, "functions": file.functions}
        if isinstance(written, Copy):
            self.alone = Mapping(MappingFile.model_validate({"copy": [written], **parts}), "")
            named = [] if written.fact is None else [written.fact]
        else:
            self.alone = Mapping(MappingFile.model_validate({"rule": [written], **parts}), "")
            named = list(written.when)
        read = () if expression is None else sorted(expression.reads)
        self.reads = (*named, *(fact for fact in read if fact not in named))

    def gives(self, name: str) -> bool:
        """Whether it can give something to an attribute."""
        return self._written.to == name if isinstance(self._written, Copy) else bool(getattr(self._written, name, None))


def _line(value: Value, expression: Expression | None) -> _Line:
    if isinstance(value, str):
        return _Line(ByLine(value), (value,))
    return _Line(ByExpression(value.expr), () if expression is None else tuple(sorted(expression.reads)))


def _decided(
    expression: Expression, said: bool | Unknown, facts: MappingABC[str, Fact]
) -> tuple[bool | None, str, tuple[str, ...]]:
    clause = decisive(expression, facts)
    return None if isinstance(said, Unknown) else said, clause.text, clause.facts


def _kept(name: str, value: Any, part: Part, words: tuple[Word, ...]) -> list[Why]:
    """Why an attribute is still as it was."""
    if isinstance(value, dict) and value:
        return [Why(name, element, level, part, words) for element, level in value.items()]
    if isinstance(value, list) and value:
        return [Why(name, element, None, part, words) for element in value]
    return [Why(name, None, None if isinstance(value, dict | list) else value, part, words)]


def _elements_given(alone: Mapping, name: str, facts: MappingABC[str, Fact]) -> list[tuple[str, float | None]]:
    """Elements of a list, with their levels."""
    given = cast("dict[str, Any]", alone.desire("", facts)[0]).get(name) or ()
    return list(given.items()) if isinstance(given, dict) else [(element, None) for element in given]
