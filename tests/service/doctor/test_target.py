"""The doctor on an organization that the simulator plays: nothing on a healthy one, each fault by its name."""

from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

import pytest

from streamproc.doctor.line import Line
from tests.support.examined import MAPPING, organization

Expected = tuple[str, str, str, str]
"""Severity, part, what it is about, and words of the text."""


@dataclass(frozen=True)
class Fault:
    """Something that is set up wrongly, and what has to be said about it, and nothing else."""

    expected: tuple[Expected, ...]
    without: str = ""
    """A permission that the client lacks."""
    besides: tuple[str, ...] = ()
    """Permissions that it has besides."""
    client: dict[str, Any] = field(default_factory=dict)
    """Of the OAuth client."""
    mapping: str = MAPPING
    settings: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    by_hand: tuple[tuple[str, dict[str, Any]], ...] = ()
    """What else is done to the simulator."""


RULE = "rule 1 (department = Spanish*)"
UNKNOWN = tuple(
    ("warning", part, about, "not looked at: the target doesn't know us")
    for part, about in (("permissions", "OAuth client"), ("catalogue", "names"))
)


def lacking(permission: str, words: str) -> Fault:
    """Without a permission that the mapping needs."""
    return Fault((("error", "permissions", permission, f"missing, for {words}"),), without=permission)


FAULTS = {
    "expired secret": Fault(
        (("error", "target", "token", "is the client secret right, and still valid?"), *UNKNOWN),
        client={"expired": True},
    ),
    "wrong secret": Fault(
        (("error", "target", "token", "is the client secret right, and still valid?"), *UNKNOWN),
        settings={"client_secret": "another"},
    ),
    "no permission for skills": lacking("routing:skill:assign", RULE),
    "no permission for languages": lacking("routing:language:assign", RULE),
    "no permission to give roles": lacking("authorization:grant:add", "copy 1 (genesysRole), rule 2 (job = Agent)"),
    "no permission to take roles": lacking("authorization:grant:delete", "copy 1 (genesysRole), rule 2 (job = Agent)"),
    "no permission to create": lacking("directory:user:add", "whoever is new"),
    "no permission to see who changed something": Fault(
        (("warning", "permissions", "audits:audit:view", "missing, for reconcile"),), without="audits:audit:view"
    ),
    "no permission for groups": Fault(
        (
            ("error", "permissions", "directory:group:edit", f"missing, for {RULE}"),
            ("warning", "catalogue", "groups", "lacks permission directory:group:edit"),
        ),
        without="directory:group:edit",
    ),
    "no permission to see roles": Fault(
        (
            ("warning", "permissions", "authorization:role:view", "missing, for mapping check, doctor"),
            ("warning", "permissions", "editors", "couldn't be looked at: 403"),
            ("warning", "catalogue", "roles", "lacks permission authorization:role:view"),
        ),
        without="authorization:role:view",
    ),
    "permission to end sessions is missing where that is set": Fault(
        (("error", "permissions", "oauth:token:delete", "missing, for STREAMPROC_END_SESSIONS"),),
        settings={"end_sessions": True},
    ),
    "may delete users": Fault(
        (("warning", "permissions", "directory:user:delete", "never needed: nobody is ever deleted"),),
        besides=("directory:user:delete",),
    ),
    "may do something else": Fault(
        (("warning", "permissions", "role role of demo", "too much: routing:queue:view"),),
        besides=("routing:queue:view",),
    ),
    "may do everything in a domain": Fault(
        (
            ("warning", "permissions", "directory:user:delete", "never needed"),
            ("warning", "permissions", "directory:user:setPassword", "never needed"),
            ("warning", "permissions", "role role of demo", "too much: directory:*:*"),
        ),
        besides=("directory:*:*",),
    ),
    "a permission that the mapping doesn't need any more": Fault(
        (("warning", "permissions", "role role of demo", "too much: routing:skill:assign"),),
        besides=("routing:skill:assign",),
        mapping=MAPPING + '[policy]\nskills = "observe"\n',
    ),
    "granted in one division": Fault(
        (("warning", "permissions", "divisions", "not granted in Care, Sales"),), client={"divisions": ["Home"]}
    ),
    "misspelled skill": Fault(
        (("error", "catalogue", RULE, "there is no skill 'Spansh'"),),
        mapping=MAPPING.replace("skills = { Spanish", "skills = { Spansh"),
    ),
    "a role in another case": Fault(
        (("error", "catalogue", "rule 2 (job = Agent)", "there is no role 'agent'"),),
        mapping=MAPPING.replace('["Agent"]', '["agent"]'),
    ),
    "unknown group": Fault(
        (("error", "catalogue", RULE, "there is no group 'French Queue'"),),
        mapping=MAPPING.replace("Spanish Queue", "French Queue"),
    ),
    "unknown division": Fault(
        (("error", "catalogue", RULE, "there is no division 'Cares'"),), mapping=MAPPING.replace("Care", "Cares")
    ),
    "another client may edit users": Fault(
        (("warning", "permissions", "role role of other", "may edit users, and is held by 1 OAuth client"),),
        by_hand=(("clients", {"id": "other", "permissions": ["directory:user:*"]}),),
    ),
    "wrong path": Fault(
        (
            ("error", "target", "STREAMPROC_SCIM_URL", "its path is /api/v2/scim/v3"),
            ("error", "target", "STREAMPROC_SCIM_URL", "shows no ServiceProviderConfig: 404"),
        ),
        mapping=MAPPING.replace('groups = ["Spanish Queue"]\n', ""),
        settings={"scim_url": "/api/v2/scim/v3"},
    ),
    "skewed clock": Fault((("error", "clocks", "target", "is ahead of ours by"),), options={"clock_skew_s": 300}),
}


