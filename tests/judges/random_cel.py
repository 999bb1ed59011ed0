"""Random expressions of the part of CEL that mappings have, and random facts for them."""

import random
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

TEXTS: Final = ("", "a", "ab", "A", "Spain", "ä", "日本", "a b", "-", "\U0001f600", "10", "é")
NUMBERS: Final = (0, 1, -1, 2, 3, 10, 2**62, -(2**63), 1.0, 0.5, -2.5, 1e300, 3.0)
FACTS: Final = ("t1", "t2", "i", "d", "b", "l1", "l2", "m", "n", "x1", "x2")
"""Those with an x are mostly absent, `n` is mostly null."""
ODD: Final = "cost center"
KINDS: Final = ("text", "number", "bool", "list", "map", "null")


class Case(NamedTuple):
    """One expression with what it is evaluated for."""

    text: str
    facts: dict[str, Any]


def case(chance: random.Random) -> Case:
    """Of any kind, three to six levels deep."""
    made = Writer(chance)
    kind = chance.choice(("bool", "bool", "bool", "text", "list", "number"))
    return Case(made.of(kind, chance.randint(2, 5)), facts(chance))


def facts(chance: random.Random) -> dict[str, Any]:
    """As JSON: lists and maps have no others within them. Maps have one key, since CEL's have no order."""
    found: dict[str, Any] = {}
    for name in (*FACTS, ODD):
        absent = 0.7 if name.startswith("x") else 0.02
        if chance.random() >= absent:
            found[name] = None if chance.random() < (0.8 if name == "n" else 0.03) else _value(chance, name)
    return found


def _value(chance: random.Random, name: str) -> Any:
    kind = {"t": "text", "c": "text", "i": "int", "d": "double", "b": "bool", "l": "list", "m": "map"}.get(name[0])
    if kind is None or chance.random() < 0.05:
        kind = chance.choice(("text", "int", "double", "bool", "list", "map"))
    match kind:
        case "list":
            return [_value(chance, chance.choice("tttid")) for _ in range(chance.randint(0, 4))]
        case "map":
            return {chance.choice(("k", "a", "Spain")): chance.choice((*TEXTS, *NUMBERS, None, True))}
        case "text":
            return chance.choice(TEXTS)
        case "bool":
            return chance.random() < 0.5
        case _:
            return chance.choice([each for each in NUMBERS if isinstance(each, int) is (kind == "int")])


