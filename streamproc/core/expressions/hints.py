"""What would do in the place of what people bring along from other languages: words in errors, which decide nothing."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

_QUOTES: Final = "\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u0060\u00b4"
_CHARACTERS: Final = {
    "=": "write ==",
    "&": "write &&, and + to put texts together",
    "|": "write ||",
    **dict.fromkeys(_QUOTES, "texts stand in straight quotes"),
    **dict.fromkeys("$@{}", "a fact is written by its name alone"),
    **dict.fromkeys("*/%", "of arithmetic there is + alone"),
    "#": "a comment begins with //",
}
_WORDS: Final = {
    "and": "write &&",
    "or": "write ||",
    "not": "write !x, or !(x in y)",
    "is": "write ==",
    "like": 'write like(x, "a*")',
    "matches": 'write like(x, "a*")',
    **dict.fromkeys(("contains", "startswith", "starts", "begins"), 'write x.startsWith("a") or x.contains("a")'),
    **dict.fromkeys(("endswith", "ends"), 'write x.endsWith("a")'),
}
"""A word between two operands, in small letters → what to write."""
_NAMES: Final = 'a name with blanks or signs in it is written facts["cost center"]'
_CONSTANTS: Final = {word: word.lower() for word in ("True", "TRUE", "False", "FALSE", "Null", "NULL")} | {
    "None": "null"
}
"""A constant as other languages write it → as it is written here."""
_FUNCTIONS: Final = {
    **dict.fromkeys(("concat", "append"), "put texts together with +"),
    **dict.fromkeys(("if", "iif", "IIF"), "write c ? a : b"),
    **dict.fromkeys(("now", "today", "Now", "timestamp"), "there is no clock"),
    **dict.fromkeys(("matches", "regex", "Match"), 'there are no regular expressions; write like(x, "a*")'),
    **dict.fromkeys(("isEmpty", "isBlank", "isNull", "empty"), 'write coalesce(x, "") == ""'),
    **dict.fromkeys(("isMemberOf", "isMemberOfGroup", "isMemberOfGroupName", "memberOf"), 'write inGroup("name")'),
    **dict.fromkeys(("exists", "exist", "isPresent", "isSet", "defined"), "write has(facts.x)"),
    **dict.fromkeys(("len", "length"), "write size(x)"),
    **dict.fromkeys(("substring", "mid"), "write left(x, 3), before(x, y) or after(x, y)"),
    **dict.fromkeys(("string", "str", "toString"), "write text(x)"),
    **dict.fromkeys(("int", "double", "float", "toInteger"), "write number(x)"),
    "not": "write !x",
}


def of_character(character: str) -> str:
    """What to write for a character that isn't part of the language; "": that isn't known."""
    if character in _CHARACTERS:
        return f"; {_CHARACTERS[character]}"
    return "" if " " < character <= "~" else '; type it again, or put the name in facts["…"]'


def of_word(word: str) -> str:
    """What to write for a word where none is expected: between operands, or behind a name."""
    return f"; {_WORDS.get(word.casefold(), _NAMES)}"


def of_sign(before: str, sign: str) -> str:
    """What to write for a sign that doesn't fit behind what is before it; "": that isn't known."""
    if (before, sign) == ("<", ">"):
        return "; write !="
    return "; a list stands in [ ]" if sign == "," else ""


def of_constant(word: str) -> str | None:
    """The constant that is meant by a name."""
    return _CONSTANTS.get(word)


def of_function(name: str, there: Iterable[str]) -> str:
    """Which function is meant; "": that isn't known."""
    by_case = {each.casefold(): each for each in there}
    if name in _FUNCTIONS:
        return f"; {_FUNCTIONS[name]}"
    close = get_close_matches(name.casefold(), by_case, 1, 0.75)
    return f"; did you mean {by_case[close[0]]}?" if close else ""