def unlike(lines: list[Line], expected: tuple[Expected, ...]) -> list[object]:
    """Lines that aren't expected, and what is expected and isn't there."""
    left = list(expected)
    more: list[object] = []
    for line in lines:
        match = [each for each in left if each[:3] == (line.severity, line.part, line.about) and each[3] in line.text]
        if match:
            left.remove(match[0])
        else:
            more.append(line)
    return [*more, *left]


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_is_named_and_nothing_else(name: str) -> None:
    """An organization that differs from a healthy one in one thing: that is told, with what to do, and no other."""
    fault = FAULTS[name]
    async with organization(**fault.options) as there:
        permissions = await there.least(fault.mapping)
        held = [each for each in permissions if each != fault.without] + list(fault.besides)
        await there.sim("clients", id="demo", permissions=held, **fault.client)
        for path, content in fault.by_hand:
            await there.sim(path, **content)
        settings = dict(fault.settings)
        if "scim_url" in settings:
            settings["scim_url"] = there.address + settings["scim_url"]
        lines = await there.wrong(fault.mapping, **settings)
        assert unlike(lines, fault.expected) == []
        assert all(line.do for line in lines if line.severity == "error")


@pytest.mark.parametrize(
    "options",
    [{}, {"subject_of_client": "404"}, {"permission_filter": "literal"}, {"scim_read": "view"}],
    ids=["as documented", "who we are isn't told", "a filter that knows no *", "reading needs a permission"],
)
async def test_a_healthy_organization_is_ok(options: dict[str, Any]) -> None:
    """With the printed role nothing is missing or too much, whatever the documents leave open; and it only reads."""
    async with organization(**options) as there:
        await there.least()
        lines = await there.found()
        asked = await (await there.http.get(f"{there.address}/_sim/requests")).json()
        assert {name.split()[0] for name in (*asked["by_route"], *asked["platform"])} == {"GET", "HEAD"}
        assert {line.severity for line in lines} == {"ok"}
        told = {line.about: line.text for line in lines}
        assert told["token"].startswith("organization Simulated Organization")
        assert told["names"].startswith("1 role, 1 group, 1 skill, 1 language, 1 division of mapping")
        assert told["editors"] == "nobody but our OAuth client may edit users"


async def test_any_scim_server_is_asked_only_what_it_has() -> None:
    """Nothing of Genesys's own: no permissions, no limits; groups are compared, other lists there are none."""
    async with organization() as there:
        await there.least()
        assert await there.wrong(dialect="rfc7644") == []
        wrong = MAPPING.replace("Spanish Queue", "French Queue")
        (line,) = await there.wrong(wrong, dialect="rfc7644")
        assert line.text == "there is no group 'French Queue'"


@pytest.mark.parametrize(
    ("name", "elsewhere", "about"),
    [
        ("token_url", "/oauth/token", "STREAMPROC_PLATFORM_URL"),
        ("platform_url", "/api/v2", "STREAMPROC_PLATFORM_URL"),
        ("scim_url", "/api/v2/scim/v2", "STREAMPROC_SCIM_URL"),
    ],
)
async def test_an_address_of_another_region_is_named(name: str, elsewhere: str, about: str) -> None:
    """A token of one region is refused in another: it is said which address refuses it."""
    async with organization() as there, organization(organization="Another") as other:
        await there.least()
        lines = await there.wrong(**{name: other.address + elsewhere})
        errors = [line for line in lines if line.severity == "error" and line.part == "target"]
        assert (errors[0].about, errors[0].text[:18]) == (about, "refuses the token:")


async def test_people_who_may_edit_users_are_counted() -> None:
    """By roles of whatever policies, users who hold them are counted; whom nobody holds isn't told."""
    async with organization() as there:
        await there.least()
        await there.sim("roles", name="Team Admin", policies=["directory:user:*"])
        await there.sim("roles", name="Unused Admin", policies=["directory:user:edit"])
        person = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "boss@example.com",
            "displayName": "Boss",
            "roles": [{"value": "Team Admin"}],
        }
        await there.sim("clients", id="maker", permissions=["*:*:*"])
        grant, login = {"grant_type": "client_credentials"}, b64encode(b"maker:maker").decode()
        basic = {"Authorization": f"Basic {login}"}
        async with there.http.post(f"{there.address}/oauth/token", data=grant, headers=basic) as answer:
            token = (await answer.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
        async with there.http.post(f"{there.address}/api/v2/scim/v2/users", json=person, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
        found = {line.about: line.text for line in await there.wrong()}
        assert found == {
            "role Team Admin": "may edit users, and is held by 1 user",
            "role role of maker": "may edit users, and is held by 1 OAuth client",
        }


def test_the_table_has_twenty_faults() -> None:
    """Those of the target alone; Kafka's and the sources' are beside it."""
    assert len(FAULTS) >= 20
