"""What a search has shown, over all of its pages."""

from typing import Any

import pytest

from streamproc.core.scim.list_response import MOST, Listing, turn_page
from streamproc.core.scim.response_body import is_list


def body(*names: str, **told: Any) -> dict[str, Any]:
    """A page of users."""
    shown = [{"id": f"id-{name}", "userName": name} for name in names]
    return {"Resources": shown, "totalResults": len(names), **told}


def searched(*pages: dict[str, Any], value: str = "ana") -> Listing:
    """All pages in order."""
    listing = Listing()
    for page in pages:
        listing = turn_page(listing, page, "userName", value)
    return listing


def test_the_one_who_was_searched_for() -> None:
    """One resource, and it shows what was searched for."""
    listing = searched(body("Ana"))
    assert ([each["id"] for each in listing.found], listing.others, listing.end) == (["id-Ana"], (), "complete")


def test_others_are_told_apart() -> None:
    """A filter that was passed over shows everybody; who doesn't show the attribute at all isn't who was meant."""
    listing = searched(body("ben", "ana", Resources=[{"id": "1"}, *body("ben", "ana")["Resources"]]))
    assert (len(listing.found), len(listing.others), listing.unfiltered) == (1, 2, True)


@pytest.mark.parametrize("total", [3, "3", 3.0])
def test_later_pages_are_asked_for(total: Any) -> None:
    """Who isn't on the first page may be on the next; the total may be text."""
    first = searched(body("ben", "eve", totalResults=total))
    assert (first.end, first.next_page) == (None, "&startIndex=3&count=200")
    assert searched(body("ben", "eve", totalResults=total), body("ana", totalResults=total)).end == "complete"


@pytest.mark.parametrize("second", [body("ben", totalResults=9), body(totalResults=9)], ids=["again", "empty"])
def test_a_page_with_nothing_new_ends_it(second: dict[str, Any]) -> None:
    """A page that links to itself, or a total that lies: it ends, and nobody's absence is known."""
    assert searched(body("ben", totalResults=9), second).end == "unclear"


def test_every_search_ends() -> None:
    """However many pages there are."""
    pages = [body(f"user{number}", totalResults=10**6) for number in range(MOST)]
    assert (searched(*pages[:-1]).end, searched(*pages).end) == (None, "unclear")


def test_a_server_that_tells_no_total() -> None:
    """One page is all where it's about what was asked; else until a page is empty."""
    assert searched({"Resources": body("ana")["Resources"]}).end == "complete"
    unfiltered = {"Resources": body("ben")["Resources"]}
    assert searched(unfiltered).end is None
    assert searched(unfiltered, {"Resources": []}).end == "complete"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"totalResults": 0}, True),
        ({"totalResults": "0", "Resources": []}, True),
        ({"Resources": []}, True),
        ({"Resources": [{"id": "1"}], "totalResults": 0}, True),
        ({"totalResults": 5, "Resources": []}, False),
        ({"totalResults": 1}, False),
        ({"totalResults": True}, False),
        ({"totalResults": "many", "Resources": []}, False),
        ({"Resources": [None]}, False),
        ({"Resources": {"id": "1"}}, False),
        ({"id": "1", "userName": "ana"}, False),
        ({}, False),
    ],
)
def test_what_is_a_list(told: dict[str, Any], expected: bool) -> None:
    """Nobody is absent on the word of an answer that isn't a list, or that contradicts itself."""
    assert is_list(told) is expected
