"""Finds what is wrong with a mapping, or may be, before it comes into force. Reports only what is certain."""

import re
from collections.abc import Collection, Iterator
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import combinations
from typing import Final, Literal, TypeAlias

from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.mapping_file import Copy, MappingFile, Rule
from streamproc.core.records.resource import LEVELS, LISTS
from streamproc.core.scim.spelling import fold, meant
from streamproc.core.text import plain
from streamproc.mapping_preview.attribute_usage import CATALOGUED, MOST, Catalogued, Surveyed
from streamproc.mapping_preview.expression_lint import (
    compared,
    given_by_copy,
    given_by_division,
    is_expression,
    odd_expressions,
    told_as,
)
from streamproc.mapping_preview.policy_lint import odd_policies

Severity: TypeAlias = Literal["error", "warning", "unchecked"]
"""`error`: can't work. `warning`: can't be meant, or isn't needed. `unchecked`: it couldn't be found out."""

ONE: Final[MappingABC[Catalogued, str]] = {
    "roles": "role",
    "groups": "group",
    "skills": "skill",
    "languages": "language",
    "divisions": "division",
}
_REGULAR: Final = re.compile(r"^\^|\\[dws.]")
"""What no name begins with or has, but a regular expression."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, or may be."""

    severity: Severity
    where: str
    """In the file; or "people", where only they have the name."""
    text: str
    name: str | None = None
    """What it is about."""
    meant: str | None = None
    """What was probably meant, in the target's or the events' spelling."""
    people: int = 0
    """How many of today's people the mapping gives it."""


@dataclass(slots=True)
class Use:
    """Where the file gives a name, and how many of today's people get it by that."""

    places: list[str] = field(default_factory=list)
    people: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """Names of one kind that the target has."""

    names: Collection[str] | None
    """None: they couldn't be read."""
    why: str = ""
    """Why they couldn't be read."""
    twice: Collection[str] = ()
    """Names that more than one thing has."""
    folded: bool = False
    """The target ignores case."""


def contradictions(mapping: Mapping) -> Iterator[Finding]:
    """What can be seen in the file alone."""
    file = mapping.file
    for number, rule in enumerate(file.rules, 1):
        yield from _never(file, number, rule)
        if not any(getattr(rule, name) for name in (*LISTS, *LEVELS)) and rule.title is None and rule.division is None:
            yield Finding("warning", rule_place(number, rule), "gives nothing")
    for (first, one), (second, other) in combinations(enumerate(file.rules, 1), 2):
        if one == other:
            yield Finding("warning", rule_place(second, other), f"says the same as rule {first}")
        elif (one.when, one.condition) == (other.when, other.condition):
            for name in ("title", "division"):
                was, now = getattr(one, name), getattr(other, name)
                if was is not None and now is not None and was != now:
                    text = f"{name} {now!r} always overrules {was!r} of rule {first}: both match the same people"
                    yield Finding("warning", rule_place(second, other), text)
    for (first, copy), (second, again) in combinations(enumerate(file.copies, 1), 2):
        if copy == again:
            yield Finding("warning", copy_place(second, again), f"says the same as copy {first}")
    owned = any(copy.to == "roles" for copy in file.copies) or any(rule.roles for rule in file.rules)
    if file.always.roles and not owned:
        yield Finding("warning", "always.roles", "nobody gets them: no copy and no rule gives roles, so none are owned")
    yield from _alike(mapping)
    yield from _expressions_as_facts(mapping)
    for where, text in [*odd_policies(file), *odd_expressions(mapping)]:
        yield Finding("warning", where, text)


def rule_place(number: int, rule: Rule) -> str:
    """A rule, by its number from one on, and what it asks for."""
    asked = [f"{fact} = {want if isinstance(want, str) else ' | '.join(want)}" for fact, want in rule.when.items()]
    asked += [] if rule.condition is None else [rule.condition]
    return f"rule {number} ({' and '.join(asked)})"


