"""What differs, and of which kind: judged by what the sink would read and write of the same answer."""

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streamproc.core.fold.plan import changed, plan
from streamproc.core.records.delivery import DeliveredState, Frozen, Parked
from streamproc.core.records.resource import REQUIRED, Resource, parts
from streamproc.core.records.units import Millis
from streamproc.core.scim.dialect import GENESYS_DIALECT, create_body
from streamproc.core.scim.response_body import id_key
from streamproc.core.scim.response_policy import Response
from streamproc.core.scim.spelling import alike, fold
from streamproc.reconcile.decide.classify import KnownUser, View, compare, is_incident
from streamproc.sink.decide.begin import begin
from streamproc.sink.decide.deliverable import deliverable
from streamproc.sink.decide.own_terms import user_read
from streamproc.sink.decide.predecessor import Predecessor
from streamproc.sink.decide.target import Group, GroupLearned, Target
from tests.support.adverse_target import work
from tests.support.resources import resources

ID = "1b1a"
GROUPS = ("Agent", "agent", "Supervisor", "employee", 'a "quoted" one', "back\\slash", "Zażółć: 5")

desired_states = resources.filter(lambda desired: desired.get("active") is not None)
"""Whoever has a record."""


def group_id(name: str) -> str:
    """The target's."""
    return f"g-{name.encode().hex()}"


def spelled_alike(ours: Any, theirs: Any) -> bool:
    """Whether the target only spells it otherwise; of two names that differ by case alone one stands for both."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return {*map(fold, ours)} == {*map(fold, theirs)}
    return alike(ours, theirs)


def view(*resources_: Resource) -> View:
    """How answers are read, with the groups of these."""
    names = {name for each in resources_ for name in each.get("groups", [])}
    return View(GENESYS_DIALECT, {id_key(group_id(name)): name for name in names})


def shown(held: Resource) -> dict[str, Any]:
    """The answer of a target that holds this."""
    body = create_body(held, GENESYS_DIALECT) | {"id": ID, "active": held.get("active")}
    return body | {"groups": [{"value": group_id(name)} for name in held.get("groups", [])]}


def known(desired: Resource, held: Resource | None = None, **changes: Any) -> KnownUser:
    """Somebody with whose newest record the sink has ended; `changes` of the delivery."""
    delivery = DeliveredState("E1", 5, ID, None, desired if held is None else held, None, Millis(0))
    return KnownUser("E1", 5, 50, desired, replace(delivery, **changes), desired.get("manager"))


def sinks_plan(desired: Resource, before: Resource, body: dict[str, Any]) -> list[Any]:
    """What the sink would send after it has read this answer."""
    noted = DeliveredState("E1", 5, ID, None, before, None, Millis(0))
    target = Target(GENESYS_DIALECT, lambda user: user, 30.0)
    names = {*before.get("groups", []), *desired.get("groups", [])}
    target.learn([GroupLearned(name, Group(group_id(name), shown=True)) for name in names])
    progress = begin(work(6, desired), noted, Predecessor(), Millis(0))
    read = user_read(progress, target, Response(200, body, {}))
    assert read is not None
    return plan(read.held, deliverable(progress, desired))


@given(desired=desired_states)
def test_what_was_delivered_is_no_difference(desired: Resource) -> None:
    """A target that holds what is desired agrees."""
    assert compare(known(desired), shown(desired), view(desired)) == []


@given(desired=desired_states, there=desired_states)
def test_exactly_what_the_sink_would_write_differs(desired: Resource, there: Resource) -> None:
    """Else a repair would never end, or something that disagrees would never be told."""
    body = shown(there)
    found = compare(known(desired), body, view(desired, there))
    assert bool(found) is bool(sinks_plan(desired, desired, body))
    assert all(each.kind == "unknown" and each.policy == "own" and each.repaired for each in found)


@given(desired=desired_states.filter(lambda one: one["active"]), there=desired_states)
def test_each_attribute_that_differs_is_named_with_both_values(desired: Resource, there: Resource) -> None:
    """Of an active user all that is owned; groups one by one."""
    found = {each.attribute: each for each in compare(known(desired), shown(there), view(desired, there))}
    held = cast("Resource", {"externalIds": {}, **there})
    different = {
        name
        for name, value in parts(changed(held, desired)).items()
        if name.startswith("externalIds ") or not spelled_alike(value, parts(held).get(name))
    }
    assert {name for name in found if not name.startswith("group ")} == different
    for name in different:
        assert (found[name].desired or None) == (parts(desired).get(name) or None)
    if "groups" in desired:
        missed = {*desired["groups"]} - {*there.get("groups", [])}
        assert {name for name in found if name.startswith("group ") and found[name].desired} == {
            f"group {name}" for name in missed
        }


@given(desired=desired_states.filter(lambda one: not one["active"]), there=desired_states)
def test_of_a_leaver_only_access_differs_and_that_is_an_incident(desired: Resource, there: Resource) -> None:
    """Whatever else changed: history stays as it was."""
    found = compare(known(desired), shown(there), view(desired, there))
    assert [each.attribute for each in found] == (["active"] if there["active"] else [])
    assert is_incident(found) is there["active"]


@given(desired=desired_states, there=desired_states, data=st.data())
def test_what_the_sink_has_before_it_is_on_its_way(desired: Resource, there: Resource, data: st.DataObject) -> None:
    """An undelivered record, and what was set aside as a whole, aren't anybody's doing: nothing is to be repaired."""
    parked = Parked("refused", "no", 400, None, {}, desired, Millis(0))
    waiting = data.draw(
        st.sampled_from(
            [
                replace(known(desired), delivery=None),
                replace(known(desired), seq=7),
                known(desired, parked=parked),
            ]
        )
    )
    for body in (shown(there), None):
        found = compare(waiting, body, view(desired, there))
        assert all(each.kind == "pending" and not each.repaired for each in found)
        assert not is_incident(found)


@given(desired=desired_states.filter(lambda one: one["active"]), there=desired_states, data=st.data())
def test_an_attribute_that_is_set_aside_is_on_its_way_alone(
    desired: Resource, there: Resource, data: st.DataObject
) -> None:
    """Parked or frozen, one attribute isn't repaired, and all others are."""
    before = compare(known(desired), shown(there), view(desired, there))
    name = data.draw(st.sampled_from([*(each.attribute for each in before), "title"]))
    one = {"roles": "role ", "skills": "skill ", "languages": "language "}.get(name)
    values = [each.desired for each in before if each.attribute == name] + [there.get(name)]
    names = [name] if one is None else [f"{one}{each}" for value in values for each in value or ()]
    parked = Parked("refused", "no", 400, None, {name: "refused: no"}, desired, Millis(0))
    asides: list[dict[str, Any]] = [{"parked": parked}, {"frozen": dict.fromkeys(names, Frozen(Millis(0), []))}]
    after = compare(known(desired, **data.draw(st.sampled_from(asides))), shown(there), view(desired, there))
    assert [each.attribute for each in after] == [each.attribute for each in before]
    assert {each.attribute for each in after if not each.repaired} == {name} & {each.attribute for each in before}


