"""Mapping: which facts become which attributes, roles, groups, routing skills and languages.

`desire` is a pure function of the facts and the mapping, and the mapping's hash is in every record, so an auditor can
tell which rules were in force. The file's format is `mapping_file.py`.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple, cast

from pydantic import ValidationError

from streamproc.core.errors import MappingError
from streamproc.core.fold.authority import view
from streamproc.core.fold.mapping_file import Copy, MappingFile, Rule
from streamproc.core.fold.names import UnreadError, matches, names_in, text_in, truth_in
from streamproc.core.records.change_event import BEGAN, GONE, Fact, SourceFacts
from streamproc.core.records.resource import LEVELS, LISTS, UNCLEARABLE, Resource
from streamproc.core.records.units import Millis
from streamproc.core.text import plain

REMEMBERED: Final = 10_000
"""Combinations of facts whose roles, groups, skills and languages are remembered."""
MOST: Final = 500
"""Names that somebody may have in one list: each group is a request of its own."""
_EXACT: Final = frozenset({str, type(None), type(...)})
"""Types of which equal values are the same: 1, 1.0 and true are equal, and aren't."""


class _Given(NamedTuple):
    """What copies and rules make of facts."""

    wanted: dict[str, Any]
    problems: list[str]
    unread: tuple[str, ...]
    """Attributes of which this isn't the whole, since something can't be read."""


@dataclass(frozen=True)
class Mapping:
    """A parsed mapping, ready to be applied."""

    file: MappingFile
    digest: str

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """Every fact that the mapping reads, and what authority needs, sorted; the others aren't kept."""
        named = {BEGAN, GONE, *(fact for _, fact, _, _ in self._scalars)}
        named |= {copy.fact for copy in self.file.copies}
        named |= {fact for rule in self.file.rules for fact in rule.when}
        return tuple(sorted(named | set(map(plain, named))))

    @cached_property
    def _scalars(self) -> list[tuple[str, str, type, bool]]:
        """Attribute, the fact that gives its value, the type that this has as a rule, and whether it can be none."""
        return [
            (name, fact, bool if name == "active" else str, name not in UNCLEARABLE)
            for name, written in self.file.attributes
            if written is not None
            for fact in dict.fromkeys([plain(written), written])
        ]

    @cached_property
    def _rules(self) -> list[tuple[dict[str, re.Pattern[str]], dict[str, Any]]]:
        """For each rule: what it asks of facts, and what it gives, by target."""
        return [({fact: _pattern(want) for fact, want in rule.when.items()}, _gifts(rule)) for rule in self.file.rules]

    @cached_property
    def _feeds(self) -> dict[str, frozenset[str]]:
        """List attribute → the facts that feed it. Absent: the mapping doesn't own it."""
        feeds: dict[str, set[str]] = {}
        for copy in self.file.copies:
            feeds.setdefault(copy.to, set()).add(copy.fact)
        for patterns, gifts in self._rules:
            for target in gifts:
                feeds.setdefault(target, set()).update(patterns)
        return {target: frozenset([*facts, *map(plain, facts)]) for target, facts in feeds.items()}

    @cached_property
    def _remembered(self) -> dict[tuple[object, ...], "_Given"]:
        """What `_give_all` gave, by the facts it read: a company has far fewer combinations of them than people."""
        return {}

    @cached_property
    def _feeding(self) -> tuple[str, ...]:
        return tuple(sorted(frozenset().union(*self._feeds.values())))

    def view(self, facts: MappingABC[str, SourceFacts], now: Millis) -> dict[str, Fact]:
        """What all sources have said, by SOURCE/SUBJECT, as one, as it holds at a moment (ms since 1970)."""
        named = self.file.attributes
        return view(facts, now, self.file.authority, named.active, named.userName)

    def desire(
        self, user: str, facts: MappingABC[str, Fact], before: Resource | None = None
    ) -> tuple[Resource, list[str]]:
        """The resource these facts ask for, and the problems found in them (told in the record, never guessed away).

        An attribute is owned from the moment that one of the facts which feed it is known, if only as null. What can't
        be read changes nothing: its attribute stays as it is in `before`, which was desired until now.
        """
        problems: list[str] = []
        wanted: dict[str, Any] = {"externalId": user}
        unread: list[str] = []
        for name, fact, kind, clearable in self._scalars:
            if fact in facts:
                value = facts[fact]
                if value is not None and (value.__class__ is not kind or value == ""):
                    try:
                        value = text_in(value) if kind is str else truth_in(value)
                    except UnreadError as error:
                        problems.append(f"{fact}: {error}")
                        unread.append(name)
                        continue
                if value is not None or clearable:
                    wanted[name] = value
        given = self._given(facts)
        for target, value in given.wanted.items():
            if value.__class__ is list or value.__class__ is dict:
                wanted[target] = value.copy()
            elif value is not None or target not in wanted:
                wanted[target] = value
        if unread or given.unread:
            problems += given.problems
            self._keep(wanted, (*unread, *given.unread), before)
        return cast("Resource", wanted), problems

    def unread(self, facts: MappingABC[str, Fact]) -> list[str]:
        """Attributes that stay as they are, since what feeds them can't be read."""
        mark: Any = dict.fromkeys(Resource.__annotations__, ...)
        desired = cast("dict[str, Any]", self.desire("", facts, mark)[0])
        return sorted(name for name, value in desired.items() if value is ...)

    @staticmethod
    def _keep(wanted: dict[str, Any], targets: Iterable[str], before: Resource | None) -> None:
        held = cast("dict[str, Any]", before or {})
        for target in targets:
            wanted.pop(target, None)
            if target in held:
                wanted[target] = held[target]

    def _given(self, facts: MappingABC[str, Fact]) -> "_Given":
        read = tuple([facts.get(fact, ...) for fact in self._feeding])
        if not _EXACT.issuperset(map(type, read)):
            return self._give_all(facts)
        given = self._remembered.get(read)
        if given is None:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            given = self._remembered[read] = self._give_all(facts)
        return given

    def _give_all(self, facts: MappingABC[str, Fact]) -> "_Given":
        """What copies and rules give. A scalar that is None is owned, but given by no rule."""
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
        for copy in self.file.copies:
            try:
                for name, level in names_in(_fact(facts, copy.fact), leveled=copy.to in LEVELS):
                    self._give(wanted, copy.to, _wrapped(copy, name), copy.level if level is None else level)
            except UnreadError as error:
                problems.append(f"{copy.fact}: {error}")
                unread.add(copy.to)
        for patterns, gifts in self._rules:
            fits, unreadable = _fits(patterns, facts)
            problems += [problem for problem in unreadable if problem not in problems]
            if unreadable:
                unread |= gifts.keys()
            elif fits:
                self._apply(wanted, gifts)
        for target in (*LISTS, *LEVELS):
            if len(wanted.get(target, ())) > MOST:
                problems.append(f"{target}: more than {MOST} names")
                unread.add(target)
        if "roles" in wanted:
            wanted["roles"].update(map(plain, self.file.always.roles))
        for target in LISTS:
            if target in wanted:
                wanted[target] = sorted(wanted[target])
        for target in LEVELS:
            if target in wanted:
                wanted[target] = dict(sorted(wanted[target].items()))
        return _Given(wanted, problems, tuple(sorted(unread)))

    def _apply(self, wanted: dict[str, Any], gifts: MappingABC[str, Any]) -> None:
        for target, gift in gifts.items():
            if target in LISTS:
                wanted[target].update(gift)
            elif target in LEVELS:
                for name, level in gift.items():
                    self._give(wanted, target, name, level)
            else:
                wanted[target] = gift

    @staticmethod
    def _give(wanted: dict[str, Any], target: str, name: str, level: float) -> None:
        if target in LISTS:
            wanted[target].add(name)
        else:  # two rules that give the same skill: the better proficiency holds, whatever their order
            wanted[target][name] = max(level, wanted[target].get(name, 0.0))


