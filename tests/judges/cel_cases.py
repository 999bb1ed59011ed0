"""The cases of CEL's own specification, read from a clone of it: those of our part of the language are judges."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from streamproc.core.expressions.compiler import Compiler
from streamproc.core.expressions.functions import FUNCTIONS
from streamproc.core.expressions.operators import STEPS
from streamproc.core.expressions.parser import NESTED, parse
from streamproc.core.expressions.problems import ExpressionError, FailedError

Message: TypeAlias = dict[str, list[Any]]
"""Of a protobuf in its text form: field → values, each a message or a scalar."""

FILES: Final = ("basic", "comparisons", "fields", "lists", "logic", "macros", "parse", "plumbing", "string")
_TOKEN: Final = re.compile(
    r'#[^\n]*|\s+|(?P<text>"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\')|(?P<word>[-+.\w/\[\]]+)|(?P<sign>[{}<>:,;])'
)
_BEYOND: Final = re.compile(
    r"[{}%*/]|\bb['\"]|\d[uU]\b|\b(matches|exists_one|type|dyn|int|uint|double|string|bytes|timestamp|duration|optional)\b"
    r"|google\.|(?<!^)-(?!\d)|\.\w+\.\w+$",
)
"""What language 1 leaves out on purpose."""


def judge(folder: Path) -> int:
    """Prints how many cases agree; returns how many don't."""
    counts, wrong = Counter[str](), 0
    for name in FILES:
        for case, test in _tests(_message((folder / f"{name}.textproto").read_text(encoding="utf-8"))):
            verdict = _verdict(test)
            counts[f"{name}: {verdict}"] += 1
            if verdict.startswith("WRONG") or verdict == "refused":
                print(f"{name}/{case}: {verdict}: {test['expr'][0]}")
            wrong += verdict.startswith("WRONG")
    for line, count in sorted(counts.items()):
        print(f"{count:>5}  {line}")
    return wrong


def _verdict(test: Message) -> str:
    text = test["expr"][0]
    try:
        facts = {each["key"][0]: _value(each["value"][0]["value"][0]) for each in test.get("bindings", [])}
        expected = _value(test["value"][0]) if "value" in test else True if "eval_error" not in test else None
    except (KeyError, LookupError):
        return "beyond the language"
    if "." in "".join(facts):  # names with dots
        return "beyond the language"
    try:
        piece = Compiler(text, FUNCTIONS[1], {}, blank_is_absent=False).piece(parse(text))
    except ExpressionError as error:
        if "eval_error" in test:
            return "an error, told when it is loaded"
        if _BEYOND.search(text) or "container" in test or "type_env" in test:
            return "beyond the language"
        if "there is no function" in str(error):
            return "a function that there isn't, told when it is loaded"
        return "stricter types" if re.search("expected|compared|added|gives", str(error)) else "refused"
    try:
        value = piece.step(facts, [STEPS, *[None] * NESTED])
    except (FailedError, KeyError):
        return "agrees" if "eval_error" in test else "WRONG: an error"
    if "eval_error" in test:
        return f"WRONG: {value!r}"
    return "agrees" if type(value) is type(expected) and value == expected else f"WRONG: {value!r}"


def _value(message: Message) -> Any:
    """Of a case: what it binds or expects. Raises LookupError for a type that JSON hasn't."""
    ((kind, (value, *_)),) = message.items()
    match kind:
        case "bool_value":
            return value == "true"
        case "int64_value":
            return int(value, 0)
        case "double_value":
            number = float(value)
            if not math.isfinite(number):
                raise LookupError(value)
            return number
        case "string_value":
            return value
        case "null_value":
            return None
        case "list_value":
            return [_value(each) for each in value.get("values", [])]
        case "map_value":
            return {_value(each["key"][0]): _value(each["value"][0]) for each in value.get("entries", [])}
        case _:
            raise LookupError(kind)


def _tests(file: Message) -> Iterator[tuple[str, Message]]:
    for section in file["section"]:
        for test in section.get("test", []):
            yield f"{section['name'][0]}/{test['name'][0]}", test


def _message(text: str) -> Message:
    words: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        assert match is not None, text[at : at + 40]
        if match.lastgroup:
            words.append((match.lastgroup, match[0]))
        at = match.end()
    words.append(("sign", "}"))
    words.reverse()
    return _fields(words)


def _fields(words: list[tuple[str, str]]) -> Message:
    found: Message = {}
    while True:
        kind, name = words.pop()
        if kind == "sign" and name in {"}", ">"}:
            return found
        if kind == "sign":
            continue
        if words[-1][1] == ":":
            words.pop()
        kind, word = words.pop()
        if kind == "sign":
            found.setdefault(name, []).append(_fields(words))
        elif kind == "text":
            texts = [word]
            while words[-1][0] == "text":
                texts.append(words.pop()[1])
            found.setdefault(name, []).append("".join(map(_unquoted, texts)))
        else:
            found.setdefault(name, []).append(word)


_ESCAPE: Final = re.compile(r"\\(?:u(.{4})|U(.{8})|[xX]([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))|([^\\]+)", re.DOTALL)
_SIMPLE: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def _unquoted(text: str) -> str:
    """As protobuf's text form has it: escapes of characters or of bytes, together UTF-8."""

    def one(match: re.Match[str]) -> bytes:
        short, long, byte, octal, simple, rest = match.groups()
        if byte or octal:
            return bytes([int(byte, 16) if byte else int(octal, 8)])
        if short or long:
            return chr(int(short or long, 16)).encode()
        return (rest or _SIMPLE.get(simple, simple)).encode()

    return b"".join(map(one, _ESCAPE.finditer(text[1:-1]))).decode(errors="replace")
