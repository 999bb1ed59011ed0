"""What everybody is refused: told as one cause, probed by one at a time, and over as soon as somebody is accepted."""

import math
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from streamproc.core.records.operation import Create, Deactivate, Join, Patch, Reactivate
from streamproc.core.records.resource import Resource
from streamproc.sink.decide.common_refusal import (
    HELD,
    NO_READERS,
    NOBODYS,
    PROBE_MOST,
    SHARED_BY,
    AskedKind,
    Asking,
    CommonRefusals,
    asking_of,
)
from streamproc.sink.decide.steps import Confirm, LookUp, Read, ScimRequest, SendMembership, SendUser

USERS: Final = ("ana", "ben", "cleo", "dan", "eve")
CREATE: Final = Asking("create", narrowed=True)
SEATS: Final = "403 the organization has no seats left"
SEATED: Final = ("create", "reactivate")
KINDS: Final[tuple[AskedKind, ...]] = ("look-up", "create", "deactivate", "reactivate", "change")


def refused(decider: CommonRefusals, users: int, write: Asking = CREATE, words: str = SEATS, now: float = 0.0) -> None:
    """So many users in a row."""
    for number in range(users):
        decider.answered(write, f"user {number}", 403, words, now)


class Target(RuleBasedStateMachine):
    """Writes of several users, held and let out as the decider says, and answered in any way."""

    def __init__(self) -> None:
        super().__init__()
        self.decider = CommonRefusals()
        self.now = 0.0
        self.waiting: dict[tuple[AskedKind, str], int] = {}
        self.flying: list[tuple[Asking, str]] = []
        self.row: dict[AskedKind, tuple[str, set[str]]] = {}
        """Kind to how, and who was refused, with nothing accepted since."""

    def _shared(self, kind: AskedKind) -> bool:
        return len(self.row.get(kind, ("", set()))[1]) >= SHARED_BY

    @rule(seconds=st.floats(0.0, 60.0))
    def time_passes(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @rule(user=st.sampled_from(USERS), kind=st.sampled_from(KINDS), ticket=st.integers(0, 9), narrowed=st.booleans())
    def ask(self, user: str, kind: AskedKind, ticket: int, narrowed: bool) -> None:
        """Somebody wants to write; one write of a user at a time."""
        if any(flying == user for _, flying in self.flying):
            return
        wait = self.decider.wait(kind, user, ticket, self.now)
        if not self._shared(kind) or kind not in HELD:
            assert wait == 0.0
        if wait > 0.0:
            assert math.isinf(wait) or wait <= PROBE_MOST + 1e-6
            self.waiting[kind, user] = ticket
            return
        probing = [flying for write, flying in self.flying if write.kind == kind]
        if self._shared(kind) and kind in HELD and self.decider.chosen(kind) is None:
            assert probing
        self.decider.sent(kind, user)
        self.waiting.pop((kind, user), None)
        self.flying.append((Asking(kind, narrowed), user))

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), status=st.sampled_from((200, 201, 204, 403, 406, 415, 501, None, 503, *sorted(NOBODYS))))
    def answer(self, data: st.DataObject, status: int | None) -> None:
        """An answer comes."""
        write, user = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        self.decider.answered(write, user, status, f"{status} words", self.now)
        if status is not None and status < 300:
            self.row.pop(write.kind, None)
        elif status == 403 and write.kind == "look-up":
            return
        elif (status in {403, 406, 415, 501} and write.narrowed) or (status == 403 and write.kind in SEATED):
            said, users = self.row.get(write.kind, ("", set()))
            self.row[write.kind] = str(status), (users if said == str(status) else set()) | {user}

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """Newer work of somebody who is held comes in."""
        kind, user = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[kind, user]
        self.decider.lost(kind, user)

    @invariant()
    def shared_is_what_several_were_refused_alike(self) -> None:
        """By a kind of request, in the same way, with none of that kind accepted between."""
        assert set(self.decider.shared) == {kind for kind in KINDS if self._shared(kind)}

    @invariant()
    def somebody_who_is_held_is_next(self) -> None:
        """Whoever waits goes out at last: a probe is under way, or somebody is chosen, or nobody needs to be."""
        for kind, user in self.waiting:
            if not self._shared(kind):
                assert self.decider.wait(kind, user, self.waiting[kind, user], self.now) == 0.0
            elif not any(write.kind == kind for write, _ in self.flying):
                assert self.decider.chosen(kind) is not None


def test_in_any_order() -> None:
    """Whatever is asked and answered in whatever order: one cause is told as one, and nobody waits for ever."""
    run_state_machine_as_test(Target, settings=settings(max_examples=80, stateful_step_count=50))


def test_probes_become_rarer_and_go_round() -> None:
    """A fresh user first, then whoever was refused longest ago; at last every half minute; all at once when it ends."""
    decider = CommonRefusals()
    refused(decider, 3)
    now, order, waits = 0.0, [], []
    for _ in range(10):
        everybody = ("fresh", "user 0", "user 1", "user 2")
        for ticket, user in enumerate(everybody):
            decider.wait("create", user, ticket, now)
        chosen = decider.chosen("create")
        assert chosen is not None
        waits.append(decider.wait("create", chosen, 0, now))
        now += waits[-1]
        order.append(chosen)
        decider.sent("create", chosen)
        assert math.isinf(decider.wait("create", "user 9", 9, now)), "one at a time"
        decider.lost("create", "user 9")
        decider.answered(CREATE, chosen, 403, SEATS, now)
    assert order[:5] == ["fresh", "user 0", "user 1", "user 2", "fresh"]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0, 30.0]
    decider.answered(CREATE, "fresh", 201, "201", now)
    assert decider.shared == {}
    assert decider.wait("create", "user 0", 0, now) == 0.0


