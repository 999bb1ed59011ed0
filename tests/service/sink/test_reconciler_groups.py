"""Memberships: only ours are written, each once, whoever else changes the group."""

import pytest

from streamproc.core.scim.response_policy import Response
from tests.support.reconciler import Org, person


async def test_only_memberships_of_ours_are_taken(org: Org) -> None:
    """Groups that somebody put the user into by hand, and other members, stay as they are."""
    id_ = await org.hired(department="Spanish Support")
    other = await org.foreign("other")
    for group in ("All Agents", "Spanish Queue"):
        path = f"Groups/{await org.group_id(group)}"
        await org.patch(path, "add", "members", [{"value": other}, {"value": id_}])
    org.say("E1", department="Billing", genesysQueue="Billing")
    await org.run()
    assert await org.members("Spanish Queue") == {other}
    assert await org.members("All Agents") == {other, id_}
    assert await org.members("Billing Queue") == {id_}


async def test_many_join_one_group_side_by_side(org: Org) -> None:
    """Twelve people of one team all end up in their queue, though each change moves the group's version."""
    users = [f"E{number}" for number in range(12)]
    for user in users:
        org.say(user, **person(user), department="Spanish Support")
    await org.run()
    assert len(await org.members("Spanish Queue")) == 12
    patches = [each for each in await org.ledger() if "groups" in each["path"].lower()]
    assert [each["applied"] for each in patches] == [True] * 12
    assert all(each["if_match"] for each in patches)


async def test_two_sinks_join_one_group(org: Org) -> None:
    """Another process that changes the group at the same time costs a read, and neither's member is lost."""
    other = await org.foreign("other")
    await org.hired(department="Spanish Support")
    path = f"Groups/{await org.group_id('Spanish Queue')}"
    await org.patch(path, "add", "members", [{"value": other}])
    await org.hired("E2", department="Spanish Support")
    assert len(await org.members("Spanish Queue")) == 3


@pytest.mark.parametrize("first", ["leave", "join"])
async def test_a_renamed_group_is_left_and_not_joined(org: Org, first: str) -> None:
    """Who loses a queue loses it under its new name too, and nobody is put into a group that isn't theirs by name."""
    id_ = await org.hired(department="Spanish Support")
    group = await org.group_id("Spanish Queue")
    await org.patch(f"Groups/{group}", "replace", "displayName", "Managers Only")
    for what in ("leave", "join") if first == "leave" else ("join", "leave"):
        if what == "leave":
            org.say("E1", department="Office")
        else:
            org.say("E2", **person("E2"), department="Spanish Support")
        await org.run()
    assert id_ not in await org.members("Managers Only")
    assert await org.members("Managers Only") == set()
    assert org.store.parked == {"E2": "unresolved"}


@pytest.mark.parametrize("passed_over", [False, True])
async def test_a_membership_that_the_sink_before_wrote_isnt_written_again(org: Org, *, passed_over: bool) -> None:
    """A request of the sink before lands after we read the user and before we read the group: we look once more.

    Also where the record that it was sent for is passed over, for one that the sink before never saw.
    """
    id_ = await org.hired()
    record = org.folded("E1", genesysQueue="Billing", genesysRole=None)
    org.start(until=record.seq + 1)
    group = await org.group_id("Billing Queue")
    landed = False

    async def lands(method: str, path: str) -> None:
        nonlocal landed
        if path.startswith("/Groups?") and not landed:
            landed = True
            await org.patch(f"Groups/{group}", "add", "members", [{"value": id_}])

    org.wire.before = lands
    org.take_in(record)
    if passed_over:
        org.say("E1", job="Clerk")
    await org.run()
    assert landed
    assert [each["changed"] for each in await org.writes() if each["applied"] and "Groups" in each["path"]] == [True]


async def test_a_member_who_was_deleted_by_hand_is_looked_up_again(org: Org) -> None:
    """A group that doesn't know the member any more leads to a look at the user, not to the same request for ever."""
    id_ = await org.hired()
    deleted = False

    async def meanwhile(method: str, path: str) -> None:
        nonlocal deleted
        if method == "PATCH" and path.startswith("/Groups") and not deleted:
            deleted = True
            await org.call("DELETE", f"Users/{id_}")

    def gone(method: str, path: str, answer: Response) -> Response:
        if method == "PATCH" and path.startswith("/Groups") and answer.status != 200:
            print("ANSWER", answer.status, answer.body)
            return Response(404, {"status": "404", "detail": "no such member"}, {})
        return answer

    org.wire.before, org.wire.after = meanwhile, gone
    seq = org.say("E1", genesysQueue="Billing", genesysRole=None)
    await org.run()
    assert org.fate(seq) == "delivered"
    assert (await org.user())["id"] in await org.members("Billing Queue")
