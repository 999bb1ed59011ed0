"""Text of a filter, or of a path of a PATCH operation, to a tree (RFC 7644 §3.4.2.2, §3.5.2).

What clients write beyond the RFC's grammar, and is taken:
- operators, `and`, `or`, `not`, `true`, `false`, `null` in any case (PingOne: `Eq`);
- values without quotes (PingOne, one of Entra's examples, authentik: `userName eq x`), with blanks in them, too, and in
  single quotes;
- `emails[type eq "work"].value eq "x"` (Entra), which is `emails[type eq "work" and value eq "x"]`;
- `not` without parentheses; a stray `&` or `?` at the end (OneLogin).
"""

import json
import re
from typing import Final, NoReturn, cast

from streamproc.core.provider.filter import (
    AttributePath,
    Compare,
    Element,
    ElementPath,
    Filter,
    Not,
    Operand,
    Operator,
    Present,
    attribute_path,
    conjunction,
    disjunction,
)
from streamproc.core.provider.scim_error import ScimError, ScimType

LENGTH: Final = 2_048
"""Characters of a filter or path."""
DEPTH: Final = 16
"""Levels of parentheses, brackets and `not`."""


def parse(text: str) -> Filter:
    """The tree of a filter. Raises ScimError `invalidFilter`."""
    parser = _Parser(text.rstrip(" \t\r\n&?"), "invalidFilter")
    found = parser.disjunction()
    parser.end()
    return found


def parse_path(text: str) -> ElementPath:
    """The tree of a path. Raises ScimError `invalidPath`, and `invalidFilter` where its filter is wrong."""
    parser = _Parser(text, "invalidPath")
    path = parser.path()
    if not parser.take("["):
        parser.end()
        return ElementPath(path)
    parser.scim_type = "invalidFilter"
    within = parser.within_brackets(path)
    parser.scim_type = "invalidPath"
    sub = parser.sub_attribute()
    parser.end()
    return ElementPath(path, within, sub)


