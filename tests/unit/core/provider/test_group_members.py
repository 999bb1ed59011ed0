"""Members of a group: only what comes and goes is in the log."""

from streamproc.core.provider.group_members import (
    MOST_CHANGES,
    NOBODY,
    AddMembers,
    Delta,
    RemoveMembers,
    ReplaceMembers,
    delta,
    digest,
)

HELD = frozenset({"a", "b", "c"})


def changes(*edits: AddMembers | RemoveMembers | ReplaceMembers) -> Delta:
    """Of a group with a, b and c."""
    return delta(edits, HELD.intersection, lambda: HELD)


def test_what_is_so_already_is_no_change() -> None:
    """Who is added twice, or removed without having been there, costs nothing and makes no version."""
    assert changes(AddMembers(("a",)), RemoveMembers(("x",))) == Delta()
    assert changes(ReplaceMembers(("c", "b", "a", "a"))) == Delta()


def test_edits_are_made_one_after_the_other() -> None:
    """Who is removed and added again in one request stays."""
    assert changes(RemoveMembers(("a", "b")), AddMembers(("a", "x"))) == Delta(("x",), ("b",))
    assert changes(AddMembers(("x",)), ReplaceMembers(("y",)), AddMembers(("a",))) == Delta(("y",), ("b", "c"))


def test_one_more_in_a_large_group_reads_nobody_else() -> None:
    """Adding somebody takes as long in a group of 10,000 as in one of ten."""

    def everybody() -> frozenset[str]:
        raise AssertionError

    assert delta([AddMembers(("x",))], HELD.intersection, everybody) == Delta(("x",))


def test_a_large_change_is_made_in_parts() -> None:
    """10,000 new members are ten records that a broker takes, and those who go are first."""
    many = Delta(tuple(f"{number:05}" for number in range(1_500)), ("gone",))
    parts = list(many.parts())
    assert [len(part) for part in parts] == [MOST_CHANGES, 501]
    assert parts[0].remove == ("gone",)
    assert tuple(member for part in parts for member in part.add) == many.add


def test_the_digest_is_of_the_set() -> None:
    """Two gateways that heard of the members in another order hold the same."""
    assert NOBODY.after("abc", ()) == digest(HELD) == NOBODY.after("xcba", ()).after((), "x")
    assert digest(HELD) != digest(frozenset("abd"))
    assert digest(frozenset()) == NOBODY
    assert len(digest(frozenset(map(str, range(50)))).hash) == 64