@given(desired=desired_states.filter(lambda one: one["active"]), there=desired_states, data=st.data())
def test_policies_decide_what_is_told_and_what_is_repaired(
    desired: Resource, there: Resource, data: st.DataObject
) -> None:
    """Observed: told and never repaired. Seeded: theirs. `active` is ours, whatever is said."""
    before = {each.attribute: each for each in compare(known(desired), shown(there), view(desired, there))}
    some = st.lists(st.sampled_from(sorted({*desired} - {"active"})), unique=True, max_size=3)
    observe = data.draw(some)
    seed = [name for name in data.draw(some) if name not in observe]
    with_policies = cast(
        "Resource", {**desired, "observe": observe, "seed": [name for name in seed if name != "active"]}
    )
    user = replace(
        known(desired, seeded=[name for name in parts(desired) if name.split()[0] in seed]), desired=with_policies
    )
    after = {each.attribute: each for each in compare(user, shown(there), view(desired, there))}

    def of(name: str) -> str:
        return "groups" if name.startswith("group ") else name.split(maxsplit=1)[0]

    theirs = {name for name in before if of(name) in seed}
    assert after.keys() == before.keys() - theirs
    for name, each in after.items():
        observed = of(name) in observe
        assert (each.policy == "observe", each.repaired) == (observed, not observed)


@given(desired=desired_states)
def test_who_is_gone_from_the_target_is_missing_where_they_are_to_be_there(desired: Resource) -> None:
    """A leaver without an account has no access."""
    found = compare(known(desired), None, view(desired))
    assert [(each.attribute, each.kind) for each in found] == ([("account", "missing")] if desired["active"] else [])


@given(desired=desired_states.filter(lambda one: one["active"]), data=st.data())
def test_who_is_gone_and_whose_access_is_set_aside_is_looked_at_no_more(desired: Resource, data: st.DataObject) -> None:
    """Somebody deletes them again and again: once that is frozen, the sink isn't asked for ever to make them anew."""
    parked = Parked("refused", "no", 400, None, {"active": "refused: no"}, desired, Millis(0))
    asides: list[dict[str, Any]] = [{"parked": parked}, {"frozen": {"active": Frozen(Millis(0), [])}}]
    found = compare(known(desired, **data.draw(st.sampled_from(asides))), None, view(desired))
    assert [(each.attribute, each.kind, each.repaired) for each in found] == [("account", "pending", False)]


@given(desired=desired_states, there=desired_states, scope=st.sampled_from(["never", "released"]))
def test_who_isnt_ours_is_left_alone(desired: Resource, there: Resource, scope: Any) -> None:
    """Nothing of them is compared; whoever was released and has left since is a leaver like any other."""
    theirs = cast("Resource", {**desired, "scope": scope})
    user = replace(known(desired), desired=theirs)
    found = [*compare(user, shown(there), view(desired, there)), *compare(user, None, view(desired))]
    left = scope == "released" and not desired["active"] and there["active"]
    assert [each.attribute for each in found] == (["active"] if left else [])


@given(desired=desired_states.filter(lambda one: one["active"]), there=desired_states)
def test_what_isnt_shown_or_wasnt_asked_for_isnt_compared(desired: Resource, there: Resource) -> None:
    """A page shows a part; an answer without `active` says nothing of it."""
    asked = View(GENESYS_DIALECT, {}, frozenset(REQUIRED))
    body = {name: value for name, value in shown(there).items() if name not in {"active", "groups"}}
    names = {each.attribute for each in compare(known(desired), body, asked)}
    assert names <= {"userName", "displayName"}
    assert compare(known(Resource(**{**desired, "active": False}), desired), body, asked) == []
