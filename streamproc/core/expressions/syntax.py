"""What an expression is made of, as a tree. `start`, `end`: where it is written, in characters from 0."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Sign: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">=", "in"]
Macro: TypeAlias = Literal["exists", "all", "map", "filter"]


@dataclass(frozen=True, slots=True)
class _Written:
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Constant(_Written):
    """A literal."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class FactOf(_Written):
    """A fact, by its name: `costCenter`, `facts["cost center"]`."""

    name: str


@dataclass(frozen=True, slots=True)
class Bound(_Written):
    """What a macro binds. `level`: 1 for that of the outer macro, 2 for that of the one within it."""

    name: str
    level: int


@dataclass(frozen=True, slots=True)
class ListOf(_Written):
    """`[a, b]`."""

    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Not(_Written):
    """`!a`."""

    of: "Node"


@dataclass(frozen=True, slots=True)
class Logic(_Written):
    """`a && b && c`, `a || b`: at least two."""

    sign: Literal["&&", "||"]
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Compare(_Written):
    """`a < b`, `a in b`."""

    sign: Sign
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Plus(_Written):
    """`a + b + c`: at least two."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Choice(_Written):
    """`a ? b : c ? d : e`: cases with what each gives, and what it is otherwise."""

    cases: "tuple[tuple[Node, Node], ...]"
    otherwise: "Node"


@dataclass(frozen=True, slots=True)
class Item(_Written):
    """`a[b]`, and `a.b`, whose key is a constant."""

    of: "Node"
    key: "Node"


@dataclass(frozen=True, slots=True)
class Has(_Written):
    """`has(facts.a)`, `has(a.b)`."""

    of: FactOf | Item


@dataclass(frozen=True, slots=True)
class Loop(_Written):
    """`a.map(x, b)`, and with a condition before what it gives. `exists`, `all` and `filter` have only that."""

    macro: Macro
    of: "Node"
    level: int
    condition: "Node | None"
    result: "Node | None"


@dataclass(frozen=True, slots=True)
class Call(_Written):
    """`f(a, b)`; `a.f(b)` is the same with `method`."""

    name: str
    of: "tuple[Node, ...]"
    method: bool


Node: TypeAlias = Constant | FactOf | Bound | ListOf | Not | Logic | Compare | Plus | Choice | Item | Has | Loop | Call


def parts_of(node: Node) -> "Iterator[Node]":
    """What stands directly within it."""
    match node:
        case Constant() | FactOf() | Bound():
            return
        case ListOf():
            yield from node.items
        case Not() | Has():
            yield node.of
        case Logic() | Plus():
            yield from node.parts
        case Compare():
            yield from (node.left, node.right)
        case Choice():
            for case in node.cases:
                yield from case
            yield node.otherwise
        case Item():
            yield from (node.of, node.key)
        case Loop():
            yield from (each for each in (node.of, node.condition, node.result) if each is not None)
        case Call():
            yield from node.of


def size(node: Node) -> int:
    """Nodes of the whole tree."""
    return 1 + sum(map(size, parts_of(node)))


def depth(node: Node) -> int:
    """Levels of the whole tree."""
    return 1 + max(map(depth, parts_of(node)), default=0)
