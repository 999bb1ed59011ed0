"""What our client may do, out of an answer about itself."""

from typing import Any

import pytest

from streamproc.doctor.permissions import Policy, granted, of_role

EDIT = {"domain": "directory", "entityName": "user", "actions": ["edit"]}


def answer(*policies: Any, **division: str) -> dict[str, Any]:
    """With one grant."""
    return {"grants": [{"division": division, "role": {"name": "SCIM", "policies": list(policies)}}]}


def test_grants_become_policies() -> None:
    """Each with its role, its division, and whether it has a condition; without a division it is taken for all."""
    conditional = EDIT | {"actions": ["add"], "condition": "..."}
    assert granted(answer(EDIT, conditional, id="d1", name="Home")) == [
        Policy("SCIM", "directory", "user", frozenset({"edit"}), division="d1"),
        Policy("SCIM", "directory", "user", frozenset({"add"}), conditional=True, division="d1"),
    ]
    assert granted(answer(EDIT)) == [Policy("SCIM", "directory", "user", frozenset({"edit"}))]
    assert granted({"grants": []}) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"grants": None},
        {"grants": [{"role": {"name": "SCIM"}}]},
        answer({"domain": "directory", "entityName": "user", "actionSet": ["edit"]}),
        answer({"domain": "directory", "actions": ["edit"]}),
        answer("directory:user:edit"),
    ],
)
def test_an_answer_of_another_shape_is_no_word(body: dict[str, Any]) -> None:
    """It isn't taken for nothing being allowed, which would stop a mapping, nor for everything."""
    assert granted(body) is None


def test_a_role_of_the_list_has_its_policies() -> None:
    """By the names that are used there."""
    policy = {"domain": "directory", "entityName": "*", "actionSet": ["view"], "resourceConditionNode": {"a": 1}}
    role = {"name": "Admin", "permissionPolicies": [policy, None]}
    assert of_role(role, "d1") == [Policy("Admin", "directory", "*", frozenset({"view"}), True, "d1")]
    assert of_role({"name": "Admin"}) == []


@pytest.mark.parametrize(
    ("domain", "entity", "actions", "allowed"),
    [
        ("directory", "user", ["edit"], True),
        ("directory", "user", ["add", "edit"], True),
        ("directory", "user", ["*"], True),
        ("directory", "*", ["edit"], True),
        ("directory", "*", ["*"], True),
        ("*", "*", ["*"], True),
        ("directory", "user", ["add"], False),
        ("directory", "group", ["edit"], False),
        ("directory", "group", ["*"], False),
        ("routing", "user", ["edit"], False),
        ("directory", "*", ["add"], False),
    ],
)
def test_a_policy_allows_what_it_names(domain: str, entity: str, actions: list[str], allowed: bool) -> None:
    """With `*` in the place of any of the three."""
    assert Policy("A", domain, entity, frozenset(actions)).allows("directory:user:edit") is allowed