def parse_mapping(text: str, name: str = "mapping") -> Mapping:
    """Read a mapping file's text. Raises MappingError naming the table and key at fault."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{name}: not valid TOML: {error}") from error
    try:
        file = MappingFile.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MappingError(f"{name}: {where}: {first['msg']}. See streamproc/mapping.toml for the format.") from error
    # Without what has its default: an attribute that a later version adds mustn't make this another mapping.
    digest = hashlib.sha256(file.model_dump_json(exclude_defaults=True).encode()).hexdigest()[:16]
    mapping = Mapping(file, digest)
    unread = sorted(file.authority.keys() - set(mapping.facts))
    if unread:
        raise MappingError(f"{name}: authority.{unread[0]}: nothing in this file reads a fact of this name")
    return mapping


def patterns_of(mapping: Mapping) -> Iterator[tuple[str, re.Pattern[str]]]:
    """What its rules ask of facts: name and pattern, for each."""
    for patterns, _ in mapping._rules:  # noqa: SLF001 - the same module's
        yield from patterns.items()


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


def _fits(patterns: MappingABC[str, re.Pattern[str]], facts: MappingABC[str, Fact]) -> tuple[bool, list[str]]:
    """Whether every fact is as a rule asks; and where that can't be said, since some can't be read, why."""
    unreadable: list[str] = []
    for fact, pattern in patterns.items():
        try:
            if not matches(pattern, _fact(facts, fact)):
                return False, []
        except UnreadError as error:
            unreadable.append(f"{fact}: {error}")
    return True, unreadable


def _fact(facts: MappingABC[str, Fact], name: str) -> Fact:
    """The fact of that name, as it is written or as it is seen."""
    return facts[name] if name in facts else facts.get(plain(name))


def _wrapped(copy: Copy, name: str) -> str:
    values = {plain(each): value for each, value in copy.values.items()} if copy.values else copy.values
    return plain(copy.template.replace("{}", values.get(name, name)))
