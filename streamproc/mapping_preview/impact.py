"""Impact: what another mapping would come to, counted. That of several partitions adds up.

What is to be sent is what `plan` says, from the old desired state to the new one. Names and attributes count only where
they would be sent: who is to be inactive keeps what they had.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from heapq import nsmallest
from typing import Any, Final, TypeAlias

from streamproc.core.fold.plan import changed, plan
from streamproc.core.records.operation import Operation
from streamproc.core.records.resource import LEVELS, LISTS, Resource

Names: TypeAlias = dict[str, Counter[str]]
"""roles, groups, skills, languages → name → users."""

ORDER: Final = ("deactivate", "reactivate", "create", "leave", "join", "patch", "nothing")
"""Kinds of operations, the most serious first; a user's example is told under the first that they have."""


@dataclass(frozen=True, slots=True)
class Example:
    """One user: kinds of operations, and attribute → (before, after) of all that differs."""

    user: str
    operations: list[str]
    changes: dict[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Moment:
    """A user whom the new mapping alone would have had out, or in: the first time, in ms since 1970, by the log."""

    user: str
    at: int


def _names() -> Names:
    return {name: Counter() for name in (*LISTS, *LEVELS)}


@dataclass(slots=True)
class Impact:
    """See above. "Now" is the end of the history, and what bringing the mapping into force then would do.

    `old`, `new`: operations by kind over the period, as each mapping plans them. `touched`: users whose desired state
    differed at any time of it or differs now. `out`, `let_in`: users whom the new mapping alone would have had
    inactive, or active, at such a time. `differ`: users whose desired state differs now. `sent`: to how many of these
    something would be sent; `operations`: what, by kind. `levels`: users by skill or language held at another
    proficiency; `attributes`, `released`: users by attribute that changes, or that the new mapping doesn't own any
    more. `arisen`, `gone`: users by problem.
    """

    examples_kept: int
    events: int = 0
    users: int = 0
    unreadable: int = 0
    old: Counter[str] = field(default_factory=Counter)
    new: Counter[str] = field(default_factory=Counter)
    touched: int = 0
    out: int = 0
    let_in: int = 0
    differ: int = 0
    sent: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    gained: Names = field(default_factory=_names)
    lost: Names = field(default_factory=_names)
    levels: Names = field(default_factory=_names)
    attributes: Counter[str] = field(default_factory=Counter)
    released: Counter[str] = field(default_factory=Counter)
    arisen: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Example]] = field(default_factory=lambda: {kind: [] for kind in ORDER})
    out_examples: list[Moment] = field(default_factory=list)
    let_in_examples: list[Moment] = field(default_factory=list)

    def difference(self, user: str, old: Resource, new: Resource) -> None:
        """Count what differs of one user now. Their desired states aren't equal."""
        self.differ += 1
        operations = plan(old, new)
        kinds = _kinds(operations)
        self.operations.update(kinds)
        if operations:
            self.sent += 1
            self._attributes(old, new, kinds)
        if new.get("active") is not False:
            self.released.update(name for name in old if name not in new)
        self._keep(user, old, new, kinds)

    def problems(self, old: list[str], new: list[str]) -> None:
        """Count the problems of one user now."""
        self.arisen.update(set(new).difference(old))
        self.gone.update(set(old).difference(new))

    def add(self, other: "Impact") -> None:
        """Take in that of another partition."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if each.name == "examples_kept":
                continue
            if isinstance(mine, Counter):
                mine.update(theirs)
            elif isinstance(mine, list):
                setattr(self, each.name, self._first(mine + theirs))
            elif isinstance(mine, dict):
                for name, held in mine.items():
                    if isinstance(held, Counter):
                        held.update(theirs[name])
                    else:
                        mine[name] = self._first(held + theirs[name])
            else:
                setattr(self, each.name, mine + theirs)

    def _attributes(self, old: Resource, new: Resource, kinds: list[str]) -> None:
        if "deactivate" in kinds:  # nothing but `active` is sent
            return
        before: dict[str, Any] = dict(old)
        after: dict[str, Any] = dict(new)
        self.attributes.update(name for name in changed(old, new) if name not in {*LISTS, *LEVELS, "active"})
        for name in (*LISTS, *LEVELS):
            if name not in after:
                continue
            held, wanted = before.get(name) or (), after[name]
            self.gained[name].update(each for each in wanted if each not in held)
            self.lost[name].update(each for each in held if each not in wanted)
            if name in LEVELS and held:
                self.levels[name].update(each for each in wanted if each in held and held[each] != wanted[each])

    def _keep(self, user: str, old: Resource, new: Resource, kinds: list[str]) -> None:
        kind = min(kinds, key=ORDER.index, default="nothing")
        before: dict[str, Any] = dict(old)
        after: dict[str, Any] = dict(new)
        different = {
            name: (before.get(name), after.get(name)) for name in before | after if before.get(name) != after.get(name)
        }
        found = self.examples[kind]
        found.append(Example(user, kinds, different))
        if len(found) > 2 * self.examples_kept + 16:
            self.examples[kind] = self._first(found)

    def _first(self, examples: Iterable[Any]) -> list[Any]:
        return nsmallest(self.examples_kept, examples, key=lambda one: one.user)

    def settle(self) -> None:
        """Keep only the examples that were asked for."""
        self.examples = {kind: self._first(found) for kind, found in self.examples.items()}
        self.out_examples = self._first(self.out_examples)
        self.let_in_examples = self._first(self.let_in_examples)


def _kinds(operations: Iterable[Operation]) -> list[str]:
    return [operation.op for operation in operations]
