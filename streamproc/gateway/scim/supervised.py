"""What is begun anew whenever it fails: soon the first time, and later and later from then on."""

from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from streamproc.adapters.clocks import Clocks

FIRST_PAUSE: Final = 0.25
"""Seconds until it is begun anew the first time; each further time twice as long."""
LONGEST_PAUSE: Final = 15.0
STEADY: Final = 60.0
"""Seconds after which what went wrong before counts no more."""


async def supervised(
    follow: Callable[[], Awaitable[None]], failed: Callable[[Exception, int], None], clocks: Clocks
) -> NoReturn:
    """Until cancelled. `failed` is told what has gone wrong, and how many times in a row before."""
    failures = 0
    while True:
        begun = clocks.ticks()
        try:
            await follow()
        except Exception as error:  # noqa: BLE001 - a bug here mustn't end what others are served
            if clocks.ticks() - begun > STEADY:
                failures = 0
            failed(error, failures)
        await clocks.pause(pause_after(failures, clocks.jitter()))
        failures += 1


def pause_after(failures: int, jitter: float) -> float:
    """Seconds, after so many in a row before this one; `jitter`: from 0 to 1, takes up to half of it."""
    return min(FIRST_PAUSE * 2.0 ** min(failures, 16), LONGEST_PAUSE) * (1 - jitter / 2)
