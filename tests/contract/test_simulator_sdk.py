"""Genesys's own SDK and scim2-models judge the simulator, since our client must not be its only witness."""

import urllib.request
from collections.abc import Callable
from typing import Any

import orjson
import PureCloudPlatformClientV2 as sdk  # noqa: N813 - the vendor's name fills a line
import pytest
import scim2_models
from PureCloudPlatformClientV2.rest import ApiException

from streamproc.core.records.resource import Resource
from streamproc.core.scim.dialect import GENESYS_DIALECT, create_body, patch_body
from tests.support.simulator_sdk import Door, new_user, patch

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GENESYS = "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"


@pytest.fixture
def scim(client: Any) -> Any:
    return sdk.SCIMApi(client)


@pytest.fixture
def get(port: int, client: Any) -> Callable[[str], Any]:
    def fetch(path: str) -> Any:
        url = f"http://127.0.0.1:{port}/api/v2/scim/v2/{path}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {client.access_token}"})
        with urllib.request.urlopen(request) as answer:
            return orjson.loads(answer.read())

    return fetch


def test_the_sdk_creates_reads_and_lists_users(scim: Any) -> None:
    """Create, get and list give the SDK's models with every field it knows filled."""
    made = scim.post_scim_v2_users(new_user())
    assert (made.user_name, made.active, made.meta.version) == ("ada@example.com", True, "1")
    assert made.meta.last_modified.tzinfo is not None
    assert [role.value for role in made.roles] == ["employee"]
    assert scim.get_scim_v2_user(made.id).to_dict() == made.to_dict()
    listed = scim.get_scim_v2_users(filter="externalId eq ada")
    assert (listed.total_results, listed.resources[0].id) == (1, made.id)
    by_name = scim.get_scim_users(filter='userName eq "ada@example.com"', attributes=["displayName"])
    assert by_name.resources[0].external_id is None


def test_the_sdk_patches_skills_under_if_match(scim: Any) -> None:
    """A PATCH by full URN is understood, and a stale If-Match is an ApiException with invalidVers."""
    made = scim.post_scim_v2_users(new_user())
    skills = [{"name": "Spanish", "proficiency": 3.5}]
    operation = ("replace", f"{GENESYS}:routingSkills", skills)
    patched = scim.patch_scim_v2_user(made.id, patch(operation), if_match='"1"')
    [skill] = patched.urnietfparamsscimschemasextensiongenesyspurecloud2_0_user.routing_skills
    assert (skill.name, skill.proficiency, patched.meta.version) == ("Spanish", 3.5, "2")
    with pytest.raises(ApiException) as refused:
        scim.patch_scim_v2_user(made.id, patch(("remove", "title")), if_match='"1"')
    assert refused.value.status == 400
    assert orjson.loads(refused.value.body)["scimType"] == "invalidVers"


def test_the_sdk_sees_a_conflict(scim: Any) -> None:
    """A second user of the same name is an ApiException 409 whose body is a ScimError."""
    scim.post_scim_v2_users(new_user())
    with pytest.raises(ApiException) as refused:
        scim.post_scim_v2_users(new_user())
    assert refused.value.status == 409
    assert scim2_models.Error.model_validate_json(refused.value.body).scim_type == "uniqueness"


def test_the_sdk_deactivates_replaces_and_deletes(scim: Any) -> None:
    """Deactivation hides the user from the plain list, PUT takes the SDK's own model back, DELETE removes."""
    made = scim.post_scim_v2_users(new_user())
    assert scim.patch_scim_v2_user(made.id, patch(("replace", "active", False))).active is False
    assert scim.get_scim_v2_users().total_results == 0
    assert scim.get_scim_v2_users(filter="active eq false").total_results == 1
    user = scim.get_scim_v2_user(made.id)
    user.title = "Dr"
    assert scim.put_scim_v2_user(made.id, user).title == "Dr"
    scim.delete_scim_v2_user(made.id)
    with pytest.raises(ApiException) as gone:
        scim.get_scim_v2_user(made.id)
    assert gone.value.status == 404


def test_the_sdk_adds_and_removes_group_members(scim: Any) -> None:
    """Members come and go by PATCH, and the user's own groups follow."""
    made = scim.post_scim_v2_users(new_user())
    group = scim.get_scim_v2_groups("displayName eq Spanish Queue").resources[0]
    added = scim.patch_scim_v2_group(group.id, patch(("add", "members", [{"value": made.id}])))
    assert [(member.type, member.value) for member in added.members] == [("User", made.id)]
    assert [entry.value for entry in scim.get_scim_v2_user(made.id).groups] == [group.id]
    removed = scim.patch_scim_v2_group(group.id, patch(("remove", f'members[value eq "{made.id}"]')))
    assert removed.members is None


class Body:
    """What the SDK takes for an answer."""

    def __init__(self, body: Any) -> None:
        self.data = orjson.dumps(body).decode()

    def getheader(self, _name: str) -> str:
        return "application/json"


