"""What may go wrong: nobody who says who did it, a target that doesn't answer, orders that come too late, restarts."""

import asyncio
import time
from typing import Any, cast

import pytest

from streamproc.adapters import scim_http
from streamproc.adapters.scim_http import PlatformHttp
from streamproc.core.records.finding import Difference
from streamproc.core.records.units import Millis
from streamproc.reconcile import audit_log, comparison, process
from streamproc.reconcile.audit_log import AuditLog
from streamproc.reconcile.target_reader import TargetReader
from streamproc.testing.memory_log import MemoryLog
from tests.service.reconcile.test_process import last
from tests.support.reconciler import person
from tests.support.reconciling import Compared, impatient, populate
from tests.support.sinks_in_memory import PATIENCE


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)


async def test_where_the_audit_log_cant_be_read_it_is_told_and_repaired_all_the_same(compared: Compared) -> None:
    """A missing permission makes nobody known, and keeps nothing from being found."""
    await populate(compared, 2)
    await compared.edit("E1", title="Boss")
    await compared.org.faults({"kind": "403", "path": "platform/audits"})
    assert await compared.found() == {"E1": {"title": "unknown"}}
    told = last(await compared.findings(), "E1")
    assert told is not None
    assert told.differences[0].repaired
    assert "403" in told.differences[0].reason