class Writer:
    """Writes expressions, mostly of the kind that is asked for."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.bound: list[str] = []

    def of(self, kind: str, depth: int) -> str:
        if self.chance.random() < 0.015:
            kind = self.chance.choice(KINDS)
        text = self.leaf(kind) if depth <= 0 or self.chance.random() < 0.12 else self.branch(kind, depth - 1)
        return f"({text})" if self.chance.random() < 0.1 else text

    def leaf(self, kind: str) -> str:
        pick = self.chance.random()
        if pick < 0.35 or (kind == "map" and pick < 0.95):
            return self.fact(kind)
        if pick < 0.5 and self.bound:
            return self.chance.choice(self.bound)
        match kind:
            case "text":
                return quoted(self.chance.choice(TEXTS), self.chance)
            case "number":
                return str(self.chance.choice(NUMBERS))
            case "bool":
                return self.chance.choice(("true", "false"))
            case "null":
                return "null"
            case _:
                items = [
                    self.leaf(self.chance.choice(("text", "text", "number"))) for _ in range(self.chance.randint(0, 3))
                ]
                return f"[{', '.join(items)}]"

    def fact(self, kind: str) -> str:
        names: Sequence[str] = {
            "text": ("t1", "t2", ODD),
            "number": ("i", "d"),
            "bool": ("b",),
            "list": ("l1", "l2"),
            "map": ("m",),
            "null": ("n",),
        }[kind]
        name = self.chance.choice(FACTS) if self.chance.random() < 0.05 else self.chance.choice(names)
        if name == ODD or self.chance.random() < 0.2:
            return f'facts["{name}"]' if name == ODD or self.chance.random() < 0.5 else f"facts.{name}"
        return name

    def branch(self, kind: str, depth: int) -> str:
        if self.chance.random() < 0.1:
            return f"({self.of('bool', depth)} ? {self.of(kind, depth)} : {self.of(kind, depth)})"
        match kind:
            case "bool":
                return self.truth(depth)
            case "text":
                choice = self.chance.random()
                if choice < 0.6:
                    return f"({self.of('text', depth)} + {self.of('text', depth)})"
                return self.indexed(depth)
            case "number":
                return self.number(depth)
            case "list":
                return self.listed(depth)
            case "map":
                return self.leaf(kind)
            case _:
                return self.indexed(depth)

    def truth(self, depth: int) -> str:
        pick, chance = self.chance.random(), self.chance
        if pick < 0.3:
            sign = chance.choice(("&&", "||"))
            return f" {sign} ".join(f"({self.of('bool', depth)})" for _ in range(chance.randint(2, 3)))
        if pick < 0.4:
            return f"{'!' * chance.randint(1, 3)}({self.of('bool', depth)})"
        kind = chance.choice(("text", "text", "number", "bool", "list", "null"))
        if pick < 0.55:
            return f"({self.of(kind, depth)}) {chance.choice(('==', '!='))} ({self.of(kind, depth)})"
        if pick < 0.65:
            kind = chance.choice(("text", "number", "bool"))
            return f"({self.of(kind, depth)}) {chance.choice(('<', '<=', '>', '>='))} ({self.of(kind, depth)})"
        if pick < 0.75:
            return f"({self.of('text', depth)}) in ({self.of(chance.choice(('list', 'list', 'map')), depth)})"
        if pick < 0.85:
            method = chance.choice(("startsWith", "endsWith", "contains"))
            return f"({self.of('text', depth)}).{method}({self.of('text', depth)})"
        if pick < 0.9:
            return self.has()
        return self.macro(chance.choice(("exists", "all")), "bool", depth)

    def has(self) -> str:
        of = self.chance.choice(("facts", "m", "m", "t1", "l1"))
        return f"has({of}.{self.chance.choice((*FACTS, 'k'))})"

    def number(self, depth: int) -> str:
        pick = self.chance.random()
        if pick < 0.4:
            return f"({self.of('number', depth)} + {self.of('number', depth)})"
        of = self.of(self.chance.choice(("text", "list", "map")), depth)
        return f"size({of})" if pick < 0.6 else f"({of}).size()" if pick < 0.8 else self.indexed(depth)

    def listed(self, depth: int) -> str:
        pick, chance = self.chance.random(), self.chance
        if pick < 0.3:
            kind = chance.choice(("text", "text", "number", "bool"))
            return f"[{', '.join(self.of(kind, depth) for _ in range(chance.randint(0, 3)))}]"
        if pick < 0.5:
            return f"({self.of('list', depth)} + {self.of('list', depth)})"
        if pick < 0.75:
            return self.macro("map", chance.choice(("text", "number", "bool")), depth)
        return self.macro("filter", "bool", depth)

    def macro(self, name: str, kind: str, depth: int) -> str:
        of = self.of(self.chance.choice(("list", "list", "list", "map")), depth)
        if len(self.bound) == 2:
            return of
        variable = self.chance.choice(("e", "f", "t1"))
        self.bound.append(variable)
        inner = self.of(kind, depth)
        if name == "map" and self.chance.random() < 0.4:
            inner = f"{self.of('bool', depth)}, {inner}"
        self.bound.pop()
        return f"({of}).{name}({variable}, {inner})"

    def indexed(self, depth: int) -> str:
        if self.chance.random() < 0.5:
            return f"({self.of('list', depth)})[{self.chance.choice(('0', '0', '0', '1', '0.0', '-1'))}]"
        return self.chance.choice(("m.k", 'm["a"]', "m.Spain", f"m[{self.of('text', 0)}]", "t1.k"))


def quoted(text: str, chance: random.Random) -> str:
    """A literal, written in one of the ways there are."""
    quote = chance.choice(('"', "'", '"""', "'''"))
    if chance.random() < 0.3:
        text = "".join(f"\\u{ord(each):04x}" if ord(each) < 0x10000 else f"\\U{ord(each):08x}" for each in text)
    return f"{quote}{text}{quote}"
