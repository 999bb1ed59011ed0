"""Tables and long lines in the terminal: nothing is wider than the terminal, and no word gets lost."""

from unicodedata import east_asian_width

from hypothesis import given
from hypothesis import strategies as st

from streamproc.cli.table import NARROWEST, WIDEST, table, wrapped

words = st.text("abcdefgh0123456789/@.-", min_size=1, max_size=30)
cells = st.lists(words, max_size=30).map(" ".join)
totals = st.integers(NARROWEST, WIDEST)


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[cells] * n), min_size=1, max_size=6)), totals)
def test_a_table_fits_and_keeps_every_cell(rows: list[tuple[str, ...]], total: int) -> None:
    """Up to four columns fit into any terminal from 80 columns on, and each cell's characters stand in its column."""
    lines = list(table(rows, total=total))
    assert all(len(line) <= total for line in lines)
    shown = "".join("".join(lines).split())
    assert sorted(shown) == sorted("".join("".join("".join(row).split()) for row in rows))


def test_columns_are_as_wide_as_what_they_hold() -> None:
    """Words to the left, numbers to the right; a long last cell goes on below itself."""
    rows = [("user", "waiting", "why"), ("E1001", "3", "the target refused the title " * 3)]
    assert list(table(rows, numbers={1}, total=80)) == [
        "user   waiting  why",
        "E1001        3  the target refused the title the target refused the title the",
        "                target refused the title",
    ]


@given(st.integers(0, 12), cells.filter(str.strip), totals)
def test_a_long_line_goes_on_deeper(indent: int, text: str, total: int) -> None:
    """Whatever its length: no line is wider than the terminal, and the words are the same in the same order."""
    lines = list(wrapped(" " * indent + text, total=total))
    assert all(len(line) <= total for line in lines)
    assert " ".join(lines).split() == text.split()
    assert all(line.startswith(" " * (indent + 4)) for line in lines[1:])


@given(
    st.lists(st.tuples(st.text("漢字ab\x1b\u202e\n ", max_size=90), st.text(max_size=90)), min_size=1, max_size=4),
    totals,
)
def test_characters_of_two_columns_fit_as_well(rows: list[tuple[str, str]], total: int) -> None:
    """A terminal gives ideographs two columns: no line is wider for it, and none has what a terminal obeys."""
    for line in (*table(rows, total=total), *wrapped(rows[0][0], total=total)):
        assert line.isprintable()
        assert sum(2 if east_asian_width(each) in {"W", "F"} else 1 for each in line) <= total
