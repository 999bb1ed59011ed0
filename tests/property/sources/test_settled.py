"""Settling telephone numbers: total, once and for all, and blind to how a number is written."""

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import Fact
from streamproc.core.records.units import Micros
from streamproc.core.records.unread_fact import why_unread
from streamproc.sources import configured
from streamproc.sources.settled import settled
from streamproc.sources.values.phones import REGIONS, e164

regions = st.sampled_from(sorted(REGIONS))
texts = st.one_of(
    st.text(alphabet="+0123456789 ()-./x#;,ext\u00a0\u200e٣５", max_size=24),
    st.text(max_size=40),
    st.builds("+{}{}".format, st.sampled_from([1, 34, 39, 44, 49, 52, 54, 91, 225]), st.integers(0, 10**13)),
)
facts: st.SearchStrategy[Fact] = st.one_of(
    texts, st.none(), st.booleans(), st.integers(), st.floats(), st.lists(texts, max_size=2)
)


@given(texts, st.none() | regions, st.none() | regions)
def test_what_is_settled_stays(written: str, region: str | None, other: str | None) -> None:
    """A number that came out comes out again, by whatever plan it is read; it is E.164, with digits from the text."""
    made = e164(written, region)
    if made is not None:
        assert e164(made, other) == made
        number, _, extension = made.partition(";ext=")
        assert number[0] == "+"
        assert number[1:].isascii()
        assert (number[1:] + extension).isdecimal()
        assert len(number) <= 16


@given(
    st.integers(10**6, 10**10),
    regions,
    st.lists(st.sampled_from([" ", "-", ".", "\u00a0", "\u2011", ""]), min_size=11, max_size=11),
)
def test_what_parts_digits_says_nothing(number: int, region: str, between: list[str]) -> None:
    """Blanks, dashes, points: the same digits are the same number, or none."""
    written = "".join(digit + mark for digit, mark in zip(str(number), between, strict=False))
    assert e164(written, region) == e164(str(number), region)


@given(
    st.dictionaries(st.sampled_from(["phone", "mobile", "country", "job"]), facts),
    st.sampled_from(["snapshot", "change"]),
)
def test_every_number_is_said_or_told(attributes: dict[str, Fact], kind: str) -> None:
    """Nothing raises; nothing but numbers is touched; settled again, all stays."""
    options = configured('[hris]\nregion = "country|ES"', "sources.toml")["hris"]
    event = SourceEvent("E1", "e1", "snapshot" if kind == "snapshot" else "change", (Micros(1), 0, "e1"), attributes)
    (made,) = settled([event], options)
    for name, value in made.attributes.items():
        if name not in ("phone", "mobile"):
            assert value is attributes[name]
        elif value is None:
            assert attributes[name] in (None, "", [], [""])
        elif isinstance(value, str):
            assert e164(value, None) == value
        else:
            assert why_unread(value) is not None, "why it isn't one, and not what was written"
    assert (made.attributes.keys(), settled([made], options)) == (attributes.keys(), [made])
