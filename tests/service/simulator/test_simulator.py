"""The simulator itself: each behaviour it claims, over a real socket."""

import asyncio
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer

from streamproc.simulator import SimulatorOptions, create_app, filters, oauth, serve

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GENESYS = "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SKILLS = f"{GENESYS}:routingSkills"


def basic(secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"demo:{secret}".encode()).decode()}


class Reply:
    def __init__(self, status: int, headers: Any, raw: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body: Any = orjson.loads(raw) if raw else None


class Org:
    """A client of one simulator, with a token."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client = client
        self.token = ""

    async def log_in(self) -> None:
        form = {"grant_type": "client_credentials"}
        answer = await self.client.post("/oauth/token", data=form, headers=basic("demo"))
        self.token = (await answer.json())["access_token"]

    async def call(
        self, method: str, path: str, body: Any = None, *, root: str = "/api/v2/scim/v2/", **headers: str
    ) -> Reply:
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else None if body is None else orjson.dumps(body)
        async with self.client.request(method, root + path, data=data, headers=sent) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        async with self.client.request(method, f"/_sim/{path}", json=body) as answer:
            return await answer.json()

    async def user(self, name: str = "ada", **more: Any) -> Any:
        made = {"userName": f"{name}@example.com", "displayName": name, "externalId": name, **more}
        answer = await self.call("POST", "Users", made)
        assert answer.status == 201, answer.body
        return answer.body

    async def patch(self, id_: str, *operations: Any, to: str = "Users", **headers: str) -> Reply:
        ops = [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations]
        return await self.call("PATCH", f"{to}/{id_}", {"schemas": [PATCH], "Operations": ops}, **headers)

    async def ledger(self, query: str = "") -> Any:
        return (await self.sim("GET", f"ledger{query}"))["entries"]

    async def group(self, name: str = "All Agents") -> str:
        found = await self.call("GET", f"Groups?filter={quote(f'displayName eq {name}')}")
        return str(found.body["Resources"][0]["id"])


Start = Callable[..., Awaitable[Org]]


class Clock:
    """Stands still until it is moved, so that no machine is too slow for what is short-lived."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The simulator's, for tokens, rate limits and searches that lag."""
    made = Clock()
    monkeypatch.setattr(oauth, "time", made)
    monkeypatch.setattr(filters, "time", made)
    return made


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def start_one(**options: Any) -> Org:
            app = create_app(SimulatorOptions(**{"rate_limit": 0, **options}))
            org = Org(await stack.enter_async_context(TestClient(TestServer(app))))
            await org.log_in()
            return org

        yield start_one


@pytest.fixture
async def org(start: Start) -> Org:
    return await start()


def find(field: str, value: str) -> str:
    return f"Users?filter={field}%20eq%20%22{value}%22"


# The token endpoint


@pytest.mark.parametrize("how", ["basic", "form"])
async def test_a_token_is_granted_for_either_form_of_client_credentials(org: Org, how: str) -> None:
    """RFC 6749 §2.3.1 allows both, and the lifetime is said as configured."""
    form = {"grant_type": "client_credentials"}
    headers = basic("demo") if how == "basic" else {}
    if how == "form":
        form |= {"client_id": "demo", "client_secret": "demo"}
    async with org.client.post("/oauth/token", data=form, headers=headers) as answer:
        body = await answer.json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 86400)
    assert body["access_token"] != org.token


@pytest.mark.parametrize(
    ("secret", "grant", "status", "error"),
    [
        ("wrong", "client_credentials", 401, "invalid_client"),
        ("demo", "password", 400, "unsupported_grant_type"),
        ("demo", None, 400, "invalid_request"),
    ],
)
async def test_a_bad_token_request_gets_the_oauth_error(
    org: Org, secret: str, grant: str | None, status: int, error: str
) -> None:
    """A client can tell a wrong secret from a wrong request by RFC 6749's codes."""
    form = {"grant_type": grant} if grant else {}
    async with org.client.post("/oauth/token", data=form, headers=basic(secret)) as answer:
        assert (answer.status, (await answer.json())["error"]) == (status, error)


async def test_tokens_expire_and_are_counted(start: Start, clock: Clock) -> None:
    """A token outlived gets the platform's 401, and /_sim/ tells how many tokens were asked for."""
    org = await start(token_ttl_s=60)
    clock.now += 59.9
    assert (await org.call("GET", "Users")).status == 200
    clock.now += 0.1
    refused = await org.call("GET", "Users")
    assert (refused.status, refused.body["status"]) == (401, 401)
    assert refused.body["contextId"] == refused.headers["ININ-Correlation-Id"]
    await org.log_in()
    assert (await org.call("GET", "Users")).status == 200
    assert (await org.sim("GET", "requests"))["token_requests"] == 2


# Users


