"""Lists from the file against all resources looked at one by one."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.provider.filter_parser import parse
from streamproc.core.provider.matching import comparable, predicate
from streamproc.core.provider.resource_types import RESOURCE_TYPES
from streamproc.core.provider.state import Folded, ResourceType, ScimResource
from streamproc.gateway.scim.listing import Wanted, page
from streamproc.gateway.scim.representation import represent
from streamproc.gateway.scim.store import Store, StoredResources
from tests.support.scim_filters import GROUP_NAMES, filters_of_groups, filters_of_users, users
from tests.support.scim_resources import a_group, a_user

People = list[dict[str, Any]]
Teams = dict[str, frozenset[str]]
PEOPLE = st.lists(
    users(), min_size=3, max_size=3, unique_by=lambda each: comparable(each["userName"], case_exact=False)
)
TEAMS = st.dictionaries(
    GROUP_NAMES.map(str.lower), st.frozensets(st.sampled_from(["u0", "u1", "u2", "elsewhere"])), max_size=3
)


def _made(people: People, teams: Teams, offset: int) -> Iterator[tuple[ScimResource, frozenset[str]]]:
    for number, each in enumerate(people):
        attributes = {name: value for name, value in each.items() if name not in {"id", "meta"}}
        yield a_user(offset + number, attributes, id=f"u{number}"), frozenset()
    for number, (name, members) in enumerate(teams.items(), len(people)):
        yield a_group(offset + number, name, members, id=f"g{number}"), members


@contextmanager
def stored(people: People, teams: Teams) -> Iterator[tuple[StoredResources, list[Mapping[str, Any]]]]:
    """A connection with these, and all of them as a client reads them. Another connection has the same ids."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "scim.sqlite", "test")
        mine, theirs = store.of("mine"), store.of("theirs")
        everything = [*_made(people, teams, 10)]
        with store.batch(1):
            for made, members in _made(people[::-1], {name: frozenset({"u2"}) for name in teams}, 0):
                theirs.apply(Folded(None, made, tuple(members)))
            for made, members in everything:
                mine.apply(Folded(None, made, tuple(members)))
        teams_of = {
            each.id: [(team.id, team.attributes["displayName"]) for team, members in everything if each.id in members]
            for each, _ in everything
        }
        yield (
            mine,
            [
                represent(each, RESOURCE_TYPES[each.type], "", members=members, groups=teams_of[each.id])
                for each, members in everything
            ],
        )
        store.close()


@given(
    PEOPLE,
    TEAMS,
    st.lists(
        st.tuples(st.just("User"), filters_of_users()) | st.tuples(st.just("Group"), filters_of_groups()), max_size=8
    ),
)
def test_a_filter_finds_what_looking_at_each_finds(
    people: People, teams: Teams, asked: list[tuple[ResourceType, str]]
) -> None:
    """Whether an index answers, half answers or is of no use: a client gets the same users and groups, in one order."""
    with stored(people, teams) as (resources, everything):
        for type_, text in asked:
            kind = RESOURCE_TYPES[type_]
            fits = predicate(parse(text), kind)
            expected = [each["id"] for each in everything if each["meta"]["resourceType"] == type_ and fits(each)]
            found = page(resources, kind, Wanted(parse(text)))
            assert (found.total, [each.id for each in found.resources]) == (len(expected), expected), text


@given(
    PEOPLE, st.sampled_from([None, "userName pr", "meta pr", 'userName gt "a"']), st.integers(1, 5), st.integers(0, 4)
)
def test_pages_make_up_the_whole(people: People, text: str | None, start: int, count: int) -> None:
    """Each page is a piece of the same list, with the number of all, wherever it begins and however long it is."""
    asked = None if text is None else parse(text)
    with stored(people, {}) as (resources, _):
        kind = RESOURCE_TYPES["User"]
        whole = page(resources, kind, Wanted(asked))
        found = page(resources, kind, Wanted(asked, start, count))
        assert found.resources == whole.resources[start - 1 : start - 1 + count]
        assert found.total == whole.total == len(whole.resources)
