"""The connections that there are: definitions by name, of what operators have ordered, in the log's order.

Rule 1: all orders about connections have one key, hence one partition and one order, and everybody comes to the same.
Rule 2: an order counts only if it was made of the definition that is in force (`base`). Of two operators at once the
second is refused, and takes back nothing of the first.
Rule 3: the partition and the anchor of a name never change. Records of `events.scim` would lie in two orders, and what
they have said of who is who would mean somebody else.
Rule 4: a name that is removed keeps its definition, so that its records stay understood. It can be added anew.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from streamproc.core.provider.request import Connection
from streamproc.core.records.connection_definition import SELF, ConnectionDefinition
from streamproc.core.records.control import Control
from streamproc.core.text import unseen

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
HASH: Final = re.compile(r"[0-9a-f]{64}")
MOST_TOKENS: Final = 16
"""Of one connection: each is compared for each request."""
MOST_PROBES: Final = 32
LONGEST: Final = 256
"""Characters of an anchor, or of a pattern."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A definition that counts. `offset`: of its order in `streamproc.controls`; None: it is in a settings file."""

    definition: ConnectionDefinition
    offset: int | None


@dataclass(slots=True)
class Connections:
    """Those of one cluster. `partitions`: how many `events.scim` has."""

    partitions: int
    _by_name: dict[str, InForce] = field(default_factory=dict)
    _fixed: dict[str, ConnectionDefinition] = field(default_factory=dict)
    _clashing: set[str] = field(default_factory=set)

    @classmethod
    def with_fixed(cls, partitions: int, fixed: Iterable[ConnectionDefinition]) -> "Connections":
        """With those of a settings file, which no order changes."""
        return cls(partitions, _fixed={each.name: each for each in fixed})

    def take(self, control: Control, offset: int) -> str | None:
        """Put an order into force. Returns why it doesn't count; None: it does, or it is about something else."""
        if control.action != "connection":
            return None
        new = control.connection
        if new is None:
            return "the order has no definition"
        if (wrong := problem(new, self.partitions)) is not None:
            return wrong
        if new.name in self._fixed:
            self._clashing.add(new.name)
            return f"{new.name} is defined in the settings' file of connections; change it there"
        known = self._by_name.get(new.name)
        if new.base != (None if known is None else known.offset):
            return f"{new.name} was changed by another order meanwhile; look at it, and order again"
        if known is not None and (wrong := _changed(known.definition, new)) is not None:
            return wrong
        self._by_name[new.name] = InForce(new, offset)
        return None

    def get(self, name: str) -> ConnectionDefinition | None:
        """The definition of that name, also of one that is removed. None: there has never been one."""
        found = self.in_force(name)
        return None if found is None else found.definition

    def in_force(self, name: str) -> InForce | None:
        """The same, with where it was ordered."""
        fixed = self._fixed.get(name)
        return self._by_name.get(name) if fixed is None else InForce(fixed, None)

    def all(self) -> Mapping[str, ConnectionDefinition]:
        """By name, in the names' order, removed ones as well."""
        known = {name: each.definition for name, each in self._by_name.items()} | self._fixed
        return dict(sorted(known.items()))

    def served(self) -> Mapping[str, ConnectionDefinition]:
        """By name, those that clients may speak for."""
        return {name: each for name, each in self.all().items() if not each.removed}

    @property
    def fixed(self) -> Collection[str]:
        """Names that are in the settings' file."""
        return self._fixed.keys()

    @property
    def clashing(self) -> list[str]:
        """Names that are in the settings' file and were ordered as well: the file's count."""
        return sorted(self._clashing)


def deciding(definition: ConnectionDefinition) -> Connection:
    """The connection as far as it decides what becomes of a request."""
    return Connection(definition.name, definition.anchor, definition.probes, definition.repeated_within)


def problem(definition: ConnectionDefinition, partitions: int) -> str | None:
    """Why it can't be a connection; None: it can. `partitions`: how many `events.scim` has."""
    if NAME.fullmatch(definition.name) is None:
        return "a connection's name is 1 to 64 of a-z, 0-9, `.`, `_` and `-`, and begins with a letter or a digit"
    if not 0 <= definition.partition < partitions:
        return f"events.scim has partitions 0 to {partitions - 1}, and no partition {definition.partition}"
    if not _is_word(definition.anchor):
        return f"an anchor is the name of a fact, or `{SELF}`: no blanks, at most {LONGEST} characters"
    if definition.probes and definition.anchor != SELF:
        return f"probes are only for the anchor `{SELF}`: with any other, who has no anchor is nobody anyway"
    if len(definition.probes) > MOST_PROBES or not all(map(_is_word, definition.probes)):
        return f"probes are at most {MOST_PROBES} patterns of userNames, without blanks, of {LONGEST} characters"
    if any(HASH.fullmatch(each.sha256) is None for each in definition.tokens):
        return "of a token there is its SHA-256, 64 hexadecimal digits in lower case"
    if len(definition.tokens) > MOST_TOKENS:
        return f"a connection has at most {MOST_TOKENS} tokens at a time"
    if definition.removed and definition.tokens:
        return "a removed connection has no tokens"
    if definition.repeated_within < 0:
        return "repeated_within is 0 ms or more"
    return None


def unknown_anchor(anchor: str, facts: Collection[str]) -> str | None:
    """Why nobody could ever be linked by it; None: they can. `facts`: those that the source `scim` gives."""
    if anchor == SELF or anchor in facts or anchor.lower().startswith("urn:"):
        return None
    by_case = {name.casefold(): name for name in (SELF, *facts)}
    close = get_close_matches(anchor.casefold(), by_case, 1, 0.75)
    meant = f"did you mean `{by_case[close[0]]}`?" if close else f"there are {', '.join(by_case.values())}"
    return f"there is no fact {anchor}; {meant}"


def _changed(old: ConnectionDefinition, new: ConnectionDefinition) -> str | None:
    if new.partition != old.partition:
        return f"{new.name} is in partition {old.partition} for ever; take another name for another partition"
    if new.anchor != old.anchor:
        return f"{new.name} has the anchor {old.anchor} for ever; take another name for another anchor"
    return None


def _is_word(text: str) -> bool:
    return 0 < len(text) <= LONGEST and not unseen(text) and not any(each.isspace() for each in text)
