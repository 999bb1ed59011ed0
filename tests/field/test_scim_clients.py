"""What apps of identity providers push, on its whole way: gateway, log, worker, sink, and accounts at the target."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from streamproc.adapters.kafka import reading
from streamproc.core.provider.event import ScimEvent, decode, encode
from streamproc.core.provider.request import Connection
from streamproc.core.records.connection_definition import SELF
from streamproc.core.records.topic_names import PUSHED
from tests.field.pipeline import play
from tests.service.gateway.scim.dialogue import FOLDER, dialogue
from tests.service.gateway.scim.dialogue import play as spoken
from tests.support.scim_gateway import PARTITION, gateway

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


async def _pushed(name: str, folder: Path) -> tuple[list[ScimEvent], dict[str, dict[str, Any]]]:
    """What a dialogue leaves in the log, and the users whom the gateway has in the end, by id."""
    async with gateway(folder / "state", connection=Connection("okta", SELF)) as serving:
        await spoken(dialogue(name), serving)
        log = reading.read_topic(serving.kafka, PUSHED, decode)
        events = [event async for _, event in log if event is not None]
        ids = {str(each.id) for each in events if each.type == "User" and each.id is not None}
        listed = (await serving.send("GET", "/Users?count=1000")).body["Resources"]
        users = {str(each["id"]): each for each in listed}
        return events, {each: {"active": False} for each in ids} | users


@pytest.mark.parametrize("name", NAMES)
def test_who_is_in_and_who_is_out_is_so_at_the_target(name: str, tmp_path: Path) -> None:
    """Whoever the app has left active has an account with their name, and nobody else has access.

    Of whom it deletes and makes anew nobody knows that it is the same person, where the SCIM id says who somebody is:
    an operator decides.
    """
    events, users = asyncio.run(_pushed(name, tmp_path))
    ran = play([{"topic": PUSHED, "key": "okta", "value": encode(each), "partition": PARTITION} for each in events])
    assert ran.rejected == []
    made = Counter(each.claims["userName"] for each in events if (each.type, each.change) == ("User", "create"))
    for user, wanted in users.items():
        if made[str(wanted.get("userName")).casefold()] > 1 and ran.parked().get(user) == "ambiguous":
            continue
        named = wanted.get("displayName") or wanted.get("name")
        assert (ran.active(user) is True) is bool(wanted.get("active", True) and named), user
        if ran.active(user) and "displayName" in wanted:
            assert ran.account(user)["displayName"] == wanted["displayName"]
    assert {each["externalId"] for each in ran.accounts} <= users.keys()
