"""userNames that go round among people of several sinks: what one has set aside, the others see in its deliveries."""

from itertools import count

import pytest

from streamproc.core.records.partitioner import partition_of
from tests.support.renaming import PARTITIONS, Killed, Renamed, Said, rename

SOON = 10.0
"""Seconds; what is set aside is tried again by itself within 30."""


def somebody(partition: int) -> str:
    """The first user ID of this partition."""
    users = (f"E{number}" for number in count(1))
    return next(user for user in users if partition_of(user.encode(), PARTITIONS) == partition)


PEOPLE = [somebody(partition) for partition in range(PARTITIONS)]
"""Two sinks share them, one has each second."""


def named(user: str) -> str:
    return f"{user.lower()}@example.com"


def moves(user: str, name: str, after: float = 0.0) -> Said:
    return Said(user, {"userName": name}, after)


def temporary(came: Renamed) -> int:
    """Accepted changes beyond one for each person."""
    return sum(method == "PATCH" and status == 200 for method, _, status in came.sent) - len(came.names)


@pytest.mark.parametrize("sinks", [1, 2])
@pytest.mark.parametrize("order", [(0, 1), (0, 2, 1), (0, 1, 2, 3), (0, 2, 1, 3), (1, 3, 2, 0)])
def test_a_circle_over_sinks_ends_right_soon(sinks: int, order: tuple[int, ...]) -> None:
    """Each wants the next one's name, and all get theirs within seconds, by one change more than there are people: also
    where one sink's people want each other's, and nobody of them one of the user's who makes way.
    """
    users = [PEOPLE[number] for number in order]
    wanted = {user: named(after) for user, after in zip(users, users[1:] + users[:1], strict=True)}
    came = rename(users, [moves(user, name) for user, name in wanted.items()], sinks=sinks)
    assert (came.names, came.ids, came.parked) == (wanted, came.before, {})
    assert came.seconds < SOON
    assert temporary(came) == 1


@pytest.mark.parametrize("sinks", [1, 2])
def test_who_waits_goes_on_when_the_name_is_given_up(sinks: int) -> None:
    """The others' changes come later, one after the other: nobody waits for the next attempt by time, or is written
    under another name meanwhile.
    """
    users = PEOPLE
    wanted = {user: named(after) for user, after in zip(users, [*users[1:], "E0"], strict=True)}
    came = rename(users, [moves(user, name, after=100.0) for user, name in wanted.items()], sinks=sinks)
    assert (came.names, came.ids, came.parked) == (wanted, came.before, {})
    assert came.seconds < SOON
    assert temporary(came) == 0


def test_a_circle_that_closes_late_ends_right_soon() -> None:
    """Somebody was set aside an hour ago, as the name was another's. Now that one wants theirs, at another sink."""
    one, two = PEOPLE[:2]
    came = rename([one, two], [moves(one, named(two)), moves(two, named(one), after=3600.0)], sinks=2)
    assert (came.names, came.parked) == ({one: named(two), two: named(one)}, {})
    assert came.seconds < SOON


def test_a_circle_goes_on_at_another_sink() -> None:
    """One sink is gone in the middle: the other one has all partitions then, and what was set aside there."""
    users = PEOPLE
    wanted = {user: named(after) for user, after in zip(users, users[1:] + users[:1], strict=True)}
    events: list[Said | Killed] = [*(moves(user, name) for user, name in wanted.items()), Killed(after=0.02)]
    came = rename(users, events, sinks=2)
    assert (came.names, came.ids, came.parked) == (wanted, came.before, {})


@pytest.mark.parametrize("sinks", [1, 2])
def test_a_target_that_frees_no_name_is_told_and_costs_little(sinks: int) -> None:
    """Where a former name stays taken no circle can end: all are set aside, and it says who has a temporary name."""
    one, two = PEOPLE[:2]
    events = [moves(one, named(two)), moves(two, named(one))]
    came = rename([one, two], events, sinks=sinks, most=3600.0, former_names="taken")
    assert came.parked.keys() == {one, two}
    has_made_way = min(one, two)
    assert came.names[has_made_way] in came.parked[has_made_way]
    assert came.ids == came.before
    assert len(came.sent) < 80
