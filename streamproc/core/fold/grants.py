"""Grants: what copies and rules give of roles, groups, routing skills and languages, and rules of title and division.

A list is owned from the moment that one of the facts which feed it is known, if only as null. Where something that
feeds it can't be read it stays as it is, and that is told.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from streamproc.core.fold.mapping_file import Copy, MappingFile, Rule
from streamproc.core.fold.names import UnreadError, matches, names_in
from streamproc.core.records.change_event import Fact
from streamproc.core.records.resource import LEVELS, LISTS, UNCLEARABLE
from streamproc.core.text import plain

REMEMBERED: Final = 10_000
"""Combinations of facts whose roles, groups, skills and languages are remembered."""
MOST: Final = 500
"""Names that somebody may have in one list: each group is a request of its own."""
_EXACT: Final = frozenset({str, type(None), type(...)})
"""Types of which equal values are the same: 1, 1.0 and true are equal, and aren't."""


class Granted(NamedTuple):
    """What copies and rules make of facts. It may be remembered: copy what you change."""

    wanted: dict[str, Any]
    """By attribute. A scalar that is None is owned, but given by no rule."""
    problems: list[str]
    unread: tuple[str, ...]
    """Attributes of which this isn't the whole, since something can't be read."""


class _Copying:
    """A copy, ready to be applied."""

    def __init__(self, copy: Copy) -> None:
        assert copy.fact is not None
        self.to, self.level, self.fact = copy.to, copy.level, copy.fact
        self.reads = frozenset([copy.fact])
        self._template = copy.template
        self._values = {plain(name): value for name, value in copy.values.items()}

    def names(self, facts: Mapping[str, Fact]) -> list[tuple[str, float]]:
        """What goes to the list, with levels. Raises UnreadError."""
        found = names_in(fact_of(facts, self.fact), leveled=self.to in LEVELS)
        return [(self._wrapped(name), self.level if level is None else level) for name, level in found]

    def _wrapped(self, name: str) -> str:
        return plain(self._template.replace("{}", self._values.get(name, name)))


class _Condition:
    """When a rule gives, ready to be asked."""

    def __init__(self, rule: Rule) -> None:
        self.patterns = {fact: _pattern(want) for fact, want in rule.when.items()}
        self.reads = frozenset(self.patterns)

    def holds(self, facts: Mapping[str, Fact]) -> tuple[bool, list[str]]:
        """Whether it holds; and where that can't be said, since something can't be read, why."""
        unreadable: list[str] = []
        for fact, pattern in self.patterns.items():
            try:
                if not matches(pattern, fact_of(facts, fact)):
                    return False, []
            except UnreadError as error:
                unreadable.append(f"{fact}: {error}")
        return True, unreadable


class Grants:
    """All copies and rules of a mapping, ready to be applied."""

    def __init__(self, file: MappingFile) -> None:
        self._copies = list(map(_Copying, file.copies))
        self._rules = [(_Condition(rule), _gifts(rule)) for rule in file.rules]
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
        read = tuple([facts.get(fact, ...) for fact in self._feeding])
        if not _EXACT.issuperset(map(type, read)):
            return self._give_all(facts)
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
                problems.append(f"{copy.fact}: {error}")
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
            wanted[target].update(gift)
        elif target in LEVELS:
            for name, level in gift.items():
                _give(wanted, target, name, level)
        else:
            wanted[target] = gift


def _give(wanted: dict[str, Any], target: str, name: str, level: float) -> None:
    if target in LISTS:
        wanted[target].add(name)
    else:  # two that give the same skill: the better proficiency holds, whatever their order
        wanted[target][name] = max(level, wanted[target].get(name, 0.0))
