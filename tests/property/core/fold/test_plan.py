"""The plan, judged by scim2-models: its PATCH on its user must give what is desired."""

from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scim2_models import Context

from streamproc.core.fold.plan import Urgency, apply, plan, urgency
from streamproc.core.records.operation import Create, Deactivate, Join, Leave, Operation, Patch, Reactivate
from streamproc.core.records.resource import ACCESS, LEVELS, LISTS, Resource, missing
from streamproc.core.scim.dialect import DIALECTS, create_body, expressible, member_body, parse_user, patch_body
from tests.support.resources import (
    OTHERS,
    SHOWN,
    USERS,
    active_resources,
    few_lists,
    inactive_resources,
    others,
    partial,
    patched,
    resources,
    scim_user,
    told,
    valued,
)

maybe_known = st.none() | resources

each_dialect = pytest.mark.parametrize("dialect", DIALECTS)


def body_of(held: Resource, operation: Operation, dialect: str) -> dict[str, Any]:
    """What the sink sends for an operation on the user."""
    match operation:
        case Create() | Join() | Leave():
            raise AssertionError(operation)
        case Deactivate():
            return patch_body(held, Resource(active=False), DIALECTS[dialect])
        case Reactivate(changes) | Patch(changes):
            return patch_body(held, changes, DIALECTS[dialect])


def created(desired: Resource, dialect: str) -> Any:
    """The POST body as scim2-models reads it; a manager's `$ref` isn't asked for in `genesys`."""
    context = Context.DEFAULT if dialect == "genesys" else Context.RESOURCE_CREATION_REQUEST
    return USERS[dialect].model_validate(create_body(desired, DIALECTS[dialect]), scim_ctx=context)


def applied(known: Resource | None, desired: Resource) -> Resource | None:
    """What we take the target to hold after the whole plan."""
    held = known
    for operation in plan(known, desired):
        held = apply(held, operation, desired)
    return held


def played(known: Resource | None, desired: Resource, dialect: str) -> Any:
    """The judge's user after the whole plan; None: there is none."""
    held = known
    user = None if known is None else scim_user(known, dialect)
    for operation in plan(known, desired):
        match operation:
            case Create():
                user = created(desired, dialect)
            case Deactivate() | Reactivate() | Patch():
                patched(user, body_of(held or Resource(), operation, dialect))
        held = apply(held, operation, desired)
    return user


@each_dialect
@given(known=resources, desired=active_resources)
def test_the_patches_give_the_desired_user(dialect: str, known: Resource, desired: Resource) -> None:
    """Applied by scim2-models, the plan for an active user gives every owned attribute and touches no other."""
    known, desired = expressible(known, DIALECTS[dialect]), expressible(desired, DIALECTS[dialect])
    user = played(known, desired, dialect)
    after = told(user)
    for name in valued(known) | valued(desired):
        expected = desired if name in desired else known
        if name == "externalIds":  # others' authorities stay
            expected = Resource(externalIds={**known.get("externalIds", {}), **desired.get("externalIds", {})})
        assert after.get(name) == valued(expected).get(name), name
    assert others(user) == OTHERS[dialect]


@each_dialect
@given(known=maybe_known, desired=resources)
def test_our_idea_of_the_user_is_the_judges(dialect: str, known: Resource | None, desired: Resource) -> None:
    """What `apply` says that the target holds after each operation is what scim2-models holds."""
    known, desired = known and expressible(known, DIALECTS[dialect]), expressible(desired, DIALECTS[dialect])
    user = played(known, desired, dialect)
    assert (told(user) if user else {}) == valued(applied(known, desired) or {})


@each_dialect
@given(known=resources, desired=inactive_resources)
def test_a_leaver_only_loses_access(dialect: str, known: Resource, desired: Resource) -> None:
    """Of a user who is to be inactive nothing but `active` changes: at most one request, alone in its body."""
    known, desired = expressible(known, DIALECTS[dialect]), expressible(desired, DIALECTS[dialect])
    operations = plan(known, desired)
    assert operations == ([Deactivate()] if known["active"] else [])
    for operation in operations:
        assert body_of(known, operation, dialect)["Operations"] == [{"op": "replace", "path": "active", "value": False}]
    user = played(known, desired, dialect)
    assert told(user) == valued(known) | {"active": False}


