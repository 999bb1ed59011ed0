"""Seam to directories: whole subjects, and who has changed. A file for each vendor; what they share is here.

A method is one question, even where the answer takes several requests. Nothing is tried again here, and what is wrong
is told by `DirectoryError`.

When an answer was made is told in the directory's own clock. All four send `Date`, in whole seconds: the answer was
made then or later, and counts as made before that by as long as the request took; but later than every answer that was
there when it was asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal, Protocol

import aiohttp
import orjson
from yarl import URL

from streamproc.adapters.oauth import Bearer, TokenRefusedError
from streamproc.core.errors import StreamprocError

LONGEST: Final = 600.0
"""Seconds that an answer can ask us to be quiet at most."""
GONE: Final = b'{"status":404}'
"""What stands for a 404 in the log: its own words say no more."""
OVERLAP: Final = 300 * 1_000_000
"""µs by which a round of changes begins before the one before: lists and logs may be late."""


class DirectoryError(StreamprocError):
    """There is no answer that can be used. `status` None: none came, or not from the directory."""

    def __init__(self, status: int | None, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True)
class Read:
    """One subject. `read`: µs since 1970 in the directory's clock, at or before which the answer was made.

    `gone`: the directory doesn't know the subject. `unknown`: it isn't in the answer, which means nothing.
    """

    status: Literal["found", "gone", "unknown"]
    body: bytes
    read: int


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a round. `subjects` are to be read; `elements` speak for themselves.

    `read` as in `Read`. `place`: where the round goes on; "": it is over, and the next one begins at `since`.
    `missed`: what wasn't answered, and is left to the next round.
    """

    subjects: tuple[str, ...]
    elements: tuple[Any, ...]
    read: int
    place: str
    since: str
    missed: str = ""


class Directory(Protocol):
    """Who works here, as one vendor tells it."""

    @property
    def api(self) -> "Api":
        """The connection, for whom it concerns how long to be quiet."""

    async def read(self, subject: str) -> Read:
        """The subject's present state. Raises DirectoryError."""

    async def page(self, since: str, place: str, *, full: bool) -> Page:
        """The page at `place`, or the first one: of everything, or of what changed since a round before.

        Raises DirectoryError; its status is 410 where the round can't go on and everything has to be told anew.
        """


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `read` as in `Read`; `next`: the page after this one, by its Link header."""

    status: int
    content: bytes
    read: int
    next: str

    def json(self) -> Any:
        """Raises DirectoryError: it isn't JSON, so it's hardly the directory's."""
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            raise DirectoryError(None, f"answered {self.status} with something that isn't JSON") from None

    def record(self) -> dict[str, Any]:
        """The JSON object. Raises DirectoryError."""
        found = self.json()
        if not isinstance(found, dict):
            raise DirectoryError(None, f"answered {self.status} with something else than an object")
        return found


class Api:
    """Requests to one directory at `root`. `scheme`: of the Authorization header, before what `bearer` gives.

    `quiet_until`: of `ticks`, until when the directory doesn't want to be asked.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        root: str,
        scheme: str,
        bearer: Bearer,
        clock: Callable[[], float],
        ticks: Callable[[], float],
    ) -> None:
        self._http = http
        self._root = root.rstrip("/")
        self._scheme = scheme
        self._bearer = bearer
        self._clock = clock
        self._ticks = ticks
        self.quiet_until = 0.0
        self._latest = 0
        """`read` of the newest answer."""

    async def get(self, url: str, *, absent: bool = False, seconds: float | None = None, prefer: str = "") -> Answer:
        """`url`: a path or query below the root, encoded, or a link that the directory gave. `prefer`: as in RFC 7240.

        `absent`: 404 is an answer, too. Raises DirectoryError for anything else than 200.
        """
        answer = await self._ask("GET", url, None, seconds, prefer)
        if answer.status == 200 or (absent and answer.status == 404):
            return answer
        raise DirectoryError(answer.status, f"answered {answer.status}")

    async def send(self, method: str, url: str, body: dict[str, Any]) -> Answer:
        """Raises DirectoryError for what isn't 2xx."""
        answer = await self._ask(method, url, orjson.dumps(body), None)
        if not 200 <= answer.status < 300:
            raise DirectoryError(answer.status, f"answered {answer.status}")
        return answer

    async def _ask(self, method: str, url: str, body: bytes | None, seconds: float | None, prefer: str = "") -> Answer:
        target = self._target(url)
        try:
            token = await self._bearer.get()
        except TokenRefusedError as error:
            raise DirectoryError(None, str(error)) from None
        sent = {"Authorization": f"{self._scheme} {token}", "Accept": "application/json"}
        if body is not None:
            sent["Content-Type"] = "application/json"
        if prefer:
            sent["Prefer"] = prefer
        timeout = self._http.timeout if seconds is None else aiohttp.ClientTimeout(total=seconds)
        begun, before = self._ticks(), self._latest
        try:
            async with self._http.request(
                method, target, data=body, headers=sent, allow_redirects=False, timeout=timeout
            ) as response:
                took, now = self._ticks() - begun, self._clock()
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise DirectoryError(None, f"gave no answer: {type(error).__name__}") from None
        told = {name.lower(): value for name, value in response.headers.items()}
        if response.status == 401:
            self._bearer.refuse(token)
        self.quiet_until = max(self.quiet_until, self._ticks() + quiet(response.status, told, now))
        made = max(read(told, took, now), before + 1)
        self._latest = max(self._latest, made)
        link = response.links.get("next")
        return Answer(response.status, content, made, str(link["url"]) if link else "")

    def _target(self, url: str) -> URL:
        """Credentials go to the directory only, whatever a link says."""
        target = URL(self._root + url if url.startswith(("/", "?")) else url, encoded=True)
        if target.origin() != URL(self._root).origin():
            raise DirectoryError(None, "gave a link that leads elsewhere")
        return target


def read(headers: dict[str, str], took: float, now: float) -> int:
    """See above, µs. `now`: our clock, in seconds; a directory's that is ahead counts as ours."""
    said = _moment(headers.get("date"))
    return int((min(now, now if said is None else said) - took) * 1_000_000)


def quiet(status: int, headers: dict[str, str], now: float) -> float:
    """Seconds for which the directory doesn't want to be asked.

    Retry-After (RFC 9110 §10.2.3), or Okta's `X-Rate-Limit-Reset`, a moment in its own clock.
    """
    date = _moment(headers.get("date")) or now
    waits = [0.0]
    if status in {429, 503}:
        after = headers.get("retry-after", "")
        moment = _moment(after)
        waits.append(float(after) if after.isdecimal() else 0.0 if moment is None else moment - date)
    reset = headers.get("x-rate-limit-reset", "")
    if reset.isdecimal() and (status == 429 or headers.get("x-rate-limit-remaining") == "0"):
        waits.append(float(reset) - date)
    return min(LONGEST, max(waits))


def about(subject: str, found: dict[str, Any]) -> None:
    """Raises DirectoryError unless the answer is about whom was asked for."""
    if found.get("id") != subject:
        raise DirectoryError(200, "answered about somebody else")


def iso(micros: int) -> str:
    """RFC 3339 in milliseconds."""
    moment = datetime.fromtimestamp(micros // 1000 / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(said: str | None) -> float | None:
    """Seconds since 1970 of a date as HTTP writes it."""
    try:
        return parsedate_to_datetime(said or "").timestamp()
    except ValueError:
        return None
