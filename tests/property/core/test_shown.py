"""Whatever others write, what is shown of it harms nobody."""

import io
import unicodedata

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.shown import shown, shown_json, shown_lines

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=60)
"""Lone surrogates, too."""
HARM = st.sampled_from(
    [
        *(
            "\x00",
            "\x07",
            "\x08",
            "\t",
            "\n",
            "\r",
            "\x1b[2K",
            "\x1b]0;t\x07",
            "\x7f",
            "\x84",
            "\x85",
            "\x9b2J",
            "\x9d",
        ),
        *("\xa0", "\xad", "\u034f", "\u0338", "\u061c", "\u115f", "\u180e", "\u200b", "\u200c", "\u200d", "\u200e"),
        *("\u2028", "\u2029", "\u202a", "\u202e", "\u2060", "\u2066", "\u2069", "\u2800", "\u3164", "\ufe0f", "\ufeff"),
        *("\ufff9", "\uffa0", "\ud800", "\udfff", "\U000e0041", "\U000e0100", "\ue000", "\u0301" * 40, "\\x1b", "\\"),
    ]
)
HOSTILE = st.lists(st.one_of(HARM, st.text(max_size=5), ANYTHING), max_size=8).map("".join)
SEEN = {"L", "M", "N", "P", "S"}
"""Categories whose first letter isn't one of these are drawn as nothing, or obeyed."""


def harmless(line: str) -> bool:
    """Judged by Unicode's categories alone: every character can be seen, and stands in its own place."""
    run = 4
    for character in line:
        category = unicodedata.category(character)
        run = run + 1 if category in {"Mn", "Me"} else 0
        if run > 4 or (character != " " and category[0] not in SEEN):
            return False
    return "\u3164" not in line and "\u2800" not in line and "\u115f" not in line and "\ufe0f" not in line


@given(HOSTILE)
def test_what_is_shown_is_one_line_of_characters_that_are_seen(text: str) -> None:
    """No control, no mark of direction, nothing of width zero, no line end, nothing that UTF-8 can't write."""
    assert harmless(shown(text))
    shown(text).encode()


@given(HOSTILE, HOSTILE)
def test_it_may_be_shown_twice_and_within_a_line(text: str, other: str) -> None:
    """A line made of what was shown already stays as it is, so each part and the whole may pass the same function."""
    line = f"user {shown(text)}: {shown(other)}"
    assert shown(line) == line


@given(st.text(st.characters(exclude_characters="\\", exclude_categories=()), max_size=20).map(str))
def test_nothing_is_left_out(text: str) -> None:
    """Two texts that differ are shown differently: IDs that look alike and aren't are told apart."""
    numbers = "".join(
        piece if piece.startswith("\\") else "".join(f"\\U{ord(one):08x}" for one in piece)
        for piece in _pieces(shown(text))
    )
    assert [int(each, 16) for each in _numbers(numbers)] == [ord(one) for one in text]


@given(HOSTILE, st.integers(1, 40))
def test_it_is_as_long_as_wanted(text: str, longest: int) -> None:
    """So many characters of the text, each at most ten wide; what is cut says so."""
    assert len(shown(text, longest)) <= 10 * longest
    assert len(text) <= longest or shown(text, longest).endswith("…")


@given(HOSTILE)
def test_only_the_first_line_stands_where_ours_do(text: str) -> None:
    """However a text ends its lines, what follows stands deeper."""
    first, *rest = shown_lines(text)
    assert all(line.startswith("    ") and harmless(line) for line in rest)
    assert harmless(first)


@given(st.recursive(HOSTILE, lambda inner: st.lists(inner) | st.dictionaries(HOSTILE, inner), max_leaves=5))
def test_json_is_harmless_and_exact(value: object) -> None:
    """It says the same as before, and has no character that a terminal obeys, or that can't be seen."""
    value = orjson.loads(orjson.dumps(_encodable(value)))
    text = shown_json(value, orjson.OPT_INDENT_2)
    assert orjson.loads(text) == value
    assert all(character == "\n" or character.isprintable() for character in text)


def test_ordinary_names_stay_as_they_are() -> None:
    """Letters of all scripts, marks upon them, and signs that are drawn."""
    names = (
        "Jürgen Müller",
        "Nguyễn Thị",
        "ก็",
        "Ł\u0301",
        "山田 太郎",
        "שָׁלוֹם",
        "O'Brien-Smith",
        "DOMAIN\\user",
        "€ 5",
    )
    assert [shown(name) for name in names] == list(names)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("E1\x1b[1A\x1b[2Kequal", "E1\\x1b[1A\\x1b[2Kequal"),
        ("a\u202eb", "a\\u202eb"),
        ("\u0338=", "\\u0338="),
        ("a\nb", "a\\x0ab"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_does_harm_is_a_number(text: str, seen: str) -> None:
    """As Python and JSON write it."""
    assert shown(text) == seen


def _encodable(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list():
            return [_encodable(each) for each in value]
        case dict():
            return {str(_encodable(name)): _encodable(each) for name, each in value.items()}
    return value


def _pieces(text: str) -> list[str]:
    pieces, reader = [], io.StringIO(text)
    while character := reader.read(1):
        if character == "\\":
            kind = reader.read(1)
            character += kind + reader.read({"x": 2, "u": 4, "U": 8}[kind])
        pieces.append(character)
    return pieces


def _numbers(text: str) -> list[str]:
    return [each[1:] for each in text.split("\\")[1:]]
