"""The invariants at the end, and whose turn it is: each fails for a history that breaks it."""

import asyncio
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from tests.simulation.invariants.bounds import Bounds, left_in_sink, left_in_worker
from tests.simulation.invariants.past import Past
from tests.simulation.invariants.revocations import Revocations
from tests.simulation.invariants.watching import Known, Telling
from tests.support.asof_log import MINUTE, NOON, Log, hired, request
from tests.support.forged_run import ACCOUNT, USER

REVOKE, CHANGE = 0, 3


class Ear:
    """Hears what watchers tell."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self.seen: list[str] = []
        self.telling = Telling(lambda kind, _: self.broken.append(kind), self.seen.append)


@pytest.fixture
def ear() -> Ear:
    return Ear()


class TestRevocations:
    def sink(self, *waiting: tuple[str, int], lanes: dict[str, Any] | None = None, down: bool = False) -> Any:
        async def enter(_user: str, _urgency: int, _ticket: int) -> bool:
            return True

        places = {
            user: SimpleNamespace(user=user, urgency=urgency, gone=False, newer=False) for user, urgency in waiting
        }
        gate = SimpleNamespace(enter=enter, _waiting=places, circuit_breaker=SimpleNamespace(down=down))
        return SimpleNamespace(_gate=gate, _lanes=SimpleNamespace(_lanes=lanes or {}))

    def lane(self, urgency: int, seq: int = 1, *, flies: bool = False, drift: object = None) -> Any:
        work = SimpleNamespace(record=SimpleNamespace(seq=seq, desired={"active": False}), drift=drift)
        turn = SimpleNamespace(urgency=urgency, work=work)
        return SimpleNamespace(flying=turn if flies else None, pending=None if flies else turn)

    def let_out(self, ear: Ear, sink: Any, urgency: int = CHANGE, known: Known | None = None) -> list[str]:
        Revocations(known or Known(), ear.telling).watch(sink)
        assert asyncio.run(sink._gate.enter("U7", urgency, 1))
        return ear.broken

    def test_a_leaver_at_the_gate_who_is_passed_is_found(self, ear: Ear) -> None:
        """Whoever leaves waits behind nobody's title."""
        assert self.let_out(ear, self.sink((USER, REVOKE))) == ["first"]

    def test_leavers_among_themselves_may_pass(self, ear: Ear) -> None:
        """Two leavers are equal."""
        assert (self.let_out(ear, self.sink((USER, REVOKE)), REVOKE), ear.seen) == ([], ["leaver at the gate"])

    def test_while_the_target_is_in_trouble_somebody_else_may_probe_it(self, ear: Ear) -> None:
        """A leaver who has just met the trouble waits for whoever hasn't."""
        assert self.let_out(ear, self.sink((USER, REVOKE), down=True)) == []

    def test_a_leaver_who_stays_in_the_lane_is_found(self, ear: Ear) -> None:
        """Leavers' turns begin at once, however many are under way."""
        assert self.let_out(ear, self.sink(lanes={USER: self.lane(REVOKE)})) == ["first"]

    def test_a_leaver_who_is_taken_for_somebody_else_is_found(self, ear: Ear) -> None:
        """By the log they leave, and by the target they have access."""
        known = Known()
        known.latest[USER] = {"seq": 1, "desired": {"active": False}}
        known.deliveries[USER] = {"id": ACCOUNT, "parked": None, "frozen": {}}
        known.inside[ACCOUNT] = True
        assert self.let_out(ear, self.sink(lanes={USER: self.lane(CHANGE)}), known=known) == ["first"]
        known.inside[ACCOUNT] = False
        ear.broken.clear()
        assert self.let_out(ear, self.sink(lanes={USER: self.lane(CHANGE)}), known=known) == []

    def test_who_was_let_in_by_hand_is_first_in_line_once_it_is_found(self, ear: Ear) -> None:
        """No sink can know what others do before it is told; the look that a finding leads to doesn't wait."""
        known = Known()
        known.latest[USER] = {"seq": 1, "desired": {"active": False}}
        known.deliveries[USER] = {"id": ACCOUNT, "parked": None, "frozen": {}}
        known.inside[ACCOUNT] = True
        known.let_in.add(ACCOUNT)
        assert self.let_out(ear, self.sink(lanes={USER: self.lane(CHANGE)}), known=known) == []
        found = self.sink(lanes={USER: self.lane(CHANGE, drift=object())})
        assert self.let_out(ear, found, known=known) == ["first"]

    def test_a_leavers_turn_that_waits_as_somebody_elses_is_found(self, ear: Ear) -> None:
        """A turn that has taken a leaving on board is a leaver's from then on."""
        lanes = {USER: self.lane(CHANGE, flies=True)}
        assert self.let_out(ear, self.sink((USER, CHANGE), lanes=lanes)) == ["first"]


