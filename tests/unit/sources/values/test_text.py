"""Text: what looks the same is the same."""

from hypothesis import given
from hypothesis import strategies as st

from streamproc.sources.values.text import number, plain


def test_what_nobody_sees_is_left_out() -> None:
    """Marks of direction, zero width, byte order marks, soft hyphens; blanks of all kinds are one."""
    for written in (
        "Ana Ruiz", " Ana Ruiz\t", "Ana\u00a0Ruiz", "Ana  Ruiz", "Ana\nRuiz", "\ufeffAna Ruiz", "\u202aAna Ruiz\u202c",
        "A\u00adna Ru\u200biz", "Ana\u3000Ruiz", "Ana\u2028Ruiz", "Ana Ruiz\u200d", "Ana\x00 Ruiz",
    ):  # fmt: skip
        assert plain(written) == "Ana Ruiz"
    assert plain("Atencio\u0301n") == "Atención"


def test_what_is_seen_stays() -> None:
    """Apostrophes, emoji with their joiners, joiners of Persian, signs of any script."""
    for written in ("D’Arcy O'Neil-Šćepanović 🎧", "👩\u200d💻", "می\u200cخواهم", "क्\u200dष", "R&amp;D", "Straße", "ﬁ"):
        assert plain(written) == written


def test_line_ends_may_part_names() -> None:
    """They stay where they are asked for."""
    assert plain("Spanish:4\r\nEnglish ", lines=True) == "Spanish:4\nEnglish"
    assert plain("Spanish:4\r\nEnglish ") == "Spanish:4 English"


@given(st.text())
def test_plain_text_stays_as_it_is(written: str) -> None:
    """What is plain once is plain for good."""
    assert plain(plain(written)) == plain(written)


def test_numbers_as_text() -> None:
    """Whole ones without a point; what isn't exact isn't one."""
    assert [number(each) for each in (7, 7.0, 0.5, -2.0)] == ["7", "7", "0.5", "-2"]
    inexact: list[object] = [True, "7", None, 2.0**53, float("nan"), 10**30, []]
    assert [number(each) for each in inexact] == [None] * 7
