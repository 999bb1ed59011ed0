"""What comes of a step, as a value: what is told, learned and set aside of it, and whether it is tried again."""

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from streamproc.core.records.outcome import Request, Verdict
from streamproc.core.scim.response_action import Deliver, Denied, Gone, Park
from streamproc.core.scim.response_policy import PATIENCE, Response, backoff, response_action
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.steps import Exchange, Moment
from streamproc.sink.decide.target import Learned
from streamproc.sink.decide.underway import SetAside


class Told(Struct, frozen=True):
    """A line for the outcomes log that isn't a fate."""

    verdict: Verdict
    request: Request | None = None
    reason: str | None = None


class After(Struct, frozen=True):
    """What comes of a step."""

    progress: Progress
    told: tuple[Told, ...] = ()
    learned: tuple[Learned, ...] = ()
    """What is known of the target from now on."""
    aside: SetAside | None = None
    again: float | None = None
    """Seconds until it is tried again. None: nothing went wrong."""
    shared: bool = False
    """Everybody gets this, so that it doesn't count against the user."""


class Shown(Struct, frozen=True):
    """The answer shows what was asked for."""

    body: dict[str, Any]
    verdict: Literal["read"] = "read"


class Missing(Struct, frozen=True):
    """There is no such thing."""

    body: None = None
    verdict: Literal["absent"] = "absent"


class Refused(Struct, frozen=True):
    """The target won't answer it."""

    reason: str
    response: Response

    @property
    def unsearchable(self) -> bool:
        """Whether the target can't search by the attribute (RFC 7644 §3.4.2.2)."""
        return "invalidFilter" in self.reason


class Postponed(Struct, frozen=True):
    """It has to be asked again."""

    seconds: float
    denied: bool


Finding: TypeAlias = Shown | Missing | Refused
NOTHING: Final = Missing()


def finding(
    progress: Progress, exchange: Exchange, shows: Callable[[dict[str, Any]], bool], at: Moment
) -> Finding | Postponed:
    """What an answer to a read comes to. One that doesn't show what was asked for isn't an answer: nobody is absent
    because a proxy said so.
    """
    response = exchange.response
    action = response_action("read", response, progress.attempts, at.jitter)
    if isinstance(action, Deliver) and shows(response.body):
        return Shown(response.body)
    if isinstance(action, Gone):
        return NOTHING
    denied = isinstance(action, Denied)
    if isinstance(action, Park) or (isinstance(action, Denied) and is_theirs(progress, at)):
        return Refused(action.reason, response)
    return Postponed(getattr(action, "after", backoff(progress.attempts, at.jitter)), denied)


def is_theirs(progress: Progress, at: Moment) -> bool:
    """Whether a denial is to be put down to what was asked for, and not to our rights as a whole."""
    return progress.denied >= PATIENCE and not at.target_down
