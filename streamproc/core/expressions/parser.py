"""Tokens to a tree: CEL's grammar, less what language 1 leaves out."""

from typing import Final, NoReturn, cast

from streamproc.core.expressions.hints import of_constant, of_sign, of_word
from streamproc.core.expressions.lexer import Token, tokens
from streamproc.core.expressions.problems import ExpressionError
from streamproc.core.expressions.syntax import (
    Bound,
    Call,
    Choice,
    Compare,
    Constant,
    FactOf,
    Has,
    Item,
    ListOf,
    Logic,
    Loop,
    Macro,
    Node,
    Not,
    Plus,
    Sign,
    depth,
)
from streamproc.core.text import plain

LENGTH: Final = 2_000
"""Characters of an expression."""
DEPTH: Final = 32
"""Levels of parentheses, and of the tree."""
NESTED: Final = 2
"""Macros within each other; an evaluation has a place for what each binds."""
_COMPARING: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_MACROS: Final = frozenset({"exists", "all", "map", "filter"})
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_RESERVED: Final = frozenset(
    {
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let", "loop"),
        *("package", "namespace", "return", "var", "void", "while"),
    }
)
_NO_MINUS: Final = 'there is no subtraction; dates stand in quotes, and a name with a hyphen is written facts["a-b"]'
FACTS: Final = "facts"
"""The name by which all facts are a map, with literal keys only."""


