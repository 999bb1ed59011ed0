"""A target that answers something else than was asked: nothing is told of it, and nobody is taken for missing."""

from typing import Any

import pytest

from streamproc.adapters.scim_http import ScimHttp
from streamproc.core.scim.response_policy import Response
from streamproc.reconcile.decide.pages import SIZE
from streamproc.testing.memory_log import MemoryLog
from tests.support.reconciler import person
from tests.support.reconciling import Compared, impatient, populate

REAL = ScimHttp.request


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 200),
        ({"id": "somebody-else", "userName": "x@example.com", "active": True}, 200),
        ({"Resources": [], "totalResults": 0}, 200),
        ({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "id": "ID", "displayName": "x"}, 200),
        ({"id": "ID"}, 200),
        ({"detail": "no"}, 400),
        ({"detail": "not allowed"}, 403),
    ],
)
async def test_an_odd_answer_about_somebody_says_nothing(
    compared: Compared, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], status: int
) -> None:
    """Another user, a list, a group, a part, a refusal: told with words, no finding, and others go on."""
    impatient(monkeypatch)
    ids = await populate(compared, 2)
    for user in ids:
        await compared.edit(user, title="Boss")

    async def odd(self: ScimHttp, method: str, path: str, *rest: Any) -> Response:
        if path == f"/Users/{ids['E1']}":
            answer = {name: ids["E1"] if value == "ID" else value for name, value in body.items()}
            return Response(status, answer, {})
        return await REAL(self, method, path, *rest)

    monkeypatch.setattr(ScimHttp, "request", odd)
    summary = await compared.once()
    assert [each.key for each in summary.disagreements] == ["E2"]
    assert "/Users" in summary.unread["E1"]


async def test_a_page_that_shows_the_same_for_ever_ends(compared: Compared, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it says of how many there are; who isn't shown is read by id, and agrees."""
    impatient(monkeypatch)
    ids = await populate(compared, SIZE + 5)

    async def same(self: ScimHttp, method: str, path: str, *rest: Any) -> Response:
        if path.startswith("/Users?filter=active%20eq%20true"):
            path = path.replace(f"startIndex={SIZE + 1}", "startIndex=1")
            answer = await REAL(self, method, path, *rest)
            return Response(answer.status, {**answer.body, "totalResults": 10**6}, answer.headers)
        return await REAL(self, method, path, *rest)

    monkeypatch.setattr(ScimHttp, "request", same)
    summary = await compared.once()
    assert summary.disagreements == []
    assert summary.looked >= len(ids)


async def test_where_groups_cant_be_read_all_else_is_compared(compared: Compared) -> None:
    """Without the permission for groups, memberships are what isn't known."""
    async with compared.sink(MemoryLog(compared.broker)):
        await compared.given("E1", **person("E1"), genesysQueue="Billing")
    id_ = (await compared.org.user("E1"))["id"]
    await compared.org.sim("POST", "members", {"group": "Billing Queue", "remove": [id_], "by": "Sue Visor"})
    await compared.edit("E1", title="Boss")
    await compared.org.faults({"kind": "403", "path": "groups"})
    assert await compared.found() == {"E1": {"title": "changed"}}
