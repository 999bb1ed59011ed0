"""Records that nobody has worked off yet, and from how many on that is told."""

from hypothesis import given
from hypothesis import strategies as st

from streamproc.health.decide.lag import lag_troubles

BEHIND = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 7), st.integers(0, 50)), max_size=16)


@given(BEHIND, st.integers(0, 100))
def test_a_topic_is_told_if_all_of_its_partitions_together_are_over_the_limit(
    behind: list[tuple[str, int, int]], limit: int
) -> None:
    """Each topic once, by its sum; without a limit none is."""
    sums = {name: sum(records for topic, _, records in behind if topic == name) for name in ("a", "b")}
    told = [trouble.about for trouble in lag_troubles(behind, limit)]
    assert told == [name for name, records in sums.items() if limit and records > limit]
