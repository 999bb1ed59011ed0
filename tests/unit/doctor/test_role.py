"""The role that a mapping needs, as Genesys's API and its Terraform provider take it."""

import re

import orjson

from streamproc.core.fold.mapping import parse_mapping
from streamproc.doctor.permissions import needs
from streamproc.doctor.role import for_api, for_terraform
from tests.support.examined import MAPPING

RULES = parse_mapping(MAPPING)


def test_terraform_takes_the_same() -> None:
    """A block for each policy, by the names of the provider's schema."""
    text = for_terraform(needs(RULES), RULES.digest)
    assert text.startswith('resource "genesyscloud_auth_role" "streamproc" {\n')
    block = (
        r'  permission_policies {\n    domain += "(\w+)"\n    entity_name += "(\w+)"\n    action_set += (\[.*\])\n  }'
    )
    found = [
        {"domain": domain, "entityName": entity, "actionSet": orjson.loads(actions), "allowConditions": False}
        for domain, entity, actions in re.findall(block, text)
    ]
    assert found == for_api(needs(RULES), RULES.digest)["permissionPolicies"]
    assert text.count("{") == text.count("}")


def test_the_least_set_follows_the_mapping() -> None:
    """A mapping without lists needs users alone; ending sessions needs its own; what is only observed needs nothing."""
    plain = parse_mapping('[attributes]\ntitle = "job"\n')
    assert [need.permission for need in needs(plain) if need.kind == "must"] == [
        "directory:user:add",
        "directory:user:edit",
    ]
    ending = needs(plain, end_sessions=True)
    assert [need.places for need in ending if need.permission == "oauth:token:delete"] == [("STREAMPROC_END_SESSIONS",)]
    observed = parse_mapping(MAPPING + '[policy]\nroles = "observe"\nskills = "seed"\n')
    permissions = {need.permission for need in needs(observed)}
    assert "authorization:grant:add" not in permissions
    assert "routing:skill:assign" in permissions


def test_each_permission_names_the_lines_that_need_it() -> None:
    """By number, from one on, and what they ask for."""
    places = {need.permission: need.places for need in needs(RULES)}
    assert places["routing:skill:assign"] == ("rule 1 (department = Spanish*)",)
    assert places["authorization:grant:add"] == ("copy 1 (genesysRole)", "rule 2 (job = Agent)")
    assert places["directory:user:edit"][-1] == "rule 1 (department = Spanish*)"
    assert places["telephony:extension:assign"] == ("attributes.phone with an extension",)
