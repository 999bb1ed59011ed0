"""Pages of users and groups: what clients ask for, and the limits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streamproc.core.provider.filter_parser import parse
from streamproc.core.provider.resource_types import GROUPS, USERS
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.provider.state import Folded
from streamproc.gateway.scim import listing
from streamproc.gateway.scim.listing import MOST, Wanted, listed_members, page, shortened, wanted
from streamproc.gateway.scim.representation import represent
from streamproc.gateway.scim.store import Store, StoredResources
from tests.support.scim_resources import a_group, a_user

CROWD = frozenset(f"u{number}" for number in range(MOST + 1))


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[StoredResources]:
    """Five users, a group with two of them, and one with more members than are listed unasked."""
    store = Store(tmp_path / "scim.sqlite", "test")
    found = store.of("okta")
    with store.batch(7):
        for number in range(5):
            found.apply(Folded(None, a_user(number, {"userName": f"U{number}", "title": "x"}, id=f"u{number}")))
        found.apply(Folded(None, a_group(5, "Small", frozenset({"u0", "u1"}), id="small"), ("u0", "u1")))
        found.apply(Folded(None, a_group(6, "Large", CROWD, id="large"), tuple(CROWD)))
    yield found
    store.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, Wanted()),
        ({"startIndex": "1", "count": "2"}, Wanted(count=2)),
        ({"STARTINDEX": "0", "Count": "-3", "filter": ""}, Wanted(count=0)),
        ({"startIndex": "-5", "count": "100000"}, Wanted(count=MOST)),
        ({"startIndex": "99999999999999999999", "count": ""}, Wanted(start_index=2**53)),
        ({"Filter": 'userName eq "x"', "sortBy": "userName"}, Wanted(parse('userName eq "x"'))),
    ],
)
def test_parameters_of_a_list(query: dict[str, str], expected: Wanted) -> None:
    """Any number that a client asks for is met as closely as it can be."""
    assert wanted(query) == expected


@pytest.mark.parametrize("query", [{"startIndex": "one"}, {"count": "1.5"}])
def test_parameters_that_are_no_numbers(query: dict[str, str]) -> None:
    """The client gets 400, and the parameter's name."""
    with pytest.raises(ScimError, match="whole number") as refused:
        wanted(query)
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidValue")


def test_only_how_many(resources: StoredResources) -> None:
    """`count=0` gives the number of all and nobody; a page behind the last one is empty, with the number of all."""
    assert page(resources, USERS, Wanted(count=0)) == listing.Page(5, 1, ())
    assert page(resources, USERS, Wanted(start_index=6)) == listing.Page(5, 6, ())
    assert [each.id for each in page(resources, USERS, Wanted(start_index=4, count=2)).resources] == ["u3", "u4"]


def test_too_many_to_look_at(resources: StoredResources, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that no index answers is refused where there are too many, and served where an index leaves few."""
    monkeypatch.setattr(listing, "MOST_SCANNED", 4)
    for kind, text in ((USERS, 'title eq "x"'), (GROUPS, 'displayName eq "small" or members.type pr')):
        with pytest.raises(ScimError) as refused:
            page(resources, kind, Wanted(parse(text)))
        assert (refused.value.status, refused.value.scim_type) == (400, "tooMany")
    assert page(resources, USERS, Wanted(parse('title eq "x" and userName eq "u3"'))).total == 1
    assert page(resources, USERS, Wanted(parse("userName pr"))).total == 5


def test_members_of_a_large_group_are_listed_when_asked_for(resources: StoredResources) -> None:
    """A list of groups stays small; who asks for members gets all of them."""
    small, large = (page(resources, GROUPS, Wanted(parse(f'displayName eq "{each}"'))) for each in ("small", "large"))
    assert listed_members(resources, small.resources[0], asked_for=False) == {"u0", "u1"}
    assert listed_members(resources, large.resources[0], asked_for=False) is None
    assert listed_members(resources, large.resources[0], asked_for=True) == CROWD


def test_a_page_of_groups_ends_before_it_is_gigabytes(
    resources: StoredResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for the members of all groups gets them in more pages, and each group whole."""
    groups = page(resources, GROUPS, Wanted()).resources
    assert [each.id for each in groups] == ["small", "large"]
    assert shortened(groups, asked_for=True) == groups
    monkeypatch.setattr(listing, "MOST_LISTED", 2)
    assert shortened(groups, asked_for=True) == groups[:1]
    assert shortened(groups[1:], asked_for=True) == groups[1:]
    assert shortened(groups, asked_for=False) == groups


def test_a_user_as_a_client_reads_it(resources: StoredResources) -> None:
    """With schemas, id, meta and groups, and an entity tag that is the version."""
    user = resources.get("u0")
    assert user is not None
    groups = resources.groups_of("u0")
    assert represent(user, USERS, "https://host/scim/v2", groups=groups) == {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": "u0",
        "userName": "U0",
        "title": "x",
        "groups": [{"value": "small", "display": "Small"}, {"value": "large", "display": "Large"}],
        "meta": {
            "resourceType": "User",
            "created": "2026-09-21T14:13:20.000Z",
            "lastModified": "2026-09-21T14:13:20.000Z",
            "location": "https://host/scim/v2/Users/u0",
            "version": 'W/"0"',
        },
    }
