"""Whose an account is that no delivery names: an orphan only where it can be nobody's, and never one of ours."""

from typing import Any, cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.reconcile.decide.known_users import KnownUsers
from streamproc.reconcile.decide.strangers import Orphan, Stranger, TheirAccount, Wait, orphaned, stranger, whose

ANN = Resource(externalId="E1", userName="Ann@example.com", displayName="Ann", active=True)

told = st.none() | st.booleans() | st.integers() | st.text(max_size=300) | st.lists(st.integers())


def record(user: str, seq: int, desired: Resource) -> bytes:
    """A value of `scim.operations`, with what is read of it."""
    return orjson.dumps({"user": user, "seq": seq, "as_of": seq * 1000, "desired": desired, "facts": {}})


def known(*users: tuple[Resource, int, DeliveredState | None]) -> KnownUsers:
    """Users by what is desired of them, at which seq, and what was delivered."""
    found = KnownUsers()
    for desired, seq, delivery in users:
        found.take_record(seq, record(desired["externalId"], seq, desired))
        if delivery is not None:
            found.take_delivery(orjson.dumps(delivery))
    return found


def delivered(seq: int, account: str | None, user: str = "E1") -> DeliveredState:
    """As the sink notes it."""
    return DeliveredState(user, seq, account, None, None, None, Millis(0))


def met(external_id: str | None, name: str | None = "other@example.com", account: str = "a") -> Stranger:
    """An account as a page shows it."""
    return Stranger(account, external_id, name, active=True)


def test_an_account_of_nobody_is_an_orphan() -> None:
    """By an externalId that no source has, or by none at all; it is told with who may have its userName."""
    users = known((ANN, 5, delivered(5, None)))
    assert whose(met("X9"), users) == Orphan("no source knows its externalId")
    assert whose(met(None), users) == Orphan("it has no externalId, and no user of ours has it")
    wanted = whose(met("X9", "ann@EXAMPLE.com"), users)
    assert wanted == Orphan("no source knows its externalId; user E1 is to have its userName")


@pytest.mark.parametrize("seq", [4, None])
def test_nothing_is_an_orphan_that_the_sink_may_be_creating_or_adopting(seq: int | None) -> None:
    """By its externalId it is theirs; by its userName it may be soon."""
    users = known((ANN, 5, None if seq is None else delivered(seq, None)))
    assert whose(met("E1"), users) == TheirAccount("E1")
    assert whose(met(None, "ANN@example.com"), users) == Wait()


def test_a_second_account_of_somebody_is_an_orphan_and_the_first_is_theirs() -> None:
    """Whatever it says of itself."""
    users = known((ANN, 5, delivered(5, "A")))
    assert whose(met("E1", account="b"), users) == Orphan("user E1 has another account, A")
    assert whose(met("X9", account="a"), users) == TheirAccount("E1")


@pytest.mark.parametrize("scope", ["never", "released"])
def test_who_is_out_of_scope_has_no_account_of_ours(scope: Any) -> None:
    """One that shows their externalId is an orphan; of somebody who has left the scope it is theirs, to be taken."""
    users = known((Resource(**{**ANN, "scope": scope}), 5, delivered(5, None)))
    assert whose(met("E1"), users) == Orphan("user E1 is out of scope")
    left = known((Resource(**{**ANN, "active": False, "scope": "left"}), 5, delivered(5, None)))
    assert whose(met("E1"), left) == TheirAccount("E1")


@given(body=st.dictionaries(st.sampled_from(["externalId", "userName", "active", "title"]), told))
def test_whatever_an_account_says_is_kept_short_and_can_be_told(body: dict[str, Any]) -> None:
    """Texts no longer than an id is; whether it is active only where it says so."""
    shown = stranger("a", body)
    finding = orphaned(shown, "it is nobody's", Millis(1))
    assert len(orjson.dumps(finding)) < 4096
    assert shown.active in {True, False, None}
    assert finding.key == "account/a"
    assert not any(each.repaired for each in finding.differences)


histories = st.lists(
    st.tuples(
        st.sampled_from(["E1", "E2", "E3"]),
        st.integers(1, 9),
        st.sampled_from([True, False]),
        st.sampled_from(["ann", "ben"]),
    )
    | st.tuples(st.sampled_from(["E1", "E2", "E3"]), st.sampled_from([None, "A", "b", "C"])),
    max_size=20,
)


@given(history=histories)
def test_what_is_known_is_what_the_log_said_last(history: list[tuple[Any, ...]]) -> None:
    """Of records the one with the highest seq, of deliveries the last; who has no account and is to have one is found
    by the userName that they are to have.
    """
    users = KnownUsers()
    records: dict[str, tuple[int, Resource]] = {}
    accounts: dict[str, str | None] = {}
    for step in history:
        if len(step) == 2:
            user, account = step
            users.take_delivery(orjson.dumps(delivered(1, account, user)))
            accounts[user] = account
            continue
        user, seq, active, name = step
        desired = Resource(**{**ANN, "externalId": user, "userName": name, "active": active})
        users.take_record(seq, record(user, seq, desired))
        if user not in records or seq >= records[user][0]:
            records[user] = (seq, desired)
    for user, (seq, desired) in records.items():
        found = users.get(user)
        assert found is not None
        assert (found.seq, found.desired, found.account) == (seq, desired, accounts.get(user))
        unplaced = accounts.get(user) is None and desired["active"]
        assert (user in users.wanting(desired["userName"].upper())) is unplaced
        assert (user in users.leavers(Millis(0))) is (not desired["active"] and accounts.get(user) is not None)
    assert {*users.placed()} == {(user, there) for user, there in accounts.items() if there is not None}
    for account in ("A", "b", "C"):
        owners = {user for user, there in accounts.items() if there == account}
        owner = users.owner_of(account.swapcase())
        assert owner in owners if owners else owner is None


def test_when_somebody_left_is_kept_while_other_things_change() -> None:
    """A title that changes afterwards makes them no newer leaver; who comes back is none."""
    users = KnownUsers()
    gone = cast("Resource", {**ANN, "active": False})
    users.take_record(1, record("E1", 10, gone))
    users.take_record(2, record("E1", 99, cast("Resource", {**gone, "title": "x"})))
    users.take_delivery(orjson.dumps(delivered(99, "A")))
    assert users.leavers(Millis(10_000)) == ["E1"]
    assert users.leavers(Millis(10_001)) == []
    users.take_record(3, record("E1", 100, ANN))
    assert users.leavers(Millis(0)) == []
