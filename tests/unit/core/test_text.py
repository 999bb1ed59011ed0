"""Text: what isn't seen in an id is found, and told by its number."""

import unicodedata

import pytest

from streamproc.core.text import plain, unseen


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("a\x00b", "U+0000"),
        ("\x1b[2J", "U+001B"),
        ("a\u202eb", "U+202E"),
        ("a\u200db", "U+200D"),
        ("a\U000e0041", "U+E0041"),
    ],
)
def test_the_first_character_that_isnt_seen(name: str, number: str) -> None:
    """Controls, marks of direction, joiners, tags."""
    assert unseen(name) == number


@pytest.mark.parametrize(
    "name", ["00u1abcd", "王伟", "José", "E-1001", "o'neil+cc@example.com", "a b", "https://i#/Users/1"]
)
def test_ids_as_they_are(name: str) -> None:
    """Letters of any script, signs, blanks."""
    assert unseen(name) is None


def test_no_control_or_format_character_of_any_release_is_missed() -> None:
    """Every one that this Python's Unicode knows, but for those that are drawn: Arabic's and Kaithi's signs of numbers,
    shorthand's and hieroglyphs' controls, which stand between signs that are.
    """
    missed = {
        code
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and unseen(f"a{chr(code)}b") is None
    }
    drawn = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    assert missed - drawn <= {*range(0x13430, 0x13440), *range(0x1BCA0, 0x1BCA4)}


def test_what_is_seen_as_nothing_is_found_in_an_id() -> None:
    """Whatever `plain` takes out of text is refused where it is within an id."""
    hidden = [chr(code) for code in range(0x20, 0x110000) if plain(f"a{chr(code)}b") == "ab"]
    assert [character for character in hidden if unseen(f"a{character}b") is None] == []
