"""Somebody fights with the sink over anything, at any pace, in any order: it gives up in time, and only there."""

from collections import defaultdict
from dataclasses import replace
from typing import Any, cast

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streamproc.core.flow.loop_case import case
from streamproc.core.flow.loop_limits import LoopLimits
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import Control
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.resource import Resource
from streamproc.core.records.topic_names import FINDINGS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.core.scim.dialect import GENESYS_DIALECT
from streamproc.sink.decide.begin import begin
from streamproc.sink.decide.desired_state import Drift, Work
from streamproc.sink.decide.items import attribute_of, items
from streamproc.sink.decide.lanes import Turn
from streamproc.sink.decide.loops import GIVEN, let_go
from streamproc.sink.decide.predecessor import Predecessor
from streamproc.sink.decide.steps import Confirm, Glance, Read, SendMembership, SendUser
from tests.support.adverse_target import AdverseTarget, AdverseTurn, work

LIMITS = LoopLimits()
MOST = (LIMITS.rounds, LIMITS.rounds + 1)
"""Writes before something is frozen, and the same of what only our own sources may end by taking it."""
GROUPS = ("Q1", "Q2")
LOOK = Drift(Cause("streamproc", "look", Origin(FINDINGS, 0, 1, Millis(0))), {})
TITLES = st.sampled_from(["Agent", "Lead", "Boss", None])
ROLES = st.lists(st.sampled_from(["Agent", "Admin", "employee"]), unique=True).map(sorted)
MEMBER = st.sets(st.sampled_from(GROUPS)).map(sorted)
SKILLS = st.dictionaries(st.sampled_from(["Spanish", "Billing"]), st.sampled_from([1.0, 4.0]))
CHANGES = st.one_of(
    st.fixed_dictionaries({"title": TITLES}),
    st.fixed_dictionaries({"roles": ROLES}),
    st.fixed_dictionaries({"groups": MEMBER}),
    st.fixed_dictionaries({"skills": SKILLS}),
    st.fixed_dictionaries({"active": st.booleans()}),
)


