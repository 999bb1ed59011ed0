"""Runs the checks side by side: none waits for another, none hides what another finds, and each has an end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from streamproc.core.errors import StreamprocError, TargetError
from streamproc.doctor.line import WORTH, Line, Part

log = structlog.get_logger("streamproc.doctor")

SECONDS: Final = 30.0
"""That a check may take, unless told otherwise."""
ABOUT_OTHERS: Final[frozenset[Part]] = frozenset({"permissions", "catalogue", "clocks"})
"""Parts of which those who are asked have lines of their own."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something to be looked at. What `look` raises is a line about `about`."""

    part: Part
    about: str
    look: Callable[[], Awaitable[Sequence[Line]]]


async def examine(checks: Iterable[Check], seconds: float = SECONDS) -> list[Line]:
    """What all checks find, errors first, else in their order."""
    found = await asyncio.gather(*(_lines(check, seconds) for check in checks))
    return sorted((line for lines in found for line in lines), key=lambda line: WORTH[line.severity])


AGAIN: Final = "run it again; if it stays so, see what is between us and it"


async def _lines(check: Check, seconds: float) -> Sequence[Line]:
    try:
        async with asyncio.timeout(seconds):
            return await check.look()
    except TimeoutError:
        return [_unanswered(check, f"no answer within {seconds:g} s")]
    except TargetError as error:
        return [_unanswered(check, str(error))]
    except StreamprocError as error:
        text, do = str(error), ""  # which says it itself
    except Exception as error:  # the others are still worth reading
        log.debug("a check failed", part=check.part, about=check.about, exc_info=True)
        text, do = f"couldn't be looked at: {type(error).__name__}", "a mistake in the code: see what the others say"
    return [Line("error", check.part, check.about, text, do)]


def _unanswered(check: Check, why: str) -> Line:
    """That nobody answers is wrong with whoever is asked, and says nothing of what they were asked about."""
    if check.part in ABOUT_OTHERS:
        return Line("warning", check.part, check.about, f"not looked at: {why}")
    do = "see whether the addresses, a proxy between and the network are right" if check.part != "kafka" else AGAIN
    return Line("error", check.part, check.about, why, do)
