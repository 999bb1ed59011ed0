"""Access that was given in this turn, or by a write of unknown outcome, and a group that wasn't found: none is kept."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from streamproc.core.scim.response_policy import Response
from tests.support.reconciler import Org


async def test_a_leaver_is_revoked_though_a_change_followed_their_return(org: Org) -> None:
    """Back, then changed, and gone again while reads still show the time before the return: access is taken."""
    there = await org.hired()
    org.say("E1", active=False)
    await org.run()
    accepted: list[str] = []
    left: list[int] = []

    async def changed_by_others(method: str, path: str) -> None:
        if method == "PATCH" and len(accepted) == 2:
            accepted.append("theirs")
            await org.patch(f"Users/{there}", "replace", "displayName", "By Hand")

    def lags(method: str, path: str, answer: Response) -> Response:
        if method == "PATCH" and answer.status == 200:
            accepted.append(path)
        if method == "GET" and path.startswith("/Users/") and len(accepted) == 3 and not left:
            left.append(org.say("E1", active=False))
            return replace(answer, body={**answer.body, "active": False})
        return answer

    org.wire.before, org.wire.after = changed_by_others, lags
    org.say("E1", active=True, genesysLanguage="Klingon", job="Team Lead", displayName="Other")
    await org.run()
    assert ((await org.user())["active"], org.fate(left[0])) == (False, "revoked")


async def test_a_leaver_is_revoked_though_a_regressed_record_came_after_an_unanswered_return(org: Org) -> None:
    """A return that was applied but not answered, and then a record out of order: the next leave takes access."""
    await org.hired()
    org.say("E1", active=False)
    await org.run()
    await org.faults({"kind": "503_after", "method": "PATCH", "times": 1})
    earlier = org.records["E1"]

    async def regress(_: float) -> None:
        org.clock.during = None
        record = org.folded("E1", displayName="Other")
        org.take_in(replace(record, prev=earlier.prev))

    org.clock.during = regress
    org.say("E1", active=True)
    await org.run()
    assert ((await org.user())["active"], org.store.parked) == (True, {"E1": "regressed"})
    seq = org.say("E1", active=False)
    await org.run()
    assert ((await org.user())["active"], org.fate(seq)) == (False, "revoked")


async def test_a_group_that_could_not_be_looked_up_is_left_later(org: Org) -> None:
    """A group to leave can't be looked up at first, after a takeover: newer work doesn't make us forget it."""
    await org.hired(department="Spanish Support")
    before = "Spanish Queue"
    org.start(until=100)
    refused: list[str] = []
    newer: list[int] = []

    def once(method: str, path: str, answer: Response) -> Response:
        if path.startswith("/Groups?") and quote(before) in path and not refused:
            refused.append(path)
            return Response(501, {}, {})
        if method == "GET" and path.startswith("/Users/") and refused and not newer:
            newer.append(org.say("E1", displayName="Other"))
        return answer

    org.wire.after = once
    org.say("E1", department=None, job="Team Lead")
    await org.run()
    assert (newer, org.fate(newer[0]), await org.members(before)) == (newer, "delivered", set())


async def test_a_group_that_could_not_be_looked_up_for_a_read_is_left_later(org: Org) -> None:
    """While groups can't be looked up, a read doesn't tell that somebody left one: once they can, they leave it."""
    there = await org.hired(department="Spanish Support")
    org.start()
    await org.patch(f"Users/{there}", "replace", "displayName", "By Hand")

    def refused(method: str, path: str, answer: Response) -> Response:
        return Response(501, {}, {}) if path.startswith("/Groups?") else answer

    org.wire.after = refused
    org.say("E1", department=None)
    await org.run()
    assert org.store.parked == {"E1": "refused"}
    org.wire.after = None
    seq = org.say("E1", displayName="Other")
    await org.run()
    assert (org.fate(seq), await org.members("Spanish Queue")) == ("delivered", set())


async def test_a_return_after_many_reads_that_lag_is_not_taken_for_done(org: Org) -> None:
    """Back while we wait for the last time for reads to show that they left: they are let in all the same."""
    await org.hired()
    reads: list[str] = []
    back: list[int] = []

    def lags(method: str, path: str, answer: Response) -> Response:
        if method != "GET" or not path.startswith("/Users/") or len(reads) == 9:
            return answer
        reads.append(path)
        if len(reads) == 6:
            back.append(org.say("E1", active=True))
        return replace(answer, body={**answer.body, "active": True})

    org.wire.after = lags
    org.say("E1", active=False)
    await org.run()
    assert ((await org.user())["active"], org.fate(back[0])) == (True, "delivered")


@pytest.mark.parametrize(("times", "active", "fate"), [(3, False, "revoked"), (100, True, "parked")])
async def test_a_leaver_is_not_forgotten_while_a_proxy_knows_no_address(
    org: Org, monkeypatch: pytest.MonkeyPatch, times: int, active: bool, fate: str
) -> None:
    """For a moment: the leaver is searched for again. For long: that is told, and not that they never were there."""
    await org.hired()
    sent: list[str] = []
    request = org.wire.request

    async def misdirected(method: str, path: str, *more: Any) -> Response:
        sent.append(path)
        return Response(404, {}, {}) if len(sent) <= times else await request(method, path, *more)

    monkeypatch.setattr(org.wire, "request", misdirected)
    seq = org.say("E1", active=False)
    await org.run()
    assert ((await org.user())["active"], org.fate(seq)) == (active, fate)
