"""What operations make of a user: where we mean to differ from scim2-models, and what no example of a client shows."""

from dataclasses import dataclass

import pytest

from streamproc.core.provider.normalise_patch import normalise_patch
from streamproc.core.provider.patch import apply
from streamproc.core.provider.resource_types import USERS
from streamproc.core.provider.schema import Json
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS
from tests.support.scim_judge import judged, without_nothing

WORK = {"value": "a", "type": "work"}
USER: Json = {"userName": "a", "emails": [WORK], ENTERPRISE: {"manager": {"value": "7", "$ref": "../Users/7"}}}


def patched(before: Json, *operations: Json) -> Json:
    """The user after the operations."""
    return apply(before, normalise_patch(USERS, {"Operations": list(operations)}).operations)


@dataclass(frozen=True)
class Difference:
    """An operation on `USER`, what we make of it, and what scim2-models does: the attribute, or why it refuses."""

    operation: Json
    ours: object
    judge: object
    attribute: str = "emails"


DIFFERENCES = {
    "an element that is there has more said of it, and isn't there twice": Difference(
        {"op": "add", "path": "emails", "value": [{**WORK, "display": "A"}]},
        [{**WORK, "display": "A"}],
        [{**WORK, "display": "A"}, WORK],
    ),
    "nor if a filter has made it": Difference(
        {"op": "replace", "path": 'emails[primary eq "True" and type eq "work"].value', "value": "a"},
        [{**WORK, "primary": True}],
        [{**WORK, "primary": True}, WORK],
    ),
    "nor is it in a list that a client sends": Difference(
        {"op": "replace", "path": "emails", "value": [WORK, {**WORK, "display": "A"}]},
        [{**WORK, "display": "A"}],
        [{**WORK, "display": "A"}, WORK],
    ),
    "of two primary elements the first is": Difference(
        {
            "op": "replace",
            "path": "emails",
            "value": [{"value": "b", "primary": True}, {"value": "c", "primary": True}],
        },
        [{"value": "b", "primary": True}, {"value": "c"}],
        "InvalidValueException",
    ),
    "null is added by taking away": Difference({"op": "add", "path": "emails", "value": None}, None, "ValidationError"),
    "what has lost its value is gone": Difference(
        {"op": "remove", "path": 'emails[type eq "work"].value'}, None, [{"type": "work"}]
    ),
    "a value that is taken away isn't first made": Difference(
        {"op": "replace", "path": 'emails[type eq "home"].value', "value": None}, [WORK], [{"type": "home"}, WORK]
    ),
    "a value by itself makes an element": Difference(
        {"op": "add", "path": "phoneNumbers.value", "value": "1"}, [{"value": "1"}], None, "phoneNumbers"
    ),
    "what is removed is told by what it is, and not by how it is shown": Difference(
        {"op": "remove", "path": "emails", "value": [{"value": "A", "display": "else"}]}, None, [WORK]
    ),
    "a filter is a key, too": Difference(
        {"op": "replace", "value": {'emails[type eq "work"].value': "b"}}, [{**WORK, "value": "b"}], [WORK]
    ),
    "a manager's reference isn't the last one's": Difference(
        {"op": "replace", "path": f"{ENTERPRISE}:manager", "value": {"value": "8"}},
        {"manager": {"value": "8"}},
        {"manager": {"value": "8", "$ref": "../Users/7"}},
        ENTERPRISE,
    ),
    "a manager's id goes": Difference(
        {"op": "remove", "path": f"{ENTERPRISE}:manager.value"}, None, "MutabilityException", ENTERPRISE
    ),
    "a manager is an id": Difference(
        {"op": "replace", "path": f"{ENTERPRISE}:manager", "value": "8"},
        {"manager": {"value": "8"}},
        "InvalidValueException",
        ENTERPRISE,
    ),
    "a role is a text": Difference(
        {"op": "add", "path": "roles", "value": ["Agent"]}, [{"value": "Agent"}], "InvalidValueException", "roles"
    ),
    "a boolean is in a list": Difference(
        {"op": "replace", "path": "active", "value": [False]}, False, "InvalidValueException", "active"
    ),
    "a value has no quotes": Difference(
        {"op": "replace", "path": "emails[type eq work].value", "value": "b"},
        [{**WORK, "value": "b"}],
        "ValidationError",
    ),
    "an extension's attribute is found by its name alone": Difference(
        {"op": "replace", "path": "department", "value": "Sales"},
        {"department": "Sales", "manager": {"$ref": "../Users/7", "value": "7"}},
        {"manager": {"$ref": "../Users/7", "value": "7"}},
        ENTERPRISE,
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_where_we_differ_from_the_judge_it_is_meant(name: str) -> None:
    """Each known difference from another implementation is asked for by a client, or by lists that are sets."""
    difference = DIFFERENCES[name]
    assert without_nothing(patched(USER, difference.operation)).get(difference.attribute) == difference.ours
    verdict = judged(USER, [difference.operation])
    assert (verdict if isinstance(verdict, str) else verdict.get(difference.attribute)) == difference.judge


def test_one_element_is_primary() -> None:
    """A new primary address takes that from the one before, whichever way it is written (RFC 7644 §3.5.2)."""
    before = {"userName": "a", "emails": [{"value": "1", "primary": True}, {"value": "2"}]}
    after = [{"value": "1", "primary": False}, {"value": "2", "primary": True}]
    assert (
        patched(before, {"op": "replace", "path": 'emails[value eq "2"].primary', "value": "True"})["emails"] == after
    )
    assert patched(before, {"op": "add", "path": "emails", "value": {"value": "2", "primary": True}})["emails"] == after


def test_a_new_element_can_be_the_primary_one() -> None:
    """An element that a filter describes as primary takes that from the one before."""
    before = {"userName": "a", "emails": [{"value": "1", "primary": True}]}
    path = 'emails[primary eq "True" and type eq "home"].value'
    assert patched(before, {"op": "add", "path": path, "value": "2"})["emails"] == [
        {"value": "1", "primary": False},
        {"primary": True, "type": "home", "value": "2"},
    ]


def test_only_what_is_named_is_removed() -> None:
    """Who names elements by something else than their value takes these, and never all of them."""
    home = {"locality": "Bonn", "type": "home"}
    before: Json = {
        "userName": "a",
        "emails": [WORK, {"value": "b", "display": "B"}],
        "addresses": [{"locality": "Bonn", "type": "work"}, home],
    }
    after = patched(before, {"op": "remove", "path": "emails", "value": [{"display": "b"}]})
    assert after["emails"] == [WORK]
    after = patched(before, {"op": "remove", "path": "addresses", "value": {"locality": "bonn", "type": "work"}})
    assert after["addresses"] == [home]
    assert patched(before, {"op": "remove", "path": "emails", "value": [{}, {"unknown": "b"}]}) is before


def test_a_part_of_no_element_makes_none() -> None:
    """To say how addresses are shown, of a user without any, makes none."""
    before: Json = {"userName": "a"}
    assert patched(before, {"op": "add", "path": "emails.display", "value": "A"}) is before


def test_what_changes_nothing_gives_the_very_same() -> None:
    """A repeated PATCH is no change, and makes no new version."""
    for operation in (
        {"op": "replace", "path": "userName", "value": "a"},
        {"op": "add", "path": "emails", "value": [WORK]},
        {"op": "remove", "path": "title"},
        {"op": "remove", "path": "emails", "value": [{"value": "b"}]},
        {"op": "replace", "path": f"{ENTERPRISE}:manager", "value": {"value": "7"}},
    ):
        assert patched(USER, operation) is USER
    assert patched(USER, {"op": "replace", "path": "title", "value": "x"}, {"op": "remove", "path": "title"}) is USER


def test_a_filter_that_describes_nothing_and_finds_nothing_is_told() -> None:
    """A client hears that what it wanted to change isn't there, where nothing can be made of its filter."""
    for path, value in (
        ('emails[type ne "work"].value', "b"),
        ('emails[value sw "z"].display', "b"),
        ('emails[value eq "z"].value', "b"),
        ("emails[type eq null].value", "b"),
    ):
        with pytest.raises(ScimError) as refused:
            patched(USER, {"op": "replace", "path": path, "value": value})
        assert (refused.value.status, refused.value.scim_type) == (400, "noTarget")


def test_a_list_has_an_end() -> None:
    """Nobody can let a user grow for ever, one element at a time."""
    many: Json = {"userName": "a", GENESYS: {"routingSkills": [{"name": str(each)} for each in range(1000)]}}
    for operation in (
        {"op": "add", "path": f"{GENESYS}:routingSkills", "value": [{"name": "one more"}]},
        {"op": "add", "path": f'{GENESYS}:routingSkills[name eq "one more"].proficiency', "value": 1},
    ):
        with pytest.raises(ScimError) as refused:
            patched(many, operation)
        assert refused.value.scim_type == "invalidValue"


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": 'emails[value eq "a1" or value eq "a2" or type eq "home"].display', "value": "x"},
        {"op": "remove", "path": "emails", "value": [{"value": f"b{each}"} for each in range(40)]},
        {"op": "add", "path": "emails", "value": [{"value": "a1", "type": "work", "display": "x"}]},
    ],
    ids=lambda operation: operation["op"],
)
def test_work_has_an_end(operation: Json) -> None:
    """No body of a client's keeps a gateway from all others for minutes, by looking at a long list again and again."""
    many: Json = {"userName": "a", "emails": [{"value": f"a{each}", "type": "work"} for each in range(1000)]}
    assert patched(many, operation)["emails"]
    with pytest.raises(ScimError) as refused:
        patched(many, *[operation] * 1000)
    assert refused.value.status == 413


def test_what_isnt_touched_is_shared() -> None:
    """A change of one attribute copies none of the others, however long their lists are."""
    after = patched(USER, {"op": "replace", "path": f"{ENTERPRISE}:department", "value": "Sales"})
    assert after["emails"] is USER["emails"]
    assert after[ENTERPRISE]["manager"] is USER[ENTERPRISE]["manager"]
    assert "department" not in USER[ENTERPRISE]
