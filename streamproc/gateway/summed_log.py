"""A log that strangers can't flood: what repeats is summed up, with how often it was and from how many addresses.

The first of a kind is told at once. Those that follow within `INTERVAL` are one line at its end.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import structlog

INTERVAL: Final = 10.0
"""Seconds."""
KINDS: Final = 200
"""Kinds of lines that are told apart; there are few dozens. More are told by their event alone."""
ADDRESSES: Final = 1000
"""That are counted in one line; more are as many."""
SHOWN: Final = 5


@dataclass(slots=True)
class _Sum:
    since: float
    times: int = 0
    remotes: set[str] = field(default_factory=set)


class SummedLog:
    """`log` gets the lines. `ticks`: seconds of a clock that only goes forward."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger, ticks: Callable[[], float]) -> None:
        self._log = log
        self._ticks = ticks
        self._sums: dict[tuple[str, str, tuple[tuple[str, str], ...]], _Sum] = {}

    def tell(
        self,
        level: Literal["warning", "error"],
        event: str,
        /,
        *,
        remote: str | None = None,
        times: int = 1,
        **what: str,
    ) -> None:
        """Something has happened. `what`: values of which there are few; `remote`: from where; `times`: so often."""
        key = (level, event, tuple(what.items()))
        if key not in self._sums and len(self._sums) >= KINDS:
            key = (level, event, ())
        summed = self._sums.get(key)
        if summed is None:
            self._sums[key] = _Sum(self._ticks())
            self._write(key, {"times": times} if times > 1 else {}, [remote] if remote else [])
            return
        summed.times += times
        if remote and len(summed.remotes) < ADDRESSES:
            summed.remotes.add(remote)

    def sum_up(self, *, all_of_it: bool = False) -> None:
        """Tell what has been summed up for `INTERVAL`, or everything. To be called every second or so."""
        time = self._ticks()
        for key, summed in list(self._sums.items()):
            if time - summed.since < INTERVAL and not all_of_it:
                continue
            if summed.times == 0:
                del self._sums[key]  # what comes next is told at once
                continue
            counts: dict[str, Any] = {"times": summed.times, "seconds": round(time - summed.since, 1)}
            if len(summed.remotes) > SHOWN:
                counts["addresses"] = len(summed.remotes)
            self._write(key, counts, sorted(summed.remotes)[:SHOWN])
            self._sums[key] = _Sum(time)

    def _write(
        self, key: tuple[str, str, tuple[tuple[str, str], ...]], counts: dict[str, Any], remotes: list[str]
    ) -> None:
        level, event, what = key
        from_where = {"remote": ", ".join(remotes)} if remotes else {}
        (self._log.warning if level == "warning" else self._log.error)(event, **dict(what), **from_where, **counts)
