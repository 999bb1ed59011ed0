"""What isn't ours to write, against a target that answers badly, and people who edit it: in whole lives of one user."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.core.scim.dialect import DIALECTS
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.steps import LookUp, SendMembership, SendUser
from tests.property.sink.decide.test_next_step import misbehaviours, run
from tests.support.adverse_target import REFUSALS, AdverseTarget, AdverseTurn

SEEDED: Final = ("title", "roles", "skills", "externalIds")
ANA: Final = Resource(
    externalId="E1",
    userName="ana@example.com",
    displayName="Ana",
    active=True,
    title="Agent",
    department="Care",
    employeeNumber="7",
    roles=["Agent", "employee"],
    groups=["Billing", "Spanish"],
    skills={"Spanish": 4.0},
    languages={"Spanish": 4.0},
    externalIds={"teams": "ana"},
    seed=["externalIds", "groups", "roles", "skills", "title"],
    observe=["department", "languages"],
)
MOVED: Final = Resource(
    **{
        **ANA,
        "employeeNumber": "8",
        "title": "Lead",
        "department": "Sales",
        "roles": ["Lead", "employee"],
        "groups": ["Sales", "Spanish"],
        "skills": {"Spanish": 5.0},
        "externalIds": {"teams": "ana.ruiz", "zoom": "ana"},
    }
)
BARE: Final = cast("Resource", {**ANA, "title": None, "roles": [], "groups": [], "skills": {}})
GONE: Final = Resource(**{**MOVED, "active": False})
PLAIN: Final = cast("Resource", {name: value for name, value in ANA.items() if name not in {"seed", "observe"}})
"""By a mapping without policies."""
THEIRS: Final[dict[str, list[Any]]] = {
    "title": ["Theirs", None],
    "roles": [["Trainer"], ["employee"], []],
    "skills": [{"French": 1.0}, {}],
    "externalIds": [{"teams": "theirs"}, {}],
}
"""Attribute → what others make of it."""


@dataclass
class Watched(AdverseTarget):
    """Notes what each write changes."""

    watching: bool = True
    times: dict[tuple[str, str], int] = field(default_factory=dict)
    """Account and attribute to how many writes of ours changed it."""

    def _write(self, step: SendUser | SendMembership) -> Response:
        if isinstance(step, SendMembership) and not any(f"'{user}'" in str(step.request.body) for user in self.users):
            return REFUSALS["404"]
        users, members = deepcopy(self.users), {name: set(ids) for name, ids in self.groups.items()}
        response = super()._write(step)
        if not self.watching:
            return response
        if isinstance(step, SendUser):
            assert step.resource.keys().isdisjoint({"department", "languages", "seed", "observe"}), step
        for there, user in self.users.items():
            if ids := users.get(there, {}).get("externalIds"):
                user["externalIds"] = {**ids, **user["externalIds"]}  # by their authority, as the request says
            for name in SEEDED:
                before, after = users.get(there, {}).get(name) or None, user.get(name) or None
                if name == "externalIds":
                    for each in {**(before or {}), **(after or {})}:
                        self._changed(there, f"{name} {each}", (before or {}).get(each), (after or {}).get(each))
                else:
                    self._changed(there, name, before, after)
        for name, ids in self.groups.items():
            assert members[name] <= ids, "nobody is taken out of a group that is seeded"
            for there in ids - members[name]:
                self._changed(there, f"group {name}", None, True)
        return response

    def _changed(self, there: str, name: str, before: Any, after: Any) -> None:
        if before == after:
            return
        lacking = name == "roles" and set(before or ()) < set(after or ())
        assert not before or lacking, f"{name} of {there} was {before}, and is {after}"
        self.times[there, name] = self.times.get((there, name), 0) + 1
        assert self.times[there, name] == 1, f"{name} was written to {there} once more"


def target() -> Watched:
    """With three groups."""
    there = Watched(DIALECTS["genesys"], groups={"Billing": set(), "Spanish": set(), "Sales": set()})
    there.versions |= {f"g-{name}": 1 for name in there.groups}
    return there


def numbered(desired: Resource, seq: int) -> Resource:
    """With something of ours that is never what it was before."""
    return cast("Resource", {**desired, "employeeNumber": str(seq)})


def others(there: Watched, user_id: str, draw: Callable[[Any], Any], *, clear: bool) -> None:
    """Somebody edits the user, or takes them out of a group."""
    name = draw(st.sampled_from([*SEEDED, "group"]))
    if name == "group":
        if clear:
            there.groups["Spanish"].discard(user_id)
            there.versions["g-Spanish"] += 1
        return
    value = draw(st.sampled_from([value for value in THEIRS[name] if value or clear]))
    if name == "externalIds" and not clear:
        value = {**(there.users[user_id].get(name) or {}), **value}
    there.changed(user_id, **{name: value})


@settings(max_examples=4 * settings().max_examples, deadline=None)
@given(data=st.data())
def test_what_is_theirs_stays_in_all_lives_of_an_account(data: st.DataObject) -> None:
    """Nothing that is observed is ever written. What is seeded is written at most once to an account, and never over
    a value: with answers that are lost or wrong, newer work, restarts, leaving and returning, adoption, deletion, and
    with people who edit and clear it meanwhile; but that they clear what a sink had written that was killed before it
    could note it.
    """
    draw = data.draw
    there = target()
    if draw(st.booleans(), label="there already"):
        there.users["a"] = {"externalId": "E1", "userName": "ana@example.com", "displayName": "A", "active": True}
        there.users["a"] |= draw(st.sampled_from([{}, {"title": "Theirs"}, {"roles": ["employee"]}]))
        there.versions["a"] = 1
    mode = draw(st.sampled_from(["answers", "others", "crashes"]))
    delivery: DeliveredState | None = None
    for number in range(draw(st.integers(1, 5), label="turns")):
        seq = 10 * (number + 1)
        desired = numbered(draw(st.sampled_from([ANA, MOVED, BARE, GONE])), seq)
        turn = AdverseTurn(there, desired, delivery, seq if mode == "crashes" else 0, seq)
        for _ in range(draw(st.integers(0, 15), label="steps")):
            if turn.finished is not None:
                break
            step = turn.next()
            event = draw(st.sampled_from(["honest", "bad", "newer"]))
            user_id = next(iter(there.users), None)
            if event == "newer" and not turn.progress.ending:
                turn.newer(numbered(draw(st.sampled_from([ANA, MOVED, BARE, GONE])), turn.progress.record.seq + 1))
            elif event == "bad" and mode == "others" and user_id is not None:
                others(there, user_id, draw, clear=True)
            elif event == "bad" and mode == "answers" and not isinstance(step, LookUp):
                turn.carry_out(step, draw(st.sampled_from(misbehaviours(step) or ("honest",))))
                continue
            turn.carry_out(turn.next())
        if mode == "crashes" and turn.finished is None and draw(st.booleans(), label="killed"):
            there.land()
            turn = AdverseTurn(there, turn.progress.record.desired, delivery, seq + 9, seq + 8)  # nothing was noted
        if turn.finished is None:
            run(turn)
        there.land()
        assert turn.finished is not None
        delivery = turn.finished.state
        for user_id in list(there.users):
            if draw(st.booleans(), label="edited"):
                others(there, user_id, draw, clear=delivery.parked is None and mode != "crashes")
        if number and there.users and mode != "answers" and draw(st.integers(0, 4), label="deleted") == 0:
            deleted = there.users.popitem()[0]
            there.times = {key: times for key, times in there.times.items() if key[0] != deleted}
            for ids in there.groups.values():
                ids.discard(deleted)
    if delivery is not None and there.users:
        last = AdverseTurn(there, numbered(MOVED, 100), delivery, seq=100)
        run(last)
        held = next(user for user in there.users.values() if user["externalId"] == "E1")
        assert last.finished is not None
        parked = last.finished.parked
        assert held["employeeNumber"] == "100", "what is ours is written"
        assert held["active"] or (parked is not None and parked.code == "frozen")


def test_what_was_ours_until_now_counts_as_written() -> None:
    """By the newest mapping it isn't ours any more: it stays, and nothing of it is written again."""
    there = target()
    there.watching = False
    first = AdverseTurn(there, PLAIN, None)
    run(first)
    assert first.finished is not None
    there.watching = True
    second = AdverseTurn(there, MOVED, first.finished.state, seq=20)
    run(second)
    (user,) = there.users.values()
    assert (user["employeeNumber"], user["title"], user["roles"]) == ("8", "Agent", ["Agent", "employee"])
    assert second.finished is not None
    assert {"roles", "skills", "title", "externalIds teams"} < {*second.finished.state.seeded}


