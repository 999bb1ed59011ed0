"""One user's turn against a hostile target: the decider without its driver, the network and the clock."""

from dataclasses import dataclass, field
from typing import Any, Final, get_args

import orjson

from streamproc.core.records.delivery import DeliveredState, Standing
from streamproc.core.records.outcome import Request
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.core.scim.dialect import DIALECTS
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.after import after
from streamproc.sink.decide.begin import begin
from streamproc.sink.decide.mass_guard import Flow
from streamproc.sink.decide.name_waits import Way
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
    SessionsAnswer,
    Settle,
    Wait,
    Waited,
)
from streamproc.sink.decide.target import Target
from tests.support.adverse_target import CAUSE, LANDING, work
from tests.support.hostile_targets.behaviour import HostileTarget
from tests.support.hostile_targets.store import Answered, Asked

WAYS: Final[tuple[Way, ...]] = get_args(Way)
MOST: Final = 400
"""Steps after which a turn is taken for endless."""


class EndlessError(AssertionError):
    """A turn that doesn't come to its end."""


@dataclass
class Driver:
    """The sink's decider, and what it knows from turn to turn."""

    there: HostileTarget
    dialect: str = "genesys"
    ticks: float = 1000.0
    state: DeliveredState | None = None
    seq: int = 10
    finished: list[Finish] = field(default_factory=list)
    requests: int = 0
    """Of the last turn."""
    waited: float = 0.0
    """Seconds of the last turn."""

    ways: int = 0
    """Times that somebody was told what they can do about a name: each thing in turn, whatever the target said."""

    def __post_init__(self) -> None:
        self.target = Target(DIALECTS[self.dialect], lambda _: None, LANDING, guarded=True)

    def turn(self, desired: Resource, *, retry: bool = False) -> Finish:
        """Bring the user to `desired`. `retry`: nothing is new, only time has passed. Raises EndlessError."""
        self.seq += not retry
        taken = work(self.seq, desired)
        if retry:
            taken = type(taken)(taken.user, 0, -1, taken.urgency, type(taken.work)(taken.work.record, told=True))
        progress = begin(taken, self.state, Predecessor(0, None), Millis(0))
        self.requests, began = 0, self.ticks
        for _ in range(MOST):
            step = next_step(progress, self.target, self._moment())
            if isinstance(step, Finish):
                self.finished.append(step)
                self.state, self.waited = step.state, self.ticks - began
                return step
            result = after(progress, step, self._answer(step, progress), self.target, self._moment())
            self.target.learn(result.learned)
            progress = result.progress
        raise EndlessError(f"no end after {self.requests} requests: {self.there.asked[-6:]}")

    def _moment(self) -> Moment:
        self.ticks += 0.001
        return Moment(self.ticks, Millis(round(self.ticks * 1000)), 0.5, target_down=False)

    def _answer(self, step: Any, progress: Any) -> Any:
        match step:
            case Wait(until) | Settle(until):
                self.ticks = max(self.ticks, until)
                return Waited(over=True)
            case FindManager():
                return Looked()
            case AwaitName(until=until):
                self.ways += 1
                way = WAYS[self.ways % len(WAYS)]
                self.ticks = max(self.ticks, until if way == "wait" else 0.0)
                return NameAnswer(way)
            case AskGuard():
                return Flow(Standing("E1", progress.record.seq, "through", CAUSE))
            case LockGroup():
                return Locked()
            case EndSessions():
                return SessionsAnswer(204)
            case _:
                return self._exchange(step)

    def _exchange(self, step: Any) -> Exchange:
        request, sent = step.request, self.ticks
        path, _, query = request.path.partition("?")
        self.requests += 1
        response = answered(self.there.answer(Asked(request.method, path, query, request.body, request.if_match)))
        told = Request("r", request.method, request.path, request.body, Millis(0), Millis(0), response.status, None)
        return Exchange(response, told, sent)


def answered(answer: Answered) -> Response:
    """As our client hands it on."""
    if answer.status is None:
        return Response(None, {}, {}, error="reset")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    body: Any = answer.body
    if isinstance(body, bytes):
        try:
            body = orjson.loads(body)
        except orjson.JSONDecodeError:
            body = {}
    elif body is not None:
        headers.setdefault("content-type", "application/scim+json")
    return Response(answer.status, body if isinstance(body, dict) else {}, headers)
