"""The question of whether somebody is assigned to the application, which is asked with each user where one is named.

Rule 1: it holds up nobody. What isn't answered is left out of the user's answer, so that what was known stays. It is
told, and asked again with the next round: of all of whom it is owed, or of a few as long as nothing is answered.
Rule 2: of whose access ends nobody asks.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from streamproc.hydrator.decide.leaving import ends
from streamproc.hydrator.directories.answer import OF_A_PAGE, Answer
from streamproc.hydrator.directories.directory_error import DirectoryError, answered, odd
from streamproc.sources import Read
from streamproc.sources.assignment import ANSWER
from streamproc.sources.options import SourceOptions
from streamproc.sources.values.unread import Unread

PROBES: Final = 20
"""Of those of whom it is owed, so many are asked of in a round as long as nothing is answered."""


class Assignment:
    """The questions to one directory. `read`: how its answers are read."""

    def __init__(self, read: Read, options: SourceOptions) -> None:
        self.application = options.application
        """The id; "": nothing is asked."""
        self._read = read
        self._options = options
        self._owed: dict[str, None] = {}
        self._answers = True
        """Whether the last question was answered."""

    async def of(
        self, subject: str, user: Answer, ask: Callable[[], Awaitable[bool | Unread]]
    ) -> tuple[dict[str, Any], str]:
        """What takes its place in the answer about a user, whatever stands there, and why that says nothing."""
        self._owed.pop(subject, None)
        if not self.application:
            return {}, ""
        if ends(self._read, user.json(), self._options, user.read_at):
            return {ANSWER: None}, ""
        try:
            assigned = await answered(ask())
            if not isinstance(assigned, bool):
                raise odd("doesn't say who is assigned")
        except DirectoryError as error:
            self._answers = False
            if len(self._owed) < OF_A_PAGE:
                self._owed[subject] = None
            return {ANSWER: None}, f"application {self.application}: {error}; what was known of assignments stays"
        self._answers = True
        return {ANSWER: {"application": self.application, "assigned": assigned}}, ""

    def owed(self) -> tuple[str, ...]:
        """Of whom to ask again."""
        return tuple(self._owed) if self._answers else tuple(self._owed)[:PROBES]
