"""Which transitions of the delivery decider there are: found by playing turns against a target that misbehaves, by
chance at first, and then by changing what led to something new. `python -m tests.simulation.reachable` writes
`transitions.txt`, which is what `--report` compares with.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final, Literal, TypeVar

from streamproc.core.fold.plan import Urgency, is_left_alone
from streamproc.core.records.control import APPLIES, HELD
from streamproc.core.records.delivery import DeliveredState, Parked, Standing
from streamproc.core.records.operation import Create
from streamproc.core.records.outcome import Request
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.core.scim.dialect import DIALECTS
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.adoption import given
from streamproc.sink.decide.after import after
from streamproc.sink.decide.begin import begin
from streamproc.sink.decide.desired_state import Drift, Work, retry_of
from streamproc.sink.decide.lanes import Turn
from streamproc.sink.decide.mass_guard import Flow, Hold, Protected, Rejected
from streamproc.sink.decide.next_step import next_step
from streamproc.sink.decide.predecessor import Predecessor
from streamproc.sink.decide.steps import (
    AskGuard,
    AwaitName,
    EndSessions,
    Exchange,
    FindManager,
    Finish,
    Locked,
    LockGroup,
    Looked,
    Moment,
    NameAnswer,
    SendMembership,
    SendUser,
    SessionsAnswer,
    Settle,
    Step,
    Wait,
    Waited,
)
from streamproc.sink.decide.target import Group as KnownGroup
from streamproc.sink.decide.target import GroupLearned, Target
from streamproc.sink.decide.underway import NOT_FOUND
from tests.simulation.transitions import LIST, Group, end_of, listed, state_of, step_name, transition
from tests.support.adverse_target import ANA, CAUSE, LANDING, LOST, READS, WRITES, AdverseTarget, work

T = TypeVar("T")

PLAIN: Final = Resource(externalId="E1", userName="ana@example.com", displayName="Ana", active=True, title="Agent")
DESIRED: Final[tuple[Resource, ...]] = (
    ANA,
    PLAIN,
    Resource(**{**ANA, "title": "Lead", "roles": ["Lead"], "groups": ["Spanish"]}),
    Resource(**{**ANA, "userName": "taken@example.com"}),
    Resource(**{**PLAIN, "userName": "taken@example.com"}),
    Resource(**{**ANA, "active": False}),
    Resource(**{**PLAIN, "active": False}),
    Resource(active=False),
    Resource(**{**ANA, "active": False, "suspended": True}),
    Resource(**{**ANA, "scope": "released"}),
    Resource(**{**PLAIN, "active": False, "scope": "never"}),
    Resource(externalId="E1", displayName="Ana", active=True),
    Resource(**{**PLAIN, "displayName": "Anna", "seed": ["title"]}),
)
HONEST_READS: Final = ("unsent", "429", "401", "500", "504", "no answer")
"""What a target that holds what it tells does to a read: with a bad network, or in trouble."""
HONEST_WRITES: Final = (*HONEST_READS, *(f"{lost}, applied" for lost in LOST), "late", "412")
EDITS: Final = ("edit", "let in", "put out", "groups moved")
"""What others do meanwhile."""
ODD_EDITS: Final = (
    "deleted",
    "group deleted",
    "manager deleted",
    "marked as another",
    "twice",
    "name given up",
    "left",
)
MOST: Final = 90
"""Steps of a turn."""


class Choices:
    """Numbers that decide a walk: the first ones given, the others by chance."""

    def __init__(self, given: Sequence[int], chance: Random) -> None:
        self._given = given
        self._chance = chance
        self.made: list[int] = []

    def of(self, things: Sequence[T]) -> T:
        """One of them."""
        number = len(self.made)
        choice = self._given[number] if number < len(self._given) else self._chance.randrange(2**16)
        self.made.append(choice)
        return things[choice % len(things)]


class Changeable(AdverseTarget):
    """Whose users and groups can go."""

    def _write(self, step: SendUser | SendMembership) -> Response:
        if isinstance(step, SendMembership) and step.operation.group not in self.groups:
            return Response(404, {}, {})
        if isinstance(step, SendMembership) and not any(f"'{user}'" in str(step.request.body) for user in self.users):
            return Response(404, {}, {})
        if isinstance(step, SendUser) and isinstance(step.operation, Create) and "userName" not in step.resource:
            return Response(400, {"detail": "userName is required"}, {})
        response = super()._write(step)
        if response.status != 201:
            return response
        return replace(response, headers={**response.headers, "location": f"/Users/{response.body['id']}"})

    def _read(self, step: Any, how: str) -> Response:
        name = getattr(step, "name", None)
        if type(step).__name__ in {"FindGroup", "AskMembership"} and name not in self.groups:
            missing = Response(404, {}, {})
            return missing if getattr(step, "by_id", False) else Response(200, {"totalResults": 0, "Resources": []}, {})
        return super()._read(step, how)


@dataclass
class Walk:
    """One turn, decided by choices. `found`: its transitions."""

    choices: Choices
    hostile: bool

    def __post_init__(self) -> None:
        """As it begins."""
        pick = self.choices.of
        self.found: set[str] = set()
        refused = pick([frozenset[str]()] * 3 + [frozenset({name}) for name in ("title", "roles", "groups", "active")])
        self.there = there = Changeable(
            DIALECTS[pick(sorted(DIALECTS))],
            pick([True, True, False]),
            groups={"Billing": set(), "Spanish": set()},
            refused=refused,
        )
        there.users["m"] = {"externalId": "M1", "userName": "m@example.com", "displayName": "M", "active": True}
        there.versions |= {"m": 1, "x": 1, "a": 1, "g-Billing": 1, "g-Spanish": 1}
        if pick([False, True]):
            owner = pick(["E2", "E2", None])
            there.users["x"] = {
                "externalId": owner,
                "userName": "taken@example.com",
                "displayName": "X",
                "active": True,
            }
        self.delivered: dict[str, str] = {"M1": "m"} if pick([True, False]) else {}
        self.target = Target(
            there.dialect, self.delivered.get, LANDING, guarded=pick([True, False]), ends_sessions=pick([True, False])
        )
        self.ticks = 1000.0
        delivery = self._delivery()
        turn = self._first(delivery)
        progress = begin(turn, delivery, Predecessor(pick([0, 0, 100]), 1020.0), Millis(0))
        self.found.add(transition("(none)", "begin", state_of(progress)))
        if turn.work.adopt is not None:  # the sink looks whose account it is once the turn has begun
            progress = given(progress, turn.work.adopt, pick([None, None, "E2"]), Millis(0))
        self.progress = progress

    def _first(self, delivery: DeliveredState | None) -> Turn[Work]:
        """What a turn may begin with, after this delivery: a new record, or another attempt at what was set aside, or
        a look at what was delivered. The last two say again what was desired then, and change nothing by themselves.
        """
        pick = self.choices.of
        kind = pick(["new"] * 6 + ["again"] * 3 + ["look"])
        parked = None if delivery is None else delivery.parked
        if delivery is None or kind == "new" or (kind == "again" and parked is None):
            return self._turn(10, pick(DESIRED))
        desired = pick(DESIRED) if parked is None else parked.desired
        record = retry_of("E1", delivery.seq, desired, CAUSE)
        urgency = Urgency.REVOKE if desired.get("active") is False else Urgency.CHANGE
        again = Work(record, told=True)
        if kind == "again":
            ordered = pick([False, True])
            adopted = parked is not None and ordered and parked.code in APPLIES["adopt"]
            again = replace(again, ordered=ordered, adopt=pick([None, "a", "x"]) if adopted else None)
        elif not is_left_alone(desired) and (parked is None or (parked.code not in HELD and parked.attributes)):
            again = replace(again, drift=Drift(CAUSE, {}))
        return Turn("E1", 0, 5, urgency, again)

    def _turn(self, seq: int, desired: Resource) -> Turn[Work]:
        turn = work(seq, desired)
        record = turn.work.record
        if self.choices.of([False, False, False, True]):  # what it says is so already, as far as the worker knows
            record = replace(record, effect="unchanged", planned=False)
        regressed = self.hostile and self.choices.of([False] * 9 + [True])
        return replace(turn, work=replace(turn.work, record=record, regressed=regressed))

    def _delivery(self) -> DeliveredState | None:
        """What was noted of her, and what is there."""
        pick, there = self.choices.of, self.there
        if pick(["nobody", "somebody", "somebody", "somebody"]) == "nobody":
            return None
        held = Resource(**{**ANA, "active": pick([True, True, False]), "groups": ["Billing"]})
        if pick([False, False, True]):
            held["userName"] = pick(["before@example.com", "ana@example.com"])
        there.users["a"] = {**{name: value for name, value in held.items() if name != "groups"}, "manager": "m"}
        there.groups["Billing"].add("a")
        if pick([False, False, False, True]):
            there.users["a"]["active"] = not there.users["a"]["active"]
        if pick([False, False, False, False, True]):
            return None
        codes: list[Any] = [None, None, None, None, "refused", "ambiguous", "stalled", "held", "unresolved"]
        code, desired = pick(codes), pick(DESIRED)
        if code == "held":  # nobody else asks the guard
            desired = pick([each for each in DESIRED if each.get("active") is False])
        lost = code == "ambiguous" and pick([True, False])
        reason = f"userName is taken{NOT_FOUND}409" if lost else "no"
        attributes: dict[str, str] = {}
        if code == "unresolved":  # it is said of attributes only
            attributes = {"manager": "unresolved: no"}
        elif code in {"refused", "ambiguous"} and not lost:
            attributes = pick([{}, {"roles": "refused: no"}, {"title": "ambiguous: no"}])
        status = pick([None, 403, 409])
        parked = Parked(code, reason, status, None, attributes, desired, Millis(0)) if code else None
        known = pick([True, True, True, False])
        standing = pick([None, Standing("E1", 5, "held", CAUSE, "many")])
        etag = '"1"' if there.versioned and pick([True, True, False]) else None
        there_id = None if lost else "a"
        return DeliveredState(
            "E1", 5, there_id, etag, held if known and there_id else None, parked, Millis(0), standing
        )

    def go(self) -> None:
        """To its end, or so far."""
        pick = self.choices.of
        for _ in range(MOST):
            event = pick(["bad", "bad", "honest", "honest", "honest", "newer", "others"])
            if event == "newer" and not self.progress.ending:
                self._newer()
            elif event == "others":
                self._others()
            at = self._moment()
            step = next_step(self.progress, self.target, at)
            if isinstance(step, Finish):
                self.found.add(transition(state_of(self.progress), step_name(step), end_of(step)))
                return
            self._carry_out(step, bad=event == "bad")

    def _newer(self) -> None:
        before = self.progress.turn
        turn = self._turn(before.offset + 1, self.choices.of(DESIRED))
        turn = replace(turn, superseded=[*before.superseded, (before.offset, before.work.condensed())])
        state, self.progress = state_of(self.progress), self.progress.with_newer(turn)
        self.found.add(transition(state, "newer", state_of(self.progress)))

    def _moment(self) -> Moment:
        self.ticks += 0.001
        down = self.choices.of([False] * 9 + [True])
        everybodys = self.choices.of([{}] * 9 + [{"write": "400 no", "create": "400 no"}])
        return Moment(self.ticks, Millis(round(self.ticks * 1000)), 0.5, down, everybodys)

    def _others(self) -> None:
        there, pick = self.there, self.choices.of
        edit = pick((*EDITS, *ODD_EDITS) if self.hostile else EDITS)
        ana = next((each for each, held in there.users.items() if held.get("externalId") == "E1"), None)
        match edit:
            case "edit" if ana:
                there.changed(ana, displayName="By hand", title=pick(["Agent", "Boss"]))
            case "let in" | "put out" if ana:
                there.changed(ana, active=edit == "let in")
            case "groups moved":
                for name, members in there.groups.items():
                    there.versions[f"g-{name}"] += 1
                    if ana and pick([False, True]):
                        (members.discard if ana in members else members.add)(ana)
            case "deleted" if ana:
                there.users.pop(ana)
            case "group deleted":
                there.groups.pop("Billing", None)
            case "manager deleted":
                there.users.pop("m", None)
            case "marked as another" if ana:
                there.changed(ana, externalId=pick(["E9", None]))
            case "twice" if ana:
                there.users["b"] = deepcopy(there.users[ana])
                there.versions["b"] = 1
            case "name given up" if "x" in there.users:
                there.changed("x", userName="free@example.com")
            case _:
                pass

    def _carry_out(self, step: Step, *, bad: bool) -> None:
        before, pick = state_of(self.progress), self.choices.of
        answer: Any
        match step:
            case Wait(until) | Settle(until):
                if over := not bad:
                    self.ticks = max(self.ticks, until)
                    if isinstance(step, Settle):
                        self.there.land()
                answer = Waited(over)
            case AskGuard():
                standing = Standing("E1", self.progress.record.seq, "through", CAUSE)
                answer = pick([Flow(standing), Hold(standing), Rejected(), Protected()]) if bad else Flow(standing)
            case FindManager(manager):
                self.delivered |= {} if bad else {manager: "m"}
                answer = Looked()
            case AwaitName():
                answer = NameAnswer(pick(["try", "make way", "wait", "left", "not ours"]))
                if answer.way == "try" and "x" in self.there.users and not bad:
                    self.there.changed("x", userName="free@example.com")
            case LockGroup():
                if bad:  # somebody else's change of the group went wrong meanwhile
                    self.target.learn([GroupLearned(step.change.group, KnownGroup(f"g-{step.change.group}"))])
                answer = Locked()
            case EndSessions():
                answer = SessionsAnswer(pick([404, 500, None]) if bad else 204)
            case _:
                answer = self._exchange(step, self._how(step) if bad else "honest")
        result = after(self.progress, step, answer, self.target, self._moment())
        self.target.learn(result.learned)
        self.progress = result.progress
        self.found.add(transition(before, step_name(step), state_of(self.progress)))

    def _how(self, step: Step) -> str:
        writes = isinstance(step, SendUser | SendMembership)
        if self.hostile:
            return self.choices.of(WRITES if writes else READS)
        return self.choices.of(HONEST_WRITES if writes else HONEST_READS)

    def _exchange(self, step: Any, how: str) -> Exchange:
        request, sent = step.request, self.ticks
        response = self.there.answer(step, how)
        told = Request("r", request.method, request.path, request.body, Millis(0), Millis(0), response.status, None)
        return Exchange(response, told, sent)


def explore(seed: int, enough: Callable[[int, int], bool], *, hostile: bool) -> Counter[str]:
    """Transitions, and in how many walks each was found. `enough`: of walks, and of walks since the last new one."""
    chance, found, corpus = Random(seed), Counter[str](), list[list[int]]()
    walks = last = 0
    while not enough(walks, walks - last):
        walks += 1
        prefix: list[int] = []
        if corpus and chance.random() < 0.8:
            made = chance.choice(corpus[-200:] if chance.random() < 0.5 else corpus)
            prefix = made[: chance.randrange(len(made) + 1)]
            for _ in range(chance.randrange(3)):
                if prefix:
                    prefix[chance.randrange(len(prefix))] = chance.randrange(2**16)
        walk = Walk(Choices(prefix, chance), hostile)
        walk.go()
        if walk.found - found.keys():
            corpus.append(walk.choices.made)
            last = walks
        found.update(walk.found)
    return found


def main() -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.reachable", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="for each of the two kinds of target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--anew", action="store_true", help="after a change: forget what was found before")
    options = parser.parse_args()
    lists: dict[Group, set[str]] = {}
    known: set[str] = set()
    kinds: list[tuple[Group, bool]] = [("plain", False), ("hostile", True)]
    for group, hostile in kinds:
        found = explore(options.seed, _timer(options.seconds), hostile=hostile)
        before = set[str]() if options.anew else {*listed(group)}
        lists[group] = (before | found.keys()) - known
        known |= lists[group]
        rare, new = sum(number < 3 for number in found.values()), len(lists[group] - before)
        sys.stdout.write(f"{group}: {len(lists[group])}, {new} of them new; {rare} were found in fewer than 3 walks\n")
    _write(lists)
    return 0


def _timer(seconds: float) -> Callable[[int, int], bool]:
    until = time.monotonic() + seconds
    return lambda *_: time.monotonic() > until


def _write(lists: dict[Literal["plain", "hostile"], set[str]]) -> None:
    lines = ["# State of the turn | step | state. Written by python -m tests.simulation.reachable."]
    for group, found in lists.items():
        lines += ["", f"[{group}]", *sorted(found)]
    LIST.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
