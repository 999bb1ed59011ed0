"""Case and ASCII of letters by tables of our own: those of Python change with Unicode's release, results here never.

The tables are made of blocks in which everything is assigned and every letter has its partner, so that all releases of
Python make the same; their SHA-256 are compared all the same. Other letters have no case here, and no ASCII.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from streamproc.core.expressions.problems import OddError

_CASED: Final = (
    *range(0x41, 0x180),
    *(0x18F, 0x1A0, 0x1A1, 0x1AF, 0x1B0, 0x259),
    *range(0x1CD, 0x1F0),
    *range(0x1F8, 0x220),
    *range(0x222, 0x234),
    *range(0x386, 0x3CF),
    *range(0x400, 0x530),
    *range(0x1E00, 0x1F00),
)
"""Latin, Greek and Cyrillic, as people's and places' names are written in them."""
_DECOMPOSED: Final = (*range(0xC0, 0x180), *range(0x1A0, 0x1B1), *range(0x1CD, 0x234), *range(0x1E00, 0x1F00))
"""Latin letters, some of which are one of ASCII with marks."""
_MARKS: Final = range(0x300, 0x370)
_NAMED: Final = {
    "ß": "ss",
    "ẞ": "SS",
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
    "ø": "o",
    "Ø": "O",
    "ǿ": "o",
    "Ǿ": "O",
    "ǽ": "ae",
    "Ǽ": "AE",
    "đ": "d",
    "Đ": "D",
    "ð": "d",
    "Ð": "D",
    "þ": "th",
    "Þ": "Th",
    "ł": "l",
    "Ł": "L",
    "ħ": "h",
    "Ħ": "H",
    "ı": "i",
    "ĸ": "k",
    "ŋ": "ng",
    "Ŋ": "Ng",
    "ŧ": "t",
    "Ŧ": "T",
    "ə": "e",
    "Ə": "E",
    "ĳ": "ij",
    "Ĳ": "IJ",
    "ŉ": "'n",
    "\u2018": "'",
    "\u2019": "'",
    "\u02bc": "'",
    "\u02bb": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u2010": "-",
    "\u2011": "-",
    "\u2012": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\u00a0": " ",
}
"""Letters that are no letter of ASCII with marks; what keyboards make of apostrophes and hyphens."""
_SPELLED: Final[Mapping[str, Mapping[str, str]]] = {
    "": {},
    "de": {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"},
    "da": {"å": "aa", "ø": "oe", "Å": "Aa", "Ø": "Oe"},
    "no": {"å": "aa", "ø": "oe", "Å": "Aa", "Ø": "Oe"},
}
"""How a language spells some of its letters."""
BLANKS: Final = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What `trim` takes away."""


def _plain(letter: str) -> str:
    parts = unicodedata.normalize("NFKD", letter)
    return "".join(part for part in parts if ord(part) not in _MARKS)


def _differing(letters: Iterable[int], function: Callable[[str], str]) -> dict[int, str]:
    made = {letter: function(chr(letter)) for letter in letters}
    return {letter: value for letter, value in made.items() if value != chr(letter)}


LOWER: Final = _differing(_CASED, str.lower)
UPPER: Final = _differing(_CASED, str.upper)
ASCII: Final = {
    **{letter: value for letter, value in _differing(_DECOMPOSED, _plain).items() if value.isascii()},
    **dict.fromkeys(_MARKS, ""),
    **{ord(letter): value for letter, value in _NAMED.items()},
}


def digest(table: Mapping[int, str]) -> str:
    """SHA-256 of a table."""
    return hashlib.sha256(repr(sorted(table.items())).encode("ascii", "backslashreplace")).hexdigest()


_EXPECTED: Final = {
    "lower": "f95ec903e5117f58e0cdd118ba8b7e302e3ce1ba7a96d1384bb62b9f4bcae942",
    "upper": "ced7f7749711684b864c606e01b3b3e1e9414a1dbae736f27748b3b8fa4f471c",
    "ascii": "fc2d1221a3292a38d60aacfefec17f210858be2050d2f8ef29a25605719b63db",
}
for _name, _table in (("lower", LOWER), ("upper", UPPER), ("ascii", ASCII)):
    if digest(_table) != _EXPECTED[_name]:  # pragma: no cover - a Python that reads letters otherwise
        raise RuntimeError(f"this Python's Unicode gives another table of letters: {_name}")

_WORD: Final = re.compile(r"[^\s\-/.,;:()&+_'\u2019]+")
_NOT_SLUG: Final = re.compile(r"[^a-z0-9]+")


def lower(text: str) -> str:
    """Each letter by itself, so a final sigma is like any other."""
    return text.translate(LOWER)


def upper(text: str) -> str:
    """Each letter by itself; ß becomes SS."""
    return text.translate(UPPER)


def title(text: str) -> str:
    """Each word with one capital: after an apostrophe as well, unless one letter alone follows (O'Neil, King's)."""

    def word(match: re.Match[str]) -> str:
        apostrophe = match.start() > 0 and text[match.start() - 1] in "'\u2019"
        first = match[0][0]
        return (lower(first) if apostrophe and len(match[0]) == 1 else upper(first)) + lower(match[0][1:])

    return _WORD.sub(word, text)


def ascii_speller(language: str = "") -> Callable[[str], str]:
    """A function that spells a text in ASCII; it raises OddError where that can't be. Raises OddError."""
    if language not in _SPELLED:
        raise OddError(f"the language of ascii() is one of {', '.join(filter(None, _SPELLED))}")
    table = ASCII | {ord(letter): value for letter, value in _SPELLED[language].items()}

    def spelled(text: str) -> str:
        if text.isascii():
            return text
        made = text.translate(table)
        if not made.isascii():
            raise OddError("a letter has no spelling in ASCII")
        return made

    return spelled


def slugger(language: str = "") -> Callable[[str], str]:
    """A function that makes lower-case words of ASCII with hyphens between; raises like `ascii_speller`."""
    spell = ascii_speller(language)
    return lambda text: _NOT_SLUG.sub("-", spell(text).lower().replace("'", "")).strip("-")
