"""What identity providers send to the service, and what they have to be told."""

from pathlib import Path

import pytest

from tests.service.gateway.scim.dialogue import FOLDER, dialogue, play
from tests.support.scim_gateway import gateway, new_broker


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.json")))
async def test_a_client_is_told_what_it_needs(name: str, tmp_path: Path) -> None:
    """An app of this identity provider goes through its life without an error that it couldn't take."""
    async with gateway(tmp_path / "state") as serving:
        await play(dialogue(name), serving)


@pytest.mark.parametrize("name", ["okta", "entra"])
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
