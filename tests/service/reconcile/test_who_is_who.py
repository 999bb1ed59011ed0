"""Accounts that change hands, come back under another id, or are written otherwise: nobody is taken for another."""

import asyncio

import pytest

from streamproc.adapters.scim_http import ScimHttp
from streamproc.core.scim.response_policy import Response
from streamproc.reconcile import groups
from streamproc.testing.memory_log import MemoryLog
from tests.service.reconcile.test_process import last
from tests.support.reconciler import person
from tests.support.reconciling import Compared, impatient, populate
from tests.support.sinks_in_memory import PATIENCE

REAL = ScimHttp.request


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)


@pytest.mark.parametrize("changed", ["userName", "externalId"])
async def test_an_account_that_somebody_else_has_by_now_isnt_deactivated(compared: Compared, changed: str) -> None:
    """The operator has seen another one at that id; what is there now is told anew."""
    orphan = await compared.org.foreign("robot")
    await compared.found()
    told = last(await compared.findings(), f"account/{orphan}")
    assert told is not None
    await compared.say_of("deactivate", told)
    await compared.org.patch(f"Users/{orphan}", "replace", changed, "chief@example.com")
    assert await compared.found() == {told.key: {"account": "orphan"}}
    assert [each["active"] for each in await compared.org.sim("GET", "users")] == [True]


async def test_a_leaver_who_is_back_under_another_id_is_out_again_and_an_incident(compared: Compared) -> None:
    """Their account was deleted, and another one has their externalId: it is theirs."""
    ids = await populate(compared, 2)
    async with compared.sink(MemoryLog(compared.broker)):
        await compared.given("E1", active=False)
        await compared.org.call("DELETE", f"Users/{ids['E1']}")
        await compared.org.foreign("again", externalId="E1")
        assert await compared.found() == {"E1": {"active": "changed"}}
        assert (await compared.findings())[-1].incident
        async with asyncio.timeout(PATIENCE):
            while any(each["active"] for each in await _of(compared, "E1")):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert await compared.found() == {}


async def _of(compared: Compared, user: str) -> list[dict[str, object]]:
    return [each for each in await compared.org.sim("GET", "users") if each["externalId"] == user]


async def test_an_account_that_was_given_to_an_outsider_is_named_in_no_request(compared: Compared) -> None:
    """It had the externalId of somebody who has none yet; now it is an orphan, and pages alone show it."""
    await populate(compared, 2)
    await compared.say("E9", **person("E9"))
    stray = await compared.org.foreign("nine", externalId="E9")
    async with compared.reconcile():
        await _requested(compared, "GET users", 4)
        await compared.org.patch(f"Users/{stray}", "replace", "externalId", "OUTSIDER")
        await compared.until(lambda found: any(each.key == f"account/{stray}" for each in found))
        before = (await compared.org.requests()).get("GET users/{id}", 0)
        await _requested(compared, "GET users", (await compared.org.requests())["GET users"] + 6)
        assert (await compared.org.requests()).get("GET users/{id}", 0) == before
    assert {each.key for each in await compared.findings()} == {f"account/{stray}"}


async def _requested(compared: Compared, route: str, many: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await compared.org.requests()).get(route, 0) < many:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_leaver_is_found_again_also_by_an_id_in_another_case(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was gone, and is back, is on a page that writes ids in capital letters."""
    ids = await populate(compared, 2)
    async with compared.sink(MemoryLog(compared.broker)):
        await compared.given("E1", active=False)
    await compared.org.call("DELETE", f"Users/{ids['E1']}")

    async def loud(self: ScimHttp, method: str, path: str, *rest: object) -> Response:
        answer = await REAL(self, method, path, *rest)  # type: ignore[arg-type]
        if path.startswith("/Users?"):
            for each in answer.body["Resources"]:
                each["id"] = each["id"].upper()
        return answer

    monkeypatch.setattr(ScimHttp, "request", loud)
    async with compared.reconcile():
        await _requested(compared, "GET users/{id}", 1)
        await compared.org.foreign("e1", externalId="E1")  # restores the account of that name
        found = await compared.until(bool)
    assert found[0].incident


async def test_what_is_ignored_stays_so_where_a_list_is_cut_short(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that no page shows isn't gone if the target says that there are more: the page links to itself."""
    await populate(compared, 60)
    orphan = await compared.org.foreign("robot")
    await compared.found()
    told = last(await compared.findings(), f"account/{orphan}")
    assert told is not None
    await compared.say_of("ignore", told)
    assert await compared.found() == {}

    async def cut(self: ScimHttp, method: str, path: str, *rest: object) -> Response:
        return await REAL(self, method, path.replace("startIndex=26&", "startIndex=1&"), *rest)  # type: ignore[arg-type]

    async def empty(self: ScimHttp, method: str, path: str, *rest: object) -> Response:
        answer = await REAL(self, method, path, *rest)  # type: ignore[arg-type]
        return (
            answer if "/Users?" not in path else Response(200, {**answer.body, "Resources": [], "totalResults": 0}, {})
        )

    for odd in (cut, empty):
        monkeypatch.setattr(ScimHttp, "request", odd)
        assert await compared.found() == {}
    monkeypatch.setattr(ScimHttp, "request", REAL)
    assert await compared.found() == {}
    assert len(await compared.findings()) == 2


async def test_a_group_that_was_renamed_isnt_the_one_of_that_name_any_more(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one has its name by now, and nobody of ours is in it."""
    monkeypatch.setattr(groups, "AGAIN", 0)
    async with compared.sink(MemoryLog(compared.broker)):
        await compared.given("E1", **person("E1"), genesysQueue="Billing")
    async with compared.reconcile():
        await _requested(compared, "GET users", 4)
        names = {"Billing Queue": "Old Queue", "Spanish Queue": "Billing Queue"}
        for before, after in names.items():
            path = f"Groups/{await compared.org.group_id(before)}"
            await compared.org.patch(path, "replace", "displayName", after)
        found = await compared.until(bool)
    assert [each.attribute for each in found[0].differences] == ["group Billing Queue"]
