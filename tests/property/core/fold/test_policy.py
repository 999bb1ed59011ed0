"""Policies: whatever is desired and whatever others make of it, what isn't ours to write isn't written."""

from collections.abc import Sequence
from typing import Any, Final, cast

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.plan import plan
from streamproc.core.fold.policy import had, writable
from streamproc.core.records.change_event import ChangeEvent
from streamproc.core.records.operation import Create, Join, Leave, Operation, Patch, Reactivate
from streamproc.core.records.resource import EXTERNAL_ID, GROUP, LEVELS, REQUIRED, Resource, parts, policy_of
from streamproc.core.records.user_record import encode
from tests.property.core.fold.test_fold import TEXT
from tests.property.core.fold.test_fold import folded as folded_by
from tests.support.events import arrivals, histories
from tests.support.resources import resources

ALWAYS_OURS: Final = {"active", "externalId"}


@st.composite
def with_policies(draw: st.DrawFn, of: st.SearchStrategy[Resource] = resources) -> Resource:
    """A desired state, some of whose attributes are seeded or observed."""
    desired = draw(of)
    said = {name: draw(st.sampled_from(["own", "seed", "observe"])) for name in desired if name not in ALWAYS_OURS}
    said |= {name: "seed" for name in REQUIRED if said.get(name) == "observe"}
    for policy in ("seed", "observe"):
        if named := sorted(name for name, each in said.items() if each == policy):
            desired = cast("Resource", {**desired, policy: named})
    return desired


def less(desired: Resource, *policies: str) -> Resource:
    """Without attributes of these policies, and without the lists of them."""
    kept = {name: value for name, value in desired.items() if policy_of(desired, name) not in policies}
    return cast("Resource", {name: value for name, value in kept.items() if name not in {"seed", "observe"}})


def touched(operations: Sequence[Operation]) -> set[str]:
    """Attributes that they write, memberships as groups."""
    names: set[str] = set()
    for operation in operations:
        match operation:
            case Patch(changes) | Reactivate(changes):
                names |= changes.keys()
            case Join() | Leave():
                names.add("groups")
            case _:
                pass
    return names


@given(known=resources, desired=with_policies())
def test_the_plan_touches_nothing_that_is_only_observed(known: Resource, desired: Resource) -> None:
    """No patch, no reactivation and no membership names an observed attribute; what is ours is planned as ever."""
    planned = touched(plan(known, desired))
    assert planned.isdisjoint(desired.get("observe", ()))
    ours = {name for name in desired if policy_of(desired, name) == "own"}
    assert planned & ours == touched(plan(known, less(desired, "seed", "observe"))) & ours


@given(desired=with_policies())
def test_somebody_is_created_with_what_is_seeded_and_not_with_what_is_observed(desired: Resource) -> None:
    """What a create writes is all that is desired but what is observed; nobody's access is on a policy."""
    written = writable(desired, desired, had(desired, Resource()), None)
    assert parts(written) == parts(less(desired, "observe"))
    assert written["active"] == desired["active"]
    created = [each for each in plan(None, desired) if not isinstance(each, Create)]
    assert touched(created) <= ({"groups"} if "groups" in written else set())


@given(known=resources, desired=with_policies())
def test_what_had_a_value_is_theirs(known: Resource, desired: Resource) -> None:
    """Of a seeded attribute nothing that the target holds is overwritten, taken away or given another level."""
    names = had(desired, known)
    written = writable(desired, desired, names, known)
    for name, value in parts(written).items():
        if policy_of(desired, name) == "seed":
            held: Any = parts(known).get(name)
            if name in LEVELS:
                assert dict(held or {}).items() <= value.items()
            else:
                assert not held or (isinstance(held, list) and set(held) <= set(value))


@given(known=resources, desired=with_policies(), others=resources)
def test_a_seed_is_written_once(known: Resource, desired: Resource, others: Resource) -> None:
    """Once written it is never written again, whatever the target holds later: nothing, or another value."""
    first = writable(desired, desired, had(desired, known), known)
    after = had(desired, cast("Resource", {**known, **first}), had(desired, known))
    for later in (others, Resource()):
        again = writable(desired, desired, had(desired, later, after), later)
        for name, value in parts(again).items():
            if name == "groups" and policy_of(desired, name) == "seed":
                assert set(value) <= set(later.get("groups", []))
            elif policy_of(desired, name) == "seed":
                assert not value, "never written before, as there is nothing to write"


@given(known=resources, desired=with_policies())
def test_what_was_refused_is_still_to_be_written(known: Resource, desired: Resource) -> None:
    """What the target gave a newcomer in the place of what it refused isn't taken for a value that somebody gave."""
    singles = {name for name in desired.get("seed", ()) if name not in {"groups", "externalIds"}}
    kept = had(desired, known, unsettled=singles) & singles
    assert all(parts(known)[name] == parts(desired)[name] for name in kept), "but for what is ours"


def test_memberships_and_external_ids_are_seeded_one_by_one() -> None:
    """A group that can't be joined yet is joined later, and one that somebody was taken out of isn't joined again."""
    desired = Resource(groups=["A", "B"], externalIds={"x": "1", "y": "2"}, seed=["externalIds", "groups"])
    once = had(desired, Resource(groups=["A"], externalIds={"y": "theirs"}))
    assert once == {GROUP + "A", EXTERNAL_ID + "y"}
    assert writable(desired, desired, once, Resource(groups=["C"])) == Resource(
        groups=["B", "C"], externalIds={"x": "1"}
    )
    whole = had(desired, Resource(groups=["B"]), once)
    assert whole == {"groups", EXTERNAL_ID + "y"}
    assert writable(desired, desired, whole, Resource()) == Resource(externalIds={"x": "1"})


def test_a_list_that_only_lacks_something_is_still_to_be_written() -> None:
    """A role that everybody has isn't somebody's choice of roles; another level of a skill is."""
    desired = Resource(roles=["Agent", "employee"], skills={"Spanish": 4.0, "Billing": 3.0}, seed=["roles", "skills"])
    assert had(desired, Resource(roles=["employee"], skills={"Spanish": 4.0})) == set()
    assert had(desired, Resource(roles=["Trainer"], skills={"Spanish": 2.0})) == {"roles", "skills"}
    assert had(desired, Resource(roles=["Agent", "employee"])) == {"roles"}


POLICIES: Final = '[policy]\ntitle = "seed"\nlanguages = "seed"\ngroups = "observe"\nphone = "observe"\nroles = "own"\n'
arriving = st.tuples(histories(most=3, dated=True), histories(source="okta", most=2)).flatmap(
    lambda two: arrivals([event for each in two for event in each], repeats=1)
)


@given(events=arriving)
def test_a_policy_changes_nothing_of_what_is_desired(events: list[ChangeEvent]) -> None:
    """The record desires the same, and names policies of what is in it; `own`, written out, is no policy."""
    by = parse_mapping(TEXT + POLICIES)
    for plain, record in zip(folded_by(events), folded_by(events, by), strict=True):
        bare = {name: value for name, value in record.desired.items() if name not in {"seed", "observe"}}
        assert (bare, record.problems, record.facts) == (plain.desired, plain.problems, plain.facts)
        assert record.desired.get("seed", []) == [name for name in ("languages", "title") if name in bare]
        assert record.desired.get("observe", []) == [name for name in ("groups", "phone") if name in bare]
        assert not touched(record.operations) & {"groups", "phone"}
    own = parse_mapping(TEXT + '[policy]\ntitle = "own"\n')
    assert [encode(each) for each in folded_by(events, own)] == [encode(each) for each in folded_by(events)]