class Fight(RuleBasedStateMachine):
    """One user, whom sources and others in the target change by turns."""

    def __init__(self) -> None:
        super().__init__()
        self.there = AdverseTarget(GENESYS_DIALECT, groups={name: set() for name in GROUPS})
        self.there.versions |= {f"g-{name}": 1 for name in GROUPS}
        self.seq, self.offset, self.ticks = 0, 0, 1000.0
        self.delivery: DeliveredState | None = None
        self.undone: dict[str, list[float]] = defaultdict(list)
        """Item to when a write of ours overwrote somebody else's, or went back, since it was let go last."""
        self.theirs: set[str] = set()
        """Items that others wrote last."""
        self.values: dict[str, list[tuple[float, Any]]] = defaultdict(list)
        """Item to what our writes found and left, and when."""
        self.desired = Resource(
            externalId="E1",
            userName="e1@x",
            displayName="E",
            active=True,
            title="Agent",
            roles=["Agent"],
            skills={"Spanish": 4.0},
            groups=["Q1"],
        )
        self.turn(looks=False)

    # What the target holds

    @property
    def held(self) -> dict[str, Any]:
        """By item, with memberships."""
        user, shown = next(iter(self.there.users.items()))
        groups = sorted(name for name, members in self.there.groups.items() if user in members)
        return {
            name: value
            for name, value in items(cast("Resource", {**shown, "groups": groups})).items()
            if value is not None
        }

    def wanted(self) -> dict[str, Any]:
        """The same of what is desired."""
        return {name: value for name, value in items(self.desired).items() if value is not None}

    def turn(self, *, looks: bool, how: str = "honest") -> None:
        """What the sink does. `how` its first write is answered."""
        self.seq += not looks
        turn = AdverseTurn(self.there, self.desired, self.delivery, seq=self.seq)
        made = as_found(work(self.seq, self.desired), looks=looks)
        turn.progress = begin(made, self.delivery, Predecessor(0, 0.0), Millis(round(self.ticks * 1000)))
        turn.ticks = self.ticks
        before, frozen = self.held if self.there.users else {}, set(self.delivery.frozen) if self.delivery else set()
        while turn.finished is None:
            step = turn.next()
            writes = isinstance(step, SendUser | SendMembership)
            was = self.held if self.there.users else None
            turn.carry_out(step, how if writes else "honest")
            how = "honest" if writes else how
            if writes and was is not None:
                self.note(was, turn.ticks)
        self.ticks, self.delivery = turn.ticks, turn.finished.state
        theirs = set(self.theirs)
        if any(isinstance(step, Read | Confirm | Glance) for step in turn.steps):
            self.theirs.clear()  # what was seen, and left as it is, is where we begin the next time
        if self.desired.get("active") is False:
            unseen = not looks and "active" in theirs and "active" not in frozen
            assert unseen or self.held.get("active") is False, "a leaver has access"
            return
        if looks or not theirs:
            self.settled(before, frozen)

    def note(self, was: dict[str, Any], at: float) -> None:
        """A write of ours was applied, or not: what it undid."""
        now = self.held
        for name in was.keys() | now.keys():
            old, new = was.get(name), now.get(name)
            if old == new or (name == "active" and new is False):
                continue
            since = at - LIMITS.window
            again = any(new == value for when, value in self.values[name] if when > since)
            if name in self.theirs or again:
                self.undone[name] = [*(each for each in self.undone[name] if each > since), at]
                assert len(self.undone[name]) <= MOST[name.startswith(GIVEN)], f"{name} was written once too often"
            if old is not None or name in self.theirs or again:  # what wasn't there before isn't remembered as such
                self.values[name] += [(at, old), (at, new)]
            self.theirs.discard(name)

    def settled(self, before: dict[str, Any], frozen: set[str]) -> None:
        """All that isn't frozen is as desired; what is, is as it was."""
        assert self.delivery is not None
        held, wanted = self.held, self.wanted()
        for name in held.keys() | wanted.keys():
            if name in self.delivery.frozen:
                if name in frozen:
                    assert held.get(name) == before.get(name), f"{name} is frozen, and was written"
            elif not name.startswith("group ") or name in wanted:
                assert held.get(name) == wanted.get(name), f"{name} isn't frozen, and wasn't put right"

    # What happens

    @rule(change=CHANGES, how=st.sampled_from(["honest", "honest", "no answer", "no answer, applied", "412"]))
    def said(self, change: dict[str, Any], how: str) -> None:
        """A source says something."""
        self.desired = cast("Resource", {**self.desired, **change})
        lost = how == "no answer" and self.theirs  # it may hide one write: what it was over isn't known yet
        self.turn(looks=False, how="honest" if lost else how)

    @rule(change=CHANGES, looks=st.booleans(), how=st.sampled_from(["honest", "honest", "no answer, applied"]))
    def edited(self, change: dict[str, Any], looks: bool, how: str) -> None:
        """Somebody changes something in the target, and perhaps it is found."""
        user, was = next(iter(self.there.users)), self.held
        for name in GROUPS if "groups" in change else ():
            (self.there.groups[name].add if name in change["groups"] else self.there.groups[name].discard)(user)
            self.there.versions[f"g-{name}"] += 1
        self.there.changed(user, **{name: value for name, value in change.items() if name != "groups"})
        now = self.held
        self.theirs |= {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)}
        if looks:
            self.turn(looks=True, how=how)

    @rule(change=CHANGES, times=st.integers(2, 5))
    def insisted(self, change: dict[str, Any], times: int) -> None:
        """Somebody changes the same thing each time that it is put right."""
        for _ in range(times):
            self.edited(change, looks=True, how="honest")

    @rule()
    def looked(self) -> None:
        """What differs is found."""
        self.turn(looks=True)

    @rule(seconds=st.sampled_from([10.0, 900.0, 3700.0]))
    def later(self, seconds: float) -> None:
        """Time passes."""
        self.ticks += seconds

    @precondition(lambda self: self.delivery is not None and self.delivery.frozen)
    @rule(data=st.data())
    def let_go(self, data: st.DataObject) -> None:
        """An operator lets something go, and it is tried again; the order itself is obeyed once."""
        assert self.delivery is not None
        item = data.draw(st.sampled_from([None, *sorted(self.delivery.frozen)]))
        for name in [item] if item else list(self.delivery.frozen):
            del self.undone[name]
            del self.values[name]
        self.offset += 1
        order = Control("unfreeze-1", "unfreeze", "E1", None, "Kim", "why", Millis(0), attribute=item)
        thawed = let_go(self.delivery, order, self.offset)
        assert thawed is not None
        assert let_go(thawed, order, self.offset) is None
        self.delivery = thawed
        self.turn(looks=True)

    # What always holds

    @invariant()
    def what_is_frozen_was_fought_over(self) -> None:
        """Three writes within the window, and the case says so."""
        assert self.delivery is not None
        for name, frozen in self.delivery.frozen.items():
            assert LIMITS.rounds <= case(name, frozen).writes <= MOST[name.startswith(GIVEN)], name
            assert frozen.rounds[-1].at - frozen.rounds[-1 - LIMITS.rounds].at <= LIMITS.window * 1000
            assert attribute_of(name) != "externalId"

    @invariant()
    def what_is_kept_is_bounded(self) -> None:
        """However long they fight."""
        assert self.delivery is not None
        assert len(orjson.dumps(self.delivery)) < 40_000
        assert all(len(rounds) <= 2 * LIMITS.rounds for rounds in self.delivery.rounds.values())


def as_found(turn: Turn[Work], *, looks: bool) -> Turn[Work]:
    """As a finding makes it."""
    return replace(turn, work=replace(turn.work, told=True, drift=LOOK)) if looks else turn


def test_what_is_frozen_stays_so_while_another_of_the_list_goes_out() -> None:
    """Of two skills one was written once more than the other: in one turn the first is frozen, the second written."""
    fight = Fight()
    fight.edited(change={"skills": {}}, how="honest", looks=False)
    fight.said(change={"skills": {"Spanish": 1.0, "Billing": 1.0}}, how="honest")
    fight.insisted(change={"skills": {}}, times=3)
    assert fight.delivery is not None
    assert (list(fight.delivery.frozen), fight.held.get("skill Billing")) == (["skill Spanish"], 1.0)


def test_a_role_that_is_left_as_it_is_beside_another_that_is_taken_is_still_theirs() -> None:
    """Of two roles that somebody gives, one more often: it is frozen, though a write that takes the other names it."""
    fight = Fight()
    fight.insisted(change={"roles": ["Admin"]}, times=2)
    fight.insisted(change={"roles": ["Admin", "employee"]}, times=3)
    assert fight.delivery is not None
    assert "role Admin" in fight.delivery.frozen


def test_a_role_is_still_theirs_where_the_user_is_kept_out() -> None:
    """The same of somebody whom others have deactivated until we gave up: the fight over the role ends, too."""
    fight = Fight()
    fight.insisted(change={"roles": ["Admin"]}, times=3)
    fight.insisted(change={"active": False}, times=4)
    fight.insisted(change={"roles": ["Admin", "Agent", "employee"]}, times=2)
    assert fight.delivery is not None
    assert sorted(fight.delivery.frozen) == ["active", "role Admin"]


TestFight = Fight.TestCase
TestFight.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