def test_narrowing_goes_on_beside_fresh_users() -> None:
    """Creates are forbidden for one attribute's sake: whoever is being narrowed down gets every second probe, however
    many who weren't refused yet wait.
    """
    decider, order = CommonRefusals(), []
    refused(decider, 3, Asking("create", narrowed=False))
    for number in range(8):
        for ticket, user in enumerate((f"fresh {number}", "user 0", "user 1")):
            decider.wait("create", user, ticket, number * 100.0)
        chosen = decider.chosen("create")
        assert chosen is not None
        order.append(chosen)
        decider.sent("create", chosen)
        decider.answered(Asking("create", narrowed=False), chosen, 403, SEATS, number * 100.0)
    assert order == ["fresh 0", "user 0", "fresh 1", "user 0", "fresh 2", "user 0", "fresh 3", "user 0"]


def test_other_kinds_of_request_go_on() -> None:
    """No seats are left: whoever is there already is changed, and let go."""
    decider = CommonRefusals()
    refused(decider, 3)
    assert decider.wait("create", "ana", 0, 0.0) > 0
    assert decider.wait("change", "ana", 0, 0.0) == decider.wait("deactivate", "ana", 0, 0.0) == 0.0
    decider.answered(Asking("change", narrowed=False), "ben", 200, "200", 0.0)
    assert "create" in decider.shared


def test_leavers_are_never_held() -> None:
    """Every deactivation is refused: that is told, and each goes on being tried."""
    decider = CommonRefusals()
    refused(decider, 3, Asking("deactivate", narrowed=True))
    assert decider.shared == {"deactivate": SEATS}
    assert all(decider.wait("deactivate", f"user {number}", 0, 0.0) == 0.0 for number in range(40))


@pytest.mark.parametrize("status", [400, 402, 403, 405, 406, 413, 415, 422, 501])
def test_these_answers_can_be_everybodys(status: int) -> None:
    """Whatever the target looked at and won't have."""
    decider = CommonRefusals()
    for user in USERS[:SHARED_BY]:
        decider.answered(CREATE, user, status, f"{status} no", 0.0)
    assert "create" in decider.shared


@given(status=st.none() | st.sampled_from([*NOBODYS, 301, 500, 503]), users=st.integers(1, 9))
def test_these_answers_are_nobodys(status: int | None, users: int) -> None:
    """What is about one user's state, or the moment, or the target as a whole, is for others to judge."""
    decider = CommonRefusals()
    for number in range(users):
        decider.answered(CREATE, f"user {number}", status, f"{status} words", 0.0)
    assert decider.shared == {}


def test_refusals_for_different_reasons_are_the_users() -> None:
    """Three whose data is wrong, each in another way; numbers and ids in the words make no other way."""
    decider = CommonRefusals()
    for number, words in enumerate(("title is too long", "no such division", "bad phone number")):
        decider.answered(CREATE, f"user {number}", 400, f"400 {words}", 0.0)
    assert decider.shared == {}
    for number, words in enumerate(("403 limit 500, request 8f1c2d3e-aa", "403 limit 501, request 11223344-ab")):
        decider.answered(CREATE, f"user {number}", 403, words, 0.0)
    decider.answered(CREATE, "user 3", 403, "403 limit 502, request deadbeef", 0.0)
    assert decider.shared == {"create": "403 limit #, request #"}


def test_what_can_be_narrowed_down_isnt_counted() -> None:
    """Many whose changes have one bad attribute in common: alone, the others go through."""
    decider = CommonRefusals()
    refused(decider, 40, Asking("change", narrowed=False))
    assert decider.shared == {}


def test_kinds_of_request() -> None:
    """By the step, and whether less could be asked for; groups are nobody's."""
    one, two = Resource(title="a"), Resource(title="a", department="b")
    request = ScimRequest("read", "GET", "/Users/1")

    def sends(operation: Any, *, bare: bool = False) -> Asking | None:
        return asking_of(SendUser(request, operation, two, None), bare=bare)

    assert sends(Create()) == Asking("create", narrowed=False)
    assert sends(Create(), bare=True) == CREATE
    assert sends(Deactivate()) == Asking("deactivate", narrowed=True)
    assert sends(Reactivate(two)) == Asking("reactivate", narrowed=False)
    assert sends(Patch(one)) == Asking("change", narrowed=True)
    assert asking_of(LookUp(request, "userName", "a", last=True), bare=False) == Asking("look-up", narrowed=True)
    assert asking_of(Read(request, hurry=False), bare=False) == asking_of(Confirm(request), bare=False)
    assert asking_of(SendMembership(request, Join("Billing")), bare=False) is None


@pytest.mark.parametrize("status", sorted(NO_READERS))
def test_a_search_that_isnt_understood_has_its_own_end(status: int) -> None:
    """Another search is tried, or rights are missing, which the gate watches."""
    decider = CommonRefusals()
    for user in USERS:
        decider.answered(Asking("look-up", narrowed=True), user, status, f"{status} no", 0.0)
    assert decider.shared == {}
