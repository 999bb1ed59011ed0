"""Numbers, addresses and ids among others: only what is owned is written, in each form, and all else stays."""

from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim2_models import Context

from streamproc.core.records.resource import IF_OWNED, Resource
from streamproc.core.scim.dialect import GENESYS, USER
from streamproc.core.scim.elements import ElementForm
from tests.support.hostile_targets.driver import Driver
from tests.support.resources import PHONES, GenesysUser, addresses, authorities, numbers, told, words
from tests.support.simulated_target import SimulatedTarget

FORMS: dict[ElementForm, dict[str, Any]] = {
    "path": {"list_add": "replace"},
    "added": {},
    "whole": {"typed_paths": False, "list_add": "replace"},
}
"""Form → a target of which nothing else is known than that it takes this one."""
each_form = pytest.mark.parametrize("form", FORMS)

TYPES = ("work", "work2", "work3", "work4", "home", "mobile", "other", "microsoftteams", "zoomphone")
dates = st.sampled_from([None, "2024-02-01", "2026-11-30"])
ids = st.dictionaries(authorities, st.none() | words, min_size=1, max_size=3)
owned: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("phone", "phone2", "phone3", "phone4", "mobile", "homePhone", "otherPhone"), numbers)
    | {"email": st.none() | addresses, "hired": dates, "externalIds": ids, "title": st.none() | words},
)
by_hand = st.fixed_dictionaries(
    {},
    optional={
        "phoneNumbers": st.dictionaries(st.sampled_from(TYPES), numbers.filter(bool), max_size=4).map(
            lambda held: [{"type": kind, "value": f"tel:{value}"} for kind, value in held.items()]
        ),
        "emails": st.lists(addresses, max_size=1).map(lambda held: [{"type": "work", "value": each} for each in held]),
        "externalIds": st.dictionaries(authorities, words, max_size=3).map(
            lambda held: [{"authority": authority, "value": value} for authority, value in held.items()]
        ),
        "dateHire": dates,
    },
)
WHO = {"externalId": "E1", "userName": "ana@example.com", "displayName": "Ana", "active": True}


def sink_on(form: ElementForm) -> tuple[Driver, SimulatedTarget]:
    """The sink's decider at a target that takes nothing but this form."""
    there = SimulatedTarget(**FORMS[form])
    driver = Driver(cast("Any", there))
    driver.target.dialect = replace(driver.target.dialect, elements=form)
    return driver, there


def shown(there: SimulatedTarget) -> dict[str, Any]:
    """What Ana's account holds, attribute by attribute, and what of it nobody can own."""
    (user,) = there.store.users
    body = there.body(user)
    found = told(GenesysUser.model_validate(body, scim_ctx=Context.RESOURCE_QUERY_RESPONSE))
    for each in body.get("phoneNumbers", ()):
        if each["type"] in {"microsoftteams", "zoomphone"}:
            found[each["type"]] = each["value"]
    return {name: value for name, value in found.items() if name not in {"roles", "division"}}


def with_desired(before: dict[str, Any], desired: dict[str, Any]) -> dict[str, Any]:
    """What was held, with what is owned as it is to be."""
    ids = {**before.get("externalIds", {}), **desired.get("externalIds", {})}
    after = {**before, **desired, "externalIds": {name: value for name, value in ids.items() if value is not None}}
    return {name: value for name, value in after.items() if value is not None and value != {}}


def hand(there: SimulatedTarget, changes: dict[str, Any], owned_: dict[str, Any]) -> None:
    """Somebody writes what isn't ours: lists with ours as they are, and single attributes."""
    (user,) = there.store.users
    body, ours = there.body(user), {PHONES.get(name, name) for name in owned_}
    numbers_ = [each for each in body.get("phoneNumbers", ()) if each["type"] in ours]
    numbers_ += [each for each in changes.get("phoneNumbers", ()) if each["type"] not in ours]
    names = owned_.get("externalIds", {})
    held = body.get(GENESYS, {}).get("externalIds", ())
    ids_ = [each for each in held if each["authority"] in names]
    ids_ += [each for each in changes.get("externalIds", ()) if each["authority"] not in names]
    written: dict[str, Any] = {"phoneNumbers": numbers_, "externalIds": ids_}
    if "emails" in changes and "email" not in owned_:
        written["emails"] = changes["emails"]
    if "dateHire" in changes and "hired" not in owned_:
        written["dateHire"] = changes["dateHire"]
    there.by_hand(user, **written)


@each_form
@given(first=by_hand, steps=st.lists(st.tuples(owned, by_hand), min_size=1, max_size=3), made=st.booleans())
def test_only_what_is_owned_changes(form: ElementForm, first: Any, steps: list[Any], made: bool) -> None:
    """Whatever an account holds, whoever made it, whatever is owned by now and whoever writes the rest in between."""
    driver, there = sink_on(form)
    if not made:
        there.store.create_user({"schemas": [USER], **WHO})
        hand(there, first, {})
    for desired, meanwhile in steps:
        before = shown(there) if there.store.users else dict(WHO)
        finish = driver.turn(cast("Resource", {**WHO, **desired}))
        assert finish.state.parked is None
        assert shown(there) == with_desired(before, desired)
        held: dict[str, Any] = dict(finish.state.held or {})
        assert held.keys() & IF_OWNED == desired.keys() & IF_OWNED  # what isn't ours isn't kept, either
        assert held.get("externalIds", {}).keys() == desired.get("externalIds", {}).keys()
        hand(there, meanwhile, {"phone": None, "email": None, **desired})  # these two are noted, owned or not
