"""What goes into URLs and filters is quoted, whatever it is."""

from urllib.parse import parse_qs, unquote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from streamproc.core.scim.dialect import member_body
from streamproc.core.scim.filter import equals, resource_path
from streamproc.core.scim.response_body import created, resource_id
from streamproc.core.scim.response_policy import Response

IDS = ["jdoe#2", "a/b", "a?b", 'a"b', "a\\b", "%2F", "%", "a b", "ü", "a&b=c", "+", "a;b", "../Groups/1"]


@pytest.mark.parametrize("there", IDS)
def test_an_id_stays_one_segment_of_the_path(there: str) -> None:
    """Also after the URL was read by the client's library: `jdoe#2` isn't `jdoe`, and `a/b` isn't below `a`."""
    url = URL(f"https://example.com/scim/v2{resource_path('Users', there)}")
    assert unquote(url.raw_path.removeprefix("/scim/v2/Users/")) == there
    assert "/" not in url.raw_path.removeprefix("/scim/v2/Users/")
    assert (url.raw_query_string, url.raw_fragment) == ("", "")


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."}))
def test_any_id_and_value_come_through(text: str) -> None:
    """Whatever a server or a company calls somebody."""
    if text.encode("utf-8", "ignore").decode() != text:
        return
    assert unquote(resource_path("Users", text).removeprefix("/Users/")) == text
    (told,) = parse_qs(equals(("userName", text)), keep_blank_values=True)["filter"]
    assert orjson.loads(told.removeprefix("userName eq ")) == text
    path = member_body(text, join=False)["Operations"][0]["path"]
    assert orjson.loads(path.removeprefix("members[value eq ").removesuffix("]")) == text


@pytest.mark.parametrize("told", [None, "", ".", "..", True, 1.5, {"value": "1"}, ["1"]])
def test_what_no_path_can_name_is_no_id(told: object) -> None:
    """Nothing is ever sent to the users as a whole for want of an id."""
    assert resource_id({"id": told}) is None


def test_the_id_of_a_create_is_in_the_body_or_at_the_end_of_location() -> None:
    """Unquoted, and without what follows it."""
    assert created(Response(201, {"id": 7}, {})) == "7"
    assert created(Response(201, {}, {"location": "/scim/v2/Users/jdoe%232?x=1"})) == "jdoe#2"
    assert created(Response(201, {}, {})) is None
