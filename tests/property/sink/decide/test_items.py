"""What can be fought over alone: left as it is held, no plan changes it, and all else is as desired."""

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.fold.plan import apply, plan
from streamproc.core.records.operation import Create
from streamproc.core.records.resource import Resource
from streamproc.sink.decide.items import as_held, attribute_of, differing, is_owned, items
from tests.support.resources import resources


@given(resources, resources, st.data())
def test_what_is_frozen_stays_as_it_is_held_and_the_rest_is_as_desired(
    held: Resource, desired: Resource, data: st.DataObject
) -> None:
    """By the operations that are planned, applied one after another; a leaver leaves whatever is frozen."""
    held = cast("Resource", {**held, "active": True})
    names = sorted(differing(held, desired))
    frozen = set(data.draw(st.lists(st.sampled_from(names), unique=True))) if names else set()
    wanted = as_held(desired, held, frozen)
    now = held
    for operation in plan(held, wanted):
        now = apply(now, operation, wanted)
    if desired.get("active") is False:
        assert now["active"] is False
        return
    before, after = items(held), items(now)
    for name in frozen:
        assert after.get(name) == before.get(name)
    left = {name for name in differing(now, desired) if not (name == "active" and desired.get("active") is None)}
    assert left <= frozen


@given(resources)
def test_whom_nobody_has_is_created_whole_unless_access_is_fought_over(desired: Resource) -> None:
    """A new account has nothing of others."""
    desired = cast("Resource", {**desired, "active": True})
    everything = {*items(desired)}
    assert as_held(desired, None, everything - {"active"}) == desired
    assert not any(isinstance(each, Create) for each in plan(None, as_held(desired, None, everything)))


@given(resources, resources)
def test_two_states_differ_in_nothing_or_in_items_that_are_named(one: Resource, other: Resource) -> None:
    """Each is of an attribute that is owned, as mappings and findings name it."""
    assert differing(one, one) == {}
    for name, (held, wanted) in differing(one, other).items():
        assert (held, wanted) == (items(one).get(name), items(other).get(name))
        assert is_owned(name, other)
        attribute: Any = attribute_of(name)
        assert attribute.partition(" ")[0] in {"group", "externalIds"} or attribute in other
        assert not is_owned(name, cast("Resource", {**other, "observe": [*other]}))
