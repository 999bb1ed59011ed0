"""Whatever names go round among people, over however many sinks, and whatever goes wrong: all end with theirs."""

from typing import Any

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from tests.support.reconciler import person
from tests.support.renaming import Killed, Said, rename

PEOPLE = [f"E{number}" for number in range(7)]
NAMES = [*(f"{user.lower()}@example.com" for user in PEOPLE), "new@example.com", "odd name"]
ROUND = [*NAMES[1:7], NAMES[0], *NAMES[7:]]
FAULTS = ["500_before", "500_after", "504_after", "429", "lost_answer", "reset", "version_conflict", "403"]
MOST = 4 * 3600.0
"""Seconds; what is set aside is tried every half an hour at last."""

renames = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(NAMES), st.sampled_from([0.0, 0.0, 0.3, 3.0, 40.0])), max_size=6
)
faults = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(FAULTS),
            "times": st.integers(1, 3),
            "method": st.sampled_from(["PATCH", "GET", "POST"]),
            "probability": st.sampled_from([0.5, 1.0]),
        }
    ),
    max_size=2,
).filter(lambda faults: [fault["kind"] for fault in faults].count("403") < 2)
"""Whoever is refused five times in a row waits for an operator; one fault refuses three times at most."""


@settings(max_examples=settings().max_examples // 2)
@given(
    people=st.integers(2, len(PEOPLE)),
    joiner=st.booleans(),
    before=renames,
    last=st.permutations(NAMES),
    sinks=st.integers(1, 2),
    killed=st.booleans(),
    faults=faults,
)
@example(people=7, joiner=True, before=[], last=ROUND, sinks=2, killed=True, faults=[])
def test_all_end_with_their_names(
    people: int,
    joiner: bool,
    before: list[tuple[str, str, float]],
    last: list[str],
    sinks: int,
    killed: bool,
    faults: list[dict[str, Any]],
) -> None:
    """Chains, circles, and names that two are to have for a while, with answers that are lost: in the end each has the
    last name that their record says, in the account that they had, without an operator.
    """
    hired = PEOPLE[:people]
    events: list[Said | Killed] = [
        Said(user, {"userName": name}, after) for user, name, after in before if user in hired
    ]
    wanted = dict(zip([*hired, *(["J"] if joiner else [])], last, strict=False))
    events += [
        Said(user, {**person(user), "userName": name} if user == "J" else {"userName": name})
        for user, name in wanted.items()
    ]
    if killed and sinks == 2:
        events.insert(len(events) - 1, Killed())
    came = rename(hired, events, sinks=sinks, faults=faults, most=MOST)
    event(f"{'more than a minute' if came.seconds > 60 else 'at once'}")
    assert came.parked == {}
    assert came.names == wanted
    assert {user: came.ids[user] for user in hired} == came.before