def test_the_sdk_knows_all_that_we_write(client: Any) -> None:
    """Our POST and PATCH, read into the vendor's models and written again, have lost nothing and have no odd value."""
    numbers = dict.fromkeys(("phone2", "phone3", "phone4", "mobile", "homePhone", "otherPhone"), "+13175550102")
    every: Any = {
        "externalId": "E1",
        "userName": "ana@example.com",
        "displayName": "Ana",
        "active": True,
        **numbers,
        "email": "ana@work.example",
        "phone": "+13175550101;ext=42",
        "hired": "2024-02-01",
        "manager": "7",
        "skills": {"Spanish": 4.0},
        "externalIds": {"microsoftteams": "ana@corp.example", "https://idp.example.com/sso": "4711"},
    }
    changes = patch_body(Resource(mobile="+1"), every | {"phone2": None}, GENESYS_DIALECT)
    for model, body in (("ScimV2CreateUser", create_body(every, GENESYS_DIALECT)), ("ScimV2PatchRequest", changes)):
        assert client.sanitize_for_serialization(client.deserialize(Body(body), model)) == body


def test_the_sdk_reads_the_discovery_documents(scim: Any) -> None:
    """The three documents fill the SDK's models without a value it does not know."""
    config = scim.get_scim_v2_serviceproviderconfig()
    assert (config.patch.supported, config.bulk.supported, config.etag.supported) == (True, False, True)
    assert [kind.name for kind in scim.get_scim_v2_resourcetypes().resources] == ["User", "Group"]
    assert scim.get_scim_v2_resourcetype("User").endpoint == "/users"
    schema = scim.get_scim_v2_schema(GENESYS)
    names = [attribute.name for attribute in schema.attributes]
    assert names == ["routingSkills", "routingLanguages", "externalIds"]
    assert "outdated_sdk_version" not in str(scim.get_scim_v2_schemas().to_dict())


def test_scim2_models_accepts_every_document(scim: Any, get: Callable[[str], Any]) -> None:
    """An independent library parses the discovery documents and builds from them a model that a user fits."""
    scim2_models.ServiceProviderConfig.model_validate(get("ServiceProviderConfig"))
    for document in get("ResourceTypes")["Resources"]:
        scim2_models.ResourceType.model_validate(document)
    schemas = {document["id"]: scim2_models.Schema.model_validate(document) for document in get("Schemas")["Resources"]}
    assert len(schemas) == 4
    core = scim2_models.Resource.from_schema(schemas["urn:ietf:params:scim:schemas:core:2.0:User"])
    enterprise = scim2_models.Extension.from_schema(schemas[ENTERPRISE])
    extension = scim2_models.Extension.from_schema(schemas[GENESYS])
    made = scim.post_scim_v2_users(new_user())
    skills = [{"name": "Billing", "proficiency": 1.0}]
    scim.patch_scim_v2_user(made.id, patch(("replace", f"{GENESYS}:routingSkills", skills)))
    answer = get(f"Users/{made.id}")
    model: Any = core[enterprise | extension]  # type: ignore[index]
    user = model.model_validate(answer, scim_ctx=scim2_models.Context.RESOURCE_QUERY_RESPONSE)
    assert user.user_name == "ada@example.com"
    assert user[extension].routing_skills[0].name == "Billing"
    listed: Any = scim2_models.ListResponse[model].model_validate(get("Users"))
    assert listed.resources[0].id == made.id


def test_the_sdk_reads_the_lists_of_what_there_is(client: Any, door: Door) -> None:
    """Skills, languages, roles and divisions, page by page, fill the SDK's models, and pages end where they say."""
    door("config", skills=[f"Skill {number:02}" for number in range(30)])
    routing, authorization = sdk.RoutingApi(client), sdk.AuthorizationApi(client)
    for read, name in (
        (routing.get_routing_skills, "Skill 29"),
        (routing.get_routing_languages, "Spanish"),
        (authorization.get_authorization_roles, "employee"),
        (authorization.get_authorization_divisions, "Home"),
    ):
        first = read()
        assert (first.page_number, first.page_size, first.previous_uri) == (1, 25, None)
        pages = [first, *(read(page_number=number) for number in range(2, first.page_count + 1))]
        entities = [entity for page in pages for entity in page.entities]
        assert len({entity.id for entity in entities}) == len(entities) == first.total
        assert name in {entity.name for entity in entities}
        assert [bool(page.next_uri) for page in pages] == [True] * (len(pages) - 1) + [False]
    assert [each.name for each in routing.get_routing_skills(name="Skill 07").entities] == ["Skill 07"]
    with pytest.raises(ApiException) as refused:
        routing.get_routing_skills(page_size=1000)
    assert refused.value.status == 400


def test_the_sdk_meets_a_list_that_is_denied(client: Any, door: Door) -> None:
    """403 in the platform's own error body, which the SDK understands."""
    door("config", denied=["roles"])
    with pytest.raises(ApiException) as refused:
        sdk.AuthorizationApi(client).get_authorization_roles()
    assert refused.value.status == 403
    assert orjson.loads(refused.value.body)["code"] == "not.authorized"
    assert sdk.RoutingApi(client).get_routing_skills().entities
