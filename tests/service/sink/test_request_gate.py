"""The gate: a leaver overtakes everybody, an operator's pause holds all, and nobody is forgotten."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from streamproc.core.flow.circuit_breaker import CircuitBreaker
from streamproc.core.flow.rate_limit import RateLimiter
from streamproc.core.fold.plan import Urgency
from streamproc.core.scim.response_policy import Response, backoff
from streamproc.sink.request_gate import RequestGate
from tests.support.sink import Hours


class Entrance:
    """A gate, and who went through it in which order."""

    def __init__(self) -> None:
        self.now = 0.0
        self.gate = RequestGate(RateLimiter(), CircuitBreaker(), lambda: self.now, self.sleep)
        self.through: list[str] = []
        self.turned_back: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def sleep(self, seconds: float) -> None:
        """Time passes only here."""
        await asyncio.sleep(0)
        self.now += seconds

    def comes(self, user: str, urgency: Urgency) -> None:
        """Somebody asks to be let out."""
        self.tasks.append(asyncio.create_task(self._enter(user, urgency, self.gate.ticket())))

    async def _enter(self, user: str, urgency: Urgency, ticket: int) -> None:
        passed = await self.gate.enter(user, urgency, ticket)
        (self.through if passed else self.turned_back).append(user)
        if passed:
            await asyncio.sleep(0)
            self.gate.answered(user, Response(200, {}, {}), write=True)

    async def until(self, count: int) -> None:
        """Wait until so many are through."""
        async with asyncio.timeout(5):
            while len(self.through) < count:  # noqa: ASYNC110 - time passes by hand
                await asyncio.sleep(0)

    async def settle(self) -> None:
        """Let everybody go as far as they get."""
        for _ in range(50):
            await asyncio.sleep(0)


@asynccontextmanager
async def entrance() -> AsyncIterator[Entrance]:
    made = Entrance()
    try:
        yield made
    finally:
        for task in made.tasks:
            task.cancel()
        await asyncio.gather(*made.tasks, return_exceptions=True)


async def test_a_leaver_overtakes_everybody_who_waits() -> None:
    """Whoever waits when the gate opens goes out by urgency, then by arrival."""
    async with entrance() as made:
        made.gate.stopped = True
        made.comes("change", Urgency.CHANGE)
        made.comes("joiner", Urgency.ACTIVATE)
        made.comes("another change", Urgency.CHANGE)
        made.comes("leaver", Urgency.REVOKE)
        await made.settle()
        assert made.through == []
        made.gate.stopped = False
        await made.settle()
        assert made.through == ["leaver", "joiner", "change", "another change"]
        assert len(made.gate) == 0


async def test_newer_work_turns_back_who_waits() -> None:
    """Somebody whose newer work comes in while they wait plans again, and doesn't use up a request."""
    async with entrance() as made:
        made.gate.stopped = True
        made.comes("ana", Urgency.CHANGE)
        made.comes("ben", Urgency.CHANGE)
        await made.settle()
        made.gate.nudge("ana")
        made.gate.nudge("nobody")
        await made.settle()
        assert (made.turned_back, made.through) == (["ana"], [])
        made.gate.stopped = False
        await made.settle()
        assert made.through == ["ben"]


async def test_who_gives_up_doesnt_hold_up_the_others() -> None:
    """A request whose partition was taken away while it waited at the head lets the next one go."""
    async with entrance() as made:
        made.gate.stopped = True
        made.comes("gone", Urgency.REVOKE)
        made.comes("ben", Urgency.CHANGE)
        await made.settle()
        made.tasks[0].cancel()
        made.gate.stopped = False
        await made.settle()
        assert made.through == ["ben"]


async def test_the_limit_is_waited_for_and_a_leaver_isnt() -> None:
    """At the target's limit a change waits for the next window; a leaver who comes later has the reserve."""
    async with entrance() as made:
        full = {"inin-ratelimit-allowed": "100", "inin-ratelimit-count": "90", "inin-ratelimit-reset": "30"}
        made.gate._let_out()
        made.gate.answered("first", Response(200, {}, full), write=True)
        made.comes("change", Urgency.CHANGE)
        for _ in range(3):
            await asyncio.sleep(0)
        made.comes("leaver", Urgency.REVOKE)
        await made.until(2)
        assert made.through == ["leaver", "change"]
        assert made.now >= 1


async def test_a_target_in_trouble_is_asked_by_one_at_a_time() -> None:
    """While the target is down everybody but one waits, and a good answer lets them all go."""
    async with entrance() as made:
        for user in ("a", "b", "c"):
            made.gate._let_out()
            made.gate.answered(user, Response(503, {}, {}), write=True)
        assert made.gate.circuit_breaker.down
        for user in ("d", "e", "f"):
            made.comes(user, Urgency.CHANGE)
        await made.until(3)
        assert made.through == ["d", "e", "f"]
        assert not made.gate.circuit_breaker.down


@pytest.mark.parametrize("status", [429, 200])
async def test_a_429_closes_the_gate_for_all(status: int) -> None:
    """Retry-After holds everybody, leavers too: asking earlier is refused anyway."""
    async with entrance() as made:
        made.gate._let_out()
        made.gate.answered("first", Response(status, {}, {"retry-after": "7"}), write=True)
        made.comes("leaver", Urgency.REVOKE)
        await made.until(1)
        assert made.now == pytest.approx(7.0 if status == 429 else 0.0)


@pytest.mark.parametrize("urgency", [Urgency.REVOKE, Urgency.CHANGE])
async def test_users_who_are_always_denied_dont_keep_the_others_from_trying(urgency: Urgency) -> None:
    """Leavers whom we may never write don't probe for ever in front of everybody who would show that all is well."""
    hours = Hours()
    gate = RequestGate(RateLimiter(), CircuitBreaker(), lambda: hours.now, hours.sleep)
    through: dict[str, float] = {}

    async def trip(user: str, urgency: Urgency, status: int, begin: float) -> None:
        ticket, attempts = gate.ticket(), 0
        await hours.sleep(begin)
        while status != 200 or user not in through:
            assert await gate.enter(user, urgency, ticket)
            await hours.sleep(0.1)
            gate.answered(user, Response(status, {}, {}), write=True)
            if status == 200:
                through[user] = hours.now
            else:
                attempts += 1
                await hours.sleep(backoff(attempts, 0.5))

    tasks = [asyncio.create_task(trip(f"E{n}", Urgency.REVOKE, 403, 0.0)) for n in range(8)]
    tasks.append(asyncio.create_task(trip("E9", urgency, 200, 300.0)))
    await hours.until(600.0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert through["E9"] < 320.0