def test_whoever_is_created_anew_is_seeded_anew() -> None:
    """Of an account that is no more nothing counts, also where it isn't known any more at which id it was."""
    there = target()
    there.refused = frozenset({"title"})
    old = DeliveredState("E1", 5, None, None, None, None, Millis(0), seeded=["roles", "skills", "title"])
    first = AdverseTurn(there, ANA, old)
    run(first)
    assert first.finished is not None
    assert first.finished.state.parked is not None
    assert "title" not in first.finished.state.seeded
    there.refused = frozenset()
    second = AdverseTurn(there, numbered(ANA, 20), first.finished.state, seq=20)
    run(second)
    (user,) = there.users.values()
    assert (user["title"], user["roles"]) == ("Agent", ["Agent", "employee"])


def test_what_was_shown_once_is_theirs_also_within_a_turn() -> None:
    """Somebody clears it between our look and our write, which is refused since they did."""
    there = target()
    there.users["a"] = {**PLAIN, "title": "Theirs", "employeeNumber": "1"}
    there.versions["a"] = 1
    turn = AdverseTurn(there, ANA, None)
    for _ in range(40):
        step = turn.next()
        if isinstance(step, SendUser):
            break
        turn.carry_out(step)
    there.changed("a", title=None)
    run(turn)
    assert (there.users["a"]["title"], there.users["a"]["employeeNumber"]) == (None, "7")


@pytest.mark.parametrize("how", ["honest", "no body"])
def test_what_was_refused_at_first_is_seeded_once_as_well(how: str) -> None:
    """They are created with nothing but what has to be; roles follow by themselves, and are theirs then."""
    there = target()
    turn = AdverseTurn(there, ANA, None)
    while not isinstance(step := turn.next(), SendUser):
        turn.carry_out(step)
    turn.carry_out(step, "400")
    while not (isinstance(step := turn.next(), SendUser) and step.resource.keys() == {"roles"}):
        turn.carry_out(step)
    turn.carry_out(step, how)
    turn.newer(numbered(MOVED, 12))
    run(turn)
    (user,) = there.users.values()
    assert (user["roles"], user["employeeNumber"]) == (["Agent", "employee"], "12")
