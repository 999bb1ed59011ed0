"""Genesys's own SDK judges the simulator's platform API: audits, users, roles, tokens, limits."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import PureCloudPlatformClientV2 as sdk  # noqa: N813 - the vendor's name fills a line
import pytest
from PureCloudPlatformClientV2.rest import ApiException

from tests.support.simulator_sdk import Door, Login, new_user, patch


def query(kind: Any, **filters: str) -> Any:
    """An audit query of the last hour, made of the SDK's own models."""
    asked = kind()
    now = datetime.now(UTC)
    asked.interval = "/".join(each.isoformat() for each in (now - timedelta(hours=1), now + timedelta(minutes=1)))
    asked.service_name = "Directory"
    asked.filters = []
    for name, value in filters.items():
        narrowed = sdk.AuditQueryFilter()
        narrowed.pcProperty, narrowed.value = name, value
        asked.filters.append(narrowed)
    return asked


def test_the_sdk_reads_who_changed_what(client: Any, door: Door) -> None:
    """Both queries fill the SDK's entries: client, person, property, old and new values, and no value unknown to it."""
    made = sdk.SCIMApi(client).post_scim_v2_users(new_user())
    door("edit", user="ada", by="Sue Visor", changes={"title": "Lead"})
    audits = sdk.AuditApi(client)
    mapping = audits.get_audits_query_realtime_servicemapping()
    assert {"Directory", "SCIM", "Groups"} <= {service.name for service in mapping.services}
    found = audits.post_audits_query_realtime(query(sdk.AuditRealtimeQueryRequest, EntityId=made.id), expand=["user"])
    assert (found.total, found.page_count) == (2, 1)
    by_hand, created = found.entities
    assert (by_hand.user.name, by_hand.client.id, by_hand.action, by_hand.level) == (
        "Sue Visor",
        "admin-ui",
        "Update",
        "USER",
    )
    assert (by_hand.entity.id, by_hand.entity_type, by_hand.status) == (made.id, "User", "SUCCESS")
    [change] = by_hand.property_changes
    assert (change.pcProperty, change.old_values, change.new_values) == ("title", [], ["Lead"])
    assert (created.client.id, created.user, created.event_date.tzinfo is not None) == ("admin", None, True)
    begun = audits.post_audits_query(query(sdk.AuditQueryRequest, EntityId=made.id))
    states = [audits.get_audits_query_transaction_id(begun.id).state for _ in range(2)]
    assert states[-1] == "Succeeded"
    first = audits.get_audits_query_transaction_id_results(begun.id, page_size=1)
    rest = audits.get_audits_query_transaction_id_results(begun.id, page_size=1, cursor=first.cursor)
    assert [entry.action for entry in first.entities + rest.entities] == ["Update", "Create"]
    assert rest.cursor is None


def test_the_sdk_changes_a_user_as_the_administration_does(client: Any) -> None:
    """The SDK's models read a user, change them under their version, and meet a conflict."""
    made = sdk.SCIMApi(client).post_scim_v2_users(new_user())
    users = sdk.UsersApi(client)
    user = users.get_user(made.id, expand=["skills", "authorization"])
    assert (user.email, user.state, user.version) == ("ada@example.com", "active", 1)
    assert [role.name for role in user.authorization.roles] == ["employee"]
    change = sdk.UpdateUser()
    change.title, change.version = "Lead", user.version
    assert users.patch_user(made.id, change).title == "Lead"
    with pytest.raises(ApiException) as refused:
        users.patch_user(made.id, change)
    assert refused.value.status == 409
    assert [each.id for each in users.get_users().entities] == [made.id]


def test_the_sdk_asks_who_may_do_what(client: Any, door: Door, log_in: Login) -> None:
    """Roles, holders and the caller's own grants fill the SDK's models; who lacks a permission meets a 403."""
    door("roles", name="Team Admin", policies=["directory:user:*"])
    boss = new_user()
    role = sdk.ScimUserRole()
    role.value = "Team Admin"
    boss.roles = [role]
    made = sdk.SCIMApi(client).post_scim_v2_users(boss)
    authorization = sdk.AuthorizationApi(client)
    roles = authorization.get_authorization_roles(permission=["directory:user:edit"], user_count=True).entities
    [found] = [each for each in roles if each.name == "Team Admin"]
    [policy] = found.permission_policies
    assert (policy.domain, policy.entity_name, policy.action_set, found.user_count) == ("directory", "user", ["*"], 1)
    assert [each.id for each in authorization.get_authorization_role_users(found.id).entities] == [made.id]
    [grant] = authorization.get_authorization_role_subjectgrants(found.id).entities
    assert (grant.id, grant.type, grant.divisions[0].name) == (made.id, "PC_USER", "Home")
    door("clients", id="reader", permissions=["directory:user:view"])
    reader = log_in("reader")
    me = sdk.AuthorizationApi(reader).get_authorization_subjects_me(include_full_roles=True)
    [own] = me.grants
    assert (me.id, own.division.id, own.division.home_division) == ("reader", "*", False)
    assert [(each.domain, each.entity_name, each.actions) for each in own.role.policies] == [
        ("directory", "user", ["view"])
    ]
    with pytest.raises(ApiException) as refused:
        sdk.SCIMApi(reader).patch_scim_v2_user(made.id, patch(("replace", "title", "x")))
    assert refused.value.status == 403
    assert orjson.loads(refused.value.body)["code"] == "not.authorized"


def test_the_sdk_reads_tokens_and_limits(client: Any) -> None:
    """Who the token's client is, of which organisation, and what it may ask a minute."""
    token = sdk.TokensApi(client).get_tokens_me()
    assert (token.o_auth_client.id, token.organization.name) == ("admin", "Simulated Organization")
    roles = {each.id for each in sdk.AuthorizationApi(client).get_authorization_roles().entities}
    assert {(each.role_id in roles, each.division_id) for each in token.o_auth_client.role_divisions} == {(True, "*")}
    limits = sdk.OrganizationApi(client).get_organizations_limits_namespace("scim").entities
    assert [(limit.namespace, limit.key) for limit in limits] == [("scim", "token.rate.per.minute")]