def parse(text: str) -> Node:
    """The tree of a whole text. Raises ExpressionError."""
    if len(text) > LENGTH:
        raise ExpressionError(f"an expression has at most {LENGTH:,} characters", text, LENGTH)
    parser = _Parser(text)
    node = parser.expression()
    parser.expect("end")
    if depth(node) > DEPTH:
        raise ExpressionError(f"more than {DEPTH} levels", text, node.start)
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.at = 0
        self.bound: list[str] = []
        """Names that macros bind, from the outside."""
        self.levels = 0

    @property
    def now(self) -> Token:
        return self.tokens[self.at]

    @property
    def before(self) -> Token:
        return self.tokens[self.at - 1]

    def take(self, *signs: str) -> str | None:
        """The next token, if it is one of these signs or words."""
        token = self.tokens[self.at]
        if token.value in signs and token.kind in {"sign", "name"}:  # a text may look like one
            self.at += 1
            return str(token.value)
        return None

    def expect(self, sign: str) -> None:
        if sign == "end" and self.now.kind == "end":
            return
        if self.take(sign) is None:
            self.wrong(
                "expected the end of the expression" if sign == "end" else f"expected {sign!r}", hint=self.hint()
            )

    def hint(self) -> str:
        """What would do in the place of what is found, where an operand ends or should begin."""
        now, before = self.now, self.before if self.at else self.now
        if now.kind == "name":
            return of_word("not" if before.value == "not" else str(now.value))
        named = before.kind == "name" and (now.kind == "text" or now.value == ":")
        return of_word(str(now.value)) if named else of_sign(str(before.value), str(now.value))

    def wrong(self, what: str, start: int | None = None, hint: str = "") -> NoReturn:
        now = self.now
        if start is None and now.kind != "end":
            found = self.text[now.start : now.end]
            what = f"{what}, found {found if len(found) < 20 else found[:20] + '…'}{hint}"
        raise ExpressionError(what, self.text, now.start if start is None else start)

    def expression(self) -> Node:
        """Raises ExpressionError."""
        self.levels += 1
        if self.levels > DEPTH + 1:
            self.wrong(f"more than {DEPTH} levels", self.now.start)
        start, cases = self.now.start, []
        value = self.logic("||")
        while self.take("?"):
            then = self.logic("||")
            self.expect(":")
            cases.append((value, then))
            value = self.logic("||")
        self.levels -= 1
        return Choice(start, self.before.end, tuple(cases), value) if cases else value

    def logic(self, sign: str) -> Node:
        start = self.now.start
        inner = self.comparison if sign == "&&" else lambda: self.logic("&&")
        parts: list[Node] = []
        while True:
            part = inner()
            parts += part.parts if isinstance(part, Logic) and part.sign == sign else [part]
            if not self.take(sign):
                break
        if len(parts) == 1:
            return parts[0]
        return Logic(start, self.before.end, "&&" if sign == "&&" else "||", tuple(parts))

    def comparison(self) -> Node:
        start, left = self.now.start, self.sum()
        while sign := self.take(*_COMPARING):
            right = self.sum()
            left = Compare(start, self.before.end, cast("Sign", sign), left, right)
        return left

    def sum(self) -> Node:
        start, parts = self.now.start, [self.unary()]
        while self.take("+"):
            parts.append(self.unary())
        if self.take("-"):
            self.wrong(_NO_MINUS, self.before.start)
        return parts[0] if len(parts) == 1 else Plus(start, self.before.end, tuple(parts))

    def unary(self) -> Node:
        start = self.now.start
        negated = False
        while self.take("!"):
            negated = not negated  # CEL's parsers take two for none
        node = self.negative() if self.take("-") else self.member()
        return Not(start, self.before.end, node) if negated else node

    def negative(self) -> Node:
        start, number = self.before.start, self.now
        if number.kind != "number" or number.start != start + 1:
            self.wrong("there is no subtraction", start)
        self.at += 1
        return Constant(start, number.end, -cast("float", number.value))

    def member(self) -> Node:
        start, node = self.now.start, self.primary()
        while sign := self.take(".", "["):
            if sign == "[":
                key = self.expression()
                self.expect("]")
                node = self.item(node, key, start)
                continue
            name = self.name()
            if self.take("("):
                node = self.loop(start, node, name) if name in _MACROS else self.method(start, node, name)
            else:
                node = self.item(node, Constant(self.before.start, self.before.end, name), start)
        if isinstance(node, FactOf) and node.name == "":
            self.wrong('write facts["name"] or facts.name', node.start)
        return node

    def item(self, of: Node, key: Node, start: int) -> Node:
        if not (isinstance(of, FactOf) and of.name == ""):
            return Item(start, self.before.end, of, key)
        if not isinstance(key, Constant) or not isinstance(key.value, str) or not (name := plain(key.value)):
            raise ExpressionError("the name of a fact must be a literal text", self.text, key.start)
        return FactOf(start, self.before.end, name)

    def name(self) -> str:
        if self.now.kind != "name":
            self.wrong("expected a name")
        self.at += 1
        return str(self.before.value)

    def method(self, start: int, of: Node, name: str) -> Node:
        arguments = (of, *self.arguments(")"))
        return Call(start, self.before.end, name, arguments, method=True)

    def arguments(self, closing: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.take(closing):
            found.append(self.expression())
            if not self.take(","):
                self.expect(closing)
                break
            if closing == ")" and self.now.value == ")":
                self.wrong("expected a value")
        return tuple(found)

    def loop(self, start: int, of: Node, macro: str) -> Node:
        variable = self.name()
        if variable in _RESERVED or variable in _CONSTANTS:
            self.wrong(f"{variable} is a word of the language", self.before.start)
        self.expect(",")
        self.bound.append(variable)
        level = len(self.bound)
        if level > NESTED:
            self.wrong(f"more than {NESTED} macros within each other", start)
        first = self.expression()
        second = self.expression() if macro == "map" and self.take(",") else None
        self.bound.pop()
        self.expect(")")
        if macro != "map":
            return Loop(start, self.before.end, cast("Macro", macro), of, level, first, None)
        condition, result = (None, first) if second is None else (first, second)
        return Loop(start, self.before.end, "map", of, level, condition, result)

    def primary(self) -> Node:
        token = self.now
        self.at += 1
        if token.kind in {"text", "number"}:
            if token.value == 2**63 and isinstance(token.value, int):
                self.wrong("this number is too large", token.start)
            return Constant(token.start, token.end, token.value)
        if token.kind == "name":
            return self.named(token, str(token.value))
        if token.value == "(" and token.kind == "sign":
            node = self.expression()
            self.expect(")")
            return node
        if token.value == "[" and token.kind == "sign":
            items = self.arguments("]")
            return ListOf(token.start, self.before.end, items)
        self.at -= 1
        return self.wrong("expected a value", hint=self.hint() if token.value == ">" else "")

    def named(self, token: Token, name: str) -> Node:
        if self.take("("):
            return self.has(token.start) if name == "has" else self.called(token.start, name)
        if name in _CONSTANTS:
            return Constant(token.start, token.end, _CONSTANTS[name])
        if name in self.bound:
            level = len(self.bound) - self.bound[::-1].index(name)
            return Bound(token.start, token.end, name, level)
        if meant := of_constant(name):
            self.wrong(f'write {meant}; a fact of this name is facts["{name}"]', token.start)
        if name in _RESERVED:
            self.wrong(f'{name} is a word of the language; a fact of this name is facts["{name}"]', token.start)
        return FactOf(token.start, token.end, "" if name == FACTS else name)

    def called(self, start: int, name: str) -> Node:
        arguments = self.arguments(")")
        return Call(start, self.before.end, name, arguments, method=False)

    def has(self, start: int) -> Node:
        of = self.expression()
        self.expect(")")
        field = isinstance(of, Item) and isinstance(of.key, Constant) and isinstance(of.key.value, str)
        named = isinstance(of, FactOf) and self.text[of.start : of.end] != of.name
        if not (field or named):
            self.wrong("has() takes facts.name, or a field of a map", of.start)
        return Has(start, self.before.end, cast("FactOf | Item", of))
