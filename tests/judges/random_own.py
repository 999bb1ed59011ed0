"""Random expressions of the whole language: CEL's part with the functions that mappings have beyond it."""

import random
from typing import Final

from tests.judges.random_cel import ODD, Case, Writer, facts, quoted

TABLES: Final = {"places": {"Spain": "ES", "a": "", "ä": "Ärger"}, "empty": {}}
GROUPS: Final = ("Agents", "Night  Shift")
_SEPARATORS: Final = ("-", " ", "a", ",")


def case(chance: random.Random, *, lenient: bool = True) -> Case:
    """Of any kind. `lenient`: with what makes something of nothing, `coalesce` and `has`."""
    writer = OwnWriter(chance, lenient=lenient)
    kind = chance.choice(("bool", "bool", "text", "text", "list"))
    found = facts(chance)
    for group in ("group:Agents", "group:Night Shift"):
        if chance.random() < 0.7:
            found[group] = chance.choice((None, group, True))
    return Case(writer.of(kind, chance.randint(1, 4)), found)


class OwnWriter(Writer):
    """Takes one of our functions now and then."""

    def __init__(self, chance: random.Random, *, lenient: bool) -> None:
        super().__init__(chance)
        self.lenient = lenient

    def branch(self, kind: str, depth: int) -> str:
        if self.chance.random() < 0.5:
            match kind:
                case "text":
                    return self.own_text(depth)
                case "bool":
                    return self.own_truth(depth)
                case "list":
                    return self.own_list(depth)
                case "number":
                    return f"number({self.of('text', depth)})"
        return super().branch(kind, depth)

    def has(self) -> str:
        return super().has() if self.lenient else f'inGroup("{self.chance.choice(GROUPS)}")'

    def own_text(self, depth: int) -> str:
        chance, text = self.chance, self.of("text", depth)
        separator = quoted(chance.choice(_SEPARATORS), chance) if chance.random() < 0.9 else self.of("text", depth)
        forms = [
            *(f"{name}({text})" for name in ("lower", "upper", "title", "trim", "slug", "ascii", "date")),
            f"text({self.of(chance.choice(('text', 'number', 'bool')), depth)})",
            f'ascii({text}, "de")',
            f'date({text}, "D.M.YYYY")',
            f"before({text}, {separator})",
            f"after({text}, {separator})",
            f"left({text}, {chance.choice(('0', '1', '2', 'i'))})",
            f"replace({text}, {separator}, {quoted('é', chance)})",
            f"join({self.of('list', depth)}, {separator})",
            f'lookup("places", {text})',
            f'lookup("{chance.choice(tuple(TABLES))}", {text}, {self.of("text", depth)})',
        ]
        if self.lenient:
            forms += [f"coalesce({text}, {self.of('text', depth)})"] * 4
        return chance.choice(forms)

    def own_truth(self, depth: int) -> str:
        if self.chance.random() < 0.4:
            return f'inGroup("{self.chance.choice(GROUPS)}")'
        if self.lenient and self.chance.random() < 0.3:
            return f'has(facts["{ODD}"])'
        pattern = quoted(self.chance.choice(("a*", "*a", "*a*", "S*n", "*", "")), self.chance)
        return f"like({self.of(self.chance.choice(('text', 'text', 'list')), depth)}, {pattern})"

    def own_list(self, depth: int) -> str:
        if self.chance.random() < 0.5:
            return f"split({self.of('text', depth)}, {quoted(self.chance.choice(_SEPARATORS), self.chance)})"
        return f"distinct({self.of('list', depth)})"
