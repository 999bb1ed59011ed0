"""Pages of accounts, whatever a target answers: every list ends, and what isn't an account isn't taken for one."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.scim.dialect import GENESYS_DIALECT, RFC7644_DIALECT
from streamproc.reconcile.decide.pages import MOST, SIZE, Page, asked, next_start, page_path, read_page

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
json = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "userName", "schemas", "meta", "Resources", "totalResults"]), inner)
    ),
    max_leaves=12,
)


@given(
    body=st.dictionaries(st.sampled_from(["Resources", "totalResults", "id", "schemas"]), json | st.lists(json)),
    first=st.booleans(),
)
def test_whatever_is_answered_is_a_page_or_none(body: dict[str, Any], first: bool) -> None:
    """Each account has an id and a userName; nothing raises."""
    page = read_page(body, first=first)
    if page is None:
        return
    assert len(page.accounts) <= page.shown
    assert all(isinstance(each["userName"], str) for each in page.accounts.values())


@given(
    total=st.none() | st.integers(0, 10**9),
    shown=st.lists(st.integers(0, SIZE), min_size=1, max_size=80),
    data=st.data(),
)
def test_every_list_ends(total: int | None, shown: list[int], data: st.DataObject) -> None:
    """After a page without anything new, after as many as there are, and in any case at some time."""
    start: int | None = 1
    for many in shown:
        assert start is not None
        new = data.draw(st.integers(0, many))
        after = next_start(start, Page({}, many, total), new)
        if not new or (total is not None and start + many > total):
            assert after is None
        if after is None:
            return
        assert after == start + many
        start = after
    assert next_start(MOST * SIZE, Page({}, SIZE, None), SIZE) is None


def test_pages_ask_for_what_is_owned_and_by_what_somebody_is_known() -> None:
    """By the names that the target has, and for nothing that says only how somebody stands."""
    wanted = asked({"title", "skills", "groups", "scope", "seed", "department"}, GENESYS_DIALECT)
    assert wanted == {"title", "skills", "groups", "department", "userName", "active", "externalId"}
    path = page_path(active=False, start=26, attributes=wanted, dialect=GENESYS_DIALECT)
    assert path == (
        "/Users?filter=active%20eq%20false&startIndex=26&count=25&attributes=active,externalId,groups,id,title,"
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department,"
        "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User:routingSkills,userName"
    )
    assert "skills" not in asked({"skills"}, RFC7644_DIALECT)