async def test_a_created_user_has_genesys_wire_shape(org: Org) -> None:
    """Every part of the shape a client reads back: derived email, default role, home division, integer ETag."""
    answer = await org.call(
        "POST",
        "users",
        {
            "schemas": [CORE, ENTERPRISE, GENESYS],
            "userName": "ada@example.com",
            "displayName": "Ada",
            "password": "secret",
            "externalId": "e-1",
            "emails": [{"value": "ada@work.example", "type": "work"}],
            "phoneNumbers": [{"value": "+13175550101", "type": "work", "primary": True}],
            ENTERPRISE: {"department": "Care", "dateHire": "2024-02-01T09:00:00Z"},
            GENESYS: {"routingSkills": [{"name": "Spanish", "proficiency": 4}]},
        },
    )
    body = answer.body
    assert answer.status == 201
    assert (answer.headers["ETag"], body["meta"]["version"]) == ('"1"', "1")
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.headers["Location"] == body["meta"]["location"] == f"/api/v2/scim/v2/users/{body['id']}"
    assert body["emails"] == [
        {"value": "ada@work.example", "type": "work"},
        {"value": "ada@example.com", "type": "other", "primary": True},
    ]
    assert body["roles"] == [{"value": "employee"}]
    assert body[ENTERPRISE] == {"division": "Home", "department": "Care", "dateHire": "2024-02-01"}
    assert body[GENESYS]["routingSkills"] == [{"name": "Spanish", "proficiency": 4.0}]
    assert body[GENESYS]["externalIds"] == [{"authority": "x-pc:scimv2:v1", "value": "e-1"}]
    assert "password" not in body
    assert (await org.call("GET", f"Users/{body['id']}")).body == body


@pytest.mark.parametrize(
    ("body", "scim_type", "named"),
    [
        ({"displayName": "A"}, "invalidValue", "userName"),
        ({"userName": "a@b.c"}, "invalidValue", "displayName"),
        ({"userName": "a@b.c", "displayName": "A", "name": {}}, "invalidSyntax", "name"),
        ({"userName": 7, "displayName": "A"}, "invalidValue", "userName"),
        ({"userName": "a@b.c", "displayName": "A", "roles": [{"value": "Boss"}]}, "invalidValue", "Boss"),
        ({"userName": "a@b.c", "displayName": "A", ENTERPRISE: {"division": "X"}}, "invalidValue", "X"),
        ({"userName": "a@b.c", "displayName": "A", ENTERPRISE: {"manager": {"value": "no"}}}, "invalidValue", "no"),
        ({"userName": "a@b.c", "displayName": "A", "groups": [{"value": "g"}]}, "mutability", "groups"),
        ({"userName": "a@b.c", "displayName": "A", "emails": [{"value": "x@y.z", "type": "other"}]}, "mutability", ""),
        ({"userName": "a@b.c", "displayName": "A", "emails": [{"value": "x@y.z"}]}, "invalidValue", "type"),
        (
            {"userName": "a@b.c", "displayName": "A", "phoneNumbers": [{"value": "12", "type": "work"}]},
            "invalidValue",
            "phoneNumbers",
        ),
        ({"userName": "a@b.c", "displayName": "A", ENTERPRISE: {"dateHire": "soon"}}, "invalidValue", "dateHire"),
        ({"schemas": ["other"], "userName": "a@b.c", "displayName": "A"}, "invalidSyntax", "schemas"),
    ],
)
async def test_a_bad_user_is_refused_by_name(org: Org, body: Any, scim_type: str, named: str) -> None:
    """The ScimError says which attribute or value is wrong, and nothing is stored."""
    answer = await org.call("POST", "Users", body)
    assert (answer.status, answer.body["status"], answer.body["scimType"]) == (400, "400", scim_type)
    assert named in answer.body["detail"]
    assert await org.sim("GET", "users") == []


async def test_names_are_unique_among_living_users(org: Org) -> None:
    """The names userName and externalId clash with 409 uniqueness, also for an inactive user and on PATCH."""
    ada = await org.user("ada", active=False)
    bob = await org.user("bob")
    clash = await org.call("POST", "Users", {"userName": "ADA@example.com", "displayName": "x"})
    assert (clash.status, clash.body["scimType"], clash.body["status"]) == (409, "uniqueness", "409")
    clash = await org.call("POST", "Users", {"userName": "n@example.com", "displayName": "x", "externalId": "ada"})
    assert (clash.status, clash.body["scimType"]) == (409, "uniqueness")
    assert (await org.patch(bob["id"], ("replace", "userName", ada["userName"]))).status == 409
    await org.sim("POST", "config", {"external_id_unique": False})
    assert (await org.patch(bob["id"], ("replace", "externalId", "ada"))).status == 200


async def test_delete_is_soft_and_post_revives_the_same_record(org: Org) -> None:
    """A deleted user loses roles, groups and division; POST of the name brings the old id back without them."""
    made = await org.user("ada", **{ENTERPRISE: {"division": "Care"}}, roles=[{"value": "Agent"}])
    group = await org.group()
    await org.patch(group, ("add", "members", [{"value": made["id"]}]), to="Groups")
    assert (await org.call("DELETE", f"Users/{made['id']}")).status == 204
    assert (await org.call("DELETE", f"Users/{made['id']}")).status == 404
    assert (await org.call("GET", f"Users/{made['id']}")).status == 404
    assert (await org.call("GET", find("userName", "ada@example.com"))).body["totalResults"] == 0
    [kept] = await org.sim("GET", "users")
    assert (kept["_state"], kept[ENTERPRISE]["division"]) == ("deleted", "Home")
    assert "members" not in (await org.call("GET", f"Groups/{group}")).body

    again = await org.user("ada", roles=[{"value": "Agent"}])
    assert again["id"] == made["id"]
    assert again["meta"]["version"] == "3"
    assert again[ENTERPRISE]["division"] == "Home"
    assert "roles" not in again
    assert "groups" not in again


