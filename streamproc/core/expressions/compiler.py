"""A tree to closures: what kind of value it gives, which facts it reads and which texts it can give is known here."""

from collections.abc import Mapping
from typing import Any, Final, NoReturn, assert_never

from streamproc.core.expressions import loops
from streamproc.core.expressions.calls import called
from streamproc.core.expressions.comparisons import comparison, membership
from streamproc.core.expressions.functions import Function, Kind
from streamproc.core.expressions.operators import TEXT, Run, added, item, spend
from streamproc.core.expressions.pieces import (
    NOTHING,
    Piece,
    Step,
    absorbed,
    failed,
    literals_of,
    read,
    read_filled,
    reads_of,
    words,
)
from streamproc.core.expressions.problems import ExpressionError, FailedError, OddError
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
    Node,
    Not,
    Plus,
    size,
)
from streamproc.core.records.change_event import Fact
from streamproc.core.records.fact_names import GROUP

_KINDS: Final[Mapping[type, Kind]] = {str: "text", bool: "bool", int: "int", float: "double", type(None): "null"}


class Compiler:
    """Of one expression."""

    def __init__(
        self,
        text: str,
        functions: Mapping[str, Function],
        tables: Mapping[str, Mapping[str, str]],
        *,
        blank_is_absent: bool,
    ) -> None:
        self.text = text
        self.functions = functions
        self.tables = tables
        self.blank_is_absent = blank_is_absent
        self.bound: list[frozenset[str]] = []
        """What macros bind comes from these facts, from the outside."""

    def wrong(self, what: str, node: Node) -> NoReturn:
        raise ExpressionError(what, self.text, node.start)

    def piece(self, node: Node) -> Piece:
        """Raises ExpressionError."""
        match node:
            case Constant():
                return self._constant(node)
            case FactOf():
                return Piece(self._fact(node.name), "any", frozenset([node.name]))
            case Bound():
                level = node.level
                return Piece(lambda _, run: run[level], "any", self.bound[level - 1])
            case ListOf():
                return self._list(node)
            case Not():
                return self._not(node)
            case Logic():
                return self._logic(node)
            case Compare():
                return membership(node, self) if node.sign == "in" else comparison(node, self)
            case Plus():
                return self._plus(node)
            case Choice():
                return self._choice(node)
            case Item():
                return self._item(node)
            case Has():
                return self._has(node)
            case Loop():
                return self._loop(node)
            case Call():
                return called(node, self)
            case _:
                assert_never(node)

    def expecting(self, node: Node, *kinds: Kind) -> Piece:
        """A piece that is known not to be of another kind than these."""
        piece = self.piece(node)
        if piece.kind != "any" and piece.kind not in kinds:
            self.wrong(f"expected {words(kinds[0])}, this is {words(piece.kind)}", node)
        return piece

    def _constant(self, node: Constant) -> Piece:
        value = node.value
        literals = frozenset([value]) if isinstance(value, str) else NOTHING
        return Piece(lambda _facts, _run: value, _KINDS[type(value)], NOTHING, literals)

    def _fact(self, name: str) -> Step:
        return read_filled(name) if self.blank_is_absent and not name.startswith(GROUP) else read(name)

    def _list(self, node: ListOf) -> Piece:
        pieces = [self.piece(each) for each in node.items]
        steps = [piece.step for piece in pieces]
        if all(isinstance(each, Constant) for each in node.items):
            values = [each.value for each in node.items if isinstance(each, Constant)]
            return Piece(lambda _facts, _run: values, "list", NOTHING, literals_of(pieces))
        return Piece(
            lambda facts, run: [step(facts, run) for step in steps], "list", reads_of(pieces), literals_of(pieces)
        )

    def _not(self, node: Not) -> Piece:
        of = self.expecting(node.of, "bool")
        step, reads = of.step, of.reads

        def negated(facts: Mapping[str, Fact], run: Run) -> bool:
            value = step(facts, run)
            if value.__class__ is bool:
                return not value
            raise failed(reads, "expected true or false")

        return Piece(negated, "bool", reads)

    def _logic(self, node: Logic) -> Piece:
        pieces = [self.expecting(each, "bool") for each in node.parts]
        parts = [(piece.step, piece.reads) for piece in pieces]
        decisive = node.sign == "||"

        def decided(facts: Mapping[str, Fact], run: Run) -> bool:
            error: FailedError | None = None
            for step, reads in parts:
                try:
                    value: object = step(facts, run)
                except (FailedError, KeyError) as other:
                    error = absorbed(run, other, error)
                    continue
                if value is decisive:
                    return decisive
                if value.__class__ is not bool:
                    error = failed(reads, "expected true or false").and_of(error)
            if error is not None:
                try:
                    raise error
                finally:
                    error = None  # it holds this frame
            return not decisive

        return Piece(decided, "bool", reads_of(pieces))

    def _plus(self, node: Plus) -> Piece:
        pieces = [self.expecting(each, "text", "list", "int", "double") for each in node.parts]
        kinds = {piece.kind for piece in pieces} - {"any"}
        if len(kinds) > 1:
            self.wrong(f"{' and '.join(sorted(words(kind) for kind in kinds))} can't be added", node)
        first, *others = [piece.step for piece in pieces]
        reads = reads_of(pieces)
        kind: Kind = kinds.pop() if kinds else "any"

        def total(facts: Mapping[str, Fact], run: Run) -> Any:
            value = first(facts, run)
            for step in others:
                other = step(facts, run)
                if value.__class__ is str and other.__class__ is str and len(value) + len(other) <= TEXT:
                    value += other
                    continue
                try:
                    value = added(value, other)
                except OddError as odd:
                    raise failed(reads, odd) from None
                if value.__class__ is list:
                    spend(run, len(value))
            return value

        return Piece(total, kind, reads, NOTHING if kind == "text" else literals_of(pieces))

    def _choice(self, node: Choice) -> Piece:
        conditions = [self.expecting(condition, "bool") for condition, _ in node.cases]
        values = [self.piece(value) for _, value in node.cases]
        last = self.piece(node.otherwise)
        kinds = {piece.kind for piece in (*values, last)} - {"null"}
        if len(kinds - {"any", "int", "double"}) + bool(kinds & {"int", "double"}) > 1:
            self.wrong(f"gives {' or '.join(sorted(words(kind) for kind in kinds - {'any'}))}", node)
        cases = [
            (condition.step, condition.reads, value.step) for condition, value in zip(conditions, values, strict=True)
        ]
        otherwise = last.step

        def chosen(facts: Mapping[str, Fact], run: Run) -> Any:
            for condition, reads, value in cases:
                holds = condition(facts, run)
                if holds is True:
                    return value(facts, run)
                if holds is not False:
                    raise failed(reads, "expected true or false")
            return otherwise(facts, run)

        pieces = [*conditions, *values, last]
        kind: Kind = "any" if len(kinds) > 1 else kinds.pop() if kinds else "null"
        return Piece(chosen, kind, reads_of(pieces), literals_of([*values, last]))

    def _item(self, node: Item) -> Piece:
        of, key = pieces = [self.expecting(node.of, "list", "map"), self.expecting(node.key, "int", "double", "text")]
        reads = reads_of(pieces)
        container, place = of.step, key.step

        def found(facts: Mapping[str, Fact], run: Run) -> Any:
            try:
                return item(container(facts, run), place(facts, run))
            except OddError as odd:
                raise failed(reads, odd) from None

        return Piece(found, "any", reads)

    def _has(self, node: Has) -> Piece:
        if isinstance(node.of, FactOf):
            name = node.of.name
            if self.blank_is_absent and not name.startswith(GROUP):
                return Piece(lambda facts, _: facts.get(name) is not None, "bool", frozenset([name]))
            return Piece(lambda facts, _: name in facts, "bool", frozenset([name]))
        of, key = self.expecting(node.of.of, "map"), node.of.key
        assert isinstance(key, Constant)
        step, value, reads = of.step, key.value, of.reads

        def there(facts: Mapping[str, Fact], run: Run) -> bool:
            found = step(facts, run)
            if found.__class__ is dict:
                return value in found
            raise failed(reads, "expected a map")

        return Piece(there, "bool", reads)

    def _loop(self, node: Loop) -> Piece:
        of = self.expecting(node.of, "list", "map")
        self.bound.append(of.reads)
        condition = None if node.condition is None else self.expecting(node.condition, "bool")
        result = None if node.result is None else self.piece(node.result)
        self.bound.pop()
        inner = [piece for piece in (condition, result) if piece is not None]
        weight = sum(size(each) for each in (node.condition, node.result) if each is not None)
        reads = reads_of([of, *inner])
        if node.macro in {"exists", "all"}:
            assert condition is not None
            decisive = node.macro == "exists"
            step = loops.searching(of.step, node.level, condition.step, weight, reads, decisive)
            return Piece(step, "bool", reads)
        keep, make = (None if piece is None else piece.step for piece in (condition, result))
        literals = of.literals if result is None else result.literals
        return Piece(loops.collecting(of.step, node.level, keep, make, weight, reads), "list", reads, literals)
