"""Names and levels in facts: what looks the same is the same, and what can't be read changes nothing."""

import unicodedata
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.names import Named, UnreadError, names_in
from streamproc.core.records.change_event import ChangeEvent, Fact
from streamproc.core.records.user_record import UserRecord
from tests.support.events import histories
from tests.support.events import values as facts

MAPPING = parse_mapping(
    '[attributes]\ntitle = "job"\n[[copy]]\nfact = "genesysRole"\nto = "roles"\n'
    '[[copy]]\nfact = "genesysQueue"\nto = "languages"\n'
    '[[rule]]\nwhen = { job = "Team*" }\nroles = ["Lead"]\nskills = { Lead = 3.0 }\n'
)
names = st.sampled_from(["Español", "Atención", "Night Shift", "Ärzte", "日本語", "C3", "Q:A"])
levels = st.none() | st.sampled_from(["0", "3", "4.5", "5.0"])
named = st.lists(st.tuples(names, levels), min_size=1, max_size=4)
marks = st.sampled_from(["", "\u200b", "\ufeff", "\u00ad", "\u200e"])
blanks = st.sampled_from(["", " ", "\u00a0", "  "])
separators = st.sampled_from([",", ";", "\n", "\t", "\r\n", ", ", "; ", ",\n", "\uff1b"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def written(draw: st.DrawFn, pairs: list[tuple[str, str | None]]) -> str:
    """The names in one of the ways in which sources write them."""
    text = ""
    for name, level in pairs:
        decomposed = unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), name)
        spaced = decomposed.replace(" ", draw(st.sampled_from([" ", "\u00a0", "  "])))
        level_ = "" if level is None else f"{draw(blanks)}:{draw(blanks)}{level}"
        text += f"{draw(blanks)}{draw(marks)}{spaced}{draw(marks)}{level_}{draw(blanks)}{draw(separators)}"
    return text


@given(data=st.data(), pairs=named)
def test_what_looks_the_same_is_the_same(data: st.DataObject, pairs: list[tuple[str, str | None]]) -> None:
    """However the names are parted, composed and spaced: each is there with its level, and no other."""
    pairs = [(name, level) for name, level in pairs if not (":" in name and level is None)]
    wanted = {(name, None if level is None else float(level)) for name, level in pairs}
    assert set(names_in(data.draw(written(pairs)), leveled=True)) == wanted


@given(value=anything, leveled=st.booleans())
def test_anything_is_names_or_unread(value: Any, leveled: bool) -> None:
    """It never raises anything else; levels are within the scale, and names are there."""
    try:
        found: Named = names_in(value, leveled=leveled)
    except UnreadError:
        return
    assert all(name == name.strip() and name for name, _ in found)
    assert all(level is None or 0.0 <= level <= 5.0 for _, level in found)


@given(events=histories(most=5))
def test_what_cant_be_read_changes_nothing_of_its_attribute(events: list[ChangeEvent]) -> None:
    """Whatever was desired before: each attribute whose facts can't be read is as it was, or still isn't owned."""
    record: UserRecord | None = None
    for offset, event in enumerate(events):
        before: dict[str, Any] = dict(record.desired) if record else {}
        record = fold(record, offset, event, MAPPING)
        (source,) = record.facts.values()
        for name in MAPPING.unread(source.values):
            assert dict(record.desired).get(name, ...) == before.get(name, ...)
        assert bool(record.problems) == bool(MAPPING.unread(source.values))


@given(value=facts)
def test_one_fact_alone_takes_nothing_away_unread(value: Fact) -> None:
    """A fact takes roles and languages away only where it could be read."""
    held: Any = {"roles": ["Agent"], "languages": {"Spanish": 4.0}, "title": "Clerk"}
    desired, problems = MAPPING.desire("E1", {"genesysRole": value, "genesysQueue": value}, held)
    if problems:
        assert [name for name in ("roles", "languages") if dict(desired)[name] == held[name]]
