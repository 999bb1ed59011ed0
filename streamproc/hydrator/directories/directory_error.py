"""There is no usable answer: why, and whose fault it may be."""

from collections.abc import Awaitable
from typing import Final, TypeVar

import structlog

from streamproc.core.errors import StreamprocError

log = structlog.get_logger("streamproc.hydrator")

T = TypeVar("T")

REFUSALS: Final = frozenset(range(200, 500)) - {401, 403, 404, 408, 429}
"""Statuses that aren't the directory's failure. 404 is: it means that part of an answer is missing."""


class DirectoryError(StreamprocError):
    """There is no usable answer. `status` None: there is none, or it isn't the directory's.

    `odd`: there is an answer, but not to what was asked; asking often makes it no better.
    """

    def __init__(self, status: int | None, detail: str, *, odd: bool = False) -> None:
        super().__init__(detail)
        self.status = status
        self.odd = odd

    @property
    def misplaced(self) -> bool:
        """Whether asking for this page is what is wrong, by the answer itself."""
        return self.odd or self.status in REFUSALS | {404}


def odd(detail: str) -> DirectoryError:
    """The error for an answer that isn't one."""
    return DirectoryError(None, detail, odd=True)


async def answered(question: Awaitable[T]) -> T:
    """What the directory says. Raises DirectoryError, whatever an answer makes somebody stumble over."""
    try:
        return await question
    except DirectoryError:
        raise
    except Exception as error:
        log.debug("an answer made its reader fail", exc_info=True)
        raise odd(f"gave an answer that can't be read: {type(error).__name__}") from error
