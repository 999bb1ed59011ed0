"""Response policy: what an answer means and what happens next. One table, which the documentation shows.

Genesys Cloud's documents disagree about version conflicts (400 `invalidVers`, 409, 412), so all three are one. Where an
answer leaves open whether the write was applied, it is read back, never sent again blind.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from streamproc.core.scim.response_action import (
    Adopt,
    Deliver,
    Denied,
    Gone,
    Park,
    ReadBack,
    Refetch,
    ResponseAction,
    Retry,
)
from streamproc.core.scim.retry_after import asked_to_wait

RequestKind: TypeAlias = Literal["create", "write", "group", "read"]
"""What kind of request was answered: POST of a user, PATCH of a user, PATCH of a group, or a GET."""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer, or the lack of one: `status` None with `sent` False means that nothing left this machine."""

    status: int | None
    body: dict[str, Any]
    headers: dict[str, str]
    """Lower-case names."""
    sent: bool = True
    error: str | None = None
    trouble: Literal["token", "connection"] | None = None
    """What was lacking to send it."""


WORDS: Final = 500
"""Characters that are kept of what an answer says of itself."""
PATIENCE: Final = 5
"""Times that somebody is denied before it is put down to them; while the target is in trouble, it isn't."""
BACKOFF_FIRST: Final = 0.2
BACKOFF_MOST: Final = 30.0


def backoff(attempts: int, jitter: float) -> float:
    """Seconds before attempt number `attempts + 1`: doubling from 0.2 s to 30 s, `jitter` (0 to 1) takes up to half."""
    full = min(BACKOFF_MOST, BACKOFF_FIRST * 2.0 ** min(attempts, 16))
    return full * (1.0 - 0.5 * jitter)


def response_action(asked: RequestKind, answer: Response, attempts: int, jitter: float) -> ResponseAction:
    """What `answer` to the attempt number `attempts` (from 0) means."""
    pause = _pause(answer, attempts, jitter)
    row = next(row for row in TABLE if row.matches(asked, answer))
    return row.decide(answer, pause)


def describe(answer: Response) -> str:
    """The server's own words, from either of Genesys's error bodies (ScimError, platform ErrorBody).

    Of a redirect, where to; of a page, what it is.
    """
    body = answer.body
    words = _said(body, "detail") or _said(body, "message") or answer.error or ""
    if is_redirect(answer):
        words = f"redirected to {answer.headers.get('location', 'nowhere')[:WORDS]}, which isn't followed"
    elif is_page(answer):
        words = f"a page ({answer.headers['content-type'].partition(';')[0]}) instead of an answer of SCIM"
    kind = (_said(body, "scimType") or _said(body, "code"))[:WORDS]
    return " ".join(str(part) for part in (answer.status or "no answer", kind, words[:WORDS]) if part)


def refusal_of(answer: Response) -> Response:
    """All that has to be kept of an answer in order to say later why something was refused."""
    body = {name: said[:WORDS] for name in _SAYS if (said := _said(answer.body, name))}
    return replace(answer, body=body)


_SAYS: Final = ("detail", "message", "scimType", "code")


def _said(body: dict[str, Any], name: str) -> str:
    """Text or a number; whatever else somebody puts there says nothing."""
    said = body.get(name)
    return str(said) if isinstance(said, str | int | float) and said is not False else ""


def is_redirect(answer: Response) -> bool:
    """Whether it sends us elsewhere. Followed, a POST becomes a GET (RFC 9110 §15.4.2), and whoever answers has our
    token.
    """
    return answer.status is not None and 300 <= answer.status < 400


def is_page(answer: Response) -> bool:
    """Whether it is meant for people: of a proxy, or of a login. An answer without content may be labelled like one."""
    if answer.status in {None, 204} or not 200 <= (answer.status or 0) < 300:
        return False
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.body:  # RFC 7644 §3.1 wants application/scim+json; what isn't said to be something else is taken for it
        return kind not in _PLAIN and not kind.endswith("json")
    return answer.headers.get("content-length") != "0" and kind.startswith("text/")


_PLAIN: Final = frozenset({"", "text/plain", "application/octet-stream"})


def _scim_type(answer: Response) -> str:
    return _said(answer.body, "scimType")


def _conflict(asked: RequestKind, answer: Response) -> bool:
    if asked == "create" or answer.status not in {400, 409, 412}:
        return False
    if answer.status == 400:
        return _scim_type(answer) == "invalidVers" or "does not match the current version" in describe(answer)
    return _scim_type(answer) != "uniqueness"


def _pause(answer: Response, attempts: int, jitter: float) -> float:
    return asked_to_wait(answer.headers, answer.body if answer.status == 429 else {}) or backoff(attempts, jitter)


