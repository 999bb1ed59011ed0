"""One request in, one answer out: races, limits, versions, groups that are larger than a record."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamproc.core.provider.event import ScimEvent, decode
from streamproc.core.provider.fold import Void
from streamproc.core.provider.request import Connection
from streamproc.gateway.scim import turns as turns_module
from streamproc.gateway.scim.pace import Pace
from streamproc.gateway.scim.shared_log import Seen
from streamproc.gateway.scim.store import Store, StoredResources
from streamproc.gateway.scim.tail import TOPIC
from streamproc.testing.memory_log import MemoryLog
from tests.support.hydrator import until
from tests.support.scim_gateway import Client, gateway, new_broker, service_over


class Contended:
    """A log in which somebody else always comes first."""

    def __init__(self, resources: StoredResources) -> None:
        self.resources = resources
        self.appended = 0

    async def append(self, event: ScimEvent, seen: Callable[[Any], Seen]) -> Seen:
        """See SharedLog."""
        self.appended += 1
        return seen(Void("version"))

    async def barrier(self) -> None:
        """See SharedLog."""


async def test_who_always_comes_second_is_told_to_come_again(tmp_path: Path) -> None:
    """After five writes that gave way to others' the client hears 503, when to try again, and nothing of HTML."""
    store = Store(tmp_path / "state", "events.scim")
    contended = Contended(store.of("okta"))
    client = Client(service_over(contended, Connection("okta")))
    answer = await client.send("POST", "/Users", {"userName": "kim"})
    assert (answer.status, answer.headers["Retry-After"], contended.appended) == (503, "1", 5)
    assert json.loads(answer.content())["status"] == "503"
    store.close()


async def test_many_at_once_write_one_group(tmp_path: Path) -> None:
    """A group that fifty requests add a member to at the same time has all fifty, and none is told to come again."""
    async with gateway(tmp_path / "state") as serving:
        group = (await serving.send("POST", "/Groups", {"displayName": "Sales"})).body["id"]
        body = [{"Operations": [{"op": "add", "path": "members", "value": [{"value": str(n)}]}]} for n in range(50)]
        answers = await asyncio.gather(*(serving.send("PATCH", f"/Groups/{group}", each) for each in body))
        assert {each.status for each in answers} == {204}
        assert len((await serving.send("GET", f"/Groups/{group}")).body["members"]) == 50