@pytest.mark.parametrize(("mode", "roles"), [("all", [{"value": "Agent"}]), ("ignore", None)])
async def test_what_a_revival_takes_from_the_body_is_a_switch(start: Start, mode: str, roles: Any) -> None:
    """Whether the body of the reviving POST counts is undocumented, so all three answers can be had."""
    org = await start(revive_body=mode, revive_status=200)
    made = await org.user("ada")
    await org.call("DELETE", f"Users/{made['id']}")
    body = {"userName": "ada@example.com", "displayName": "New", "roles": [{"value": "Agent"}]}
    again = await org.call("POST", "Users", body)
    assert again.status == 200
    assert again.body.get("roles") == roles
    assert again.body["displayName"] == ("New" if mode == "all" else "ada")


async def test_put_replaces_and_takes_back_what_get_gave(org: Org) -> None:
    """PUT of a GET's body changes nothing; omitted attributes are cleared; another's groups are refused."""
    made = await org.user("ada", title="Dr")
    await org.patch(await org.group(), ("add", "members", [{"value": made["id"]}]), to="Groups")
    seen = (await org.call("GET", f"Users/{made['id']}")).body
    same = await org.call("PUT", f"Users/{made['id']}", seen)
    assert (same.status, same.headers["ETag"]) == (200, '"1"')
    assert (await org.call("PUT", f"Users/{made['id']}", {**seen, "groups": []})).body["scimType"] == "mutability"
    bare = await org.call("PUT", f"Users/{made['id']}", {"userName": "ada@example.com", "displayName": "ada"})
    assert (bare.status, bare.headers["ETag"]) == (200, '"2"')
    assert not {"title", "roles", "externalId"} & bare.body.keys()
    assert bare.body["active"] is True


# PATCH


async def test_documented_patch_paths_work(org: Org) -> None:
    """Every path form Genesys or the Entra gallery app documents lands where it should, in one atomic request."""
    boss, made = await org.user("boss"), await org.user("ada")
    answer = await org.patch(
        made["id"],
        ("replace", "active", False),
        ("Replace", f"{CORE}:displayName", "Ada L."),
        ("add", "title", "Dr"),
        ("add", 'phoneNumbers[type eq "work2"].value', "tel:+13175550101;ext=7"),
        ("add", 'emails[type eq "work"].value', "ada@work.example"),
        ("replace", "roles", [{"value": "Supervisor", "other": 1}, {"value": "Agent"}]),
        ("replace", f"{ENTERPRISE}:department", "Care"),
        ("add", f"{ENTERPRISE}:manager", {"value": boss["id"]}),
        ("replace", f"{ENTERPRISE}:division", "Sales"),
        ("replace", SKILLS, [{"name": "Billing", "proficiency": 2.5}]),
        ("add", SKILLS, [{"name": "Spanish", "proficiency": 1}]),
        ("add", f"{GENESYS}:routingLanguages", [{"name": "French"}]),
        ("add", f'{GENESYS}:externalIds[authority eq "microsoftteams"].value', "t-1"),
    )
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"'), answer.body
    body = answer.body
    assert (body["active"], body["displayName"], body["title"]) == (False, "Ada L.", "Dr")
    assert body["phoneNumbers"] == [{"value": "tel:+13175550101;ext=7", "type": "work2"}]
    assert body["emails"][0] == {"value": "ada@work.example", "type": "work"}
    assert body["roles"] == [{"value": "Supervisor"}, {"value": "Agent"}]
    assert body[ENTERPRISE]["manager"]["value"] == boss["id"]
    assert (body[ENTERPRISE]["department"], body[ENTERPRISE]["division"]) == ("Care", "Sales")
    assert [skill["name"] for skill in body[GENESYS]["routingSkills"]] == ["Billing", "Spanish"]
    assert body[GENESYS]["routingLanguages"] == [{"name": "French", "proficiency": 0.0}]
    assert {"authority": "microsoftteams", "value": "t-1"} in body[GENESYS]["externalIds"]

    removed = await org.patch(
        made["id"],
        ("remove", "title"),
        ("remove", 'phoneNumbers[type eq "work2"]'),
        ("remove", SKILLS),
        ("remove", f"{ENTERPRISE}:manager"),
        ("replace", "roles", []),
    )
    assert not {"title", "phoneNumbers", "roles"} & removed.body.keys()
    assert "routingSkills" not in removed.body[GENESYS]
    assert "manager" not in removed.body[ENTERPRISE]


