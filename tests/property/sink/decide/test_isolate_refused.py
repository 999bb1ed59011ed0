"""Narrow: what goes out while some of it is refused. Nothing gets lost, and nobody gets what was refused."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.records.resource import ACCESS, Resource, parts, whole
from streamproc.sink.decide.isolate_refused import next_batch, without_refused
from tests.support.resources import few_lists, resources

several = resources.flatmap(lambda whole: st.tuples(st.just(whole), st.sets(st.sampled_from(sorted(parts(whole))))))


@given(several)
def test_portions_are_all_of_it_and_what_goes_alone_is_alone(given_: tuple[Resource, set[str]]) -> None:
    """One after the other they make up the changes; what was refused with others has no company."""
    changes, alone = given_
    left, sent = dict(parts(changes)), dict[str, Any]()
    if "active" in left and "active" in alone:
        assert parts(next_batch(changes, alone)).keys() == {"active"}, "who isn't let in needs nothing else"
    while left:
        part = parts(next_batch(whole(left), alone))
        assert part
        assert len(part) == 1 or not part.keys() & alone
        sent |= part
        left = {name: value for name, value in left.items() if name not in part}
    assert whole(sent) == changes


@given(several, resources)
def test_of_what_was_set_aside_nothing_is_given(given_: tuple[Resource, set[str]], held: Resource) -> None:
    """Of access only what is held and stays desired is named; all else that was set aside isn't named."""
    desired, aside = given_
    found, before, everything = parts(without_refused(desired, held, aside, ())), parts(held), parts(desired)
    assert found.keys() & aside == everything.keys() & aside & set(ACCESS)
    for name in found.keys() & aside:
        assert set(found[name]) == set(before.get(name, ())) & set(everything[name])
    assert {name: found[name] for name in found.keys() - aside} == {
        name: everything[name] for name in everything.keys() - aside
    }


@given(several, resources)
def test_what_was_given_up_is_left_as_it_is(given_: tuple[Resource, set[str]], held: Resource) -> None:
    """Where not even less is taken, nothing more is asked of it."""
    desired, aside = given_
    assert not parts(without_refused(desired, held, aside, aside)).keys() & aside


@given(few_lists, few_lists, few_lists)
def test_a_group_that_was_set_aside_stays_as_it_is(desired: list[str], held: list[str], aside: list[str]) -> None:
    """Nobody joins or leaves it; of the others what is desired counts."""
    found = without_refused(Resource(groups=desired), Resource(groups=held), {f"group {name}" for name in aside}, ())
    assert set(found["groups"]) & set(aside) == set(held) & set(aside)
    assert set(found["groups"]) - set(aside) == set(desired) - set(aside)
