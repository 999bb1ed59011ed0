"""Why nothing goes out: said once for each cause, with what to do, without secrets, and shown by a metric."""

from typing import Any

import pytest

from streamproc.core.flow.circuit_breaker import CircuitBreaker
from streamproc.core.flow.rate_limit import RateLimiter
from streamproc.core.scim.response_policy import Response
from streamproc.sink import gate_watch
from streamproc.sink.gate_watch import CAUSES, TELL_EVERY
from streamproc.sink.request_gate import RequestGate
from tests.support.logged import logged


class Gate:
    """A gate whose requests are answered by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.gate = RequestGate(RateLimiter(), CircuitBreaker(), lambda: self.now, self._never)

    async def _never(self, _: float) -> None:
        raise AssertionError("nobody waits here")

    def answered(self, *answers: Response, user: str = "ana") -> None:
        for answer in answers:
            self.gate._let_out()
            self.gate.answered(user, answer, write=True)

    @property
    def cause(self) -> str | None:
        """As the metric has it."""
        return None if self.gate.watch.closed is None else self.gate.watch.closed.cause


NO_TOKEN = Response(None, {}, {}, sent=False, error="no token: https://login/token answered 401", trouble="token")
NO_WAY = Response(None, {}, {}, sent=False, error="the proxy p:1 can't be reached", trouble="connection")
GOOD = Response(200, {}, {})


def said(logs: Any) -> list[tuple[str, str]]:
    return [(line["cause"], line["because"]) for line in logs if line["event"] == "no request goes out"]


@pytest.mark.parametrize(("answer", "cause"), [(NO_TOKEN, "token"), (NO_WAY, "connection")])
def test_what_is_lacking_is_told_at_once_and_once(answer: Response, cause: str) -> None:
    """The first time, and after five minutes again; and that it is over."""
    made = Gate()
    with logged(gate_watch) as logs:
        for _ in range(30):
            made.answered(answer)
            made.now += TELL_EVERY / 20
        assert made.cause == cause
        made.answered(GOOD)
    assert said(logs) == [(cause, str(answer.error))] * 2
    assert logs[-1]["event"] == "requests go out again"
    assert made.cause is None


def test_two_causes_are_two_lines() -> None:
    """Another cause isn't kept back because one was told just now."""
    made = Gate()
    with logged(gate_watch) as logs:
        made.answered(NO_WAY, NO_TOKEN, NO_WAY, NO_TOKEN)
    assert [cause for cause, _ in said(logs)] == ["connection", "token"]


def test_a_target_in_trouble_is_told_by_its_status() -> None:
    """Once it is the target's and not one user's; its words may be about somebody, and aren't told."""
    made = Gate()
    with logged(gate_watch) as logs:
        for user in ("ana", "ben", "cleo"):
            made.answered(Response(503, {"detail": "about zoe@example.com"}, {}), user=user)
    assert said(logs) == [("target", "the target answers 503 to several users in a row")]
    assert "zoe" not in str(logs)


@pytest.mark.parametrize(("status", "content"), [(302, "application/json"), (200, "text/html")])
def test_what_isnt_the_targets_answer_is_trouble(status: int, content: str) -> None:
    """A login page or a redirect for everybody: nobody is put aside for it, and it is told."""
    made = Gate()
    with logged(gate_watch) as logs:
        for user in ("ana", "ben", "cleo"):
            made.answered(Response(status, {}, {"content-type": content}), user=user)
    ((cause, because),) = said(logs)
    assert cause == "target"
    assert because.startswith("something in front of the target (a login, a proxy) answers")
    made.answered(GOOD)
    assert made.cause is None


def test_a_closed_gate_is_told_with_its_seconds() -> None:
    """A 429 that concerns all: until when, and what it means if it happens often."""
    made = Gate()
    with logged(gate_watch) as logs:
        made.answered(Response(429, {}, {"retry-after": "42"}))
    (line,) = [line for line in logs if line["event"] == "no request goes out"]
    assert (line["cause"], line["seconds"]) == ("rate_limit", 42.0)
    assert line["do"] == CAUSES["rate_limit"]
    made.now += 43.0
    made.answered(GOOD)
    assert made.cause is None


def test_an_operators_pause_is_told() -> None:
    """With the command that ends it."""
    made = Gate()
    with logged(gate_watch) as logs:
        made.gate.stopped = True
        assert made.cause == "paused"
        made.gate.stopped = False
    assert [line["event"] for line in logs] == ["no request goes out", "requests go out again"]
    assert logs[0]["do"] == "streamproc sink resume"


def test_one_users_trouble_is_no_cause() -> None:
    """A 503, a refusal or a 429 of one user's own closes nothing."""
    made = Gate()
    low = {
        "retry-after": "3",
        "inin-ratelimit-count": "1",
        "inin-ratelimit-allowed": "300",
        "inin-ratelimit-reset": "9",
    }
    with logged(gate_watch) as logs:
        made.answered(Response(503, {}, {}), Response(400, {}, {}), Response(429, {}, low), Response(None, {}, {}))
    assert said(logs) == []
    assert made.cause is None