@pytest.mark.parametrize(
    ("operation", "scim_type", "named"),
    [
        (("replace", "routingSkills", []), "invalidPath", SKILLS),
        (("replace", "nickName", "x"), "invalidPath", "nickName"),
        (("replace", f"{ENTERPRISE}:title", "x"), "invalidPath", "title"),
        (("replace", "urn:other:2.0:User:title", "x"), "invalidPath", "urn:other"),
        (("replace", "title[", "x"), "invalidPath", "title["),
        (("replace", "phoneNumbers.value", "x"), "invalidPath", "filter"),
        (("replace", 'phoneNumbers[value eq "+1"].value', "x"), "invalidPath", "select"),
        (("remove", f'{SKILLS}[name eq "Spanish"]'), "invalidPath", "routingSkills"),
        (("remove", "roles", [{"value": "employee"}]), "invalidSyntax", "roles"),
        (("replace", 'phoneNumbers[type eq "home"].value', "+13175550101"), "noTarget", "home"),
        (("replace", SKILLS, [{"name": "spanish"}]), "invalidValue", "spanish"),
        (("replace", SKILLS, [{"name": "Spanish", "proficiency": 5.1}]), "invalidValue", "5.1"),
        (("replace", SKILLS, [{"name": "Spanish", "proficiency": "5"}]), "invalidValue", "proficiency"),
        (("replace", SKILLS, [{"value": "Spanish"}]), "invalidValue", "name"),
        (("replace", SKILLS, {"name": "Spanish"}), "invalidValue", "array"),
        (("replace", "active", "True"), "invalidValue", "active"),
        (("remove", "active"), "invalidValue", "active"),
        (("remove", "displayName"), "invalidValue", "displayName"),
        (("replace", "groups", []), "mutability", "groups"),
        (("add", 'groups[value eq "x"]', {}), "mutability", "groups"),
        (("replace", "id", "x"), "mutability", "id"),
        (("replace", 'emails[type eq "other"].value', "x@y.z"), "mutability", "other"),
        (("remove", f'{GENESYS}:externalIds[authority eq "x-pc:scimv2:v1"]'), "mutability", "x-pc"),
        (("replace", "title"), "invalidValue", "value"),
        (("remove",), "noTarget", "path"),
        (("replace", None, "x"), "invalidValue", "object"),
        (("replace", 7, "x"), "invalidPath", "string"),
        (("move", "title", "x"), "invalidSyntax", "move"),
    ],
)
async def test_a_bad_operation_is_refused_and_takes_the_good_one_with_it(
    org: Org, operation: Any, scim_type: str, named: str
) -> None:
    """The refusal names the fault, and the operation before it in the same PATCH is not applied."""
    made = await org.user()
    answer = await org.patch(made["id"], ("replace", "title", "Dr"), operation)
    assert (answer.status, answer.body.get("scimType")) == (400, scim_type)
    assert named in answer.body["detail"]
    assert (await org.call("GET", f"Users/{made['id']}")).body == made


@pytest.mark.parametrize(
    "body",
    [
        {"Operations": [{"op": "remove", "path": "title"}]},
        {"schemas": [PATCH]},
        {"schemas": [PATCH], "Operations": []},
        [],
    ],
)
async def test_a_patch_that_is_no_patchop_is_refused(org: Org, body: Any) -> None:
    """A body without the PatchOp URN or without operations is invalidSyntax."""
    made = await org.user()
    assert (await org.call("PATCH", f"Users/{made['id']}", body)).body["scimType"] == "invalidSyntax"


async def test_at_most_fifty_skills(start: Start) -> None:
    """Fifty skills are accepted; a fifty-first is refused, also when it is added to fifty stored ones."""
    names = [f"s{n}" for n in range(51)]
    org = await start(skills=tuple(names))
    made = await org.user()
    fifty = [{"name": name, "proficiency": 1.0} for name in names[:50]]
    assert (await org.patch(made["id"], ("replace", SKILLS, fifty))).status == 200
    answer = await org.patch(made["id"], ("add", SKILLS, [{"name": "s50", "proficiency": 1.0}]))
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")


async def test_unconfirmed_patch_forms_are_switches(org: Org) -> None:
    """Element paths, no-path operations, string booleans and half-applied PATCHes can each be turned round."""
    made = await org.user("ada", **{GENESYS: {"routingSkills": [{"name": "Spanish"}, {"name": "Sales"}]}})
    whole = ("replace", None, {"title": "Dr", f"{ENTERPRISE}:department": "Care", GENESYS: {"routingLanguages": []}})
    assert (await org.patch(made["id"], whole)).body["title"] == "Dr"
    await org.sim(
        "POST",
        "config",
        {"element_paths": True, "no_path_patch": False, "string_booleans": True, "atomic_patch": False},
    )
    skills = await org.patch(made["id"], ("remove", f'{SKILLS}[name eq "Sales"]'), ("replace", "active", "False"))
    assert skills.body[GENESYS]["routingSkills"] == [{"name": "Spanish", "proficiency": 0.0}]
    assert skills.body["active"] is False
    half = await org.patch(made["id"], ("replace", "title", "Prof"), whole)
    assert half.body["scimType"] == "invalidPath"
    assert (await org.call("GET", f"Users/{made['id']}")).body["title"] == "Prof"
    assert [(e["status"], e["applied"], e["changed"]) for e in await org.ledger()][-1] == (400, True, True)