@each_dialect
@given(desired=active_resources)
def test_a_created_user_is_the_desired_one(dialect: str, desired: Resource) -> None:
    """The POST body, read by scim2-models, is the desired user."""
    assert told(created(desired, dialect)) == valued(expressible(desired, DIALECTS[dialect]))


@each_dialect
@given(desired=resources)
def test_what_was_created_is_read_back_as_it_was(dialect: str, desired: Resource) -> None:
    """`parse_user` undoes `create_body`, for every attribute that has a value and a place."""
    spoken = DIALECTS[dialect]
    assert valued(parse_user(create_body(desired, spoken), spoken)) == valued(expressible(desired, spoken))


@each_dialect
@given(held=resources)
def test_the_judges_user_is_read_as_it_is(dialect: str, held: Resource) -> None:
    """`parse_user` reads a user that scim2-models serialized, other phones and addresses beside ours."""
    body = scim_user(held, dialect).model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
    assert valued(parse_user(body, DIALECTS[dialect])) == valued(expressible(held, DIALECTS[dialect]))


@given(known=active_resources, before=few_lists, after=few_lists)
@example(known=Resource(active=True), before=["Agent", "agent"], after=["Agent"])
def test_a_role_that_stays_is_left_alone(known: Resource, before: list[str], after: list[str]) -> None:
    """In plain SCIM, what else the target keeps of a role survives that others come and go beside it.

    Not where two differ by case alone: then the list is written whole, so that no filter takes what is to stay.
    """
    known = expressible(cast("Resource", {**known, "roles": before}), DIALECTS["rfc7644"])
    user = played(known, cast("Resource", {**known, "roles": after}), "rfc7644")
    assert told(user).get("roles", []) == after
    whole = {role.casefold() for role in set(before) - set(after)} & {role.casefold() for role in after}
    for role in user.roles or ():
        assert whole or (role.display == SHOWN) == (role.value in before)


@given(known=inactive_resources, desired=active_resources)
def test_a_returning_user_is_given_each_role_again(known: Resource, desired: Resource) -> None:
    """In plain SCIM too the target may have taken the roles of somebody inactive: all are sent, those held as well."""
    known, desired = expressible(known, DIALECTS["rfc7644"]), expressible(desired, DIALECTS["rfc7644"])
    (first,) = [each for each in plan(known, desired) if isinstance(each, Reactivate)]
    user = scim_user(cast("Resource", {**known, "roles": []}), "rfc7644")
    patched(user, body_of(known, first, "rfc7644"))
    assert told(user).get("roles", []) == desired.get("roles", [])


@given(resource=resources)
def test_nothing_to_do_is_nothing_done(resource: Resource) -> None:
    """plan(x, x) is empty, for active and inactive users."""
    assert plan(resource, resource) == []


@given(known=maybe_known, desired=partial)
def test_planning_twice_is_planning_once(known: Resource | None, desired: Resource) -> None:
    """Once the plan has been carried out there is nothing left to plan."""
    assert plan(applied(known, desired), desired) == []


@given(known=maybe_known, desired=partial)
def test_one_operation_at_a_time_comes_to_the_same(known: Resource | None, desired: Resource) -> None:
    """Sending the first operation and planning again, as the sink does, needs no more operations than the plan has."""
    operations = plan(known, desired)
    sent: list[Operation] = []
    held = known
    while following := plan(held, desired):
        assert len(sent) < len(operations)
        sent.append(following[0])
        held = apply(held, following[0], desired)
    assert sent == operations


@given(known=st.none() | partial, desired=partial)
@example(known=Resource(active=True, groups=["Supervisors"]), desired=Resource(active=False, groups=[]))
def test_revocation_is_first_and_alone(known: Resource | None, desired: Resource) -> None:
    """Whoever holds access and is to lose it gets exactly one operation, the most urgent: Deactivate."""
    operations = plan(known, desired)
    if known is not None and known.get("active") is not False and desired.get("active") is False:
        assert operations == [Deactivate()]
        assert urgency(operations, known) is Urgency.REVOKE
    else:
        assert Deactivate() not in operations
        assert urgency(operations, known) is not Urgency.REVOKE


@given(known=maybe_known, desired=partial)
def test_nobody_is_deleted_or_created_inactive(known: Resource | None, desired: Resource) -> None:
    """The plan knows six operations, none of which deletes, and creates only whom somebody declared active."""
    operations = plan(known, desired)
    assert {each.op for each in operations} <= {"create", "deactivate", "reactivate", "patch", "leave", "join"}
    assert (Create() in operations) == (known is None and desired.get("active") is True)
    assert all(each.op in {"create", "join"} for each in operations) or known is not None


