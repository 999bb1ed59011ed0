"""What becomes of a request on its way there and back, by the world's faults of kinds `net.…`."""

from random import Random
from typing import Final

from multidict import CIMultiDict

from streamproc.testing.network.session import Heard
from streamproc.testing.process import Process, context_of
from streamproc.testing.world import World

LATENCY: Final = 0.02
"""Seconds that one way takes at most, where nothing is wrong."""
LANDED: Final = 0.9
"""Seconds after a client has given up in which its request may still arrive, and no later.

The sink takes for granted that nothing lands more than a second later (`landed` in `compose/sink.py`). Without that
nobody could ever tell how a write ends: the version that it is for may still be the newest.
"""
KINDS: Final = (
    "net.slow",
    "net.refused",
    "net.request_lost",
    "net.half_open",
    "net.reset_before",
    "net.request_late",
    "net.twice",
    "net.killed",
    "net.paused",
    "net.gateway_before",
    "net.gateway_after",
    "net.reset_after",
    "net.answer_lost",
    "net.answer_cut",
)
"""Faults, each with one occasion a request; `net.slow` has one each way.

`net.killed` and `net.paused` strike a service while its request is on the way, which may then be late: the next
service, or the next turn, has looked before it lands. The rarer ones of all, as each costs seconds.
"""


class Fates:
    """Draws them, and how long everything takes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._fault = world.fault
        self._chance = world.rng("network")
        self._time = world.loop.time
        self._dead: dict[str, float] = {}

    def latency(self) -> float:
        """Seconds of one way."""
        seconds = LATENCY * self._chance.random()
        return seconds if (slow := self._fault("net.slow")) is None else seconds + slow.expovariate(0.5)

    def cut_off(self, client: str, seconds: float) -> None:
        """Nothing gets through for so long."""
        self._dead[client] = max(self._dead.get(client, 0.0), self._time() + seconds)

    def lost(self, client: str) -> bool:
        """Whether nothing is ever heard of it."""
        if (half_open := self._fault("net.half_open")) is not None:
            self.cut_off(client, half_open.uniform(1.0, 60.0))
        return self._time() < self._dead.get(client, 0.0) or self._fault("net.request_lost") is not None

    def refused(self) -> bool:
        """Whether there is no connection."""
        return self._fault("net.refused") is not None

    def reset_before(self) -> bool:
        """Whether the connection is lost before it arrives."""
        return self._fault("net.reset_before") is not None

    def arrivals(self, client: Process, patience: float) -> list[float]:
        """Seconds until it arrives, mostly once. `patience`: seconds after which the client gives it up."""
        longest = patience + LANDED
        first = self.latency() + self._struck(client, longest)
        if (late := self._fault("net.request_late")) is not None:
            first += longest * late.uniform(0.2, 1.0)
        times = [min(first, longest)]
        if (twice := self._fault("net.twice")) is not None:
            times.append(min(first + longest * twice.random() ** 3, longest))
        return times

    def _struck(self, process: Process, longest: float) -> float:
        """Seconds by which a request is late whose client is killed or stopped behind it; 0: neither."""
        service = self._world.services.get(process.name)
        if service is None or service.process is not process:
            return 0.0
        own, later = context_of(self._world.loop.home), self._world.loop.call_later
        if (chance := self._fault("net.killed")) is not None:
            later(chance.random() * LATENCY, self._world.kill, process.name, chance.uniform(0.5, 12.0), context=own)
        elif (chance := self._fault("net.paused")) is not None:
            seconds = chance.uniform(*chance.choice(((0.1, 5.0), (7.0, 20.0))))
            later(chance.random() * LATENCY, self._world.pause, process.name, seconds, context=own)
        return 0.0 if chance is None else chance.choice((0.0, longest * chance.random()))

    def refused_on_the_way(self) -> Heard | None:
        """The page of a gateway that doesn't let it through."""
        return None if (before := self._fault("net.gateway_before")) is None else _page(before)

    def replaced(self) -> Heard | None:
        """The page of a gateway that lost the answer."""
        return None if (after := self._fault("net.gateway_after")) is None else _page(after)

    def reset_after(self) -> bool:
        """Whether the connection is lost after it was carried out."""
        return self._fault("net.reset_after") is not None

    def answer_lost(self) -> bool:
        """Whether the answer never comes."""
        return self._fault("net.answer_lost") is not None

    def cut(self) -> bool:
        """Whether the answer's body isn't whole."""
        return self._fault("net.answer_cut") is not None


def _page(chance: Random) -> Heard:
    status = chance.choice((502, 503, 504))
    headers = CIMultiDict({"Content-Type": "text/html"})
    if status == 503:
        headers["Retry-After"] = str(chance.randint(0, 3))
    return Heard(status, headers, b"<html><body>Bad gateway</body></html>")