async def test_a_patch_that_changes_nothing_keeps_the_version(org: Org) -> None:
    """Order does not matter to a multi-valued attribute; the switch makes the version move all the same."""
    made = await org.user("ada", roles=[{"value": "Agent"}, {"value": "Supervisor"}])
    same = ("replace", "roles", [{"value": "Supervisor"}, {"value": "Agent"}])
    assert (await org.patch(made["id"], same)).headers["ETag"] == '"1"'
    await org.sim("POST", "config", {"bump_on_noop": True})
    assert (await org.patch(made["id"], same)).headers["ETag"] == '"2"'


# Versions


@pytest.mark.parametrize(
    ("mode", "status", "scim_type"), [("invalidVers400", 400, "invalidVers"), ("409", 409, None), ("412", 412, None)]
)
async def test_a_stale_if_match_is_refused_in_each_documented_way(
    start: Start, mode: str, status: int, scim_type: str | None
) -> None:
    """Three vendor texts give three answers; weak tags never match; the current tag and * do."""
    org = await start(version_mismatch=mode)
    made = await org.user()
    for stale in ('"7"', 'W/"1"', "1"):
        answer = await org.patch(made["id"], ("replace", "title", "Dr"), If_Match=stale)
        assert (answer.status, answer.body.get("scimType")) == (status, scim_type)
        assert answer.body["detail"] == "Version does not match current version."
    assert (await org.patch(made["id"], ("replace", "title", "Dr"), If_Match='"1"')).status == 200
    assert (await org.patch(made["id"], ("replace", "title", "Prof"), If_Match="*")).headers["ETag"] == '"3"'
    assert (await org.call("DELETE", f"Users/{made['id']}", If_Match='"2"')).status == status


async def test_if_none_match_spares_the_body(org: Org) -> None:
    """A current tag gives 304 with the tag and no body, an old one the resource."""
    made = await org.user()
    current = await org.call("GET", f"Users/{made['id']}", If_None_Match='"1"')
    assert (current.status, current.body, current.headers["ETag"]) == (304, None, '"1"')
    assert (await org.call("GET", f"Users/{made['id']}", If_None_Match='"0"')).status == 200


async def test_of_two_writers_with_one_tag_only_one_wins(org: Org) -> None:
    """Check and apply are one step: ten concurrent PATCHes under the same If-Match change the user once."""
    made = await org.user()
    answers = await asyncio.gather(
        *(org.patch(made["id"], ("replace", "title", str(n)), If_Match='"1"') for n in range(10))
    )
    assert sorted(answer.status for answer in answers) == [200, *[400] * 9]


# Reading


async def test_each_documented_filter_finds_the_user(org: Org) -> None:
    """Values may be quoted or bare, names in any case; both path versions and both spellings of users answer."""
    boss = await org.user("boss")
    made = await org.user(
        "ada",
        emails=[{"value": "work@example.com", "type": "work"}],
        **{ENTERPRISE: {"manager": {"value": boss["id"]}, "division": "Care", "employeeNumber": "42"}},
    )
    await org.patch(made["id"], ("add", f"{GENESYS}:externalIds", [{"authority": "hr", "value": "k1"}]))
    for text in (
        f"id eq {made['id']}",
        'userName eq "ADA@example.com"',
        "externalid eq ada",
        "email eq work@example.com",
        f"manager eq {boss['id']}",
        "division EQ Care",
        "employeeNumber eq 42",
        f'{GENESYS}:externalIds[authority eq "hr" and value eq "k1"]',
    ):
        for root, name in (("/api/v2/scim/v2/", "Users"), ("/api/v2/scim/", "users")):
            answer = await org.call("GET", f"{name}?filter={quote(text)}", root=root)
            assert [found["id"] for found in answer.body["Resources"]] == [made["id"]], text


@pytest.mark.parametrize(
    "text",
    ["title eq x", "userName co x", "userName eq a and id eq b", "userName", 'userName eq "a" "b"', "active eq 1"],
)
async def test_any_other_filter_is_invalid(org: Org, text: str) -> None:
    """Only a single eq on a documented attribute is a filter."""
    assert (await org.call("GET", f"Users?filter={quote(text)}")).body["scimType"] == "invalidFilter"


