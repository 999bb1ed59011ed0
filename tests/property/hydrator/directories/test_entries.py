"""Lists that stay bytes: cut into their objects, each as if all had been decoded; and what isn't one is told."""

import json
import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.hydrator.directories import entries
from streamproc.hydrator.directories.directory_error import DirectoryError

TEXTS = st.text(st.sampled_from('ab"\\{}[],: \u00e9\u2028\n'), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**9) | TEXTS,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(TEXTS, inside, max_size=3),
    max_leaves=10,
)
LISTS = st.lists(st.dictionaries(TEXTS, JSON, max_size=3), max_size=4)


@given(LISTS, JSON, st.sampled_from([None, 1]), st.booleans())
def test_a_list_is_cut_as_it_is_read(listed: list[Any], beside: Any, indent: int | None, plain: bool) -> None:
    """Wherever it stands, however it is written, whatever stands beside it."""
    content = json.dumps({"x": beside, "a": {"y": beside, "b": listed}}, indent=indent, ensure_ascii=plain).encode()
    found = entries.entries(b"\xef\xbb\xbf" + content, "a", "b")
    assert list(found) == listed
    assert found[:] == listed
    assert [found.value(place, "a") for place in range(len(found))] == [each.get("a") for each in listed]
    assert list(entries.entries(json.dumps(listed).encode())) == listed


@given(JSON)
def test_what_isnt_a_list_of_objects_is_told(content: Any) -> None:
    """Anything else in its place, or in a place of one object."""
    for inside in (content, [{"id": 1}, content]):
        try:
            found = list(entries.entries(orjson.dumps({"a": inside}), "a"))
        except DirectoryError:
            assert not isinstance(inside, list) or not all(isinstance(each, dict) for each in inside)
        else:
            assert found == inside


@given(st.binary(max_size=30) | st.lists(st.sampled_from(list(b'{}[],:"\\ua1d8')), max_size=30).map(bytes))
def test_any_bytes_are_json_or_told(content: bytes) -> None:
    """Nothing else is raised, whatever they are."""
    for names in ((), ("a",), ("a", "b")):
        try:
            list(entries.entries(content, *names))
            entries.value(content, *names)
        except DirectoryError:
            pass


def test_one_entry_that_cant_be_read_is_one_entry() -> None:
    """The others are read, and it is told which."""
    found = entries.entries(rb'[{"id": "1"}, {"id": "2", "n": 1e999}, {"id": "3"}]')
    assert [found[0], found[2]] == [{"id": "1"}, {"id": "3"}]
    assert list(entries.readable(found)) == [{"id": "1"}, {"id": "3"}]
    assert found.value(1, "id") == "2", "so it is known whom it is about"
    with pytest.raises(DirectoryError):
        found[1]


@pytest.mark.parametrize("content", [b"{},", b"1,", b"[],", b'"",', b"{}  ,", b'{"a":{}},'])
def test_a_page_takes_little_more_than_its_bytes(content: bytes) -> None:
    """Three bytes an object, or a number: decoded, they would take thirty times as much."""
    page = b"[" + content * (16_000_000 // len(content)) + b"{}]"
    tracemalloc.start()
    with pytest.raises(DirectoryError):
        entries.entries(page)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * len(page)
