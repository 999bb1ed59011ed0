"""Clocks and chance, which the stand-ins take from outside: with others than the machine's, a run can be repeated."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`now`: seconds since 1970. `ticks`: seconds that never go back. `uuid`: one that nobody can guess."""

    now: Callable[[], float] = time.time
    ticks: Callable[[], float] = time.monotonic
    uuid: Callable[[], UUID] = uuid4

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.now(), UTC)

    def id(self) -> str:
        return str(self.uuid())

    def secret(self) -> str:
        """64 letters."""
        return self.uuid().hex + self.uuid().hex
