"""Faults on demand: hooks that are lost, doubled or delayed, and requests that fail."""

import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

HOOK = frozenset({"drop", "duplicate", "delay"})
API = frozenset({"refuse", "slow"})
GONE, REPLAY = frozenset({"gone"}), frozenset({"replay"})
KINDS = HOOK | API | GONE | REPLAY


@dataclass(slots=True)
class Fault:
    """One rule; of the rules that fit, the first that fires wins. A rule ends after `times` uses or `seconds`.

    `delay` holds a hook back for `delay_ms`, so that later ones overtake it where the vendor promises no order.
    `refuse` answers `status`, with Retry-After where one is given; `slow` waits `delay_ms` before the answer.
    Of Graph's delta query: `gone` makes a link's holder start over, `replay` tells older versions before the newest.
    """

    kind: str
    probability: float = 1.0
    times: int | None = None
    seconds: float | None = None
    path: str = ""  # the API path contains this
    delay_ms: float = 0
    status: int = 503
    retry_after: int | None = None
    set_at: float = 0.0

    def fits(self, kinds: frozenset[str], path: str, now: float) -> bool:
        if self.kind not in kinds or self.times == 0 or self.path not in path:
            return False
        return self.seconds is None or now < self.set_at + self.seconds


_NAMES = {each.name for each in fields(Fault)} - {"set_at"}


def parse(rule: Any) -> Fault:
    """Raises ValueError for a rule that could never have an effect."""
    if not isinstance(rule, Mapping) or rule.get("kind") not in KINDS:
        raise ValueError(f"a fault needs a kind, one of {', '.join(sorted(KINDS))}")
    if unknown := rule.keys() - _NAMES:
        raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
    fault = Fault(**rule)
    numbers = (fault.probability, fault.times, fault.seconds, fault.delay_ms, fault.status, fault.retry_after)
    if not all(number is None or (isinstance(number, int | float) and number >= 0) for number in numbers):
        raise ValueError("probability, times, seconds, delay_ms, status and retry_after must be numbers, 0 or more")
    if not isinstance(fault.path, str):
        raise ValueError("path must be a string")  # noqa: TRY004 - answered as 400
    return fault


class FaultPlan:
    """`ticks`: seconds that never go back."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self.replace([], 0)

    def replace(self, faults: list[Fault], seed: int) -> None:
        self.faults = faults
        for fault in faults:
            fault.set_at = self._ticks()
        self._random = random.Random(seed)  # noqa: S311 - repeatable is what is wanted

    def choose(self, kinds: frozenset[str], path: str = "") -> Fault | None:
        now = self._ticks() if self.faults else 0.0
        for fault in self.faults:
            if fault.fits(kinds, path, now) and (fault.probability >= 1 or self._random.random() < fault.probability):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def shown(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self.faults]