async def test_listing_shows_active_users_in_pages(start: Start) -> None:
    """No filter means active users only, 25 a page; count=0 gives the total; count is capped."""
    org = await start(max_page_size=28)
    for n in range(30):
        await org.user(f"u{n}", active=n > 0)
    first = (await org.call("GET", "Users")).body
    assert (first["totalResults"], first["startIndex"], first["itemsPerPage"]) == (29, 1, 25)
    rest = (await org.call("GET", "Users?startIndex=26")).body
    names = {user["userName"] for user in first["Resources"] + rest["Resources"]}
    assert len(names) == 29
    assert (await org.call("GET", "Users?count=500")).body["itemsPerPage"] == 28
    assert (await org.call("GET", "Users?count=0")).body.keys() == {"schemas", "totalResults"}
    assert (await org.call("GET", "Users?count=x")).status == 400
    inactive = (await org.call("GET", "Users?filter=active%20eq%20false")).body
    assert [user["displayName"] for user in inactive["Resources"]] == ["u0"]
    assert (await org.call("GET", find("externalId", "u0"))).body["totalResults"] == 1
    await org.sim("POST", "config", {"filter_finds_inactive": False, "heavy_page_429": True})
    assert (await org.call("GET", find("externalId", "u0"))).body["totalResults"] == 0
    assert (await org.call("GET", "Users?count=26")).status == 429
    assert (await org.call("GET", "Users?count=26&attributes=displayName")).status == 200


async def test_projection_keeps_what_is_always_returned(org: Org) -> None:
    """The parameters attributes and excludedAttributes choose, but id, userName, active and meta stay."""
    made = await org.user("ada", title="Dr", **{ENTERPRISE: {"department": "Care"}})
    only = (await org.call("GET", f"Users/{made['id']}?attributes=title,{ENTERPRISE}:department")).body
    assert only.keys() == {"id", "schemas", "userName", "active", "meta", "title", ENTERPRISE}
    assert only[ENTERPRISE] == {"department": "Care"}
    less = (await org.call("GET", f"Users/{made['id']}?excludedAttributes=title,userName,{GENESYS}")).body
    assert made.keys() - less.keys() == {"title", GENESYS}
    assert (await org.call("GET", f"Users/{made['id']}?attributes=shoeSize")).status == 400


async def test_reads_by_filter_can_lag_behind_writes(start: Start, clock: Clock) -> None:
    """With search_lag_ms the user is there by id at once but by filter only later, and the same for its changes."""
    org = await start(search_lag_ms=150)
    made = await org.user("ada")
    assert (await org.call("GET", f"Users/{made['id']}")).status == 200
    assert (await org.call("GET", find("externalId", "ada"))).body["totalResults"] == 0
    clock.now += 0.15
    assert (await org.call("GET", find("externalId", "ada"))).body["totalResults"] == 1


# Groups


async def test_group_members_in_every_documented_form(org: Org) -> None:
    """Members are added, removed by filter or by value list, and replaced; users show their groups read-only."""
    ada, bob = await org.user("ada"), await org.user("bob")
    group = await org.group()
    added = await org.patch(group, ("add", "members", [{"value": ada["id"]}, {"value": bob["id"]}]), to="Groups")
    assert [member["value"] for member in added.body["members"]] == [ada["id"], bob["id"]]
    assert added.headers["ETag"] == '"2"'
    assert (await org.call("GET", f"Users/{ada['id']}")).body["groups"][0]["value"] == group
    again = await org.patch(group, ("add", "members", [{"value": ada["id"]}]), to="Groups")
    assert again.headers["ETag"] == '"2"'
    await org.patch(group, ("remove", f'members[value eq "{ada["id"]}"]'), to="Groups")
    entra = await org.patch(group, ("Remove", "members", [{"value": bob["id"]}]), to="Groups")
    assert "members" not in entra.body
    assert "groups" not in (await org.call("GET", f"Users/{ada['id']}")).body
    gone = ("remove", f'members[value eq "{ada["id"]}"]')
    assert (await org.patch(group, gone, to="Groups")).status == 200
    await org.sim("POST", "config", {"remove_no_match": "noTarget", "membership_bumps_user": True})
    assert (await org.patch(group, gone, to="Groups")).body["scimType"] == "noTarget"
    replaced = await org.patch(group, ("replace", "members", [{"value": bob["id"]}]), to="Groups")
    assert [member["value"] for member in replaced.body["members"]] == [bob["id"]]
    assert (await org.call("GET", f"Users/{bob['id']}")).headers["ETag"] == '"2"'
    stranger = await org.patch(group, ("add", "members", [{"value": "nobody"}]), to="Groups")
    assert (stranger.status, stranger.body["scimType"]) == (400, "invalidValue")
    put = await org.call("PUT", f"Groups/{group}", {"displayName": "All Agents", "members": [{"value": ada["id"]}]})
    assert [member["value"] for member in put.body["members"]] == [ada["id"]]


async def test_groups_cannot_be_made_or_unmade(org: Org) -> None:
    """POST and DELETE of groups are 405, a group list needs a filter under /v2/ only, and tests can add groups."""
    group = await org.group()
    assert (await org.call("POST", "Groups", {"displayName": "x"})).status == 405
    assert (await org.call("DELETE", f"Groups/{group}")).status == 405
    assert (await org.call("GET", "Groups")).body["scimType"] == "invalidFilter"
    assert (await org.call("GET", "groups", root="/api/v2/scim/")).body["totalResults"] == 4
    await org.sim("POST", "config", {"groups": ["New"], "skills": ["Chess"]})
    assert await org.group("New")
    assert "Chess" in (await org.sim("GET", "config"))["skills"]


# The gateway


