"""Lists as people write them: separators, names that hold one, levels in words. No name is lost or made."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streamproc.core.errors import MappingError
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.fold.names import UnreadError, Writing, names_in
from streamproc.core.records.change_event import Fact
from streamproc.core.text import plain
from tests.property.core.fold.test_names import anything, blanks, marks

WHOLE = ["Sales | EMEA", "Sales", "Spanish, formal", "R;D", "A | B | C", "B", "Q:A|1"]
LEVELS = {"fluent": 5.0, "Good": 3.0, "C1": 4.5, "C1 advanced": 4.0, "(x)": 1.0}
plain_names = st.sampled_from(
    ["Español", "Night Shift", "日本語", "EMEA", "R&amp;D", "Chinese (Mandarin)", "A", "C", "D - E"]
)
separators = st.sampled_from([",", ";", "|", "\n", " | ", ", ", "｜", "，", "\r\n"])
levels = st.none() | st.sampled_from([*LEVELS, *map(str.upper, LEVELS), "0", "4.5", "3"])
pairs = st.lists(st.tuples(plain_names | st.sampled_from(WHOLE), levels), min_size=1, max_size=5)
writing = Writing(",;|", WHOLE, LEVELS)


def _level(written: str | None) -> float | None:
    if written is None:
        return None
    return next((level for word, level in LEVELS.items() if word.casefold() == written.casefold()), None) or float(
        written
    )


@st.composite
def spelled(draw: st.DrawFn, name: str, level: str | None) -> str:
    """One name in some case and spacing, with its level in one of the ways in which people write it."""
    if name in WHOLE:
        name = draw(
            st.sampled_from(
                [
                    *(name, name.upper(), name.lower(), name.replace(" | ", "|"), name.replace("|", " |  ")),
                    name.replace("|", "\uff5c"),  # as Chinese and Japanese keyboards write it
                ]
            )
        )
    name = f"{draw(blanks)}{draw(marks)}{name}{draw(marks)}{draw(blanks)}"
    if level is None:
        return name
    numeric = level[0].isdecimal()
    form = ":{}" if numeric else draw(st.sampled_from([": {}", " ({} )", "( {})", " - {}", " – {} "]))
    return name + form.format(level)


@given(data=st.data(), pairs=pairs)
def test_every_name_is_there_with_its_level(data: st.DataObject, pairs: list[tuple[str, str | None]]) -> None:
    """Whatever parts them, in whatever case a name that holds a separator is written; and none that isn't there."""
    # "A", "|", "B", "|", "C" in a row can't be told from the name "A | B | C", nor "Sales" before "EMEA".
    names = [name for name, _ in pairs]
    assume("A" not in names and not any(each == "EMEA" for each in names[1:]))
    text = ""
    for name, level in pairs:
        text += data.draw(spelled(name, level)) + data.draw(separators)
    wanted = [(name, _level(level)) for name, level in pairs]
    assert names_in(text, leveled=True, writing=writing) == wanted
    alone: Fact = [data.draw(spelled(name, level)) for name, level in pairs]
    assert names_in(alone, leveled=True, writing=writing) == wanted, "as a list's elements"


@given(value=anything | st.text(alphabet="AB|Sales EMEA,;:()-fluentC1\x01\x00&", max_size=30), leveled=st.booleans())
def test_anything_is_names_or_unread(value: Any, leveled: bool) -> None:
    """It never raises anything else; no mark of ours comes out, and no level is beyond the scale."""
    try:
        found = names_in(value, leveled=leveled, writing=writing)
    except UnreadError:
        return
    assert all(name and name == plain(name) and "\x01" not in name and "\0" not in name for name, _ in found)
    assert all(level is None or 0.0 <= level <= 5.0 for _, level in found)
    assert [name for name, _ in found if "|" in name and name not in WHOLE] == []


def _copy(more: str, to: str = "languages") -> Mapping:
    return parse_mapping(f'[attributes]\n[[copy]]\nfact = "spoken"\nto = "{to}"\nlevel = 2.0\n{more}')


def test_people_write_lists_in_their_own_way() -> None:
    """By the mapping's copy; without its keys, bars and words mean what they have always meant: nothing is taken."""
    text = "Spanish | english (fluent); French - good, German"
    more = _copy('separators = ",;|"\nlevels = { Fluent = 5.0, good = 3.0 }\nvalues = { english = "English" }\n')
    desired, problems = more.desire("E1", {"spoken": text})
    assert desired.get("languages") == {"English": 5.0, "French": 3.0, "German": 2.0, "Spanish": 2.0}
    assert problems == []
    desired, problems = _copy("").desire("E1", {"spoken": text})
    assert ("languages" in desired, len(problems)) == (False, 1)


def test_a_name_that_holds_a_separator_is_one() -> None:
    """In a list of groups, where nothing has a level."""
    more = _copy('separators = ",;|"\nwhole = ["Sales | EMEA"]\n', "groups")
    assert more.desire("E1", {"spoken": "sales|emea, Night"})[0].get("groups") == ["Night", "Sales | EMEA"]
    assert more.desire("E1", {"spoken": "sales|apac"})[0].get("groups") == ["apac", "sales"]
    assert more.desire("E1", {"spoken": "sales | emea north"})[0].get("groups") == ["emea north", "sales"]


@pytest.mark.parametrize(
    ("more", "to", "words"),
    [
        ('separators = ""', "groups", "separators"),
        ('separators = ", "', "groups", "separators"),
        ('separators = ",:"', "groups", "separators"),
        ('separators = "x"', "groups", "separators"),
        ('whole = [" "]', "groups", "whole"),
        ("levels = { fluent = 5.0 }", "groups", "groups have no `levels`"),
        ("levels = { fluent = 5.5 }", "skills", "levels.fluent"),
        ("levels = { fluent = 5.0, FLUENT = 4.0 }", "skills", "there twice"),
    ],
)
def test_a_mistake_in_a_copy_is_named(more: str, to: str, words: str) -> None:
    """What parts names parts no word, no name from its level; a word has one meaning."""
    with pytest.raises(MappingError, match=words):
        _copy(more, to)
