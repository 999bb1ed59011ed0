"""Members of a group: what is in the log as changes is what was asked for as a whole."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.provider import group_members
from streamproc.core.provider.group_members import (
    NOBODY,
    AddMembers,
    Delta,
    MemberEdit,
    RemoveMembers,
    ReplaceMembers,
    delta,
    digest,
)

ids = st.sampled_from("abcdefgh")
sets = st.frozensets(ids)
some = st.lists(ids, max_size=6).map(tuple)
edits: st.SearchStrategy[MemberEdit] = st.one_of(
    st.builds(AddMembers, some), st.builds(RemoveMembers, some), st.builds(ReplaceMembers, some)
)


def made(held: frozenset[str], change: Delta) -> frozenset[str]:
    """The set after the change, which says nothing that is so already."""
    assert held.isdisjoint(change.add)
    assert held.issuperset(change.remove)
    return (held - set(change.remove)) | set(change.add)


@given(held=sets, asked=st.lists(edits, max_size=5))
def test_a_change_is_what_the_edits_come_to(held: frozenset[str], asked: list[MemberEdit]) -> None:
    """Whatever a client says of members, one by one or all at once, is as if each edit had been made alone."""
    after = set(held)
    for edit in asked:
        if isinstance(edit, ReplaceMembers):
            after.clear()
        for member in edit.ids:
            (after.discard if isinstance(edit, RemoveMembers) else after.add)(member)
    assert made(held, delta(asked, held.intersection, lambda: held)) == after


@given(held=sets, wanted=sets)
def test_replacing_is_adding_and_removing(held: frozenset[str], wanted: frozenset[str]) -> None:
    """A client that sends all members and one that sends changes come to the same record."""
    whole = delta([ReplaceMembers(tuple(wanted))], held.intersection, lambda: held)
    singly: list[MemberEdit] = [RemoveMembers(tuple(held - wanted)), AddMembers(tuple(wanted))]
    assert whole == delta(singly, held.intersection, lambda: held)


@given(held=sets, wanted=sets, most=st.integers(1, 4))
def test_parts_come_to_the_whole(held: frozenset[str], wanted: frozenset[str], most: int) -> None:
    """A change in several records ends where the one would, and each of them adds up."""
    change = delta([ReplaceMembers(tuple(wanted))], held.intersection, lambda: held)
    with patch.object(group_members, "MOST_CHANGES", most):
        parts = list(change.parts())
    summed = digest(held)
    for part in parts:
        assert 1 <= len(part) <= most
        held = made(held, part)
        summed = summed.after(part.add, part.remove)
        assert summed == digest(held)
    assert held == wanted


@given(members=st.lists(st.text(st.characters(codec="utf-8")), unique=True, max_size=8), order=st.randoms())
def test_a_digest_knows_no_order(members: list[str], order: object) -> None:
    """The same members are the same digest, whoever came first and whoever was there for a while."""
    shuffled = list(members)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert NOBODY.after(shuffled, ()) == digest(frozenset(members))
    assert NOBODY.after([*shuffled, "\x00 gone"], ["\x00 gone"]) == digest(frozenset(members))