async def test_the_gateway_answers_with_its_own_error_body(start: Start) -> None:
    """No token, unknown id, wrong type, bad JSON and too many bytes are ErrorBody, each with its status."""
    org = await start(max_body_bytes=1000)
    cases = [
        (401, await org.call("GET", "Users", Authorization="")),
        (404, await org.call("GET", "Users/nobody")),
        (404, await org.call("GET", "Robots")),
        (404, await org.call("GET", "elsewhere", root="/api/v2/")),
        (415, await org.call("POST", "Users", {}, Content_Type="text/plain")),
        (400, await org.call("POST", "Users", b"{")),
        (413, await org.call("POST", "Users", b" " * 1001)),
    ]
    for status, answer in cases:
        assert (answer.status, answer.body["status"]) == (status, status)
        assert {"message", "code", "contextId", "details", "errors"} <= answer.body.keys()
        assert answer.headers["Content-Type"] == "application/json"
        assert "ININ-Correlation-Id" in answer.headers
    assert "Maximum bytes: 1000" in cases[-1][1].body["message"]
    assert [entry["status"] for entry in await org.ledger()] == [415, 400, 413]


async def test_the_rate_limit_is_per_token_and_window(start: Start, clock: Clock) -> None:
    """Over the limit comes 429 with Retry-After, the text and the headers; another token or window is free."""
    org = await start(rate_limit=2, rate_window_s=60)
    first = await org.call("GET", "Users")
    assert (first.headers["inin-ratelimit-count"], first.headers["inin-ratelimit-allowed"]) == ("1", "2")
    assert first.headers["inin-ratelimit-reset"] == "60"
    clock.now += 58.5
    await org.call("GET", "Users")
    over = await org.call("GET", "Users")
    assert (over.status, over.body["code"]) == (429, "too.many.requests.retry.after")
    assert over.headers["Retry-After"] == "2"
    assert "[2] seconds" in over.body["message"]
    old = org.token
    await org.log_in()
    assert (await org.call("GET", "Users")).status == 200
    org.token = old
    clock.now += 1.5
    assert (await org.call("GET", "Users")).status == 200


# Faults


@pytest.mark.parametrize(
    ("kind", "status", "applied", "decided"),
    [
        ("429", 429, False, 429),
        ("429_no_retry_after", 429, False, 429),
        ("500_before", 500, False, 500),
        ("503_before", 503, False, 503),
        ("401", 401, False, 401),
        ("403", 403, False, 403),
        ("version_conflict", 400, False, 400),
        ("500_after", 500, True, 200),
        ("503_after", 503, True, 200),
        ("504_after", 504, True, 200),
    ],
)
async def test_a_fault_answers_before_or_after_applying(
    org: Org, kind: str, status: int, applied: bool, decided: int
) -> None:
    """The client sees the fault's status once; the ledger tells what the server really did."""
    made = await org.user()
    await org.sim("POST", "faults", {"faults": [{"kind": kind, "times": 1, "retry_after": 3}]})
    answer = await org.patch(made["id"], ("replace", "title", "Dr"))
    assert answer.status == status
    if kind in {"429", "503_before"}:
        assert answer.headers["Retry-After"] == "3"
    if kind == "429_no_retry_after":
        assert "Retry-After" not in answer.headers
    entry = (await org.ledger("?snapshots=1"))[-1]
    assert (entry["fault"], entry["status"], entry["applied"], entry["answered"]) == (
        kind,
        decided,
        applied,
        not applied,
    )
    assert entry["after"].get("title") == ("Dr" if applied else None)
    assert (await org.patch(made["id"], ("replace", "title", "Dr"))).status == 200


@pytest.mark.parametrize(("kind", "applied"), [("reset", False), ("lost_answer", True)])
async def test_an_aborted_connection_is_a_real_one(org: Org, kind: str, applied: bool) -> None:
    """The client gets a connection error and no status, whether or not the write was applied."""
    made = await org.user()
    await org.sim("POST", "faults", {"faults": [{"kind": kind, "method": "PATCH"}]})
    with pytest.raises(aiohttp.ClientConnectionError):
        await org.patch(made["id"], ("replace", "title", "Dr"))
    await org.sim("DELETE", "faults")
    entry = (await org.ledger())[-1]
    assert (entry["applied"], entry["answered"], entry["status"]) == (applied, False, 200 if applied else 0)
    assert (await org.call("GET", f"Users/{made['id']}")).body.get("title") == ("Dr" if applied else None)


async def test_a_slow_request_is_overtaken(org: Org) -> None:
    """`slow` waits before applying, so the ledger shows a later request decided first."""
    made = await org.user()
    await org.sim("POST", "faults", {"faults": [{"kind": "slow", "delay_ms": 1000, "times": 1}]})
    slow = asyncio.create_task(org.patch(made["id"], ("replace", "title", "slow")))
    while (await org.sim("GET", "faults"))["faults"][0]["times"] != 0:
        assert not slow.done()
    await org.patch(made["id"], ("replace", "title", "fast"))
    await slow
    assert [entry["body"]["Operations"][0]["value"] for entry in (await org.ledger())[1:]] == ["fast", "slow"]
    assert [entry["fault"] for entry in await org.ledger()] == [None, None, "slow"]


