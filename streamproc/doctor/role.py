"""The custom role that a mapping needs: for Genesys's API, and as a resource of its Terraform provider.

Body of `POST /api/v2/authorization/roles` (SDK: DomainOrganizationRoleCreate, DomainPermissionPolicy), and
`genesyscloud_auth_role` (terraform-provider-genesyscloud, genesyscloud/auth_role: the resource's schema).
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from streamproc.doctor.permissions import Need

NAME: Final = "streamproc"


def for_api(found: Iterable[Need], mapping: str) -> dict[str, Any]:
    """The body. `mapping`: its digest."""
    policies = [
        {"domain": domain, "entityName": entity, "actionSet": actions, "allowConditions": False}
        for domain, entity, actions in _policies(found)
    ]
    return {"name": NAME, "description": _description(mapping), "permissionPolicies": policies}


def for_terraform(found: Iterable[Need], mapping: str) -> str:
    """The resource, in HCL; what JSON quotes, HCL quotes alike."""
    lines = [
        f'resource "genesyscloud_auth_role" "{NAME}" {{',
        f'  name        = "{NAME}"',
        f"  description = {json.dumps(_description(mapping))}",
    ]
    for domain, entity, actions in _policies(found):
        lines += [
            "",
            "  permission_policies {",
            f'    domain      = "{domain}"',
            f'    entity_name = "{entity}"',
            f"    action_set  = {json.dumps(actions)}",
            "  }",
        ]
    return "\n".join([*lines, "}"]) + "\n"


def _description(mapping: str) -> str:
    return f"What streamproc needs for mapping {mapping}, and no more"


def _policies(found: Iterable[Need]) -> Iterator[tuple[str, str, list[str]]]:
    """Domain, entity and actions, in the order of their names."""
    actions: dict[tuple[str, str], set[str]] = {}
    for need in found:
        domain, entity, action = need.permission.split(":")
        actions.setdefault((domain, entity), set()).add(action)
    for (domain, entity), each in sorted(actions.items()):
        yield domain, entity, sorted(each)
