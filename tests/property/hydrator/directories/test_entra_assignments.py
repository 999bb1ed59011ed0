"""Rounds over who is assigned to an application of Entra's: whoever was read as something else is read again."""

import asyncio
import json
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.records.units import Micros
from streamproc.hydrator.directories.answer import Answer
from streamproc.hydrator.directories.directory_error import DirectoryError
from streamproc.hydrator.directories.entra_assignments import MOST, TOO_MANY, Principals

USERS = ("u1", "u2", "u3")
GROUPS = ("g1", "g2")
MEMBERS = {"g1": ["u1", "u2"], "g2": ["u2", "u3"]}
STEP = st.one_of(
    st.tuples(st.just("toggle"), st.sampled_from([*USERS, *GROUPS])),
    st.tuples(st.just("read"), st.sampled_from(USERS)),
    st.tuples(st.just("blink"), st.tuples(st.sampled_from([*USERS, *GROUPS]), st.sampled_from(USERS))),
    st.tuples(st.just("fail"), st.booleans()),
    st.tuples(st.just("wait"), st.integers(0, 5)),
    st.tuples(st.just("round"), st.sampled_from(["changes", "everybody", "restart"])),
)


class Entra:
    """An application, two groups, and what the hydrator has read of three users."""

    def __init__(self) -> None:
        self.assigned: set[str] = set()
        self.now = 10**9
        self.failing = False

    async def get(self, url: str, **_: Any) -> Answer:
        if self.failing:
            raise DirectoryError(403, "answered 403")
        listed = [
            {"principalId": each, "principalType": "Group" if each in GROUPS else "User"} for each in self.assigned
        ]
        stranger = {"principalId": "s1", "principalType": "ServicePrincipal"}
        at, page = int(url.partition("skip=")[2] or 0), 2
        content: dict[str, Any] = {"value": [*sorted(listed, key=str), stranger][at : at + page]}
        if at + page <= len(listed):
            content["@odata.nextLink"] = f"/servicePrincipals/app/appRoleAssignedTo?skip={at + page}"
        return Answer(200, json.dumps(content).encode(), Micros(self.now))

    async def members(self, group: str) -> list[str]:
        return MEMBERS[group]

    def holds(self, user: str) -> bool:
        return user in self.assigned or any(user in MEMBERS[group] for group in self.assigned & set(GROUPS))

    async def ask(self, principals: Principals, user: str) -> bool:
        groups = json.dumps([{"id": group} for group in GROUPS if user in MEMBERS[group]]).encode()
        return await principals.include(Answer(200, json.dumps({"id": user}).encode(), Micros(self.now)), groups)


@settings(max_examples=200)
@given(st.lists(STEP, max_size=12))
def test_who_was_read_as_something_else_is_read_again(steps: list[tuple[str, Any]]) -> None:
    """After each round that was answered, all that is known of users is what Entra says, or a round is read whole."""

    async def run() -> None:
        entra = Entra()
        principals = Principals(cast("Any", entra), "app")
        known: dict[str, bool] = {}
        begun = await principals.begin("", entra.members, everybody=True)
        known = {user: await entra.ask(principals, user) for user in USERS}
        since = begun.since
        for what, which in [*steps, ("fail", False), ("round", "changes")]:
            match what:
                case "toggle":
                    entra.assigned ^= {which}
                case "wait":
                    entra.now += which * 1_000_000
                case "fail":
                    entra.failing = which
                case "read" if not entra.failing:
                    known[which] = await entra.ask(principals, which)
                case "blink" if not entra.failing:
                    principal, user = which
                    entra.assigned ^= {principal}
                    entra.now += 3_000_000
                    known[user] = await entra.ask(principals, user)
                    assert known[user] is entra.holds(user), "a list is good for two seconds"
                    entra.assigned ^= {principal}
                case "round":
                    begun = await principals.begin(since, entra.members, everybody=which == "everybody")
                    if begun.missed:
                        assert (entra.failing, begun.since) == (True, since)
                        continue
                    principals.told(begun)
                    since = begun.since
                    for user in USERS if which == "everybody" else begun.subjects:
                        known[user] = await entra.ask(principals, user)
                    assert known == {user: entra.holds(user) for user in USERS}
                    if which == "restart":
                        principals = Principals(cast("Any", entra), "app")

    asyncio.run(run())


def test_more_than_a_record_holds_are_told_and_left_to_the_reading_of_everybody() -> None:
    """They aren't kept, and no round of changes takes them all for new."""

    async def run() -> None:
        entra = Entra()
        entra.assigned = {f"u{number}" for number in range(MOST + 1)}
        principals = Principals(cast("Any", entra), "app")
        everybody = json.dumps({"value": [{"principalId": each, "principalType": "User"} for each in entra.assigned]})

        async def whole(_: str, **__: Any) -> Answer:
            return Answer(200, everybody.encode(), Micros(entra.now))

        entra.get = whole  # type: ignore[method-assign, assignment]
        begun = await principals.begin("", entra.members, everybody=True)
        assert begun.since == f"app\n{TOO_MANY}"
        assert "assign groups" in begun.missed
        again = await principals.begin(begun.since, entra.members, everybody=False)
        assert (again.since, again.subjects) == (begun.since, ())

    asyncio.run(run())


def test_a_round_of_changes_that_knows_of_no_list_has_everybody_read() -> None:
    """Also where it was another application's."""

    async def run() -> None:
        entra = Entra()
        for before in ("", "other\nUser u1"):
            with pytest.raises(DirectoryError) as error:
                await Principals(cast("Any", entra), "app").begin(before, entra.members, everybody=False)
            assert error.value.status == 410
        entra.failing = True
        begun = await Principals(cast("Any", entra), "app").begin("other", entra.members, everybody=False)
        assert (begun.since, bool(begun.missed)) == ("other", True)

    asyncio.run(run())
