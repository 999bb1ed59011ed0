"""Finds what is wrong with a mapping, or may be, before it comes into force. Reports only what is certain."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import combinations
from typing import Final, Literal, TypeAlias

from streamproc.core.fold.mapping_file import Copy, MappingFile, Rule
from streamproc.core.records.resource import LEVELS, LISTS
from streamproc.mapping_preview.attribute_usage import CATALOGUED, Catalogued, Surveyed

Severity: TypeAlias = Literal["error", "warning", "unchecked"]
"""`error`: can't work. `warning`: can't be meant, or isn't needed. `unchecked`: it couldn't be found out."""

ONE: Final[Mapping[Catalogued, str]] = {
    "roles": "role",
    "groups": "group",
    "skills": "skill",
    "languages": "language",
    "divisions": "division",
}


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


def contradictions(file: MappingFile) -> Iterator[Finding]:
    """What can be seen in the file alone."""
    for number, rule in enumerate(file.rules, 1):
        yield from _never(file, number, rule)
        if not any(getattr(rule, name) for name in (*LISTS, *LEVELS)) and rule.title is None and rule.division is None:
            yield Finding("warning", rule_place(number, rule), "gives nothing")
    for (first, one), (second, other) in combinations(enumerate(file.rules, 1), 2):
        if one == other:
            yield Finding("warning", rule_place(second, other), f"says the same as rule {first}")
        elif one.when == other.when:
            for name in ("title", "division"):
                was, now = getattr(one, name), getattr(other, name)
                if was is not None and now is not None and was != now:
                    text = f"{name} {now!r} always overrules {was!r} of rule {first}: both match the same people"
                    yield Finding("warning", rule_place(second, other), text)
    for (first, copy), (second, again) in combinations(enumerate(file.copies, 1), 2):
        if copy == again:
            yield Finding("warning", f"copy {second} ({again.fact})", f"says the same as copy {first}")
    owned = any(copy.to == "roles" for copy in file.copies) or any(rule.roles for rule in file.rules)
    if file.always.roles and not owned:
        yield Finding("warning", "always.roles", "nobody gets them: no copy and no rule gives roles, so none are owned")
    yield from _alike(file)


def rule_place(number: int, rule: Rule) -> str:
    """A rule, by its number from one on, and what it asks for."""
    asked = " and ".join(
        f"{fact} = {want if isinstance(want, str) else ' | '.join(want)}" for fact, want in rule.when.items()
    )
    return f"rule {number} ({asked})"


def uses(file: MappingFile, surveyed: Surveyed | None) -> dict[Catalogued, dict[str, Use]]:
    """Kind → name → where it is given. Names that only copies give are known from people alone."""
    uses_by_kind: dict[Catalogued, dict[str, Use]] = {kind: {} for kind in CATALOGUED}
    for kind, name, where in _given(file):
        places = uses_by_kind[kind].setdefault(name, Use()).places
        if where not in places:
            places.append(where)
    for kind, names in surveyed.names.items() if surveyed else ():
        for name, people in names.items():
            uses_by_kind[kind].setdefault(name, Use()).people = people
    return uses_by_kind


def unknown(kind: Catalogued, used: Mapping[str, Use], listed: Listed) -> Iterator[Finding]:
    """Names that the target doesn't have in this spelling."""
    if not used:
        return
    if listed.names is None:
        yield Finding("unchecked", kind, listed.why)
        return
    known = set(listed.names)
    folded = {_folded(name): name for name in sorted(known)}
    for name, use in sorted(used.items()):
        where = "; ".join(use.places) or "people"
        if name in listed.twice:
            yield Finding("error", where, f"more than one {ONE[kind]} is called {name!r}", name, None, use.people)
        if name in known or (listed.folded and name.casefold() in map(str.casefold, known)):
            continue
        close = folded.get(_folded(name)) or next(iter(get_close_matches(name, known, 1, 0.8)), None)
        yield Finding("error", where, f"there is no {ONE[kind]} {name!r}", name, close, use.people)


def unsent(file: MappingFile, surveyed: Surveyed) -> Iterator[Finding]:
    """Attributes that the mapping reads and no event ever named, or never from a source that has a say in it."""
    everywhere = set().union(*surveyed.named.values())
    valued = set().union(*surveyed.valued.values())
    for fact, places in _read(file).items():
        where = "; ".join(places)
        if fact not in everywhere:
            folded = {_folded(name): name for name in sorted(everywhere)}
            close = folded.get(_folded(fact)) or next(iter(get_close_matches(fact, everywhere, 1, 0.8)), None)
            yield Finding("warning", where, f"no event ever named {fact!r}", fact, close)
            continue
        if fact not in valued:
            yield Finding("warning", where, f"no event ever gave {fact!r} a value", fact)
        for source in file.authority.get(fact, ()):
            if fact not in surveyed.named.get(source, ()):
                yield Finding("warning", f"authority.{fact}", f"{source} never named {fact!r}", fact)


def _never(file: MappingFile, number: int, rule: Rule) -> Iterator[Finding]:
    for fact in rule.when:
        if fact == file.attributes.active:
            yield Finding("warning", rule_place(number, rule), f"never matches: {fact} is true or false, and no text")


def _alike(file: MappingFile) -> Iterator[Finding]:
    """Names that the file spells in two ways."""
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for kind, name, where in _given(file):
        other, before = seen.setdefault((kind, _folded(name)), (name, where))
        if other != name:
            text = f"{ONE[kind]} {name!r} differs from {other!r} in {before} only by case or spaces"
            yield Finding("warning", where, text, name, other)


def _given(file: MappingFile) -> Iterator[tuple[Catalogued, str, str]]:
    """Kind, name and place of all that the file itself names."""
    for number, rule in enumerate(file.rules, 1):
        where = rule_place(number, rule)
        for kind in CATALOGUED:
            given = [rule.division] if kind == "divisions" else getattr(rule, kind)
            for name in given:
                if name is not None:
                    yield kind, name, where
    for number, copy in enumerate(file.copies, 1):
        for name in copy.values.values():
            yield copy.to, _wrapped(copy, name), f"copy {number} ({copy.fact})"
    for name in file.always.roles:
        yield "roles", name, "always.roles"


def _read(file: MappingFile) -> dict[str, list[str]]:
    """Fact → the places that read it."""
    places_by_fact: dict[str, list[str]] = {}
    for name, fact in file.attributes:
        if isinstance(fact, str):
            places_by_fact.setdefault(fact, []).append(f"attributes.{name}")
    for number, copy in enumerate(file.copies, 1):
        if copy.fact is None:
            continue
        places_by_fact.setdefault(copy.fact, []).append(f"copy {number}")
    for number, rule in enumerate(file.rules, 1):
        for fact in rule.when:
            places_by_fact.setdefault(fact, []).append(f"rule {number}")
    return places_by_fact


def _wrapped(copy: Copy, name: str) -> str:
    return copy.template.replace("{}", name)


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
