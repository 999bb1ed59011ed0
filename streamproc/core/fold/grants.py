"""Grants: what copies and rules give of roles, groups, routing skills and languages, and rules of title and division.

Rule 1: a list is owned from the moment that one of the facts which feed it is known, if only as null, or that something
is given.
Rule 2: where something that feeds it can't be read it stays as it is, and that is told.
Rule 3: an expression that has no result gives nothing, and nothing is told, where that is only since facts aren't known
or have no value. Any other is something that can't be read.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from streamproc.core.expressions.expression import Expression, Unknown
from streamproc.core.fold.computed import Expressions, copy_place, rule_place
from streamproc.core.fold.mapping_file import Copy, MappingFile, Rule
from streamproc.core.fold.names import UnreadError, Writing, matches, names_in, truth_in
from streamproc.core.records.change_event import Fact
from streamproc.core.records.resource import LEVELS, LISTS, UNCLEARABLE
from streamproc.core.text import plain

REMEMBERED: Final = 10_000
"""Combinations of facts whose roles, groups, skills and languages are remembered."""
MOST: Final = 500
"""Names that somebody may have in one list: each group is a request of its own."""
_EXACT: Final = frozenset({str, type(None), type(...)})
"""Types of which equal values are the same: 1, 1.0 and true are equal, and aren't."""
_WITH_KINDS: Final = _EXACT | {bool, int}
"""The same where the types are compared as well."""


class Granted(NamedTuple):
    """What copies and rules make of facts. It may be remembered: copy what you change."""

    wanted: dict[str, Any]
    """By attribute. A scalar that is None is owned, but given by no rule."""
    problems: list[str]
    unread: tuple[str, ...]
    """Attributes of which this isn't the whole, since something can't be read."""


class _Copying:
    """A copy, ready to be applied."""

    def __init__(self, number: int, copy: Copy, expression: Expression | None) -> None:
        self.to, self.level = copy.to, copy.level
        self.told_as = copy.fact or f"copy {number}"
        self.reads = expression.reads if expression else frozenset([copy.fact or ""])
        self._fact, self._expression = copy.fact or "", expression
        self._template = copy.template
        self._writing = Writing(copy.separators, copy.whole, copy.levels)
        self._values = {plain(name): value for name, value in copy.values.items()}

    def names(self, facts: Mapping[str, Fact]) -> list[tuple[str, float]]:
        """What goes to the list, with levels. Raises UnreadError."""
        value = _result(self._expression, facts) if self._expression else fact_of(facts, self._fact)
        found = names_in(value, leveled=self.to in LEVELS, writing=self._writing)
        return [(self._wrapped(name), self.level if level is None else level) for name, level in found]

    def _wrapped(self, name: str) -> str:
        return plain(self._template.replace("{}", self._values.get(name, name)))


class _Condition:
    """When a rule gives, ready to be asked."""

    def __init__(self, number: int, rule: Rule, expression: Expression | None) -> None:
        self.patterns = {fact: _pattern(want) for fact, want in rule.when.items()}
        self.reads = frozenset(self.patterns) | (expression.reads if expression else frozenset())
        self._told_as, self._expression = f"rule {number}", expression

    def holds(self, facts: Mapping[str, Fact]) -> tuple[bool, list[str]]:
        """Whether it holds; and where that can't be said, since something can't be read, why."""
        unreadable: list[str] = []
        for fact, pattern in self.patterns.items():
            try:
                if not matches(pattern, fact_of(facts, fact)):
                    return False, []
            except UnreadError as error:
                unreadable.append(f"{fact}: {error}")
        if self._expression is not None:
            try:
                if not truth_in(_result(self._expression, facts)):
                    return False, []
            except UnreadError as error:
                unreadable.append(f"{self._told_as}: {error}")
        return True, unreadable


