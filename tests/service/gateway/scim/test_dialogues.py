"""What identity providers send to the service, and what they have to be told."""

from pathlib import Path
from typing import Any

import pytest

from streamproc.gateway.scim.answer import Answer
from tests.service.gateway.scim.dialogue import FOLDER, dialogue, play
from tests.support.front_door import RunningDoor, front_door
from tests.support.scim_gateway import gateway, new_broker

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
async def test_a_client_is_told_what_it_needs(name: str, tmp_path: Path) -> None:
    """An app of this identity provider goes through its life without an error that it couldn't take."""
    async with gateway(tmp_path / "state") as serving:
        await play(dialogue(name), serving)


class OverHttp:
    """A client of a gateway's port."""

    def __init__(self, door: RunningDoor) -> None:
        self._door = door

    async def send(self, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        """A request to a path of the host, or below the root."""
        whole = "/" + url if "scim" in url.lower().partition("?")[0] else url
        quoted = whole.replace(" ", "%20").replace('"', "%22")
        found = await self._door.send(method, quoted, body, content_type="application/scim+json", **headers)
        as_written = {"location": "Location", "etag": "ETag"}
        return Answer(
            found.status, found.body, {as_written.get(name, name): each for name, each in found.headers.items()}
        )


@pytest.mark.parametrize("name", NAMES)
async def test_a_client_is_told_the_same_over_http(name: str, tmp_path: Path) -> None:
    """Whatever an HTTP server makes of URLs, headers and bodies, an app is told what the service says."""
    async with front_door(tmp_path) as door:
        await play(dialogue(name), OverHttp(door))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "urls"])
async def test_two_gateways_are_as_one(name: str, tmp_path: Path) -> None:
    """A client whose requests go to one gateway and to another in turn sees no difference."""
    broker = new_broker()
    async with gateway(tmp_path / "one", broker) as one, gateway(tmp_path / "two", broker) as two:
        await play(dialogue(name), one, two)


async def test_a_gateway_that_starts_anew_serves_what_the_log_holds(tmp_path: Path) -> None:
    """With its file thrown away, a gateway gives the same resources under the same ids and versions."""
    broker = new_broker()
    async with gateway(tmp_path / "one", broker) as one:
        await play(dialogue("okta"), one)
        before = [(await one.send("GET", url)).content() for url in ("/Users", "/Groups")]
    async with gateway(tmp_path / "two", broker) as two:
        assert [(await two.send("GET", url)).content() for url in ("/Users", "/Groups")] == before
    async with gateway(tmp_path / "one", broker) as again:
        assert [(await again.send("GET", url)).content() for url in ("/Users", "/Groups")] == before