async def test_a_fault_meets_only_the_requests_it_names(org: Org) -> None:
    """Method, path and user narrow a rule; a user is known by externalId from the id or from the body."""
    ada, bob = await org.user("ada"), await org.user("bob")
    rules = [
        {"kind": "503_before", "user": "ada", "method": "patch", "path": "Users"},
        {"kind": "500_before", "user": "eve"},
    ]
    await org.sim("POST", "faults", {"faults": rules})
    assert (await org.patch(ada["id"], ("replace", "title", "Dr"))).status == 503
    assert (await org.call("GET", f"Users/{ada['id']}")).status == 200
    assert (await org.patch(bob["id"], ("replace", "title", "Dr"))).status == 200
    eve = {"userName": "eve@example.com", "displayName": "Eve", "externalId": "eve"}
    assert (await org.call("POST", "Users", eve)).status == 500


async def test_probability_repeats_with_the_seed(org: Org) -> None:
    """The same seed and the same request order fail the same requests."""

    async def run(seed: int) -> list[int]:
        await org.sim("POST", "faults", {"faults": [{"kind": "500_before", "probability": 0.5}], "seed": seed})
        return [(await org.call("GET", "Users")).status for _ in range(20)]

    first = await run(7)
    assert set(first) == {200, 500}
    assert await run(7) == first
    assert await run(8) != first


@pytest.mark.parametrize(
    ("door", "body"),
    [
        ("faults", {"faults": [{"kind": "418"}]}),
        ("faults", {"faults": [{"kind": "slow", "delay": 1}]}),
        ("faults", {"faults": [{"kind": "slow", "times": "many"}]}),
        ("config", {"client_secret": "x"}),
        ("config", {"version_mismatch": "500"}),
        ("config", {"skills": "Chess"}),
        ("config", {"atomic_patch": 1}),
    ],
)
async def test_the_test_door_refuses_what_it_would_not_obey(org: Org, door: str, body: Any) -> None:
    """A typing mistake in a fault or a switch is an error, not a test that silently tests nothing."""
    assert "error" in await org.sim("POST", door, body)


# The test door


async def test_the_ledger_tells_every_write_in_order(org: Org) -> None:
    """Each attempt has its request id, If-Match, body, version and snapshots; reads are not in it."""
    made = await org.user("ada")
    await org.call("GET", "Users")
    await org.patch(made["id"], ("replace", "title", "Dr"), If_Match='"1"', X_Request_Id="r-2")
    await org.patch(made["id"], ("replace", "title", "Dr"))
    await org.call("DELETE", f"Users/{made['id']}")
    await org.patch(await org.group(), ("replace", "members", []), to="Groups")
    entries = await org.ledger("?snapshots=1")
    assert [(e["n"], e["method"], e["status"], e["changed"], e["user"], e["version"]) for e in entries] == [
        (1, "POST", 201, True, "ada", 1),
        (2, "PATCH", 200, True, "ada", 2),
        (3, "PATCH", 200, False, "ada", 2),
        (4, "DELETE", 204, True, "ada", 3),
        (5, "PATCH", 200, False, None, 1),
    ]
    second = entries[1]
    assert (second["request_id"], second["if_match"], second["id"]) == ("r-2", '"1"', made["id"])
    assert second["body"]["Operations"][0]["value"] == "Dr"
    assert "title" not in second["before"]
    assert (second["after"]["title"], second["after"]["_state"]) == ("Dr", "active")
    assert abs(second["at"] - time.time()) < 60
    assert entries[0]["before"] is None
    assert [entry["n"] for entry in await org.ledger("?since=3")] == [4, 5]
    assert "before" not in (await org.ledger())[0]


async def test_requests_are_counted_and_everything_can_be_reset(org: Org) -> None:
    """Counts are by method and route; reset empties the organisation but leaves tokens valid."""
    made = await org.user()
    await org.call("GET", f"users/{made['id']}")
    counts = await org.sim("GET", "requests")
    assert counts["by_route"] == {"POST users": 1, "GET users/{id}": 1}
    assert (counts["total"], counts["token_requests"], counts["by_status"]) == (2, 1, {"201": 1, "200": 1})
    await org.sim("POST", "requests/reset")
    assert (await org.sim("GET", "requests"))["total"] == 0
    await org.sim("POST", "config", {"skills": ["Chess"]})
    await org.sim("POST", "reset")
    assert await org.ledger() == []
    assert "Chess" not in (await org.sim("GET", "config"))["skills"]
    assert (await org.call("GET", "Users")).body["totalResults"] == 0


async def test_serve_tells_its_port_and_stays_on_loopback() -> None:
    """Port 0 is resolved for the caller, and the open test door is not shown to the network by accident."""
    with pytest.raises(ValueError, match="loopback"):
        await serve("0.0.0.0", 0, SimulatorOptions(), lambda _: None)
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve("127.0.0.1", 0, SimulatorOptions(), port.set_result))
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{await port}/_sim/users") as answer:
        assert (answer.status, await answer.json()) == (200, [])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
