"""The decider against targets that answer otherwise than they should: each alone, and mixed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.hostile_targets.checks import SCENARIOS, check_end, check_hour, check_turn, names
from tests.support.hostile_targets.driver import Driver
from tests.support.hostile_targets.elsewhere import Silent
from tests.support.hostile_targets.lagging import Lags
from tests.support.hostile_targets.people import ANA, GONE, MOVED, hostile_target, noted
from tests.support.hostile_targets.table import HOSTILE, Hostile


@pytest.mark.parametrize("hostile", HOSTILE, ids=names(HOSTILE))
@pytest.mark.parametrize("dialect", ["genesys", "rfc7644"])
def test_every_turn_ends_in_time_and_truth(hostile: Hostile, dialect: str) -> None:
    """At most 30 requests, nobody else is written, and what is told is so; later attempts don't hammer the target."""
    for scenario, (_, _, desired) in SCENARIOS.items():
        driver = check_turn(hostile, scenario, dialect)
        check_hour(driver, desired)


@pytest.mark.parametrize("hostile", HOSTILE, ids=names(HOSTILE))
def test_who_leaves_afterwards_is_revoked_or_told(hostile: Hostile) -> None:
    """Whatever a change came to before: a leaver is revoked, or parked where they may have access."""
    driver = Driver(hostile_target(hostile, there=False))
    driver.turn(ANA)
    check_end(driver, driver.turn(MOVED), MOVED)
    check_end(driver, driver.turn(GONE), GONE)


@pytest.mark.parametrize("hostile", HOSTILE, ids=names(HOSTILE))
def test_who_comes_back_after_a_leaving_and_leaves_again_is_revoked_or_told(hostile: Hostile) -> None:
    """What came to nothing in between is no reason to take somebody for inactive."""
    driver = Driver(hostile_target(hostile, there=True))
    driver.turn(GONE)
    driver.turn(ANA)
    check_end(driver, driver.turn(GONE), GONE, hides=hostile.hides)


@pytest.mark.parametrize("hostile", HOSTILE, ids=names(HOSTILE))
def test_all_is_well_once_the_target_is(hostile: Hostile) -> None:
    """When the target answers as it should again, the next attempt brings a leaver to their end."""
    driver = Driver(hostile_target(hostile, there=True), state=noted())
    driver.turn(GONE)
    driver.there.behaviours = ()
    if driver.state is not None and driver.state.parked is not None:
        assert driver.turn(GONE, retry=True).parked is None
    user = driver.there.store.users.get("a")
    assert user is None or user["active"] is False


@pytest.mark.parametrize("silent", [False, True], ids=["shows", "silent"])
@pytest.mark.parametrize("seconds", [0.5, 2.0, 4.0, 10.0, 60.0])
@pytest.mark.parametrize("scenario", ["joins", "moves", "leaves"])
def test_reads_that_lag_behind_lead_to_no_second_write(scenario: str, seconds: float, silent: bool) -> None:
    """Within two seconds all is done by one write of each kind; after that nobody is made twice, and it ends."""
    there, known, desired = SCENARIOS[scenario]
    driver = Driver(hostile_target(Hostile("A", "lags", list), there=there), state=noted() if known else None)
    driver.there.behaviours = [*([Silent()] if silent else []), Lags(seconds, lambda: driver.ticks)]
    finished = driver.turn(desired)
    check_end(driver, finished, desired)
    users = [each for each in driver.there.store.users.values() if each["userName"] == ANA["userName"]]
    assert len(users) == 1
    if seconds <= 2.0:
        written = driver.there.store.written
        assert (finished.parked, len(written)) == (None, len(set(written)))


def test_a_title_that_is_ignored_and_spelled_otherwise_isnt_told_as_delivered() -> None:
    """It is another text than was noted, but not another title."""
    mixed = [each for each in HOSTILE if each.name in {"ignores-title", "spells-texts-in-capitals"}]
    made = [behaviour for each in mixed for behaviour in each.make()]
    driver = Driver(hostile_target(Hostile("B", "mixed", lambda: made), there=True), state=noted())
    finished = driver.turn(MOVED)
    check_end(driver, finished, MOVED)
    assert finished.parked is not None
    assert "title" in finished.parked.attributes


@settings(max_examples=4 * settings().max_examples, deadline=None)
@given(data=st.data())
def test_any_mixture_ends_in_time_and_truth(data: st.DataObject) -> None:
    """Targets go wrong in more than one way at once, and people come, move, leave and return meanwhile."""
    mixed = data.draw(st.lists(st.sampled_from(HOSTILE), min_size=2, max_size=3, unique_by=lambda each: each.name))
    made = [behaviour for each in mixed for behaviour in each.make()]
    lies = {"total-0", "no-resources"} <= {each.name for each in mixed}  # "there is nobody", word for word
    both = Hostile("A", "mixed", lambda: made, hides=lies or any(each.hides for each in mixed))
    there = data.draw(st.booleans())
    # Who was noted under another spelling isn't there any more: what is ignored looks as if it were taken then.
    respelled = {"ignores-title", "spells-another-title"} <= {each.name for each in mixed}
    known = there and not respelled and data.draw(st.booleans())
    driver = Driver(
        hostile_target(both, there=there),
        data.draw(st.sampled_from(["genesys", "rfc7644"])),
        state=noted() if known else None,
    )
    for _ in range(data.draw(st.integers(1, 4))):
        desired = data.draw(st.sampled_from([ANA, MOVED, GONE]))
        check_end(driver, driver.turn(desired), desired, hides=both.hides)
        if driver.state is not None and driver.state.parked is not None and data.draw(st.booleans()):
            check_end(driver, driver.turn(desired, retry=True), desired, hides=True)
