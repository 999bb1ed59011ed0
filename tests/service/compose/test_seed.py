"""Moving in from the Genesys stand-in over real HTTP, into a log in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp.test_utils import TestServer

from streamproc.adapters.kafka.reading import records_of
from streamproc.compose.seed import SeedSummary, Wanted, seed_from
from streamproc.core.provider.event import ScimEvent, decode
from streamproc.core.provider.request import Connection
from streamproc.core.records.connection_definition import ConnectionDefinition
from streamproc.core.records.control import CONNECTIONS, Control
from streamproc.core.records.topic_names import CONTROLS, PUSHED
from streamproc.core.records.units import Millis
from streamproc.operators.connections import NotOrderedError
from streamproc.settings import Settings, load_settings
from streamproc.simulator import SimulatorOptions, create_app
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from tests.support.scim_gateway import PARTITION, gateway

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PEOPLE = 60


@dataclass(frozen=True, slots=True)
class Place:
    """A target with people and groups, and a log that has a connection."""

    http: aiohttp.ClientSession
    settings: Settings
    kafka: MemoryLog
    url: str
    token: str

    async def scim(self, method: str, path: str, body: Any = None) -> Any:
        """A request of somebody else's to the target."""
        head = {"Authorization": f"Bearer {self.token}"}
        async with self.http.request(method, f"{self.url}/api/v2/scim/v2{path}", json=body, headers=head) as answer:
            answer.raise_for_status()
            return orjson.loads(await answer.read() or b"null")

    async def seed(self, **wanted: Any) -> SeedSummary:
        """The command's work."""
        told: list[str] = []
        return await seed_from(self.settings, Wanted("okta", **wanted), self.kafka, self.http, told.append)

    async def events(self) -> list[ScimEvent]:
        """All that is in the log."""
        return [decode(each.value or b"") async for each in records_of(self.kafka, PUSHED)]


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    """60 people, the last ten without access; ten of them in a group."""
    server = TestServer(create_app(SimulatorOptions(rate_limit=0, heavy_page_429=True, groups=("Sales", "Care"))))
    async with server, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
        url = str(server.make_url("")).rstrip("/")
        basic = {"Authorization": aiohttp.encode_basic_auth("demo", "demo")}
        form = {"grant_type": "client_credentials"}
        async with http.post(f"{url}/oauth/token", data=form, headers=basic) as answer:
            token = (await answer.json())["access_token"]
        settings = load_settings(
            scim_url=f"{url}/api/v2/scim/v2", token_url=f"{url}/oauth/token", client_id="demo", client_secret="demo"
        )
        kafka = MemoryLog(MemoryBroker(2, lambda: 5))
        made = Place(http, settings, kafka, url, token)
        ids = []
        for number in range(PEOPLE):
            body = {
                "schemas": [USER],
                "userName": f"p{number}@example.com",
                "displayName": f"P {number}",
                "externalId": f"E{number}",
                "active": True,
            }
            ids.append((await made.scim("POST", "/Users", body))["id"])
        for each in ids[-10:]:
            await made.scim("PATCH", f"/Users/{each}", patch({"op": "replace", "path": "active", "value": False}))
        group = (await made.scim("GET", '/Groups?filter=displayName eq "Sales"'))["Resources"]
        assert group, "the stand-in has it from the beginning"
        add = {"op": "add", "path": "members", "value": [{"value": each} for each in ids[:10]]}
        await made.scim("PATCH", f"/Groups/{group[0]['id']}", patch(add))
        control = Control(
            "c", "connection", None, None, "Kim", "x", Millis(1), connection=ConnectionDefinition("okta", PARTITION)
        )
        await kafka.producer().send_and_wait(CONTROLS, orjson.dumps(control), CONNECTIONS.encode())
        yield made


def patch(operation: dict[str, Any]) -> dict[str, Any]:
    """A body of one operation."""
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}


async def test_everybody_is_found_under_their_old_id(place: Place, tmp_path: Path) -> None:
    """Active and inactive people, and groups with who is in them, are at the gateway as Genesys has them."""
    done = await place.seed(by="Kim Berg")
    assert done.good
    assert done.users == {"seeded": PEOPLE}
    assert done.groups["seeded"] == done.groups.total() > 1
    async with gateway(tmp_path / "a", connection=Connection("okta"), kafka=place.kafka) as here:
        shown = (await place.scim("GET", "/Users?filter=active eq true&count=1"))["Resources"][0]
        found = await here.send("GET", f"/Users/{shown['id']}")
        assert (found.body["userName"], found.body["displayName"]) == (shown["userName"], shown["displayName"])
        assert "externalId" not in found.body
        assert (await here.send("GET", "/Users?filter=active eq false")).body["totalResults"] == 10
        sales = (await here.send("GET", '/Groups?filter=displayName eq "Sales"')).body["Resources"]
        assert len(sales[0]["members"]) == 10
    assert {each.request.agent for each in await place.events()} == {"streamproc seed Kim Berg"}


async def test_a_second_time_nothing_is_written(place: Place) -> None:
    """The command may be given again after it was cut short, or on the day before the switch."""
    await place.seed()
    before = len(await place.events())
    again = await place.seed()
    assert (again.users, again.good) == ({"same": PEOPLE}, True)
    assert len(await place.events()) == before
    shown = (await place.scim("GET", "/Users?filter=active eq true&count=1"))["Resources"][0]
    await place.scim("PATCH", f"/Users/{shown['id']}", patch({"op": "replace", "path": "title", "value": "Lead"}))
    assert (await place.seed()).users == {"same": PEOPLE - 1, "seeded": 1}


async def test_external_ids_are_taken_along_where_that_is_wanted(place: Place) -> None:
    """Whoever asks with the app's own token gets the externalIds that the app has given."""
    await place.seed(external_ids=True)
    assert {(each.result or {}).get("externalId") for each in await place.events() if each.type == "User"} == {
        f"E{number}" for number in range(PEOPLE)
    }


async def test_looking_first_writes_nothing(place: Place) -> None:
    """A dry run counts, and the log is as it was."""
    assert (await place.seed(dry=True)).users == {"seeded": PEOPLE}
    assert not await place.events()


async def test_a_connection_that_is_not_there_is_told(place: Place) -> None:
    """Nothing is read for a name that was mistyped."""
    with pytest.raises(NotOrderedError, match="there is no connection otka"):
        await seed_from(place.settings, Wanted("otka"), place.kafka, place.http, lambda _: None)
