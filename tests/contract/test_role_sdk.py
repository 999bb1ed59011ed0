"""The vendor's SDK as judge of the role that `doctor --role` prints."""

import PureCloudPlatformClientV2 as sdk  # noqa: N813

from streamproc.core.fold.mapping import parse_mapping
from streamproc.doctor.permissions import needs
from streamproc.doctor.role import for_api
from tests.support.examined import MAPPING

RULES = parse_mapping(MAPPING)


def test_the_api_takes_it() -> None:
    """Its SDK knows each name, and the policies are what the mapping needs, once each."""
    body = for_api(needs(RULES), RULES.digest)
    role = sdk.DomainOrganizationRoleCreate()
    assert body.keys() <= {*role.attribute_map.values()}
    policy = sdk.DomainPermissionPolicy()
    permissions = []
    for each in body["permissionPolicies"]:
        assert each.keys() <= {*policy.attribute_map.values()}
        permissions += [f"{each['domain']}:{each['entityName']}:{action}" for action in each["actionSet"]]
    assert sorted(permissions) == sorted({need.permission for need in needs(RULES)})
    assert RULES.digest in body["description"]
