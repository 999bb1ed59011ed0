"""What becomes of a request on its way there and back, by the world's faults of kinds `net.…`."""

from typing import Final

from multidict import CIMultiDict

from streamproc.testing.network.session import Heard
from streamproc.testing.world import World

LATENCY: Final = 0.02
"""Seconds that one way takes at most, where nothing is wrong."""
KINDS: Final = (
    "net.slow",
    "net.refused",
    "net.request_lost",
    "net.half_open",
    "net.reset_before",
    "net.request_late",
    "net.twice",
    "net.gateway_before",
    "net.gateway_after",
    "net.reset_after",
    "net.answer_lost",
    "net.answer_cut",
)
"""Faults, each with one occasion a request; `net.slow` has one each way."""


class Fates:
    """Draws them, and how long everything takes."""

    def __init__(self, world: World) -> None:
        self._fault = world.fault
        self._chance = world.rng("network")
        self._time = world.loop.time
        self._dead: dict[str, float] = {}

    def latency(self) -> float:
        """Seconds of one way."""
        seconds = LATENCY * self._chance.random()
        return seconds + self._chance.expovariate(0.5) if self._fault("net.slow") else seconds

    def cut_off(self, client: str, seconds: float) -> None:
        """Nothing gets through for so long."""
        self._dead[client] = max(self._dead.get(client, 0.0), self._time() + seconds)

    def lost(self, client: str) -> bool:
        """Whether nothing is ever heard of it."""
        if self._fault("net.half_open"):
            self.cut_off(client, self._chance.uniform(1.0, 60.0))
        return self._time() < self._dead.get(client, 0.0) or self._fault("net.request_lost")

    def refused(self) -> bool:
        """Whether there is no connection."""
        return self._fault("net.refused")

    def reset_before(self) -> bool:
        """Whether the connection is lost before it arrives."""
        return self._fault("net.reset_before")

    def late(self, patience: float) -> float:
        """Seconds until it arrives; after the client has given up, where it is late. `patience`: the client's."""
        seconds = self.latency()
        return seconds + patience + self._chance.expovariate(0.1) if self._fault("net.request_late") else seconds

    def twice(self, patience: float) -> float | None:
        """Seconds after which it arrives once more; None: it doesn't."""
        return self._chance.random() ** 3 * 2.0 * patience if self._fault("net.twice") else None

    def refused_on_the_way(self) -> Heard | None:
        """The page of a gateway that doesn't let it through."""
        return self._page() if self._fault("net.gateway_before") else None

    def replaced(self) -> Heard | None:
        """The page of a gateway that lost the answer."""
        return self._page() if self._fault("net.gateway_after") else None

    def reset_after(self) -> bool:
        """Whether the connection is lost after it was carried out."""
        return self._fault("net.reset_after")

    def answer_lost(self) -> bool:
        """Whether the answer never comes."""
        return self._fault("net.answer_lost")

    def cut(self) -> bool:
        """Whether the answer's body isn't whole."""
        return self._fault("net.answer_cut")

    def _page(self) -> Heard:
        status = self._chance.choice((502, 503, 504))
        headers = CIMultiDict({"Content-Type": "text/html"})
        if status == 503:
            headers["Retry-After"] = "1"
        return Heard(status, headers, b"<html><body>Bad gateway</body></html>")