class Grants:
    """All copies and rules of a mapping, ready to be applied."""

    def __init__(self, file: MappingFile, expressions: Expressions) -> None:
        self._copies = [
            _Copying(number + 1, copy, expressions.get(copy_place(number))) for number, copy in enumerate(file.copies)
        ]
        self._rules = [
            (_Condition(number + 1, rule, expressions.get(rule_place(number))), _gifts(rule))
            for number, rule in enumerate(file.rules)
        ]
        self._always = frozenset(map(plain, file.always.roles))
        self._feeds = self._feeding_by_target()
        self._feeding = tuple(sorted(frozenset().union(*self._feeds.values())))
        self._remembered: dict[tuple[object, ...], Granted] = {}
        """By the facts that were read: a company has far fewer combinations of them than people."""
        self.reads = frozenset().union(
            *(copy.reads for copy in self._copies), *(condition.reads for condition, _ in self._rules)
        )
        """Facts that copies and rules look into, as they are written."""

    def patterns(self) -> Iterator[tuple[str, re.Pattern[str]]]:
        """What the rules ask of facts: name and pattern, for each."""
        for condition, _ in self._rules:
            yield from condition.patterns.items()

    def given(self, facts: Mapping[str, Fact]) -> Granted:
        """What these facts give, remembered."""
        read: tuple[object, ...] = tuple([facts.get(fact, ...) for fact in self._feeding])
        if not _EXACT.issuperset(map(type, read)):
            kinds = tuple(map(type, read))
            if not _WITH_KINDS.issuperset(kinds):
                return self._give_all(facts)
            read = (read, kinds)
        given = self._remembered.get(read)
        if given is None:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            given = self._remembered[read] = self._give_all(facts)
        return given

    def _feeding_by_target(self) -> dict[str, frozenset[str]]:
        """Attribute → the facts that feed it. Absent: no copy and no rule gives anything of it."""
        feeds: dict[str, set[str]] = {}
        for copy in self._copies:
            feeds.setdefault(copy.to, set()).update(copy.reads)
        for condition, gifts in self._rules:
            for target in gifts:
                feeds.setdefault(target, set()).update(condition.reads)
        return {target: frozenset([*facts, *map(plain, facts)]) for target, facts in feeds.items()}

    def _give_all(self, facts: Mapping[str, Fact]) -> Granted:
        problems: list[str] = []
        unread: set[str] = set()
        wanted: dict[str, Any] = {}
        for target, feeding in self._feeds.items():
            if target in LISTS and not feeding.isdisjoint(facts):
                wanted[target] = set()
            elif target in LEVELS and not feeding.isdisjoint(facts):
                wanted[target] = {}
            elif target not in UNCLEARABLE and not feeding.isdisjoint(facts):
                wanted[target] = None
        for copy in self._copies:
            try:
                for name, level in copy.names(facts):
                    _give(wanted, copy.to, name, level)
            except UnreadError as error:
                problems.append(f"{copy.told_as}: {error}")
                unread.add(copy.to)
        for condition, gifts in self._rules:
            holds, unreadable = condition.holds(facts)
            problems += [problem for problem in unreadable if problem not in problems]
            if unreadable:
                unread |= gifts.keys()
            elif holds:
                _apply(wanted, gifts)
        for target in (*LISTS, *LEVELS):
            if len(wanted.get(target, ())) > MOST:
                problems.append(f"{target}: more than {MOST} names")
                unread.add(target)
        if "roles" in wanted:
            wanted["roles"].update(self._always)
        for target in LISTS:
            if target in wanted:
                wanted[target] = sorted(wanted[target])
        for target in LEVELS:
            if target in wanted:
                wanted[target] = dict(sorted(wanted[target].items()))
        return Granted(wanted, problems, tuple(sorted(unread)))


def fact_of(facts: Mapping[str, Fact], name: str) -> Fact:
    """The fact of that name, as it is written or as it is seen."""
    return facts[name] if name in facts else facts.get(plain(name))


def _result(expression: Expression, facts: Mapping[str, Fact]) -> Fact:
    """What an expression gives (rule 3). Raises UnreadError where that can't be said."""
    value = expression.evaluate(facts)
    if not isinstance(value, Unknown):
        return value
    if value.facts and all(fact_of(facts, name) is None for name in value.facts):
        return None
    raise UnreadError(value.reason)


def _pattern(want: str | list[str]) -> re.Pattern[str]:
    wants = [want] if isinstance(want, str) else want
    return re.compile(
        "|".join(re.escape(plain(each)).replace(r"\*", ".*") for each in wants), re.IGNORECASE | re.DOTALL
    )


def _gifts(rule: Rule) -> dict[str, Any]:
    """What a rule gives, by target; nothing for a target that it doesn't name."""
    gifts: dict[str, Any] = {target: frozenset(map(plain, getattr(rule, target))) for target in LISTS}
    gifts |= {target: {plain(name): level for name, level in getattr(rule, target).items()} for target in LEVELS}
    return {target: gift for target, gift in gifts.items() if gift} | {
        name: value for name in ("title", "division") if (value := getattr(rule, name)) is not None
    }


def _apply(wanted: dict[str, Any], gifts: Mapping[str, Any]) -> None:
    for target, gift in gifts.items():
        if target in LISTS:
            wanted.setdefault(target, set()).update(gift)
        elif target in LEVELS:
            for name, level in gift.items():
                _give(wanted, target, name, level)
        else:
            wanted[target] = gift


def _give(wanted: dict[str, Any], target: str, name: str, level: float) -> None:
    if target in LISTS:
        wanted.setdefault(target, set()).add(name)
    else:  # two that give the same skill: the better proficiency holds, whatever their order
        levels = wanted.setdefault(target, {})
        levels[name] = max(level, levels.get(name, 0.0))