def copy_place(number: int, copy: Copy) -> str:
    """A copy, by its number from one on, and what it copies."""
    return f"copy {number} ({copy.fact or copy.expr})"


def uses(mapping: Mapping, surveyed: Surveyed | None) -> dict[Catalogued, dict[str, Use]]:
    """Kind → name → where it is given. Names that only copies give, or that expressions put together, are known from
    people alone.
    """
    uses_by_kind: dict[Catalogued, dict[str, Use]] = {kind: {} for kind in CATALOGUED}
    for kind, name, where in _given(mapping):
        places = uses_by_kind[kind].setdefault(name, Use()).places
        if where not in places:
            places.append(where)
    for kind, names in surveyed.names.items() if surveyed else ():
        for name, people in names.items():
            uses_by_kind[kind].setdefault(name, Use()).people = people
    return uses_by_kind


def unknown(kind: Catalogued, used: MappingABC[str, Use], listed: Listed) -> Iterator[Finding]:
    """Names that the target doesn't have in this spelling."""
    if not used:
        return
    if listed.names is None:
        yield Finding("unchecked", kind, listed.why)
        return
    known = set(listed.names)
    for name, use in sorted(used.items()):
        where = "; ".join(use.places) or "people"
        if name in listed.twice:
            yield Finding("error", where, f"more than one {ONE[kind]} is called {name!r}", name, None, use.people)
        if name in known or (listed.folded and name.casefold() in map(str.casefold, known)):
            continue
        close = meant(name, known) or next(iter(get_close_matches(name, known, 1, 0.8)), None)
        yield Finding("error", where, f"there is no {ONE[kind]} {name!r}", name, close, use.people)


def parted(kind: Catalogued, file: MappingFile, listed: Listed) -> Iterator[Finding]:
    """Names of the target that a copy with separators would take for several."""
    for number, copy in enumerate(file.copies, 1):
        if copy.to == kind and copy.separators is not None:
            for name in sorted(listed.names or ()):
                if name not in copy.whole and any(each in name for each in copy.separators):
                    text = (
                        f"{ONE[kind]} {name!r} is taken for several names, as it holds a separator: name it in `whole`"
                    )
                    yield Finding("warning", copy_place(number, copy), text, name)


def ineffective(mapping: Mapping, surveyed: Surveyed) -> Iterator[Finding]:
    """A scope that takes in nobody of those who were heard of, or everybody."""
    if mapping.who is None or surveyed.active == 0:
        return
    if surveyed.ours == 0:
        yield Finding("warning", "scope.who", f"takes in nobody of {surveyed.active} who are active")
    elif surveyed.ours == surveyed.active:
        yield Finding("warning", "scope.who", f"has no effect: it takes in all {surveyed.active} who are active")


def unheard(mapping: Mapping, surveyed: Surveyed) -> Iterator[Finding]:
    """Texts that expressions compare with a fact which never had them, but had one that is nearly the same."""
    for fact, texts in compared(mapping).items():
        values = surveyed.values.get(fact, set())
        for text, where in dict.fromkeys(texts):
            if text not in values and len(values) <= MOST:
                close = meant(text, values) or next(iter(get_close_matches(text, values, 1, 0.9)), None)
                if close is not None:
                    yield Finding("warning", where, f"no event ever gave {fact!r} the value {text!r}", text, close)


def unsent(mapping: Mapping, surveyed: Surveyed) -> Iterator[Finding]:
    """Attributes that the mapping reads and no event ever named, or never from a source that has a say in it."""
    file = mapping.file
    everywhere = set().union(*surveyed.named.values())
    valued = set().union(*surveyed.valued.values())
    for fact, places in _read(mapping).items():
        where = "; ".join(places)
        if fact not in everywhere:
            close = meant(fact, everywhere) or next(iter(get_close_matches(fact, everywhere, 1, 0.8)), None)
            unsaid = ": where it decides, nobody comes in or goes out" if "scope.who" in places else ""
            yield Finding("warning", where, f"no event ever named {fact!r}{unsaid}", fact, close)
            continue
        if fact not in valued:
            yield Finding("warning", where, f"no event ever gave {fact!r} a value", fact)
        for source in file.authority.get(fact, ()):
            if fact not in surveyed.named.get(source, ()):
                yield Finding("warning", f"authority.{fact}", f"{source} never named {fact!r}", fact)