async def test_a_turn_that_does_not_come_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a write that takes too long, the next one to the same user hears 503, and others go on."""
    monkeypatch.setattr(turns_module, "PATIENCE", 0.02)
    async with gateway(tmp_path / "state") as serving:
        kim = (await serving.send("POST", "/Users", {"userName": "kim"})).body["id"]
        async with serving.service._turns.turn(kim):
            assert (await serving.send("DELETE", f"/Users/{kim}")).status == 503
            assert (await serving.send("POST", "/Users", {"userName": "lou"})).status == 201
        assert (await serving.send("DELETE", f"/Users/{kim}")).status == 204


async def test_a_group_larger_than_a_record_is_one_answer(tmp_path: Path) -> None:
    """2,500 members in one POST are in one group, which a list shows without them and a GET with all."""
    broker = new_broker()
    members = [{"value": f"{number:036}"} for number in range(2_500)]
    async with gateway(tmp_path / "state", broker) as serving:
        made = await serving.send("POST", "/Groups", {"displayName": "All", "members": members})
        assert (made.status, len(made.body["members"])) == (201, 2_500)
        url = f"/Groups/{made.body['id']}"
        assert (await serving.send("GET", "/Groups")).body["Resources"][0].get("members") is None
        listed = await serving.send("GET", "/Groups?attributes=members")
        assert len(listed.body["Resources"][0]["members"]) == 2_500
        assert (await serving.send("PUT", url, {"displayName": "All", "members": members[:1]})).body["members"] == [
            members[0]
        ]
        assert (await serving.send("GET", url)).headers["ETag"] != made.headers["ETag"]
    parts = [decode(each.value or b"").members for each in broker.records(TOPIC)]
    assert [each and (each.part, each.parts) for each in parts] == [(1, 3), (2, 3), (3, 3), (1, 3), (2, 3), (3, 3)]


async def test_a_large_group_is_made_although_somebody_comes_between(tmp_path: Path) -> None:
    """Another gateway renames the group while its second thousand members are on their way: all of them arrive, once,
    and the client that made it hears 201.
    """
    broker, gate, produced = new_broker(), asyncio.Event(), 0

    async def hop(request: str) -> None:
        nonlocal produced
        await asyncio.sleep(0)
        produced += request == "produce"
        if request == "produce" and produced > 2:
            await gate.wait()

    members = [{"value": f"{number:036}"} for number in range(1_500)]
    slow = MemoryLog(broker, hop)
    async with gateway(tmp_path / "one", kafka=slow) as one, gateway(tmp_path / "two", broker) as two:
        making = asyncio.create_task(one.send("POST", "/Groups", {"displayName": "All", "members": members}))
        await until(lambda: produced > 2)
        (found,) = (await two.send("GET", "/Groups?attributes=displayName")).body["Resources"]
        renaming = {"Operations": [{"op": "replace", "path": "displayName", "value": "Everybody"}]}
        assert (await two.send("PATCH", f"/Groups/{found['id']}", renaming)).status == 204
        gate.set()
        made = await making
        assert (made.status, made.body["displayName"], len(made.body["members"])) == (201, "Everybody", 1_500)


async def test_groups_may_be_in_the_answer_to_their_patch(tmp_path: Path) -> None:
    """With the option, a PATCH of a group is answered with the group, which strict clients want."""
    async with gateway(tmp_path / "state", patch_body=True) as serving:
        group = (await serving.send("POST", "/Groups", {"displayName": "Sales"})).body["id"]
        body = {"Operations": [{"op": "replace", "path": "displayName", "value": "Sale"}]}
        answer = await serving.send("PATCH", f"/Groups/{group}", body)
        assert (answer.status, answer.body["displayName"]) == (200, "Sale")


async def test_connections_do_not_see_each_other(tmp_path: Path) -> None:
    """Another connection's user isn't there for a client, not even by id, and isn't in the way by its name."""
    broker = new_broker()
    one, two = Connection("okta"), Connection("entra")
    async with gateway(tmp_path / "one", broker, one) as okta, gateway(tmp_path / "two", broker, two) as entra:
        kim = (await okta.send("POST", "/Users", {"userName": "kim"})).body["id"]
        for method, body in (("GET", None), ("DELETE", None), ("PUT", {"userName": "kim"})):
            assert (await entra.send(method, f"/Users/{kim}", body)).status == 404
        assert (await entra.send("GET", "/Users")).body["totalResults"] == 0
        assert (await entra.send("POST", "/Users", {"userName": "kim"})).status == 201
        group = await entra.send("POST", "/Groups", {"displayName": "g", "members": [{"value": kim}]})
        assert group.status == 201
        assert "groups" not in (await okta.send("GET", f"/Users/{kim}")).body


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("PATCH", "/Users/{kim}", {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}),
        ("PATCH", "/Users/{kim}", {"Operations": [{"op": "replace", "value": {"active": False}}]}),
        ("PUT", "/Users/{kim}", {"userName": "kim", "active": False}),
        ("DELETE", "/Users/{kim}", None),
    ],
)
async def test_a_deactivation_is_never_too_much(method: str, url: str, body: Any, tmp_path: Path) -> None:
    """Whoever asks too often hears 429 and when to try again, but somebody who leaves loses access all the same."""
    async with gateway(tmp_path / "state", pace=Pace(2)) as serving:
        kim = (await serving.send("POST", "/Users", {"userName": "kim"})).body["id"]
        await serving.send("GET", "/Users")
        for url_ in ("/Users", f"/Users/{kim}"):
            answer = await serving.send("GET", url_)
            assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        assert (await serving.send("POST", "/Users", {"userName": "lou"})).status == 429
        assert (await serving.send(method, url.replace("{kim}", kim), body)).status in {200, 204}


async def test_bodies_have_a_size(tmp_path: Path) -> None:
    """A body beyond 1 MiB is refused for users and taken for groups; one that isn't JSON, or too deep, is refused."""
    large = json.dumps({"userName": "kim", "displayName": "k", "x": "x" * 1024 * 1024}).encode()
    async with gateway(tmp_path / "state") as serving:
        assert (await serving.send("POST", "/Users", large)).status == 413
        assert (await serving.send("POST", "/Groups", large)).status == 201
        for body in (
            b"",
            b"<html>",
            b"\xff",
            b'{"userName": "\\ud800"}',
            b"[" * 5000,
            b'{"a":' * 40 + b"1" + b"}" * 40,
        ):
            assert (await serving.send("POST", "/Users", body)).status == 400
        assert (await serving.send("GET", f"/Users?filter=userName eq {'x' * 3000}")).status == 400


async def test_a_repeated_post_may_be_the_same_user(tmp_path: Path) -> None:
    """With the option, a POST whose answer was lost is answered 201 again, with the same id."""
    body = {"userName": "kim", "externalId": "7"}
    patient = Connection("okta", repeated_within=600_000)  # type: ignore[arg-type]
    async with gateway(tmp_path / "state", connection=patient) as serving:
        first, second = [await serving.send("POST", "/Users", body) for _ in range(2)]
        assert (first.status, second.status, first.body) == (201, 201, second.body)
        assert (await serving.send("POST", "/Users", {**body, "title": "Clerk"})).status == 409
