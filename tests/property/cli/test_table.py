"""Tables and long lines in the terminal: nothing is wider than the terminal, and no word gets lost."""

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
