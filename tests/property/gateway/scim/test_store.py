"""The file answers as dictionaries do, whatever records have done."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from streamproc.core.provider.group_members import NOBODY
from streamproc.core.provider.matching import comparable
from streamproc.core.provider.resource_types import RESOURCE_TYPES
from streamproc.core.provider.state import Folded, ResourcesInMemory, ResourceType, ScimResource
from streamproc.gateway.scim.listing import Wanted, page
from streamproc.gateway.scim.store import Store
from tests.support.scim_filters import WORDS, users
from tests.support.scim_resources import a_group, a_user

IDS = ("a", "b", "c")
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(IDS),
        st.sampled_from(["User", "Group", "delete", "none"]),
        users(),
        st.frozensets(st.sampled_from([*IDS, "elsewhere"])),
    ),
    max_size=12,
)


def folded(
    known: ResourcesInMemory, offset: int, change: tuple[str, str, dict[str, Any], frozenset[str]]
) -> Folded | None:
    """What a valid record does: it makes, changes or deletes the resource with an id. None: it is void."""
    id_, what, attributes, members = change
    before = known.get(id_)
    if what in {"delete", "none"}:
        return None if before is None else Folded(before, before if what == "none" else None)
    if before is not None and before.type != what:
        return None
    user = {name: value for name, value in attributes.items() if name not in {"id", "meta"}}
    made = a_user(offset, user, id=id_) if what == "User" else a_group(offset, user["userName"], members, id=id_)
    had = known.members(id_) if made.members is not None else frozenset()
    if before is not None:
        made = structs.replace(made, first=before.first, created=before.created)
    taken = (known.claimant(made.type, attribute, value) for attribute, value in made.claims.items())
    if not {*taken} <= {None, id_}:
        return None
    added, removed = (tuple(members - had), tuple(had - members)) if made.members is not None else ((), ())
    counted = NOBODY if before is None or before.members is None else before.members
    assert made.members is None or made.members == counted.after(added, removed)
    return Folded(before, made, added, removed)


@given(CHANGES)
def test_as_dictionaries(changes: list[tuple[str, str, dict[str, Any], frozenset[str]]]) -> None:
    """Resources, names that are taken, members and the order of lists are those that the log says, batch by batch."""
    known = ResourcesInMemory()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "scim.sqlite", "test")
        stored = store.of("okta")
        for offset, change in enumerate(changes):
            done = folded(known, offset, change)
            if done is not None:
                known.apply(done)
                with store.batch(offset + 1):
                    stored.apply(done)
        for id_ in IDS:
            assert stored.get(id_) == known.get(id_)
            assert stored.members(id_) == known.members(id_)
            assert stored.members_among(id_, IDS) == known.members_among(id_, IDS)
        assert stored.known(["x", *IDS]) == known.known(["x", *IDS])
        kinds: list[tuple[ResourceType, str]] = [("User", "userName"), ("Group", "displayName")]
        for type_, attribute in kinds:
            for word in WORDS:
                name = comparable(word, case_exact=False)
                assert stored.claimant(type_, attribute, name) == known.claimant(type_, attribute, name)
            everybody: list[ScimResource] = [each for each in known if each.type == type_]
            assert [*page(stored, RESOURCE_TYPES[type_], Wanted()).resources] == everybody
        store.close()
