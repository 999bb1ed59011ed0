"""Counts what another mapping would change. The counts of several partitions add up.

What would be sent is what `plan` gives, from the old desired state to the new one. Names and attributes count only
where they would be sent: a user who is to be inactive keeps what they had.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from heapq import nsmallest
from typing import Any, Final, TypeAlias

from streamproc.core.expressions.expression import Unknown
from streamproc.core.fold.plan import changed, plan
from streamproc.core.fold.policy import valued, writable
from streamproc.core.fold.scope import Standing
from streamproc.core.records.operation import Operation
from streamproc.core.records.resource import LEVELS, LISTS, STANDING, Resource, policy_of

Names: TypeAlias = dict[str, Counter[str]]
"""roles, groups, skills, languages → name → users."""

ORDER: Final = ("deactivate", "reactivate", "create", "leave", "join", "patch", "nothing")
"""Kinds of operations, the most serious first. A user's example is listed under the first kind that they have."""


@dataclass(frozen=True, slots=True)
class Example:
    """One user, as an example."""

    user: str
    operations: list[str]
    """Kinds of operations."""
    changes: dict[str, tuple[Any, Any]]
    """Attribute → before and after, where they differ."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A user who would have been active, or inactive, by the new mapping alone."""

    user: str
    at: int
    """The first time that this was so, in ms since 1970 by the log."""


def _names() -> Names:
    return {name: Counter() for name in (*LISTS, *LEVELS)}


@dataclass(slots=True)
class Impact:
    """The counts. "Now" is the end of the history: what bringing the mapping into force then would do."""

    examples_kept: int
    """Examples of each kind."""
    events: int = 0
    users: int = 0
    unreadable: int = 0
    """Records that are no events."""
    old: Counter[str] = field(default_factory=Counter)
    """Operations of the period, by kind, as the mappings in force planned them."""
    new: Counter[str] = field(default_factory=Counter)
    """The same, as the new mapping would have planned them."""
    touched: int = 0
    """Users whose desired state differed at any time of the period, or differs now."""
    out: int = 0
    """Users who would have been inactive by the new mapping alone, at any such time."""
    let_in: int = 0
    """Users who would have been active by the new mapping alone, at any such time."""
    differ: int = 0
    """Users whose desired state differs now."""
    sent: int = 0
    """Those of them to whom something would be sent."""
    enter: int = 0
    """Users who would be in scope, and aren't; or are suspended, and wouldn't be."""
    leave: int = 0
    """Users in scope, and not inactive, who would be out of it."""
    suspend: int = 0
    """Users in scope, and not inactive, who would be suspended."""
    blank: int = 0
    """Users who would stay in or out as they are, since a fact that decides it has no value."""
    unknown: int = 0
    """The same, since it can't be told from what the facts hold."""
    operations: Counter[str] = field(default_factory=Counter)
    """What would be sent to them, by kind."""
    gained: Names = field(default_factory=_names)
    lost: Names = field(default_factory=_names)
    levels: Names = field(default_factory=_names)
    """Users by skill or language that they would have at another proficiency."""
    attributes: Counter[str] = field(default_factory=Counter)
    """Users by attribute that changes."""
    released: Counter[str] = field(default_factory=Counter)
    """Users by attribute that the new mapping doesn't own any more."""
    policies: Counter[str] = field(default_factory=Counter)
    """Users by attribute whose policy changes, or that gets one, in words."""
    arisen: Counter[str] = field(default_factory=Counter)
    """Users by new problem."""
    gone: Counter[str] = field(default_factory=Counter)
    """Users by problem that goes."""
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
        was_in, is_in = "scope" not in old, "scope" not in new
        had_access = was_in and old.get("active") is not False
        self.enter += is_in and (not was_in or ("suspended" in old and "suspended" not in new))
        self.leave += had_access and not is_in
        self.suspend += had_access and is_in and "suspended" in new
        if is_in and new.get("active") is not False:
            self.released.update(name for name in old if name not in new and name not in STANDING)
            self.policies.update(_policies(old, new))
        self._keep(user, old, new, kinds)

    def stands(self, standing: Standing) -> None:
        """Count one user whose scope can't be told now."""
        if isinstance(standing.who, Unknown):
            self.blank += standing.who.absent
            self.unknown += not standing.who.absent

    def problems(self, old: list[str], new: list[str]) -> None:
        """Count the problems of one user now."""
        self.arisen.update(set(new).difference(old))
        self.gone.update(set(old).difference(new))

    def add(self, other: "Impact") -> None:
        """Add another partition's counts."""
        for counted in fields(self):
            mine, theirs = getattr(self, counted.name), getattr(other, counted.name)
            if counted.name == "examples_kept":
                continue
            if isinstance(mine, Counter):
                mine.update(theirs)
            elif isinstance(mine, list):
                setattr(self, counted.name, self._first(mine + theirs))
            elif isinstance(mine, dict):
                for name, held in mine.items():
                    if isinstance(held, Counter):
                        held.update(theirs[name])
                    else:
                        mine[name] = self._first(held + theirs[name])
            else:
                setattr(self, counted.name, mine + theirs)

    def _attributes(self, old: Resource, new: Resource, kinds: list[str]) -> None:
        if "deactivate" in kinds:  # nothing but `active` is sent
            return
        before: dict[str, Any] = dict(old)
        new = writable(new, new, valued(old, new), old)
        after: dict[str, Any] = dict(new)
        self.attributes.update(name for name in changed(old, new) if name not in {*LISTS, *LEVELS, "active"})
        for name in (*LISTS, *LEVELS):
            if name not in after:
                continue
            held, wanted = before.get(name) or (), after[name]
            self.gained[name].update(element for element in wanted if element not in held)
            self.lost[name].update(element for element in held if element not in wanted)
            if name in LEVELS and held:
                self.levels[name].update(
                    element for element in wanted if element in held and held[element] != wanted[element]
                )

    def _keep(self, user: str, old: Resource, new: Resource, kinds: list[str]) -> None:
        kind = min(kinds, key=ORDER.index, default="nothing")
        before: dict[str, Any] = dict(old)
        after: dict[str, Any] = dict(new)
        different = {
            name: (before.get(name), after.get(name)) for name in before | after if before.get(name) != after.get(name)
        }
        examples = self.examples[kind]
        examples.append(Example(user, kinds, different))
        if len(examples) > 2 * self.examples_kept + 16:
            self.examples[kind] = self._first(examples)

    def _first(self, examples: Iterable[Any]) -> list[Any]:
        return nsmallest(self.examples_kept, examples, key=lambda example: example.user)

    def settle(self) -> None:
        """Keep only the examples that were asked for."""
        self.examples = {kind: self._first(examples) for kind, examples in self.examples.items()}
        self.out_examples = self._first(self.out_examples)
        self.let_in_examples = self._first(self.let_in_examples)


def _kinds(operations: Iterable[Operation]) -> list[str]:
    return [operation.op for operation in operations]


def _policies(old: Resource, new: Resource) -> Iterator[str]:
    """Attributes whose policy changes, or that get one, in words."""
    for name in new:
        was, policy = policy_of(old, name) if name in old else "own", policy_of(new, name)
        if name not in STANDING and was != policy:
            yield f"{name}: {was} → {policy}" if name in old else f"{name}: {policy}"