def _never(file: MappingFile, number: int, rule: Rule) -> Iterator[Finding]:
    for fact, want in rule.when.items():
        patterns = [want] if isinstance(want, str) else want
        if fact == file.attributes.active:
            yield Finding("warning", rule_place(number, rule), f"never matches: {fact} is true or false, and no text")
        elif not any(map(plain, patterns)):
            yield Finding("warning", rule_place(number, rule), f"never matches: {fact} is to be nothing; * is any text")
        for pattern in patterns:
            if _REGULAR.search(pattern):
                text = f"{pattern!r} isn't taken for a regular expression: only * stands for anything"
                yield Finding("warning", rule_place(number, rule), text)


def _expressions_as_facts(mapping: Mapping) -> Iterator[Finding]:
    """Expressions where the name of a fact stands."""
    for fact, places in _read(mapping).items():
        if fact not in mapping.computed and is_expression(fact):
            text = f"{fact!r} is taken for the name of a fact: what computes is written {{ expr = '…' }}, or `if`"
            yield Finding("warning", "; ".join(places), text)


def _alike(mapping: Mapping) -> Iterator[Finding]:
    """Names that the file spells in two ways."""
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for kind, name, where in _given(mapping):
        other, before = seen.setdefault((kind, fold(name)), (name, where))
        if other != name:
            text = f"{ONE[kind]} {name!r} differs from {other!r} in {before} only by case or spaces"
            yield Finding("warning", where, text, name, other)


def _given(mapping: Mapping) -> Iterator[tuple[Catalogued, str, str]]:
    """Kind, name and place of all that the file itself names."""
    file = mapping.file
    for number, rule in enumerate(file.rules, 1):
        where = rule_place(number, rule)
        for kind in CATALOGUED:
            given = [rule.division] if kind == "divisions" else getattr(rule, kind)
            for name in given:
                if name is not None:
                    yield kind, name, where
    for number, copy in enumerate(file.copies, 1):
        for name in copy.values.values():
            yield copy.to, _wrapped(copy, name), copy_place(number, copy)
        for name in copy.whole:
            yield copy.to, _wrapped(copy, copy.values.get(name, name)), copy_place(number, copy)
        for name in given_by_copy(mapping, number - 1):
            yield copy.to, name, copy_place(number, copy)
    for name in file.always.roles:
        yield "roles", name, "always.roles"
    for name in given_by_division(mapping):
        yield "divisions", name, "attributes.division"


def _read(mapping: Mapping) -> dict[str, list[str]]:
    """Fact → the places that read it."""
    file, places_by_fact = mapping.file, dict[str, list[str]]()
    for table, lines in (("attributes", file.attributes), ("externalIds", file.externalIds.items())):
        for name, fact in lines:
            if isinstance(fact, str):
                places_by_fact.setdefault(fact, []).append(f"{table}.{name}")
    for number, copy in enumerate(file.copies, 1):
        if copy.fact is not None:
            places_by_fact.setdefault(copy.fact, []).append(f"copy {number}")
    for number, rule in enumerate(file.rules, 1):
        for fact in rule.when:
            places_by_fact.setdefault(fact, []).append(f"rule {number}")
    for place, expression in mapping.expressions.items():
        for fact in sorted(expression.reads):
            places_by_fact.setdefault(fact, []).append(told_as(place))
    return places_by_fact


def _wrapped(copy: Copy, name: str) -> str:
    return copy.template.replace("{}", name)
