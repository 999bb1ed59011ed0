"""A SCIM client pushes to a gateway, and the worker on a real broker makes users of it, also one that is killed."""

from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from streamproc.core.records.topic_names import CHANGES, OPERATIONS, REJECTIONS, RESOURCES
from streamproc.core.records.user_record import decode
from streamproc.demo.processes import stack
from streamproc.settings import Settings
from streamproc.sources.scim.known_record import decode_known, ids_in
from tests.kafka.gateway.test_front_door import OKTA, Client
from tests.kafka.test_pipeline import _until, read
from tests.support.scim_process import definition, order, scim_gateway

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def person(number: int) -> dict[str, Any]:
    """Whom a client makes."""
    name = f"user-{number}@example.com"
    named = {"userName": name, "displayName": f"User {number}", "active": True, "title": "Agent"}
    return named | {ENTERPRISE: {"employeeNumber": f"E{number}"}}


async def newest(settings: Settings) -> dict[str, dict[str, Any]]:
    """User ID → what is desired."""
    records = [decode(record.value) for record in (await read(settings, OPERATIONS))[OPERATIONS]]
    return {record.user: dict(record.desired) for record in records}


@pytest.mark.long
async def test_what_a_client_pushes_becomes_users(settings: Settings, tmp_path: Path) -> None:
    """Whom it makes is desired, a group that it fills is theirs, and whom it deactivates is out. A worker that is
    killed in between, and one that recovers its table, say nothing twice; a write without an anchor is told.
    """
    await order(settings, definition("okta", OKTA, partition=1))
    async with (
        scim_gateway(settings, tmp_path) as door,
        stack(settings, tmp_path) as running,
        aiohttp.ClientSession() as http,
    ):
        client = Client(http, await door.start())
        await running.start("worker")
        ids = [(await client.send("POST", "/Users", person(number)))[1]["id"] for number in range(20)]
        await client.send("POST", "/Users", {"userName": "test@jumpcloud.com"})
        everybody = {f"E{number}" for number in range(20)}
        await _until(lambda: newest(settings), lambda found: found.keys() == everybody)
        await running.children["worker"].kill()
        members = [{"value": each} for each in ids]
        status, group = await client.send("POST", "/Groups", {"displayName": "Care", "members": members})
        assert status == 201
        leaving = {"Operations": [{"op": "replace", "path": "active", "value": False}]}
        await client.send("PATCH", f"/Users/{ids[3]}", leaving)
        await running.children["worker"].start()
        await _until(lambda: newest(settings), lambda found: found["E3"]["active"] is False)
        await running.children["worker"].kill()
        await client.send("PATCH", f"/Users/{ids[4]}", leaving)
        await client.send("PATCH", f"/Groups/{group['id']}", {"Operations": [{"op": "remove", "path": "members"}]})
        await running.children["worker"].start()
        there = await _until(lambda: newest(settings), lambda found: found["E4"]["active"] is False)
        log = running.children["worker"].tail()

        async def group_facts() -> dict[str, Any]:
            changes = [orjson.loads(each.value) for each in (await read(settings, CHANGES))[CHANGES]]
            return {each["user"]: each["attributes"]["groups"] for each in changes if "groups" in each["attributes"]}

        await _until(group_facts, lambda found: found == {each: [] for each in everybody})
        changes = [orjson.loads(each.value) for each in (await read(settings, CHANGES))[CHANGES]]
        rejected = [orjson.loads(each.value) for each in (await read(settings, REJECTIONS))[REJECTIONS]]
        kept = (await read(settings, RESOURCES))[RESOURCES]
    assert there.keys() == everybody, log
    assert {user for user, desired in there.items() if desired["active"] is False} == {"E3", "E4"}
    said = [(each["user"], each["source"], each["event"]) for each in changes if each["kind"] == "change"]
    assert {source for _, source, _ in said} == {"scim"}
    assert len(said) == len(set(said))
    assert {(each["topic"], each["code"], each["partial"]) for each in rejected} == {("events.scim", "unlinked", True)}
    assert {each.partition for each in kept} == {1}
    known = {ids_in(each.key): decode_known(each.value) for each in kept}
    assert {ids[-1] for ids, each in known.items() if each.member is not None and each.member.held == "no"} == {*ids}
