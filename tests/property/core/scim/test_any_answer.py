"""Whatever JSON an answer is: it is read without an error, in little time, and what is kept of it is short."""

import re
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.scim.dialect import DIALECTS, ENTERPRISE, GENESYS, parse_user
from streamproc.core.scim.list_response import LARGEST, Listing, turn_page
from streamproc.core.scim.response_body import (
    LONGEST_ETAG,
    LONGEST_ID,
    created,
    etag,
    is_later_page,
    is_list,
    is_resource,
    matches,
    resource_id,
)
from streamproc.core.scim.response_policy import WORDS, Response, describe, refusal_of, response_action
from streamproc.core.scim.spelling import alike

NAMES = (
    "id",
    "externalId",
    "userName",
    "active",
    "meta",
    "version",
    "resourceType",
    "schemas",
    "Resources",
    "totalResults",
    "detail",
    "message",
    "scimType",
    "code",
    "value",
    "name",
    "type",
    "roles",
    "phoneNumbers",
    "title",
    "externalIds",
    "authority",
    "dateHire",
    ENTERPRISE,
    GENESYS,
)
texts = st.text(max_size=20) | st.sampled_from(
    ["admin", "..", "*", '"5"', "x" * 5000, "User", "work", "\r\nX: 1", "nan"]
)
leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | texts
values: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=30,
)
bodies = st.dictionaries(st.sampled_from(NAMES), values, max_size=10)
headers = st.dictionaries(st.sampled_from(["etag", "location", "retry-after", "content-type", "content-length"]), texts)
HEADER = re.compile(r"[\x20-\x7e]+")


@given(
    body=bodies,
    told=headers,
    status=st.none() | st.integers(0, 999),
    asked=st.sampled_from(["create", "write", "group", "read"]),
)
def test_any_answer_means_something(body: dict[str, Any], told: dict[str, str], status: int | None, asked: Any) -> None:
    """There is an action, words that are short, and nothing in them but text; what is kept says the same."""
    answer = Response(status, body, told)
    response_action(asked, answer, 3, 0.5)
    words = describe(answer)
    assert len(words) <= 3 * WORDS
    kept = refusal_of(answer)
    assert len(orjson.dumps(kept.body)) <= 40 * WORDS
    assert describe(kept) == words or answer.headers.get("content-type")


@given(body=bodies, told=headers)
def test_ids_and_versions_fit_where_they_are_sent(body: dict[str, Any], told: dict[str, str]) -> None:
    """An id can be part of a path, and a version can be a header: no control characters, no list, no `*`, short."""
    answer = Response(200, body, told)
    for there in (resource_id(body), created(answer)):
        assert there is None or (0 < len(there) <= LONGEST_ID and not re.search(r"[\0-\x1f\x7f-\x9f]", there))
        assert there not in {".", ".."}
    version = etag(answer)
    assert version is None or (HEADER.fullmatch(version) and len(version) <= LONGEST_ETAG and version != "*")
    is_resource(body, "User")
    matches(body, "userName", "ana@example.com")


@given(body=bodies, dialect=st.sampled_from([*DIALECTS]))
def test_what_a_user_shows_is_what_a_user_has(body: dict[str, Any], dialect: str) -> None:
    """Texts, names and levels, as our own records can hold them: anything else isn't said."""
    held: dict[str, Any] = {**parse_user(body, DIALECTS[dialect])}
    for name, value in held.items():
        match name:
            case "active":
                assert isinstance(value, bool)
            case "roles":
                assert all(isinstance(each, str) for each in value)
            case "externalIds":
                assert all(isinstance(each, str) and isinstance(value, str) for each, value in value.items())
            case "skills" | "languages":
                assert all(isinstance(each, str) and isinstance(level, float) for each, level in value.items())
            case _:
                assert isinstance(value, str)
    assert orjson.loads(orjson.dumps(held)) == held


@given(pages=st.lists(bodies, max_size=15))
def test_a_search_ends_and_keeps_who_it_is(pages: list[dict[str, Any]]) -> None:
    """After ten pages at the latest; of each resource an id and names are kept."""
    listing = Listing()
    for page in pages:
        if listing.end is not None:
            break
        if is_list(page) or is_later_page(page):
            listing = turn_page(listing, page, "externalId", "E1")
    assert listing.pages <= 10
    for each in (*listing.found, *listing.others):
        assert each.keys() <= {"id", "externalId", "userName", "displayName"}
        assert all(len(said) <= LONGEST_ID for said in each.values())


def test_a_search_that_shows_everybody_is_looked_at_so_far() -> None:
    """Beyond so many, nobody can say who isn't there."""
    everybody = {"totalResults": 9 * LARGEST, "Resources": [{"id": str(each)} for each in range(9 * LARGEST)]}
    listing = turn_page(Listing(), everybody, "externalId", "E1")
    assert (len(listing.ids), listing.end) == (LARGEST, "unclear")


@pytest.mark.parametrize(
    "shown", [";" * 200_000, "+1" + "0" * 200_000, "a" + "\u0315\u0300" * 100_000, "ext" * 60_000, " " * 200_000]
)
def test_no_text_takes_long_to_compare(shown: str) -> None:
    """Looking for an extension, and composing text, take time by the square of a text that is made for it."""
    begun = time.perf_counter()
    for written in ("+13175550101", "Ana Müller", "+1" + "0" * 1000):
        assert not alike(written, shown)
        matches({"userName": shown}, "userName", written)
    assert time.perf_counter() - begun < 1.0
