"""Filters that go by the tables find whom they find resource by resource, also beside another connection's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from streamproc.core.provider.filter_parser import parse
from streamproc.core.provider.resource_types import USERS
from streamproc.core.provider.state import Folded
from streamproc.gateway.scim.listing import Wanted, page
from streamproc.gateway.scim.store import Store, StoredResources
from tests.support.scim_resources import a_group, a_user

BEFORE = a_user(3, {"userName": "was", "active": True, "emails": [{"value": "was@x.org"}]}, id="b")
AFTER = structs.replace(
    BEFORE,
    version=9,
    attributes={
        "userName": "Bob",
        "active": False,
        "emails": [{"value": "b@x.org", "type": "home"}, {"type": "work"}, {"value": "z@y"}],
    },
    claims={"userName": "bob"},
)


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[StoredResources]:
    """Alice, who is in Sales, and Bob, who has changed; another connection has their ids, in other groups."""
    store = Store(tmp_path / "scim.sqlite", "test")
    mine, theirs = store.of("mine"), store.of("theirs")
    alice = {"userName": "alice", "active": True, "emails": [{"value": "a@x.org", "type": "work"}]}
    with store.batch(10):
        for offset, id_ in enumerate("ab"):
            theirs.apply(Folded(None, a_user(offset, {"userName": id_}, id=id_)))
        mine.apply(Folded(None, a_user(2, alice, id="a")))
        mine.apply(Folded(None, BEFORE))
        mine.apply(Folded(None, a_group(4, "Sales", frozenset({"a"}), id="s"), ("a",)))
        theirs.apply(Folded(None, a_group(5, "Sales", frozenset({"b"}), id="s"), ("b",)))
        mine.apply(Folded(BEFORE, AFTER))
    assert mine.groups_of("b") == []
    assert theirs.groups_of("b") == [("s", "Sales")]
    yield mine
    store.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("active eq true", "a"), ("active eq false", "b"), ("active ne true", "b"), ("active pr", "ab")),
        *(('userName eq "was"', ""), ('userName eq "BOB"', "b"), ('userName ne "bob"', "a"), ('userName sw "al"', "a")),
        *(('userName ew "li"', ""), ('userName ew "ice"', "a"), ('userName co "o"', "b"), ('userName gt "alice"', "b")),
        *(
            ('emails eq "was@x.org"', ""),
            ('emails co "@x"', "ab"),
            ('emails ew "@x"', ""),
            ('emails ne "b@x.org"', "a"),
        ),
        *(('emails[type eq "work" and value eq "b@x.org"]', ""), ('emails[type eq "work" and value co "@"]', "a")),
        *(('emails[value co "b@" and value co "z@"]', ""), ('emails co "b@" and emails co "z@"', "b")),
        *(('emails[type eq "work" or value eq "b@x.org"]', "ab"), ('emails[value ne "b@x.org"]', "ab")),
        *(('groups eq "s"', "a"), ('groups.display eq "SALES"', "a"), ("groups pr", "a"), ('groups ne "s"', "b")),
        *(('nobody ne "x"', ""), ('not (nobody eq "x")', "ab"), ("nobody eq null", ""), ("externalId eq null", "ab")),
        *(('not (externalId eq "x")', "ab"), ('userName eq "bob" or emails eq "a@x.org"', "ab")),
    ],
)
def test_whom_a_filter_finds(resources: StoredResources, text: str, expected: str) -> None:
    """Nobody is found by what was before, by half a value, another element or another connection's group."""
    found = page(resources, USERS, Wanted(parse(text)))
    assert "".join(each.id for each in found.resources) == expected
    assert found.total == len(expected)
