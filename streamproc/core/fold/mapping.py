"""Mapping: which facts become which attributes, roles, groups, routing skills and languages.

`desire` is a pure function of the facts and the mapping, and the mapping's hash is in every record, so an auditor can
tell which rules were in force. The file's format is `mapping_file.py`.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

from pydantic import ValidationError

from streamproc.core.errors import MappingError
from streamproc.core.fold.mapping_file import Copy, MappingFile, Rule
from streamproc.core.records.change_event import BEGAN, GONE, Fact
from streamproc.core.records.resource import LEVELS, LISTS, UNCLEARABLE, Resource

REMEMBERED: Final = 10_000
"""Combinations of facts whose roles, groups, skills and languages are remembered."""
_EXACT: Final = frozenset({str, type(None), type(...)})
"""Types of which equal values are the same: 1, 1.0 and true are equal, and aren't."""


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
        return tuple(sorted(named))

    @cached_property
    def _scalars(self) -> list[tuple[str, str, type, bool]]:
        """Attribute, the fact that gives its value, the type that this has as a rule, and whether it can be none."""
        return [
            (name, fact, bool if name == "active" else str, name not in UNCLEARABLE)
            for name, fact in self.file.attributes
            if fact is not None
        ]

    @cached_property
    def _rules(self) -> list[tuple[dict[str, re.Pattern[str]], Rule]]:
        return [({fact: _pattern(want) for fact, want in rule.when.items()}, rule) for rule in self.file.rules]

    @cached_property
    def _feeds(self) -> dict[str, frozenset[str]]:
        """List attribute → the facts that feed it. Absent: the mapping doesn't own it."""
        feeds: dict[str, set[str]] = {}
        for copy in self.file.copies:
            feeds.setdefault(copy.to, set()).add(copy.fact)
        for rule in self.file.rules:
            for target in (*LISTS, *LEVELS, "title", "division"):
                if getattr(rule, target):
                    feeds.setdefault(target, set()).update(rule.when)
        return {target: frozenset(facts) for target, facts in feeds.items()}

    @cached_property
    def _given(self) -> dict[tuple[object, ...], tuple[dict[str, Any], list[str]]]:
        """What `_give_all` gave, by the facts it read: a company has far fewer combinations of them than people."""
        return {}

    @cached_property
    def _feeding(self) -> tuple[str, ...]:
        return tuple(sorted(frozenset().union(*self._feeds.values())))

    def desire(self, user: str, facts: MappingABC[str, Fact]) -> tuple[Resource, list[str]]:
        """The resource these facts ask for, and the problems found in them (told in the record, never guessed away).

        An attribute is owned from the moment that one of the facts which feed it is known, if only as null.
        """
        problems: list[str] = []
        wanted: dict[str, Any] = {"externalId": user}
        for name, fact, kind, clearable in self._scalars:
            if fact in facts:
                value = facts[fact]
                if value is not None and (value.__class__ is not kind or value == ""):
                    value = _scalar(name, fact, value, problems)
                if value is not None or clearable:
                    wanted[name] = value
        given, found = self._remembered(facts)
        for target, value in given.items():
            if value.__class__ is list or value.__class__ is dict:
                wanted[target] = value.copy()
            elif value is not None or target not in wanted:
                wanted[target] = value
        return cast("Resource", wanted), problems + found

    def _remembered(self, facts: MappingABC[str, Fact]) -> tuple[dict[str, Any], list[str]]:
        read = tuple([facts.get(fact, ...) for fact in self._feeding])
        if not _EXACT.issuperset(map(type, read)):
            return self._give_all(facts)
        given = self._given.get(read)
        if given is None:
            if len(self._given) >= REMEMBERED:
                self._given.clear()
            given = self._given[read] = self._give_all(facts)
        return given

    def _give_all(self, facts: MappingABC[str, Fact]) -> tuple[dict[str, Any], list[str]]:
        """What copies and rules give, and the problems found. A scalar that is None is owned, but given by no rule."""
        problems: list[str] = []
        wanted: dict[str, Any] = {}
        for target, feeding in self._feeds.items():
            if target in LISTS and not feeding.isdisjoint(facts):
                wanted[target] = set()
            elif target in LEVELS and not feeding.isdisjoint(facts):
                wanted[target] = {}
            elif target not in UNCLEARABLE and not feeding.isdisjoint(facts):
                wanted[target] = None
        for copy in self.file.copies:
            for name, level in _named(copy.fact, facts.get(copy.fact), problems, leveled=copy.to in LEVELS):
                self._give(wanted, copy.to, _wrapped(copy, name), copy.level if level is None else level)
        for patterns, rule in self._rules:
            if all(_matches(pattern, facts.get(fact)) for fact, pattern in patterns.items()):
                self._apply(wanted, rule)
        if "roles" in wanted:
            wanted["roles"].update(self.file.always.roles)
        for target in LISTS:
            if target in wanted:
                wanted[target] = sorted(wanted[target])
        for target in LEVELS:
            if target in wanted:
                wanted[target] = dict(sorted(wanted[target].items()))
        return wanted, problems

    def _apply(self, wanted: dict[str, Any], rule: Rule) -> None:
        for name in ("title", "division"):
            value = getattr(rule, name)
            if value is not None:
                wanted[name] = value
        for target in LISTS:
            if given := getattr(rule, target):
                wanted[target].update(given)
        for target in LEVELS:
            for name, level in getattr(rule, target).items():
                self._give(wanted, target, name, level)

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


def _pattern(want: str | list[str]) -> re.Pattern[str]:
    wants = [want] if isinstance(want, str) else want
    return re.compile("|".join(re.escape(each).replace(r"\*", ".*") for each in wants), re.IGNORECASE | re.DOTALL)


def _matches(pattern: re.Pattern[str], value: Fact) -> bool:
    if isinstance(value, list):
        return any(_matches(pattern, each) for each in value)
    if isinstance(value, bool) or value is None or isinstance(value, dict):
        return False
    return pattern.fullmatch(str(value).strip()) is not None


def _wrapped(copy: Copy, name: str) -> str:
    return copy.template.replace("{}", copy.values.get(name, name))


def _scalar(name: str, fact: str, value: Fact, problems: list[str]) -> Any:
    if name == "active":
        if isinstance(value, bool) or value is None:
            return value
        problems.append(f"{fact}: expected true or false")
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if value is not None:
        problems.append(f"{fact}: expected text")
    return None


def _named(fact: str, value: Fact, problems: list[str], *, leveled: bool) -> Iterator[tuple[str, float | None]]:
    """Names in a fact: "Spanish:4, English", ["Spanish:4", "English"] or {"Spanish": 4}. Level None: not said."""
    if value is None:
        return
    if isinstance(value, str):
        value = list(value.split(","))
    if isinstance(value, dict):
        pairs: list[tuple[str, Any]] = list(value.items())
    elif isinstance(value, list):
        pairs = [_split(each) if leveled else (each, None) for each in value if isinstance(each, str)]
        if len(pairs) != len(value):
            problems.append(f"{fact}: expected names")
    else:
        problems.append(f"{fact}: expected names")
        return
    for name, level in pairs:
        if not name.strip():
            continue
        try:
            number = None if level is None else float(level)
        except (TypeError, ValueError):
            number = -1.0
        if number is not None and not 0.0 <= number <= 5.0:
            problems.append(f"{fact}: a proficiency isn't within 0.0 to 5.0")
            continue
        yield name.strip(), number


def _split(text: str) -> tuple[str, str | None]:
    name, colon, level = text.rpartition(":")
    return (name, level.strip()) if colon else (text, None)
