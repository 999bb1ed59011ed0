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
from typing import Any, Final, cast

from pydantic import ValidationError

from streamproc.core.errors import MappingError
from streamproc.core.expressions.expression import Expression
from streamproc.core.fold.attribute_lines import Lines
from streamproc.core.fold.authority import view
from streamproc.core.fold.computed import SUSPENDED, WHO, Expressions, compiled, value_place
from streamproc.core.fold.grants import Grants
from streamproc.core.fold.mapping_file import MappingFile
from streamproc.core.fold.mapping_problems import place, problem
from streamproc.core.records.change_event import BEGAN, GONE, Fact, SourceFacts
from streamproc.core.records.resource import Policy, Resource
from streamproc.core.records.units import Millis
from streamproc.core.text import plain

EXTERNAL_IDS: Final = "externalIds"


@dataclass(frozen=True)
class Mapping:
    """A parsed mapping, ready to be applied."""

    file: MappingFile
    digest: str

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """Every fact that the mapping reads, and what authority needs, sorted; the others aren't kept."""
        named = {
            BEGAN,
            GONE,
            *self._lines.reads,
            *(self._ids.reads if self._ids else ()),
            *self._grants.reads,
            *self.computed,
        }
        return tuple(sorted(named | set(map(plain, named))))

    @cached_property
    def expressions(self) -> Expressions:
        """What the file computes, by its place there. Raises MappingError naming one that can't be used."""
        return compiled(self.file)

    @cached_property
    def computed(self) -> frozenset[str]:
        """Facts that expressions read."""
        return frozenset[str]().union(*(each.reads for each in self.expressions.values()))

    @cached_property
    def who(self) -> Expression | None:
        """Who is ours. None: everybody."""
        return self.expressions.get(WHO)

    @cached_property
    def suspension(self) -> Expression | None:
        """Who has no access for a time. None: nobody."""
        return self.expressions.get(SUSPENDED)

    @cached_property
    def _lines(self) -> Lines:
        return Lines("attributes", self.file.attributes, self.expressions)

    @cached_property
    def _ids(self) -> Lines | None:
        ids = self.file.externalIds
        return Lines(EXTERNAL_IDS, ids.items(), self.expressions) if ids else None

    @cached_property
    def _grants(self) -> Grants:
        return Grants(self.file, self.expressions)

    @cached_property
    def _policies(self) -> tuple[tuple[Policy, list[str]], ...]:
        """Attributes by policy, but for those that are `own`, sorted."""
        named = sorted(self.file.policy)
        policies: tuple[Policy, ...] = ("observe", "seed")
        by = ((policy, [name for name, said in named if said == policy]) for policy in policies)
        return tuple((policy, names) for policy, names in by if names)

    def view(self, facts: MappingABC[str, SourceFacts], now: Millis) -> dict[str, Fact]:
        """What all sources have said, by SOURCE/SUBJECT, as one, as it holds at a moment (ms since 1970)."""
        return view(facts, now, self.file.authority, self.file.attributes.active, self._logins)

    @cached_property
    def _logins(self) -> tuple[str, ...]:
        """Facts that the userName is made of."""
        login = self.file.attributes.userName
        return (
            (login,)
            if isinstance(login, str)
            else tuple(sorted(self.expressions[value_place("attributes", "userName")].reads))
        )

    def desire(
        self, user: str, facts: MappingABC[str, Fact], before: Resource | None = None
    ) -> tuple[Resource, list[str]]:
        """The resource these facts ask for, and the problems found in them (told in the record, never guessed away).

        An attribute is owned from the moment that one of the facts which feed it is known, if only as null. What can't
        be read changes nothing: its attribute stays as it is in `before`, which was desired until now.
        """
        problems: list[str] = []
        wanted: dict[str, Any] = {"externalId": user}
        unread = self._lines.fill(wanted, facts, problems)
        given = self._grants.given(facts)
        for target, value in given.wanted.items():
            if value.__class__ is list or value.__class__ is dict:
                wanted[target] = value.copy()
            elif value is not None or target not in wanted:
                wanted[target] = value
        if unread or given.unread:
            problems += given.problems
            _keep(wanted, (*unread, *given.unread), before or {})
        if self._ids is not None:
            ids: dict[str, Any] = {}
            unread = self._ids.fill(ids, facts, problems)
            _keep(ids, unread, (before or {}).get(EXTERNAL_IDS, {}))
            if ids:
                wanted[EXTERNAL_IDS] = ids
        for policy, names in self._policies:
            if named := [name for name in names if name in wanted]:
                wanted[policy] = named
        return cast("Resource", wanted), problems

    def unread(self, facts: MappingABC[str, Fact]) -> list[str]:
        """Attributes that stay as they are, since what feeds them can't be read."""
        unread = {*self._lines.fill({}, facts, []), *self._grants.given(facts).unread}
        if self._ids is not None and self._ids.fill({}, facts, []):
            unread.add(EXTERNAL_IDS)
        return sorted(unread)


def parse_mapping(text: str, name: str = "mapping") -> Mapping:
    """Read a mapping file's text. Raises MappingError naming the table and key at fault."""
    try:
        raw = tomllib.loads(text.removeprefix("\ufeff"))  # a mark that editors on Windows put before it
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{name}: not valid TOML: {error}") from error
    try:
        file = MappingFile.model_validate(raw)
    except ValidationError as error:
        raise MappingError(f"{name}: {problem(error)} See streamproc/mapping.toml for the format.") from error
    # Without what has its default: an attribute that a later version adds mustn't make this another mapping.
    digest = hashlib.sha256(file.model_dump_json(exclude_defaults=True).encode()).hexdigest()[:16]
    mapping = Mapping(file, digest)
    try:
        unread = sorted(file.authority.keys() - set(mapping.facts))
    except MappingError as error:  # of an expression
        raise MappingError(f"{name}: {place(str(error))}") from error
    if unread:
        raise MappingError(f"{name}: authority.{unread[0]}: nothing in this file reads a fact of this name")
    return mapping


def patterns_of(mapping: Mapping) -> Iterator[tuple[str, re.Pattern[str]]]:
    """What its rules ask of facts: name and pattern, for each."""
    return mapping._grants.patterns()  # noqa: SLF001 - the same module's


def _keep(wanted: dict[str, Any], targets: Iterable[str], held: MappingABC[str, Any]) -> None:
    """What stays as it is."""
    for target in targets:
        wanted.pop(target, None)
        if target in held:
            wanted[target] = held[target]