async def test_a_finding_is_as_of_before_it_was_answered(compared: Compared, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a sink reads back while the answer is under way is newer than the finding, and told so in reports."""
    answered: list[float] = []
    read = TargetReader.user

    async def slow(self: TargetReader, account: str) -> Any:
        await asyncio.sleep(0.05)
        body = await read(self, account)
        answered.append(time.time() * 1000)
        await asyncio.sleep(0.05)
        return body

    monkeypatch.setattr(TargetReader, "user", slow)
    await populate(compared, 1)
    await compared.edit("E1", title="Boss")
    await compared.once()
    (found,) = await compared.findings()
    assert found.at < answered[0]


async def test_what_the_audit_log_says_of_a_large_group_is_asked_for_piece_by_piece(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that shows all members may be too long together with others; of other accounts it is asked as ever."""
    bodies = [{"userName": f"m{n}@example.com", "displayName": f"M{n}"} for n in range(40)]
    members = (await compared.org.sim("POST", "users", {"users": bodies}))["ids"]
    async with compared.sink(MemoryLog(compared.broker)):
        await compared.given("E1", **person("E1"), genesysQueue="Billing")
        await compared.given("E2", **person("E2"))
    id_ = (await compared.org.user("E1"))["id"]
    for number in range(12):
        change = "add" if number % 2 == 0 else "remove"
        await compared.org.sim("POST", "members", {"group": "Billing Queue", change: members})
    await compared.org.sim("POST", "members", {"group": "Billing Queue", "remove": [id_], "by": "Sue Visor"})
    await compared.org.sim("POST", "members", {"group": "Billing Queue", "add": members})
    await compared.edit("E2", title="Boss")
    monkeypatch.setattr(scim_http, "ANSWER", 20_000)
    await compared.found()
    found = await compared.findings()
    for user, attribute in (("E1", "group Billing Queue"), ("E2", "title")):
        told = last(found, user)
        assert told is not None
        by = {each.attribute: each.changed and each.changed.name for each in told.differences}
        assert by == {attribute: "Sue Visor"}


@pytest.mark.parametrize("kind", ["500_before", "429", "reset"])
async def test_whatever_the_audit_log_answers_it_is_told_and_repaired_all_the_same(
    compared: Compared, kind: str
) -> None:
    """Also where it doesn't say which services it has; it is asked for a few, and not for everybody."""
    await populate(compared, 30)
    for number in range(1, 11):
        await compared.edit(f"E{number}", title="Boss")
    await compared.org.faults({"kind": kind, "path": "platform/audits"})
    assert await compared.found() == {f"E{number}": {"title": "unknown"} for number in range(1, 11)}
    asked = await compared.org.sim("GET", "requests")
    assert sum(count for route, count in asked["by_route"].items() if "audits" in route) <= 3 * 2


async def test_an_audit_log_that_doesnt_answer_is_waited_for_once(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found is told, and nobody else waits for the log."""
    await populate(compared, 3)
    for user in ("E1", "E2"):
        await compared.edit(user, title="Boss")

    async def never(*_: object) -> None:
        asked.append(True)
        await asyncio.Event().wait()

    asked: list[bool] = []
    monkeypatch.setattr(audit_log, "LONGEST", 0.05)
    monkeypatch.setattr(PlatformHttp, "get", never)
    assert await compared.found() == {user: {"title": "unknown"} for user in ("E1", "E2")}
    assert len(asked) == 1


async def test_an_audit_log_that_was_closed_to_us_is_asked_again_also_by_a_clock_that_was_set_back() -> None:
    """Not only once it is as late again."""
    asked: list[str] = []

    class Closed:
        async def platform_get(self, path: str) -> None:
            asked.append(path)

    audit = AuditLog(cast("TargetReader", Closed()), None)
    difference = Difference("title", "unknown", "own", "Agent", "Boss", "so")
    for at in (2_000_000_000_000, 2_000_000_000_001, 1_000_000_000_000):
        (told,) = await audit.authors("a", [difference], {}, Millis(at))
        assert told.kind == "unknown"
    assert len(asked) == 2


async def test_what_is_ignored_stays_so_whatever_the_audit_log_says_later(compared: Compared) -> None:
    """It names somebody late, or forgets: the same disagrees."""
    await populate(compared, 1)
    await compared.org.faults({"kind": "403", "path": "platform/audits"})
    await compared.edit("E1", title="Boss")
    assert await compared.found() == {"E1": {"title": "unknown"}}
    told = last(await compared.findings(), "E1")
    assert told is not None
    await compared.say_of("ignore", told)
    assert await compared.found() == {}
    await compared.org.sim("DELETE", "faults")
    assert await compared.found() == {}
    await compared.edit("E1", title="Chief")
    assert await compared.found() == {"E1": {"title": "changed"}}


async def test_a_leaver_whose_account_was_deleted_and_is_back_is_found(compared: Compared) -> None:
    """Who was gone once is looked at again as soon as a page shows them."""
    ids = await populate(compared, 1)
    async with compared.sink(MemoryLog(compared.broker)):
        await compared.given("E1", active=False)
    async with compared.reconcile():
        await compared.org.call("DELETE", f"Users/{ids['E1']}")
        before = (await compared.org.requests()).get("GET users/{id}", 0)
        async with asyncio.timeout(PATIENCE):
            while (await compared.org.requests()).get("GET users/{id}", 0) < before + 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await compared.org.foreign("e1", externalId="E1")  # restores the account of that name
        found = await compared.until(bool)
    assert found[0].incident


async def test_an_order_about_an_account_that_is_somebodys_by_now_does_nothing(compared: Compared) -> None:
    """It was an orphan when the operator looked, and was adopted before the order came."""
    orphan = await compared.org.foreign("ann")
    await compared.found()
    told = last(await compared.findings(), f"account/{orphan}")
    assert told is not None
    await compared.say_of("deactivate", told)
    async with compared.sink(MemoryLog(compared.broker)):
        await compared.given("E1", **{**person("E1"), "userName": "ann@example.com"})
    assert (await compared.org.user("E1"))["id"] == orphan
    assert await compared.found() == {}
    assert (await compared.org.user("E1"))["active"] is True
    answered = last(await compared.findings(), told.key)
    assert answered is not None
    assert answered.differences == []


async def test_what_was_told_before_a_restart_is_closed_after_it(compared: Compared) -> None:
    """Findings are in the log: another process knows them, says nothing twice, and says what is over."""
    await populate(compared, 2)
    await compared.edit("E1", title="Boss")
    orphan = await compared.org.foreign("robot")
    assert set(await compared.found()) == {"E1", f"account/{orphan}"}
    await compared.edit("E1", title="Agent")
    await compared.org.call("DELETE", f"Users/{orphan}")
    assert await compared.found() == {}
    found = await compared.findings()
    assert sorted((each.key, bool(each.differences)) for each in found) == [
        ("E1", False),
        ("E1", True),
        (f"account/{orphan}", False),
        (f"account/{orphan}", True),
    ]


async def test_a_target_that_doesnt_answer_is_waited_for_and_told(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is blind until answers come, and goes on then."""
    await populate(compared, 2)
    await compared.edit("E1", title="Boss")
    await compared.org.faults({"kind": "403", "method": "GET", "path": "users"})
    monkeypatch.setattr(process, "TROUBLE_FIRST", 0.05)
    async with compared.reconcile():
        async with asyncio.timeout(PATIENCE):
            while not (told := compared.reconciles[-1].troubles()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await compared.org.sim("DELETE", "faults")
        found = await compared.until(bool)
        assert compared.reconciles[-1].troubles() == []
    assert [(each.code, each.state) for each in told] == [("target", "blind")]
    assert "403" in told[0].reason
    assert found[0].key == "E1"


async def test_a_round_that_takes_too_long_is_told(compared: Compared, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks at last year's accounts sees nothing, however busy they are."""
    await populate(compared, 2)
    gate = asyncio.Event()

    async def never(*_: Any) -> Any:
        await gate.wait()

    monkeypatch.setattr(TargetReader, "page", never)
    monkeypatch.setattr(process, "LATE", 0.01)
    async with compared.reconcile():
        async with asyncio.timeout(PATIENCE):
            while not (told := compared.reconciles[-1].troubles()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert [(each.code, each.state) for each in told] == [("slow_round", "blind")]


async def test_what_the_audit_log_says_too_much_about_is_asked_for_in_smaller_parts(compared: Compared) -> None:
    """An answer that can't be used is one entity's trouble: fewer entries are asked for, and others are as ever."""
    await populate(compared, 2)
    for user in ("E1", "E2"):
        await compared.edit(user, title="Boss")
    path = "platform/audits/query/realtime"
    await compared.org.faults({"kind": "500_before", "method": "POST", "path": path, "times": 3})
    assert await compared.found() == {user: {"title": "changed"} for user in ("E1", "E2")}
    await compared.org.faults({"kind": "500_before", "method": "POST", "path": path})
    await compared.edit("E1", title="Chief")
    assert await compared.found() == {user: {"title": "unknown"} for user in ("E1", "E2")}
    await compared.org.sim("DELETE", "faults")
    assert await compared.found() == {user: {"title": "changed"} for user in ("E1", "E2")}


async def test_whoever_left_a_group_together_is_told_by_few_questions(compared: Compared) -> None:
    """A group's entries are asked for once, however many members are gone, and each is told who took them out."""
    async with compared.sink(MemoryLog(compared.broker)):
        users = [f"E{number}" for number in range(1, 31)]
        for user in users:
            await compared.given(user, **person(user), genesysQueue="Billing")
    members = [each["id"] for each in await compared.org.sim("GET", "users")]
    await compared.org.sim("POST", "members", {"group": "Billing Queue", "remove": members, "by": "Sue Visor"})
    await compared.org.sim("POST", "requests/reset")
    assert await compared.found() == {user: {"group Billing Queue": "changed"} for user in users}
    asked = await compared.org.sim("GET", "requests")
    assert sum(count for route, count in asked["by_route"].items() if "audits" in route) <= 3, asked


async def test_who_changed_it_again_to_the_same_is_told_of_the_second_time(compared: Compared) -> None:
    """After a repair it is another change, by another entry of the audit log."""
    async with compared.sink(MemoryLog(compared.broker)), compared.reconcile():
        await compared.given("E1", **person("E1"))
        for by in ("Sue Visor", "Ann Other"):
            edit = {"user": "E1", "by": by, "changes": {"title": "Boss"}}
            await compared.org.sim("POST", "edit", edit)
            found = await compared.until(
                lambda found, by=by: any(  # type: ignore[misc]
                    one.changed is not None and one.changed.name == by for each in found for one in each.differences
                )
            )
            async with asyncio.timeout(PATIENCE):
                while (await compared.org.user("E1"))["title"] != "Agent":  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
    entries = {one.changed.entry for each in found for one in each.differences if one.changed is not None}
    assert len(entries) == 2


async def test_a_bulk_change_on_its_way_isnt_told_one_by_one(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others' changes are told meanwhile; who is still on their way when few are is told then."""
    ids = await populate(compared, 6)
    monkeypatch.setattr(process, "PATIENCE", 0)
    monkeypatch.setattr(comparison, "BACKLOG", 3)
    for user in list(ids)[:5]:
        await compared.say(user, department="Care")
    await compared.edit("E6", title="Boss")
    async with compared.reconcile():
        found = await compared.until(lambda found: len(found) >= 3)
        assert {each.key for each in found} == {"E6"}
        async with compared.sink(MemoryLog(compared.broker)):
            await compared.told(*((user, compared.org.records[user].seq) for user in ids if user != "E6"))
        await compared.say("E1", department="Sales")
        found = await compared.until(lambda found: any(each.key == "E1" for each in found))
    told = last(found, "E1")
    assert told is not None
    assert [each.kind for each in told.differences] == ["pending"]
