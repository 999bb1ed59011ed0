"""Revocation is first in line whenever it can be sent (invariant 8): nobody else's request leaves a sink before it.

Seen at the gate, where all requests of a sink wait, and in its lanes: whoever is let out, no leaver may wait there.
Who is a leaver is told by the log and by the target, not by the sink.
"""

from typing import Any

from tests.simulation.invariants.watching import Known, Telling

REVOKE = 0
"""The urgency of a revocation."""


class Revocations:
    """`watch` is called with each new sink."""

    def __init__(self, known: Known, telling: Telling) -> None:
        self._known = known
        self._tell = telling

    def watch(self, sink: Any) -> None:
        """Look at the sink each time its gate lets somebody out who isn't a leaver."""
        gate, lanes = sink._gate, sink._lanes
        enter = gate.enter

        async def watched(user: str, urgency: int, ticket: int) -> bool:
            let_out: bool = await enter(user, urgency, ticket)
            if let_out:  # nobody else has run since
                self._let_out(user, urgency, gate, lanes)
            return let_out

        gate.enter = watched

    def _let_out(self, user: str, urgency: int, gate: Any, lanes: Any) -> None:
        waiting = [each for each in gate._waiting.values() if not each.gone]
        if not gate.circuit_breaker.down:
            behind = [each.user for each in waiting if each.urgency == REVOKE and each.user != user]
            if behind:
                self._tell.count("leaver at the gate")
            if behind and urgency != REVOKE:
                self._tell.fail("first", f"a request of {user} goes out, and {behind} wait to be deactivated")
        for each in waiting:
            lane = lanes._lanes.get(each.user)
            turn = None if lane is None else lane.flying
            if turn is not None and each.urgency != REVOKE and turn.work.record.desired.get("active") is False:
                self._tell.fail("first", f"{each.user} leaves, and waits at the gate with urgency {each.urgency}")
        self._look_into(user, lanes)

    def _look_into(self, user: str, lanes: Any) -> None:
        for name, lane in lanes._lanes.items():
            turn = lane.pending
            if turn is None or lane.flying is not None:
                continue  # whose turn it is, takes the newest work at its next step
            self._tell.count("work in a lane")
            if turn.urgency == REVOKE:
                self._tell.fail(
                    "first", f"a request of {user} goes out, and {name} waits in its lane to be deactivated"
                )
            elif self._leaves(name, turn.work.record.seq, looked_at=turn.work.drift is not None):
                self._tell.fail("first", f"{name} leaves, and waits in its lane with urgency {turn.urgency}")

    def _leaves(self, user: str, seq: int, *, looked_at: bool) -> bool:
        """Whether the user's record is that they leave, and they have access. `seq`: of the work that waits.

        Not of whom something else keeps back: an operator, the guard, what goes to and fro, or a lost record. Nor of
        whom somebody else has let in by hand since they were out: no sink can know it before it is found (`looked_at`).
        """
        known = self._known
        delivery, newest = known.deliveries.get(user), known.latest.get(user)
        if delivery is None or newest is None or delivery["parked"] or delivery["frozen"] or newest["seq"] != seq:
            return False
        account = delivery["id"] or ""
        if account in known.let_in and not looked_at:
            return False
        return newest["desired"].get("active") is False and known.inside.get(account) is True
