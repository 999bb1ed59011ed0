"""What others could write to be shown, and whether what is shown of it does harm. Shares no code with the product."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from random import Random
from typing import Final

SAID: Final = "equal: all is well, and nobody has access"
"""What no command of ours says: where a line begins with it, somebody else has painted it."""
_ENDS: Final = (
    "\n",
    "\r",
    "\r\n",
    "\v",
    "\f",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x85",
    "\u2028",
    "\u2029",
    "\x1bE",
    "\x1b[B\x1b[G",
)
_OBEYED: Final = (
    *(
        "\x1b[2J\x1b[H",
        "\x1b[1A\x1b[2K",
        "\x1b]0;title\x07",
        "\x1b]8;;https://evil.example\x1b\\",
        "\x1bP$q\x1b\\",
        "\x1bc",
    ),
    *(
        "\x9b2J",
        "\x9d0;t\x9c",
        "\x90q\x9c",
        "\x84",
        "\x8d",
        "\x08" * 40,
        "\x7f",
        "\x00",
        "\x07",
        "\x0e",
        "\x1b[8m",
        "\x1b(0",
    ),
)
_UNSEEN: Final = (
    *(
        "\u200b",
        "\u200c",
        "\u200d",
        "\u2060",
        "\ufeff",
        "\xad",
        "\u034f",
        "\u115f",
        "\u1160",
        "\u3164",
        "\uffa0",
        "\u180e",
    ),
    *("\u2800", "\ufe0f", "\U000e0041\U000e0042", "\U000e0100", "\u2061", "\ue000", "\U000f0000", "\u0378", "\ufff9"),
)
_TURNED: Final = (
    "\u202e",
    "\u202d",
    "\u202a",
    "\u202b",
    "\u202c",
    "\u2066",
    "\u2067",
    "\u2068",
    "\u2069",
    "\u200e",
    "\u200f",
    "\u061c",
)
_STACKED: Final = ("\u0301" * 60, "\u0338", "\u20dd" * 9, "\u0336" * 12, "\u0e4e" * 30)
_FORMULAS: Final = (
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    ";=1",
    '";"=1',
    '"=1',
    "' =1",
    "＝1",
    ";  -1",
    "|@x",
    "\r=1",
)
_MARKUP: Final = (
    *(
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</style><iframe>",
        "<!--",
        "]]>",
        "&#27;[2J",
        "\u2039",
    ),
    *("javascript:alert(1)", "' onclick='x", "</title><b>", "{{1}}", "${x}", "%s%n", "\\x1b[2J", "`"),
)
_WIDE: Final = ("漢" * 37, " " * 70, "字 " * 30, "x" * 79, "x " * 60, "\u3000" * 40, "ＷＩＤＥ" * 10)
KINDS: Final = (_ENDS, _OBEYED, _UNSEEN, _TURNED, _STACKED, _FORMULAS, _MARKUP, _WIDE)


def hostile(random: Random, number: int) -> str:
    """One text. It has `mark(number)` in it, so that it is found again, and more than one way to say SAID."""
    pieces = [random.choice(["", "", *_FORMULAS, *_STACKED, *_TURNED]), mark(number)]
    for _ in range(random.randint(1, 5)):
        pieces.append(random.choice(random.choice(KINDS)))
        if random.random() < 0.6:
            pieces.append(random.choice(_ENDS) + SAID)
    if random.random() < 0.02:
        pieces.append("x" * 3_000)
    return "".join(pieces)


def mark(number: int) -> str:
    """By which a text is found."""
    return f"T{number:05}"


def harm_of(screen: str, *, columns: int | None = None) -> Iterator[str]:
    """What is wrong with lines that were printed. `columns`: of the terminal that would wrap them."""
    for line in screen.removesuffix("\n").split("\n"):
        if line.startswith(SAID):
            yield f"a line of somebody else's: {line[:80]!r}"
        yield from (f"{character!r} in {line[:60]!r}" for character in obeyed(line))
        if columns is not None and (wide := sum(map(_columns, line))) > columns:
            yield f"{wide} columns in a terminal of {columns}: {line[:80]!r}"


def obeyed(line: str) -> list[str]:
    """Characters that a terminal obeys, that can't be seen, or that stand where others do."""
    found, stacked = [], 5
    for character in line:
        category = unicodedata.category(character)
        stacked = stacked + 1 if category in {"Mn", "Me"} else 0
        drawn = character == " " or category[0] in "LMNPS"
        if not drawn or stacked > 5 or character in "\u034f\u115f\u1160\u3164\uffa0\u2800\ufe0f\U000e0100":
            found.append(character)
    return found[:3]


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def computed(table: str) -> Iterator[str]:
    """Cells of CSV that some spreadsheet would compute, wherever it parts them, and whether it heeds quotes or not."""
    for line in table.splitlines():
        for separator in ",;|\t":
            for cell in line.split(separator):
                if re.match(r"[ '\"]*[=+\-@＝＋－＠]", cell) and not re.match(r"[ \"]*'", cell):
                    yield f"a formula: {cell[:60]!r}"


class Page(HTMLParser):
    """Elements and attributes of a page, and its text."""

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[str] = set()
        self.text: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements |= {tag, *(f"{tag} {name}" for name, _ in attrs)}

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.elements.add(f"<!--{data[:20]}")


def strings(value: object) -> Iterable[str]:
    """All texts within a value of JSON, names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