class TestBounds:
    def sink(self, **busy: Any) -> Any:
        lanes = type("Lanes", (dict,), {})(busy.get("lanes", {}))
        lanes._lanes, lanes._queues = dict(lanes), {}
        gate = SimpleNamespace(_waiting={}, _in_flight=busy.get("in_flight", 0))
        reconciler = SimpleNamespace(
            _executor=SimpleNamespace(_resting={}), names=SimpleNamespace(_now={}), _locks=busy.get("locks", {})
        )
        return SimpleNamespace(
            _gate=gate,
            _lanes=lanes,
            _reconciler=reconciler,
            _tasks={},
            _busy=0,
            _waiting=0,
            _parked_work=SimpleNamespace(_later={}),
            _stores={},
        )

    @pytest.mark.parametrize(
        "busy",
        [
            {"lanes": {USER: SimpleNamespace(flying=None)}},
            {"in_flight": 1},
            {"locks": {"Sales": SimpleNamespace(locked=lambda: True)}},
        ],
        ids=lambda busy: next(iter(busy)),
    )
    def test_what_is_kept_by_a_sink_that_is_idle_is_found(self, ear: Ear, busy: dict[str, Any]) -> None:
        """A place that nobody gives back is one fewer for everybody, until the sink stands still."""
        bounds, process = Bounds(ear.telling), SimpleNamespace(name="sink0", state="running")
        sink = self.sink(**busy)
        bounds.watch(process, lambda: left_in_sink(sink))
        bounds.end()
        assert ear.broken == ["bounds"]

    def test_what_is_tried_again_by_itself_and_dead_processes_dont_count(self, ear: Ear) -> None:
        """Nobody waits for these."""
        flying = SimpleNamespace(work=SimpleNamespace(told=True))
        bounds, sink = Bounds(ear.telling), self.sink(lanes={USER: SimpleNamespace(flying=flying)}, in_flight=1)
        bounds.watch(SimpleNamespace(name="sink0", state="running"), lambda: left_in_sink(sink))
        bounds.watch(SimpleNamespace(name="sink1", state="dead"), lambda: {"lanes": 7})
        bounds.end()
        assert ear.broken == []

    def test_records_that_are_never_acknowledged_are_found(self, ear: Ear) -> None:
        """A worker that keeps them holds its offsets back for ever."""
        worker = SimpleNamespace(_processor=SimpleNamespace(_unacknowledged={b"U1": b"{}"}))
        bounds = Bounds(ear.telling)
        bounds.watch(SimpleNamespace(name="worker0", state="running"), lambda: left_in_worker(worker))
        bounds.end()
        assert ear.broken == ["bounds"]


class TestPast:
    """The log is a real partition of user E1, who is hired at noon."""

    def past(self, ear: Ear, log: Log, **options: Any) -> Past:
        past = Past(ear.telling, 1, Random(1), **{"exact": True, **options})
        for topic in ("identity.changes", "scim.operations", "scim.outcomes"):
            for record in log.history().read(topic, 0):
                past.appended(record)
        return past

    def log(self) -> Log:
        log = Log()
        hired(log)
        return log

    def test_a_log_that_replays_is_fine(self, ear: Ear) -> None:
        """All that was recorded is what the log gives."""
        self.past(ear, self.log()).end()
        assert (ear.broken, ear.seen) == ([], ["replay"])

    def test_a_record_that_the_log_doesnt_give_is_found(self, ear: Ear) -> None:
        """An auditor would find another history than the one by which access was given."""
        log = self.log()
        (record,) = log.history().read("scim.operations", 0)
        log.recorded[1] = (record.value or b"").replace(b"Ana Ruiz", b"Eve Ruiz")
        self.past(ear, log).end()
        assert ear.broken == ["replay"]

    @pytest.mark.parametrize(("active", "broken"), [(True, []), (False, ["as of"])])
    def test_what_was_held_at_a_moment_is_compared_with_the_ledger(
        self, ear: Ear, monkeypatch: pytest.MonkeyPatch, active: bool, broken: list[str]
    ) -> None:
        """Who asks who had access on a day is told what was, not what we thought."""
        log = self.log()
        told = {"userName": "ana@example.com", "displayName": "Ana Ruiz", "active": True, "title": None}
        written = NOON + 2 * MINUTE
        log.tell("delivered", request(1, written + 20, holds=told))
        past = self.past(ear, log)
        monkeypatch.setattr(past, "_replay", lambda _: None)
        past.written("E1", written / 1000, "r1", told | {"active": active})
        for _ in range(50):
            past.end()
        assert (sorted(set(ear.broken)), set(ear.seen)) == (broken, {"as of"})

    @pytest.mark.parametrize(("refused_after", "broken"), [(-20, []), (20, ["as of"])])
    def test_a_request_of_which_only_an_earlier_refusal_was_told_isnt_compared(
        self, ear: Ear, monkeypatch: pytest.MonkeyPatch, refused_after: int, broken: list[str]
    ) -> None:
        """It was sent again with its id, and carried out; the sink died before it heard that. Who is told that it was
        refused after it was carried out was told something wrong.
        """
        log = self.log()
        told = {"userName": "ana@example.com", "displayName": "Ana Ruiz", "active": True, "title": None}
        hired_at, left_at = NOON + 2 * MINUTE, NOON + 3 * MINUTE
        log.tell("delivered", request(1, hired_at + 20, holds=told))
        log.tell("conflict", request(2, left_at + refused_after, 412))
        past = self.past(ear, log)
        monkeypatch.setattr(past, "_replay", lambda _: None)
        past.written("E1", hired_at / 1000, "r1", told)
        past.written("E1", left_at / 1000, "r2", told | {"active": False})
        for _ in range(50):
            past.end()
        assert sorted(set(ear.broken)) == broken

    def test_what_others_wrote_or_nobody_has_told_isnt_compared(
        self, ear: Ear, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of a sink that has died before it could tell, nothing is known."""
        past = self.past(ear, self.log())
        monkeypatch.setattr(past, "_replay", lambda _: None)
        past.written("E1", NOON / 1000 + 120, "r9", {"active": True})
        past.written("E1", NOON / 1000 + 121, None, {"active": False})
        for _ in range(20):
            past.end()
        assert ear.broken == []
