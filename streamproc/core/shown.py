r"""What others wrote, as people may see it: on a terminal, in a table, a log line, a page, an error.

Text of others can hold what a terminal obeys (ECMA-48: ESC, C0, C1), what turns the direction of reading or can't be
seen (Unicode Technical Reports 36 and 39), what ends a line, and what no encoding can write (lone surrogates). All of
it is shown as the number that it has, in the form that Python and JSON give it: `\x1b`, `\u202e`, `\U000e0041`.
Numbers, and not nothing: whoever compares two IDs sees that they differ. What is shown already stays as it is, so it
does no harm to show a line whose parts were shown.

Rejected: to leave the joiners of Persian or of emoji as they are, since two IDs would look alike that aren't. The price
is that such a name shows `\u200c`. A backslash isn't doubled: exact is what `--json` prints.

What counts as printable is Unicode's of the Python that runs. So nothing that is kept may depend on it.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal

import orjson

_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Printable by Unicode's categories, and drawn as nothing: fillers, blanks, selectors of variants."""
_STACKED: Final = 4
"""Marks upon one character; with more of them it reaches into the lines above and below."""


def shown(text: str, longest: int | None = None) -> str:
    """One line, harmless, and the same wherever it is shown. `longest`: characters of the text; what is cut is `…`."""
    if longest is not None and len(text) > longest:
        text = f"{text[: longest - 1]}…"
    return _harmless(text, _number)


def shown_lines(text: str, longest: int | None = None) -> list[str]:
    """The same for text that may have lines: all but the first stand deeper, so that none passes for a line of ours."""
    first, *rest = re.split(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", text) or [""]
    return [shown(first, longest), *(f"    {shown(line, longest)}" for line in rest)]


def shown_json(value: Any, option: int = 0) -> str:
    """JSON that a terminal may be given, and that says exactly the same. `option`, errors: as of `orjson.dumps`."""
    text = orjson.dumps(value, option=option).decode()
    if text.isascii() and "\x7f" not in text:
        return text  # JSON itself escapes C0
    return "\n".join(_harmless(line, _utf16) for line in text.split("\n"))


def moment(at: int, exact: Literal["seconds", "milliseconds"] = "seconds") -> str:
    """Milliseconds since 1970, as ISO 8601 in UTC; what is no moment of a year with four digits, as it is."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec=exact).replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{at} ms"


def _harmless(line: str, number: Callable[[str], str]) -> str:
    if line.isprintable() and not _suspect(line):
        return line
    pieces, marks = [], _STACKED  # a mark at the beginning would stand upon whatever is before this text
    for character in line:
        if unicodedata.category(character) in {"Mn", "Me"}:
            marks += 1
        else:
            marks = _STACKED if character == '"' else 0  # nor does one change a quotation mark, as JSON has them
        seen = character.isprintable() and marks <= _STACKED and not _UNSEEN.match(character)
        pieces.append(character if seen else number(character))
    return "".join(pieces)


def _suspect(printable: str) -> bool:
    try:
        printable.encode("latin-1")  # what takes an auditor's time is a log of many people, whose names are mostly that
    except UnicodeEncodeError:
        return _UNSEEN.search(printable) is not None or any(
            unicodedata.category(character) in {"Mn", "Me"} for character in printable if character > "\u02ff"
        )
    return False


def _number(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _utf16(character: str) -> str:
    encoded = character.encode("utf-16-be")
    return "".join(f"\\u{encoded[at : at + 2].hex()}" for at in range(0, len(encoded), 2))