_Matches: TypeAlias = Callable[[RequestKind, Response], bool]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: to which request (in words) came which answer (in words), and what happens.

    `source`: where it is documented. The first row that matches decides.
    """

    asked: str
    answer: str
    then: str
    source: str
    matches: _Matches
    decide: Callable[[Response, float], ResponseAction]


def _status(*codes: int) -> _Matches:
    return lambda _asked, answer: answer.status in codes


def _server_error(answer: Response) -> bool:
    return answer.status is not None and answer.status >= 500


TABLE: Final = (
    Row(
        "GET",
        "a redirect (3xx), or a page (`text/…`) with 2xx",
        "no answer: read again after a backoff",
        "RFC 9110 §15.4; RFC 7644 §3.1: answers are application/scim+json",
        lambda asked, answer: asked == "read" and (is_redirect(answer) or is_page(answer)),
        lambda _answer, pause: Retry(pause),
    ),
    Row(
        "write",
        "a redirect (3xx), or a page (`text/…`) with 2xx",
        "not followed, not believed: read back, compare, then decide",
        "the same; a 303 may come after the write was carried out (RFC 9110 §15.4.4)",
        lambda _asked, answer: is_redirect(answer) or is_page(answer),
        lambda _answer, pause: ReadBack(pause),
    ),
    Row(
        "any",
        "2xx",
        "accepted; a leaver is read back",
        "RFC 7644 §3.3, §3.5.2",
        lambda _asked, answer: answer.status is not None and 200 <= answer.status < 300,
        lambda _answer, _pause: Deliver(),
    ),
    Row(
        "any",
        "none, and nothing was sent (no connection, no token)",
        "send again after a backoff",
        "nothing left this machine",
        lambda _asked, answer: answer.status is None and not answer.sent,
        lambda _answer, pause: Retry(pause),
    ),
    Row(
        "any",
        "501",
        "the target can't do this: refused",
        "RFC 9110 §15.6.2",
        _status(501),
        lambda answer, _pause: Park(describe(answer)),
    ),
    Row(
        "GET",
        "none, or 5xx",
        "read again after a backoff",
        "a read changes nothing (RFC 9110 §9.2.1)",
        lambda asked, answer: asked == "read" and (answer.status is None or answer.status >= 500),
        lambda _answer, pause: Retry(pause),
    ),
    Row(
        "write",
        "none (timeout, reset)",
        "unknown: read back, compare, then decide",
        "RFC 9110 §9.2.2",
        lambda _asked, answer: answer.status is None,
        lambda _answer, pause: ReadBack(pause),
    ),
    Row(
        "any",
        "429",
        "everybody waits for Retry-After, or the user, where the limit is theirs; send again",
        "status table; rate limits: Retry-After, else `[N] seconds` in the body, else a backoff",
        _status(429),
        lambda _answer, pause: Retry(pause),
    ),
    Row(
        "any",
        "401",
        "fetch a new token, send again",
        "status table; RFC 6750 §3.1",
        _status(401),
        lambda _answer, pause: Retry(pause),
    ),
    Row(
        "any",
        "408, 425",
        "not looked at: send again after a backoff",
        "status table; RFC 9110 §15.5.9",
        _status(408, 425),
        lambda _answer, pause: Retry(pause),
    ),
    Row(
        "any",
        "403",
        f"ask again; after {PATIENCE} times narrow down and park, unless the whole target refuses",
        "status table: rights may be missing for one attribute, one division, or at all",
        _status(403),
        lambda answer, pause: Denied(pause, describe(answer)),
    ),
    Row(
        "POST user",
        "409",
        "adopt the user who has the userName",
        "status table: user name in use by a user who isn't deleted",
        lambda asked, answer: asked == "create" and answer.status == 409,
        lambda _answer, _pause: Adopt(),
    ),
    Row(
        "PATCH",
        "400 `invalidVers`, 409 or 412",
        "version conflict: read, plan again, send",
        "ETag: three documents, three answers; all three are taken for one",
        _conflict,
        lambda _answer, _pause: Refetch(),
    ),
    Row(
        "PATCH",
        "400 `noTarget`",
        "what was to be taken away isn't there: read, plan again",
        "RFC 7644 §3.5.2.2",
        lambda asked, answer: asked in {"write", "group"} and answer.status == 400 and _scim_type(answer) == "noTarget",
        lambda _answer, _pause: Refetch(),
    ),
    Row(
        "GET, PATCH",
        "404, 410",
        "gone: ask for it by id, then look it up again",
        "status table",
        lambda asked, answer: asked != "create" and answer.status in {404, 410},
        lambda _answer, _pause: Gone(),
    ),
    Row(
        "write",
        "5xx",
        "may have been applied: read back, compare, then decide",
        "status table: 500, 503, 504",
        lambda _asked, answer: _server_error(answer),
        lambda _answer, pause: ReadBack(pause),
    ),
    Row(
        "any",
        "any other: 400, 413, 415 …",
        "refused: narrow down to the attribute, and park that",
        "status table; ScimError and ErrorBody",
        lambda _asked, _answer: True,
        lambda answer, _pause: Park(describe(answer)),
    ),
)


def table() -> str:
    """TABLE in Markdown, for the README."""
    lines = ["| Request | Answer | What happens | Source |", "|---|---|---|---|"]
    lines += [f"| {row.asked} | {row.answer} | {row.then} | {row.source} |" for row in TABLE]
    return "\n".join(lines)
