"""Verdict: what an answer means and what happens next. One table; the sink only carries it out.

Genesys Cloud's documents disagree about version conflicts (400 `invalidVers`, 409, 412), so all three are one. Where an
answer leaves open whether the write was applied, it is read back, never sent again blind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

Asked: TypeAlias = Literal["create", "write", "group", "read"]
"""What kind of request was answered: POST of a user, PATCH of a user, PATCH of a group, or a GET."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, or the lack of one: `status` None with `sent` False means that nothing left this machine."""

    status: int | None
    body: dict[str, Any]
    headers: dict[str, str]
    """Lower-case names."""
    sent: bool = True
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Deliver:
    """Accepted."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not applied: send the same again after `after` seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class ReadBack:
    """It may have been applied: read after `after` seconds, compare, then decide."""

    after: float


@dataclass(frozen=True, slots=True)
class Refetch:
    """Somebody else changed it: read, plan again, send."""


@dataclass(frozen=True, slots=True)
class Adopt:
    """It exists already: find it, and plan from what it holds."""


@dataclass(frozen=True, slots=True)
class Gone:
    """What we knew by this id isn't there (any more): look it up again."""


@dataclass(frozen=True, slots=True)
class Park:
    """It will never be accepted like this: set it aside with the reason."""

    reason: str


Verdict: TypeAlias = Deliver | Retry | ReadBack | Refetch | Adopt | Gone | Park

BACKOFF_FIRST: Final = 0.2
BACKOFF_MOST: Final = 30.0


def backoff(attempts: int, jitter: float) -> float:
    """Seconds before attempt number `attempts + 1`: doubling from 0.2 s to 30 s, `jitter` (0 to 1) takes up to half."""
    full = min(BACKOFF_MOST, BACKOFF_FIRST * 2.0 ** min(attempts, 16))
    return full * (1.0 - 0.5 * jitter)


def verdict(asked: Asked, answer: Answer, attempts: int, jitter: float) -> Verdict:
    """What `answer` to the attempt number `attempts` (from 0) means."""
    pause = _pause(answer, attempts, jitter)
    for matches, decide in _TABLE:
        if matches(asked, answer):
            return decide(asked, answer, pause)
    return Park(describe(answer))


def describe(answer: Answer) -> str:
    """The server's own words, from either of Genesys's error bodies (ScimError, platform ErrorBody)."""
    body = answer.body
    words = body.get("detail") or body.get("message") or answer.error or ""
    kind = body.get("scimType") or body.get("code") or ""
    return " ".join(str(part) for part in (answer.status or "no answer", kind, words) if part)


def _scim_type(answer: Answer) -> str:
    return str(answer.body.get("scimType") or "")


def _conflict(asked: Asked, answer: Answer) -> bool:
    if asked == "create" or answer.status not in {400, 409, 412}:
        return False
    if answer.status == 400:
        return _scim_type(answer) == "invalidVers" or "does not match the current version" in describe(answer)
    return _scim_type(answer) != "uniqueness"


def _pause(answer: Answer, attempts: int, jitter: float) -> float:
    try:
        asked_for = float(answer.headers.get("retry-after", ""))
    except ValueError:  # absent, or the date form, which Genesys doesn't use
        return backoff(attempts, jitter)
    return min(asked_for, 300.0) if asked_for > 0 else backoff(attempts, jitter)  # NaN isn't greater either


_Matches = Callable[[Asked, Answer], bool]
_Decides = Callable[[Asked, Answer, float], Verdict]


def _status(*codes: int) -> _Matches:
    return lambda _asked, answer: answer.status in codes


_TABLE: Final[list[tuple[_Matches, _Decides]]] = [
    # accepted
    (lambda _asked, answer: answer.status is not None and 200 <= answer.status < 300, lambda *_: Deliver()),
    # nothing left this machine: safe to send again
    (lambda _asked, answer: answer.status is None and not answer.sent, lambda _a, _b, pause: Retry(pause)),
    # a read changes nothing: read again
    (
        lambda asked, answer: asked == "read" and (answer.status is None or answer.status >= 500),
        lambda _a, _b, pause: Retry(pause),
    ),
    # sent, and no answer came (reset, timeout): unknown
    (lambda _asked, answer: answer.status is None, lambda _a, _b, pause: ReadBack(pause)),
    # refused before it was looked at: rate limit, request timeout, token expired in flight (RFC 9110 §15.5.9)
    (_status(401, 408, 425, 429), lambda _a, _b, pause: Retry(pause)),
    # "User name already in use by non-deleted user"
    (lambda asked, answer: asked == "create" and answer.status == 409, lambda *_: Adopt()),
    # version conflict, in each of its three documented forms
    (_conflict, lambda *_: Refetch()),
    # gone
    (_status(404, 410), lambda *_: Gone()),
    # 500, 503, 504 after the request was sent: it may have been applied
    (lambda _asked, answer: answer.status is not None and answer.status >= 500, lambda _a, _b, pause: ReadBack(pause)),
]
