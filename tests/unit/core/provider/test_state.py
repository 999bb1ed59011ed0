"""State of a connection in memory, and how names are compared."""

import pytest

from streamproc.core.provider.state import claimed
from tests.unit.core.provider.replica import Replica, adds, group, patch, user


@pytest.mark.parametrize(
    ("one", "other"),
    [("Kim@Example.com", "kim@example.com"), ("zoe\u0308@x", "ZO\u00cb@x")],
)
def test_names_that_read_the_same_are_one(one: str, other: str) -> None:
    """Nobody gets a second user for writing a name in capitals, or on a Mac."""
    assert claimed("userName", one) == claimed("userName", other)


def test_an_external_id_is_compared_to_the_letter() -> None:
    """Directories' ids differ by case."""
    assert claimed("externalId", "aB") != claimed("externalId", "AB")


def test_state_is_asked_by_id_name_and_group() -> None:
    """Each question that deciding asks has its answer, before and after changes."""
    here = Replica([])
    kim, sales = here.made(user()), here.made(group("Sales", "x", "y"))
    state = here.state
    assert list(state) == [kim, sales]
    assert state.claimant("User", "userName", "kim@example.com") == kim.id
    assert state.claimant("Group", "userName", "kim@example.com") is None
    here.write(patch(kim, userName="KIM2@example.com"))
    here.write(adds(sales, kim.id))
    assert state.claimant("User", "userName", "kim@example.com") is None
    assert state.claimant("User", "userName", "kim2@example.com") == kim.id
    assert state.members(sales.id) == {"x", "y", kim.id}
    assert state.members_among(sales.id, ["x", "z"]) == {"x"}
    assert state.members("nobody") == state.members_among("nobody", ["x"]) == set()
    assert state.known([kim.id, "x"]) == {kim.id}
