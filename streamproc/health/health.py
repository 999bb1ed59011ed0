"""Health: what one service says of itself, whoever asks: Prometheus, an orchestrator, `streamproc status`."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import structlog

from streamproc import telemetry
from streamproc.core.records.service_state import ServiceState
from streamproc.core.records.units import Millis
from streamproc.health.decide.conditions import Phase, Since, Trouble, conditions, is_alive, is_ready, since, state_of

log = structlog.get_logger("streamproc.health")

GRACE: Final = 10.0
"""Seconds for which Kafka may not be reached."""


@dataclass(slots=True)
class Health:
    """Of one process. `look` tells what is wrong now, at once and without waiting for anything."""

    service: str
    instance: str
    version: str
    look: Callable[[], Iterable[Trouble]]
    clock: Callable[[], Millis]
    """ms since 1970."""
    started: Millis = field(init=False)
    working: asyncio.Event = field(default_factory=asyncio.Event)
    """Set from `ready` on."""
    cut_off: str | None = None
    """What keeps the process from Kafka, by which it does all of its work; None: nothing is known to."""
    _phase: Phase = "starting"
    _ended: Trouble | None = None
    _since: Since = field(default_factory=dict)
    _told: frozenset[tuple[str, str]] = frozenset()

    def __post_init__(self) -> None:
        self.started = self.clock()

    def ready(self) -> None:
        """From now on it does its work."""
        self._phase = "running"
        self.working.set()

    def ended(self, failure: str | None) -> None:
        """It does no more. `failure`: what ended it, in words; None: somebody wanted it."""
        self._phase = "stopped"
        if failure is not None:
            self._ended = Trouble("failed", self.service, "degraded", failure)

    def state(self) -> ServiceState:
        """As it is now. Sets the metrics, and logs what begins and ends."""
        now = self.clock()
        troubles = self._troubles()
        self._since = since(self._since, troubles, now)
        told = conditions(troubles, self._since, now)
        state = ServiceState(
            self.service, self.instance, self.version, state_of(self._phase, told), told, self.started, now
        )
        telemetry.state(state)
        self._tell(state)
        return state

    def alive(self) -> bool:
        """False: only a restart mends it."""
        return is_alive(self.state().conditions)

    def answer(self) -> tuple[bool, ServiceState]:
        """Whether it does all of its work, and how it is."""
        state = self.state()
        return is_ready(state.state), state

    def _troubles(self) -> list[Trouble]:
        if self._phase == "stopped":
            return [] if self._ended is None else [self._ended]
        cut_off = [] if self.cut_off is None else [Trouble("brokers", "kafka", "degraded", self.cut_off, GRACE)]
        try:
            return [*cut_off, *self.look()]
        except Exception as error:  # noqa: BLE001 - a service isn't ended by a look at it
            if self._phase == "starting":  # some of it isn't there yet
                return []
            words = f"how it is can't be told: {type(error).__name__}"
            return [*cut_off, Trouble("unknown", self.service, "degraded", words)]

    def _tell(self, state: ServiceState) -> None:
        now = {(each.code, each.about): each for each in state.conditions}
        for key, each in now.items():
            if key not in self._told:
                log.warning(each.state, code=each.code, about=each.about, reason=each.reason)
        for code, about in self._told - now.keys():
            log.info("no longer", code=code, about=about)
        self._told = frozenset(now)