_WORD: Final = re.compile(r"[$A-Za-z_][^\s\[\]()\"']*")
_COMPARISON: Final = re.compile(r"(eq|ne|co|sw|ew|gt|ge|lt|le)(?=[\s\"'])", re.IGNORECASE)
_PRESENT: Final = re.compile(r"pr(?![^\s\])])", re.IGNORECASE)
_NOT: Final = re.compile(r"not(?=[\s(])", re.IGNORECASE)
_BLANKS: Final = re.compile(r"\s+")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'(?=[\s)\]]|\Z)', re.DOTALL)
_CONNECTIVE: Final = re.compile(r"\s*(and|or)(?=[\s(\"]|\Z)", re.IGNORECASE)
_GOES_ON: Final = re.compile(
    r"""
    \s+(?:and|or)
    (?: \s*\Z
      | \s+not[\s(]
      | \s+[(\s]*[$A-Z_][^\s\[\]()"']* (?: \[ | \s+(?:eq|ne|co|sw|ew|gt|ge|lt|le|pr)\b ) )
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What ends a value without quotes. `Sales and Marketing` is one value: what follows `and` there compares nothing."""
_OPERATOR_WITHIN: Final = re.compile(r"\s(?:eq|ne|co|sw|ew|gt|ge|lt|le|pr)(?:\s|\Z)", re.IGNORECASE)
_HALF: Final = re.compile("[\ud800-\udfff]")
_HALVES: Final = "half of a character isn't text"
_ESCAPE: Final = re.compile(r'\\(?:(["\\/])|([bfnrt])|u([0-9a-fA-F]{4}))')
_ONE: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class _Parser:
    def __init__(self, text: str, scim_type: ScimType) -> None:
        self.text = text
        self.at = 0
        self.levels = 0
        self.open: list[str] = []
        """Parentheses and brackets around."""
        self.scim_type: ScimType = scim_type
        if len(text) > LENGTH:
            self.wrong(f"more than {LENGTH:,} characters")
        if not text.isascii() and _HALF.search(text):
            self.wrong(_HALVES)
        self.take_pattern(_BLANKS)

    def wrong(self, what: str) -> NoReturn:
        # Where, and not what is there: it may name a person.
        where = "" if self.at == 0 else f", at character {self.at + 1}"
        raise ScimError(400, self.scim_type, f"{what}{where}")

    def take_pattern(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        return match

    def take(self, sign: str) -> bool:
        """The sign, and blanks before it."""
        blanks = _BLANKS.match(self.text, self.at)
        at = self.at if blanks is None else blanks.end()
        if not self.text.startswith(sign, at):
            return False
        self.at = at + 1
        return True

    def end(self) -> None:
        self.take_pattern(_BLANKS)
        if self.at < len(self.text):
            self.wrong("expected the end")

    def level(self) -> None:
        self.levels += 1
        if self.levels > DEPTH:
            self.wrong(f"more than {DEPTH} levels")

    def within(self, closing: str) -> Filter:
        """A filter and the sign that ends it."""
        self.level()
        self.open.append(closing)
        found = self.disjunction()
        self.open.pop()
        self.levels -= 1
        if not self.take(closing):
            self.wrong(f"expected {closing!r}")
        return found

    def within_brackets(self, path: AttributePath) -> Filter:
        if "]" in self.open or path.sub:
            # RFC 7644, errata 4690: an attribute within brackets has no further levels.
            self.wrong("brackets stand after a multi-valued attribute only")
        return self.within("]")

    def connective(self, word: str) -> bool:
        match = _CONNECTIVE.match(self.text, self.at)
        if match is None or match[1].lower() != word:
            return False
        self.at = match.end()
        return True

    def disjunction(self) -> Filter:
        parts = [self.conjunction()]
        while self.connective("or"):
            parts.append(self.conjunction())
        return disjunction(tuple(parts))

    def conjunction(self) -> Filter:
        parts = [self.factor()]
        while self.connective("and"):
            parts.append(self.factor())
        return conjunction(tuple(parts))

    def factor(self) -> Filter:
        self.take_pattern(_BLANKS)
        if self.take_pattern(_NOT):
            self.level()
            found = Not(self.factor())
            self.levels -= 1
            return found
        if self.take("("):
            return self.within(")")
        path = self.path()
        if not self.take("["):
            return self.expression(path)
        inner = self.within_brackets(path)
        sub = self.sub_attribute()
        return Element(path, conjunction((inner, self.expression(AttributePath("", sub)))) if sub else inner)

    def path(self) -> AttributePath:
        self.take_pattern(_BLANKS)
        start = self.at
        word = self.take_pattern(_WORD)
        path = None if word is None else attribute_path(word[0])
        if path is None:
            self.at = start
            self.wrong("expected the name of an attribute")
        return path

    def sub_attribute(self) -> str:
        """What stands after brackets, directly behind a dot."""
        if not self.text.startswith(".", self.at):
            return ""
        self.at += 1
        path = self.path()
        if path.urn or path.sub:
            self.wrong("expected the name of a sub-attribute")
        return path.name

    def expression(self, path: AttributePath) -> Compare | Present:
        self.take_pattern(_BLANKS)
        if self.take_pattern(_PRESENT):
            return Present(path)
        match = self.take_pattern(_COMPARISON)
        if match is None:
            self.wrong("expected one of eq, ne, co, sw, ew, gt, ge, lt, le with a value, or pr")
        self.take_pattern(_BLANKS)
        return Compare(path, cast("Operator", match[1].lower()), self.operand())

    def operand(self) -> Operand:
        quoted = self.take_pattern(_QUOTED)
        if quoted is not None:
            text = _unescaped(quoted[1]) if quoted[1] is not None else quoted[2]
            if not text.isascii() and _HALF.search(text):
                self.wrong(_HALVES)
            return Operand(text, quoted=True)
        if self.text.startswith('"', self.at):
            self.wrong("the text in quotes doesn't end")
        start = self.at
        self.at = self.end_of_unquoted()
        text = self.text[start : self.at]
        if not text or _OPERATOR_WITHIN.search(text):
            self.at = start
            self.wrong("expected a value; a text stands in quotes")
        return Operand(text, quoted=False)

    def end_of_unquoted(self) -> int:
        """Where a value without quotes ends: before `and`, `or`, or what closes what is open."""
        levels, at = 0, self.at
        while at < len(self.text):
            sign = self.text[at]
            if sign == "(":
                levels += 1
            elif sign == ")" and levels:
                levels -= 1
            elif sign in self.open or (sign.isspace() and _GOES_ON.match(self.text, at)):
                break
            at += 1
        return self.at + len(self.text[self.at : at].rstrip())


def _unescaped(inner: str) -> str:
    r"""As in JSON (RFC 7644 §3.4.2.2). What JSON has no escape for stays: `CORP\alice`."""
    if "\\" not in inner:
        return inner
    try:
        return cast("str", json.loads(f'"{inner}"'))
    except ValueError:
        return _ESCAPE.sub(lambda found: found[1] or _ONE.get(found[2]) or chr(int(found[3], 16)), inner)
