"""Seeding over a log in memory: what clients find afterwards, and what is left alone."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from streamproc.core.provider.request import Connection
from streamproc.core.provider.state import ResourceType
from streamproc.core.records.units import Millis
from streamproc.gateway.scim.connection_log import ConnectionLog
from streamproc.gateway.scim.seeding import Seeded, Seeding
from streamproc.gateway.scim.service import Surroundings
from tests.support.scim_gateway import Gateway, gateway, new_broker

KIM = {"schemas": ["urn:x"], "id": "g-1", "userName": "kim@example.com", "active": True, "title": "Agent"}
OLD = {"userName": "old@example.com", "active": False}


def seeding(at: Gateway, deleted: tuple[str, ...] = (), *, dry: bool = False) -> Seeding:
    """One that begins now."""
    numbers = iter(range(10_000))
    around = Surroundings(lambda: Millis(1_000), lambda: 0.0, lambda: f"seed-{id(numbers)}-{next(numbers)}")
    return Seeding(
        Connection("okta"), ConnectionLog(lambda: at.tail, "okta"), around, deleted, "streamproc seed Kim", dry=dry
    )


async def test_an_identity_providers_ids_go_on_working(tmp_path: Path) -> None:
    """After moving in, the app's next call names an id of Genesys's, and finds the user; inactive ones as well."""
    async with gateway(tmp_path / "a") as here:
        seeds = seeding(here)
        assert await seeds.take("User", "g-1", KIM) == Seeded("seeded")
        assert await seeds.take("User", "g-2", OLD) == Seeded("seeded")
        group = {"displayName": "Sales", "members": [{"value": "g-1"}]}
        assert await seeds.take("Group", "t-1", group) == Seeded("seeded")
        kim = await here.send("GET", "/Users/g-1")
        assert (kim.status, kim.body["title"]) == (200, "Agent")
        assert [each["value"] for each in kim.body["groups"]] == ["t-1"]
        assert (await here.send("GET", "/Users/g-2")).body["active"] is False
        done = await here.send("PATCH", "/Users/g-1", patch("active", False))
        assert (done.status, done.body["active"], done.body["title"]) == (200, False, "Agent")


async def test_who_begins_anew_goes_on(tmp_path: Path) -> None:
    """What is there with the same content isn't written again; what has changed at Genesys is, members too."""
    async with gateway(tmp_path / "a") as here:
        await seeding(here).take("User", "g-1", KIM)
        await seeding(here).take("Group", "t-1", {"displayName": "Sales", "members": [{"value": "g-1"}]})
        end = here.tail.next_offset
        again = seeding(here)
        assert await again.take("User", "g-1", KIM) == Seeded("same")
        group: dict[str, Any] = {"displayName": "Sales", "members": [{"value": "g-1"}]}
        assert await again.take("Group", "t-1", group) == Seeded("same")
        assert here.tail.next_offset == end
        assert await again.take("User", "g-1", {**KIM, "title": "Lead"}) == Seeded("seeded")
        assert await again.take("Group", "t-1", {"displayName": "Sales", "members": []}) == Seeded("seeded")
        assert (await here.send("GET", "/Users/g-1")).body["title"] == "Lead"
        assert not (await here.send("GET", "/Groups/t-1")).body.get("members")


async def test_what_a_client_has_said_is_never_written_over(tmp_path: Path) -> None:
    """A user whom the app has changed, a name that it has given and a user whom it has deleted stay as they are."""
    async with gateway(tmp_path / "a") as here:
        await seeding(here).take("User", "g-1", KIM)
        await here.send("PATCH", "/Users/g-1", patch("title", "Boss"))
        await here.send("POST", "/Users", {"userName": "lee@example.com"})
        later = seeding(here)
        assert await later.take("User", "g-1", {**KIM, "title": "Lead"}) == Seeded("written")
        taken = await later.take("User", "g-3", {"userName": "LEE@example.com"})
        assert (taken.state, "userName" in taken.why) == ("taken", True)
        assert (await here.send("GET", "/Users/g-1")).body["title"] == "Boss"
        assert (await here.send("DELETE", "/Users/g-1")).status == 204
        assert await seeding(here, ("g-1",)).take("User", "g-1", KIM) == Seeded("deleted")
        assert (await here.send("GET", "/Users/g-1")).status == 404


@pytest.mark.parametrize(
    ("type_", "resource", "why"),
    [
        ("User", {"title": "Agent"}, "userName"),
        ("Group", {"members": []}, "displayName"),
        ("User", {"userName": {}}, ""),
    ],
)
async def test_what_is_no_resource_is_told(
    tmp_path: Path, type_: ResourceType, resource: dict[str, Any], why: str
) -> None:
    """One odd account at Genesys stops nobody else's."""
    async with gateway(tmp_path / "a") as here:
        told = await seeding(here).take(type_, "g-1", resource)
        assert (told.state, why in told.why) == ("refused", True)
        assert here.tail.next_offset == 0


async def test_looking_first_writes_nothing(tmp_path: Path) -> None:
    """A dry run says what would be seeded."""
    async with gateway(tmp_path / "a") as here:
        assert await seeding(here, dry=True).take("User", "g-1", KIM) == Seeded("seeded")
        assert here.tail.next_offset == 0


async def test_a_large_group_is_whole_in_the_end(tmp_path: Path) -> None:
    """2,500 members are several records, and a second time none."""
    async with gateway(tmp_path / "a") as here:
        group = {"displayName": "All", "members": [{"value": f"g-{number}"} for number in range(2_500)]}
        assert await seeding(here).take("Group", "t-1", group) == Seeded("seeded")
        assert here.tail.next_offset == 3
        assert len((await here.send("GET", "/Groups/t-1")).body["members"]) == 2_500
        assert await seeding(here).take("Group", "t-1", group) == Seeded("same")


async def test_who_seeds_twice_at_once_and_whoever_writes_meanwhile_all_are_right(tmp_path: Path) -> None:
    """Two operators seed by two processes while an app pushes: nobody is there twice, and no push is written over."""
    broker = new_broker()
    async with gateway(tmp_path / "a", broker) as one, gateway(tmp_path / "b", broker) as two:
        seeds = [seeding(one), seeding(two)]
        people = [{"userName": f"u{number}@example.com", "title": "Agent"} for number in range(20)]

        async def push(number: int) -> bool:
            url = f"/Users/g-{number}"
            while (await two.send("PATCH", url, patch("title", "Boss"))).status == 404:
                if (await two.send("POST", "/Users", people[number])).status == 201:
                    return True
            return False

        pushes = asyncio.gather(*(push(number) for number in range(20)))
        seeded = await asyncio.gather(
            *(each.take("User", f"g-{number}", person) for each in seeds for number, person in enumerate(people))
        )
        assert {each.state for each in seeded} <= {"seeded", "same", "written", "taken"}
        created = [number for number, made in enumerate(await pushes) if made]
        for number in range(20):
            named = f'/Users?filter=userName eq "u{number}@example.com"'
            (found,) = (await one.send("GET", named)).body["Resources"]
            assert (found["id"] == f"g-{number}", found["title"]) == (
                (False, "Agent") if number in created else (True, "Boss")
            )


def patch(path: str, value: Any) -> dict[str, Any]:
    """A PATCH that replaces one attribute."""
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": path, "value": value}],
    }
