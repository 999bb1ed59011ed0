"""Pace against a model of the target's window, in virtual time: nobody sleeps.

`Window` counts as a token's fixed window does: it opens with the first request after the one before, refused requests
count too, and the seconds left are rounded. `Play` is what several sinks on one token do, each with its own view.
"""

import heapq
import math
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from streamproc.core.flow.rate_limit import RateLimiter

LIMIT: Final = 300
SECONDS: Final = 60.0


@dataclass(slots=True)
class Window:
    """The target's side."""

    limit: int = LIMIT
    seconds: float = SECONDS
    rounded: Callable[[float], int] = math.ceil
    begins: float = -math.inf
    count: int = 0
    counts: list[int] = field(default_factory=list)
    """Requests of each window so far."""

    def receive(self, now: float) -> tuple[int, dict[str, str]]:
        """Status and headers of the answer to a request that arrives."""
        if now >= self.begins + self.seconds:
            self.begins, self.count = now, 0
            self.counts.append(0)
        self.count += 1
        self.counts[-1] = self.count
        reset = self.rounded(self.begins + self.seconds - now)
        headers = {
            "inin-ratelimit-count": str(self.count),
            "inin-ratelimit-allowed": str(self.limit),
            "inin-ratelimit-reset": str(reset),
        }
        if self.count <= self.limit:
            return 200, headers
        return 429, headers | {"retry-after": str(reset)}


@dataclass(slots=True)
class Sink:
    """One sink: requests that wait, each as the time since when, and its connections."""

    pace: RateLimiter
    connections: int
    ordinary: deque[float] = field(default_factory=deque)
    urgent: deque[float] = field(default_factory=deque)
    busy: int = 0
    asks_at: float = math.inf
    """When it asks its pace again, unless an answer comes before."""
    waited: dict[bool, list[tuple[float, float]]] = field(default_factory=lambda: {False: [], True: []})
    """By urgency: (time of arrival, seconds until it was let out)."""


class Play:
    """Sinks, latency and window, moved from event to event."""

    def __init__(
        self,
        window: Window,
        sinks: int,
        *,
        connections: int = 16,
        latency: float = 0.2,
        reserve: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.window = window
        self.latency = latency
        self.random = random.Random(seed)
        self.sinks = [Sink(RateLimiter(reserve), connections) for _ in range(sinks)]
        self.now = 0.0
        self.exceeded: Counter[int] = Counter()
        """Refused requests by window, from 0."""
        self.done = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._ticket = 0

    def at(self, time: float, event: Callable[[], None]) -> None:
        self._ticket += 1
        heapq.heappush(self._events, (time, self._ticket, event))

    def demand(self, sink: Sink, time: float, count: int = 1, *, urgent: bool = False) -> None:
        """`count` requests that somebody wants to send from `time` on."""

        def arrive() -> None:
            (sink.urgent if urgent else sink.ordinary).extend([time] * count)
            self._pump(sink)

        self.at(time, arrive)

    def run(self, until: float = math.inf) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            assert self.now < 10_000.0, "somebody waits for ever"
            event()

    def _ask_again(self, sink: Sink) -> None:
        if self.now == sink.asks_at:  # else an answer came first
            self._pump(sink)

    def _pump(self, sink: Sink) -> None:
        sink.asks_at = math.inf
        while sink.busy < sink.connections and (sink.urgent or sink.ordinary):
            urgent = bool(sink.urgent)
            wait = sink.pace.wait(self.now, urgent=urgent)
            assert wait >= 0.0
            if wait > 0.0:
                sink.asks_at = self.now + wait
                self.at(sink.asks_at, lambda: self._ask_again(sink))
                return
            since = (sink.urgent if urgent else sink.ordinary).popleft()
            sink.waited[urgent].append((since, self.now - since))
            self._send(sink, since, urgent=urgent)

    def _send(self, sink: Sink, since: float, *, urgent: bool) -> None:
        sink.pace.sent(self.now)
        sink.busy += 1
        there, back = (self.latency * self.random.uniform(0.1, 0.9) for _ in range(2))

        def arrive() -> None:
            status, headers = self.window.receive(self.now)
            self.at(self.now + back, lambda: answer(status, headers))

        def answer(status: int, headers: dict[str, str]) -> None:
            sink.busy -= 1
            sink.pace.answered(self.now, status, headers)
            if status == 429:
                self.exceeded[len(self.window.counts) - 1] += 1
                (sink.urgent if urgent else sink.ordinary).appendleft(since)
            else:
                self.done += 1
            self._pump(sink)

        self.at(self.now + there, arrive)


def waits(sink: Sink, *, urgent: bool, since: float = 0.0) -> list[float]:
    """Seconds that the requests which came from `since` on waited."""
    return [seconds for at, seconds in sink.waited[urgent] if at >= since]
