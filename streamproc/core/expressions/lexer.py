"""Text of an expression to tokens, as CEL's lexis has them."""

import math
import re
from typing import Final, Literal, NamedTuple, TypeAlias

from streamproc.core.expressions.hints import of_character
from streamproc.core.expressions.problems import ExpressionError

Kind: TypeAlias = Literal["text", "number", "name", "sign", "end"]


class Token(NamedTuple):
    """One token. `start`, `end`: where it is in the text, in characters from 0."""

    kind: Kind
    value: str | int | float
    start: int
    end: int


_TOKEN: Final = re.compile(
    r"""
    (?P<blank> [ \t\n\r\f]+ | //[^\n]* )
  | (?P<raw> [rR] (?: '''[\s\S]*?''' | \"{3}[\s\S]*?\"{3} | '[^'\n\r]*' | "[^"\n\r]*" ) )
  | (?P<text> '''(?:\\[\s\S]|[^\\])*?''' | \"{3}(?:\\[\s\S]|[^\\])*?\"{3}
            | '(?:\\.|[^\\'\n\r])*' | "(?:\\.|[^\\"\n\r])*" )
  | (?P<number> 0x[0-9a-fA-F]+ | (?: [0-9]+(?:\.[0-9]+)? | \.[0-9]+ ) (?:[eE][+-]?[0-9]+)? )
  | (?P<name> [_a-zA-Z][_a-zA-Z0-9]* )
  | (?P<sign> \|\| | && | [=!<>]= | [<>!?:+\-.,()\[\]] )
    """,
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<one>[abfnrtv\\?\"'`])|(?P<hex>[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|(?P<octal>[0-3][0-7]{2})|)"
)
_ONE: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_HIGHEST: Final = 2**63 - 1
"""Of a whole number; CEL's have 64 bits."""


def tokens(text: str) -> list[Token]:
    """All of a text, the last one of kind "end". Raises ExpressionError."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            what = (
                "this text doesn't end"
                if text[at] in "'\""
                else f"{text[at]!a} isn't part of the language{of_character(text[at])}"
            )
            raise ExpressionError(what, text, at)
        kind, whole, end = match.lastgroup, match[0], match.end()
        if kind == "raw":
            found.append(Token("text", _unquoted(whole[1:]), at, end))
        elif kind == "text":
            found.append(Token("text", _unescaped(_unquoted(whole), text, at), at, end))
        elif kind == "number":
            if re.match(r"[_a-zA-Z0-9]", text[end : end + 1]):
                raise ExpressionError("expected a number", text, at)
            found.append(Token("number", _number(whole, text, at), at, end))
        elif kind == "name":
            found.append(Token("name", whole, at, end))
        elif kind == "sign":
            found.append(Token("sign", whole, at, end))
        at = end
    found.append(Token("end", "the end", len(text), len(text)))
    return found


def _unquoted(whole: str) -> str:
    width = 3 if whole[:3] in {"'''", '"""'} and len(whole) > 5 else 1
    return whole[width:-width]


def _unescaped(inner: str, text: str, start: int) -> str:
    def character(match: re.Match[str]) -> str:
        if one := match["one"]:
            return _ONE.get(one, one)
        number = match["hex"][1:] if match["hex"] else match["octal"]
        code = int(number, 16 if match["hex"] else 8) if number else -1
        if not 0 <= code <= 0x10FFFF or 0xD800 <= code < 0xE000:
            raise ExpressionError("there is no such escape in a text", text, start)
        return chr(code)

    return _ESCAPE.sub(character, inner) if "\\" in inner else inner


def _number(whole: str, text: str, start: int) -> int | float:
    if whole.startswith("0x") or whole.isdigit():
        number = int(whole, 0 if whole.startswith("0x") else 10)
        if number > _HIGHEST + 1:  # the lowest of all is written with a sign before it
            raise ExpressionError("this number is too large", text, start)
        return number
    value = float(whole)
    if value == math.inf:
        raise ExpressionError("this number is too large", text, start)
    return value