@each_dialect
@given(known=resources, desired=partial)
def test_only_what_is_owned_is_written(dialect: str, known: Resource, desired: Resource) -> None:
    """A PATCH names owned attributes that differ, and beyond them only the access that a reactivation asserts again.

    It is never empty, whatever of the target the plan was made against.
    """
    desired = expressible(desired, DIALECTS[dialect])
    for operation in plan(known, desired):
        if isinstance(operation, Reactivate | Patch):
            changes = cast("dict[str, Any]", operation.changes)
            assert changes.keys() <= desired.keys() - {"groups"}
            differing = {name for name in changes if valued(desired).get(name) != valued(known).get(name)}
            again = set(ACCESS) if isinstance(operation, Reactivate) else set()
            assert changes.keys() - differing <= again
            places = DIALECTS[dialect].places
            written = {each["path"] for each in body_of(known, operation, dialect)["Operations"]}
            assert {path.split("[")[0] for path in written} <= {places[name].path for name in desired if name in places}
            assert written


@given(known=inactive_resources, desired=active_resources)
def test_a_returning_user_gets_everything_again(known: Resource, desired: Resource) -> None:
    """Reactivation asserts roles, skills and languages whether they changed or not: a restored user has lost them."""
    (first,) = [each for each in plan(known, desired) if isinstance(each, Reactivate)]
    others = [each for each in plan(known, desired) if each is not first and each != first]
    changes = cast("dict[str, Any]", first.changes)
    wanted = cast("dict[str, Any]", desired)
    assert changes["active"] is True
    assert {name: changes[name] for name in ACCESS if name in wanted} == {
        name: wanted[name] for name in ACCESS if name in wanted
    }
    assert all(isinstance(each, Join | Leave) for each in others)


@given(known=maybe_known, desired=active_resources)
def test_memberships_are_joined_and_left_one_by_one(known: Resource | None, desired: Resource) -> None:
    """After the plan the user is in the desired groups; each is left or joined once, and none where none is owned."""
    before = set((known or {}).get("groups", []))
    after = set(desired["groups"]) if "groups" in desired else before
    assert set((applied(known, desired) or {}).get("groups", [])) == after
    operations = plan(known, desired)
    assert [each.group for each in operations if isinstance(each, Leave)] == sorted(before - after)
    assert [each.group for each in operations if isinstance(each, Join)] == sorted(after - before)


def test_a_membership_body_touches_one_member() -> None:
    """A group is never written whole: one member is added, or removed by the target's id."""
    assert member_body("7", join=True)["Operations"] == [{"op": "add", "path": "members", "value": [{"value": "7"}]}]
    assert member_body("7", join=False)["Operations"] == [{"op": "remove", "path": 'members[value eq "7"]'}]


@given(known=active_resources, desired=active_resources)
def test_what_takes_access_away_is_urgent(known: Resource, desired: Resource) -> None:
    """A plan that takes a role, group, skill or language away goes before any that only gives."""
    before, after = cast("dict[str, Any]", known), cast("dict[str, Any]", desired)
    takes = any(name in after and set(before.get(name, ())) - set(after[name]) for name in (*LISTS, *LEVELS))
    assert (urgency(plan(known, desired), known) is Urgency.REMOVE) == takes


def test_urgency_has_its_order() -> None:
    """Revoke, remove, activate, change, nothing: a lower value goes first."""
    everything: list[Operation] = [Create(), Deactivate(), Leave("g"), Patch(Resource(title="x"))]
    assert urgency(everything, None) is Urgency.REVOKE
    assert urgency(everything[2:], None) is Urgency.REMOVE
    assert urgency([Join("g"), Patch(Resource(title="x"))], None) is Urgency.ACTIVATE
    assert urgency(everything[3:], None) is Urgency.CHANGE
    assert urgency([], None) is Urgency.NOTHING
    assert list(Urgency) == sorted(Urgency)


def test_what_a_user_needs_before_being_created() -> None:
    """A user without a name, a display name or a word on `active` is incomplete; null is no word."""
    whole = {"userName": "ana@example.com", "displayName": "Ana", "active": True}
    assert missing(cast("Resource", whole)) == []
    for name in whole:
        assert missing(cast("Resource", whole | {name: None})) == [name]
        assert missing(cast("Resource", {each: whole[each] for each in whole if each != name})) == [name]
