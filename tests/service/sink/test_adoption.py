"""An operator gives an account to a user of ours, by name: theirs from then on, whoever it was marked as."""

import pytest

from streamproc.core.fold.plan import Urgency
from streamproc.core.records.user_record import encode
from streamproc.sink.decide.desired_state import Work, decode_desired, look_of
from streamproc.sink.decide.lanes import Turn
from streamproc.testing.memory_log import MemoryLog
from tests.service.sink.test_loops import looked
from tests.support.reconciler import Org, person
from tests.support.sinks_in_memory import Cluster


@pytest.fixture
def cluster(org: Org) -> Cluster:
    return Cluster(org)


async def test_an_account_with_anothers_external_id_is_taken_over_by_name(cluster: Cluster) -> None:
    """The account of the userName that has another externalId is parked for; by order it is the user's, with all that
    they are to have, and the log tells what it was before.
    """
    async with cluster.sink(MemoryLog(cluster.broker)):
        account = await cluster.org.foreign("e1", externalId="OLD-7", active=True)
        await cluster.given("E1", **person("E1"))
        assert (await cluster.delivery("E1")).parked
        await cluster.order("adopt", "E1", account=account)
        ended = await cluster.ordered("E1")
    shown = await cluster.org.user("E1")
    assert (shown["id"], shown["displayName"], shown["title"]) == (account, "Person E1", "Agent")
    assert ended == ["adopted", "delivered"]
    assert (await cluster.delivery("E1")).parked is None


async def test_a_leaver_loses_the_access_of_an_account_given_to_them(cluster: Cluster) -> None:
    """Who was to have the account, and leaves, is revoked there by the order."""
    async with cluster.sink(MemoryLog(cluster.broker)):
        account = await cluster.org.foreign("e1", externalId="OLD-7", active=True)
        await cluster.given("E1", **person("E1"))
        await cluster.given("E1", active=False)
        await cluster.order("adopt", "E1", account=account)
        ended = await cluster.ordered("E1")
    assert (await cluster.org.call("GET", f"Users/{account}"))["active"] is False
    assert ended == ["adopted", "revoked"]


@pytest.mark.parametrize("whose", ["E2", "nobody"])
async def test_nobodys_and_another_users_account_is_not_given_away(cluster: Cluster, whose: str) -> None:
    """An account that isn't there, or is another user's by our deliveries: it stays parked, and nothing is written."""
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.org.foreign("e1", externalId="OLD-7", active=True)
        await cluster.given("E2", **person("E2"))
        theirs = (await cluster.org.user("E2"))["id"]
        await cluster.given("E1", **person("E1"))
        written = len(await cluster.org.ledger())
        await cluster.order("adopt", "E1", account=theirs if whose == "E2" else "not-there")
        ended = await cluster.ordered("E1")
        parked = (await cluster.delivery("E1")).parked
    assert len(await cluster.org.ledger()) == written
    assert ended[-1] == "parked"
    assert parked is not None
    assert parked.code == "ambiguous"
    assert ("E2" if whose == "E2" else "isn't there") in parked.reason


async def test_an_account_that_was_marked_anew_by_others_becomes_the_users_again(cluster: Cluster) -> None:
    """Others have put another externalId upon the user's account. A look parks it, and the order writes ours again."""
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        account = (await cluster.org.user("E1"))["id"]
        await cluster.org.patch(f"Users/{account}", "replace", "externalId", "OLD-7")
        await cluster.looked("E1", await cluster.find("E1", "externalId"))
        assert (await cluster.org.call("GET", f"Users/{account}"))["externalId"] == "OLD-7"
        await cluster.order("adopt", "E1", account=account)
        ended = await cluster.ordered("E1")
    assert (await cluster.org.user("E1"))["id"] == account
    assert ended == ["adopted", "delivered"]


async def test_who_has_an_account_gets_no_second_one(cluster: Cluster) -> None:
    """Somebody who wants a name that another account has keeps the account that they have."""
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        taken = await cluster.org.foreign("new", externalId="OLD-7", active=True)
        await cluster.given("E1", userName="new@example.com")
        before = await cluster.org.call("GET", f"Users/{taken}")
        await cluster.order("adopt", "E1", account=taken)
        ended = await cluster.ordered("E1")
        parked = (await cluster.delivery("E1")).parked
    assert await cluster.org.call("GET", f"Users/{taken}") == before
    assert ended[-1] == "parked"
    assert parked is not None
    assert "who has the account" in parked.reason


async def test_an_order_about_an_account_that_is_gone_gives_no_other_away(org: Org) -> None:
    """The account that was given back was deleted meanwhile, and a search shows another one, which was marked as
    somebody else's just now: that one isn't in the order, and nothing is written to it.
    """
    account = await org.hired()
    await org.patch(f"Users/{account}", "replace", "externalId", "OLD-7")
    await looked(org)
    await org.call("DELETE", f"Users/{account}")
    other = await org.foreign("x1", externalId="E1", title="Boss")
    written = len(await org.ledger())

    async def marked(method: str, path: str) -> None:
        if (method, path) == ("GET", f"/Users/{other}"):
            await org.patch(f"Users/{other}", "replace", "externalId", "STRANGER")

    org.wire.before = marked
    record = look_of(decode_desired(encode(org.records["E1"])))
    org.lanes.again(Turn("E1", 0, -1, Urgency.CHANGE, Work(record, told=True, ordered=True, adopt=account)))
    await org.run()
    shown = await org.call("GET", f"Users/{other}")
    assert (shown["externalId"], shown["title"], len(await org.ledger()) - written) == ("STRANGER", "Boss", 1)
    parked = org.store.known["E1"].parked
    assert parked is not None
    assert parked.code == "ambiguous"


async def test_an_account_that_is_given_to_many_at_once_is_one_users(cluster: Cluster) -> None:
    """Five orders at the same moment, before any delivery tells whose the account is: the others stay parked."""
    users = [f"E{number}" for number in range(1, 6)]
    async with cluster.sink(MemoryLog(cluster.broker)):
        for user in users:
            await cluster.org.foreign(user.lower(), externalId=f"OLD-{user}")
            await cluster.given(user, **person(user))
        account = await cluster.org.foreign("shared", externalId="OLD-7", active=True)
        for user in users:
            await cluster.order("adopt", user, account=account)
        for user in users:
            await cluster.ordered(user)
        have = [user for user in users if (await cluster.delivery(user)).id == account]
        parked = [(await cluster.delivery(user)).parked for user in users if user not in have]
    assert len(have) == 1
    assert (await cluster.org.call("GET", f"Users/{account}"))["externalId"] == have[0]
    assert {each and each.code for each in parked} == {"ambiguous"}
