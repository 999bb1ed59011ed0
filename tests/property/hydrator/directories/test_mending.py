"""Half characters: one text of one person's makes no answer unreadable."""

import json

from hypothesis import given
from hypothesis import strategies as st

from streamproc.hydrator.directories.mending import mended

CHARACTERS = st.sampled_from(["a", "\\", '"', "\ud83d", "\ude00", "\U0001f600", "\u00e9", "u", "d800", "\n", "\0"])


@given(st.lists(CHARACTERS, max_size=12).map("".join))
def test_every_text_can_be_read_and_whole_ones_stay(text: str) -> None:
    """Halves become U+FFFD; whatever else is there stays as it is, also what only looks like an escape."""
    content = json.dumps({"n": text}).encode()
    read = json.loads(mended(content).decode())["n"]
    whole = json.loads(content)["n"]  # two halves that meet are one character
    assert read == "".join("\ufffd" if "\ud800" <= each <= "\udfff" else each for each in whole)
    assert read.encode().decode() == read


@given(st.binary(max_size=20))
def test_bytes_that_arent_characters_are_mended(content: bytes) -> None:
    """The result is UTF-8, and what was UTF-8 without escapes is as it was."""
    mended(content).decode()
    try:
        content.decode()
    except UnicodeDecodeError:
        return
    assert mended(content) == content or rb"\u" in content
