"""HTTP clients of directories: complete subjects, and who has changed. One file a vendor; what they share is here.

A method is one question, even where the answer takes several requests. Nothing is tried again here; failures are
raised as `DirectoryError`.

`read_at` is a lower bound of an answer's age, in µs since 1970 in the directory's own clock. Directories send
`Date`, in whole seconds: the answer was made then or later. The time that the request took is subtracted from it. But
`read_at` is always after that of every answer that was there when the request was sent. A `Date` that is ahead of our
clock counts as ours; one that is far behind is no answer to what is asked now, but something that was kept somewhere.

Whatever else is wrong with an answer, and whatever it makes a library raise, is a `DirectoryError`, too.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol, TypeAlias
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from streamproc.adapters.clocks import Clocks
from streamproc.adapters.http import NotSentError, UnansweredError, moment, retry_after, send
from streamproc.adapters.oauth import Bearer, TokenRefusedError, heard
from streamproc.core.records.units import Micros
from streamproc.hydrator.directories.answer import Answer, bounded
from streamproc.hydrator.directories.directory_error import DirectoryError, odd
from streamproc.hydrator.directories.mending import mended

LONGEST: Final = 600.0
"""Most seconds for which an answer can ask us to send nothing."""
OF_ONE: Final = 2 * 1024 * 1024
"""Bytes that an answer about one subject may have, as long as nothing else is said."""
PAGE: Final = 16 * 1024 * 1024
"""Bytes of a page of a list."""
REPORT: Final = 96 * 1024 * 1024
"""Bytes of a report of everybody, which comes in one."""
BEHIND: Final = 3600.0
"""Seconds by which an answer's `Date` may be behind our clock."""
GONE: Final = b'{"status":404}'
"""Value of the record for a 404: the directory's own text says no more."""
OVERLAP: Final = 300 * 1_000_000
"""µs by which a round of changes goes back before the previous one: lists and logs may be late."""


Absent: TypeAlias = Callable[[Answer], bool]
"""Whether a 404 is the directory's word that it doesn't know somebody."""


def wordless(subject: str) -> Absent:
    """For vendors whose documents don't say what a 404 contains: these are asked for a list as well.

    What tells of the subject, as if it were there, is no such word.
    """

    def absent(answer: Answer) -> bool:
        try:
            said = [answer.value(name) for name in ("id", "uuid", "root.id")] if answer.content else []
        except DirectoryError:
            return True  # no JSON
        return subject not in map(str, said)

    return absent


@dataclass(frozen=True, slots=True)
class Read:
    """The answer about one subject."""

    status: Literal["found", "gone", "unknown"]
    """`gone`: the directory doesn't know the subject. `unknown`: it isn't in the answer, which proves nothing."""
    body: bytes
    read_at: Micros
    missed: str = ""
    """What the directory didn't answer besides, and is left as it was known."""


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a round."""

    subjects: tuple[str, ...]
    """Subjects that have to be fetched."""
    elements: Sequence[Any]
    """Payloads that are complete by themselves. Looking at one that can't be read raises DirectoryError."""
    read_at: Micros
    next_page: str
    """Token of the page with which the round goes on; "": it is over."""
    since: str
    """Where the next round of changes begins."""
    missed: str = ""
    """What the directory didn't answer, and is left to the next round."""


class Directory(Protocol):
    """One vendor's directory of who works here."""

    @property
    def api(self) -> "Api":
        """The connection: how long it has to be quiet concerns others."""

    async def read(self, subject: str) -> Read:
        """The subject's present state. Raises DirectoryError."""

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        """The page with this token, or the first one: of everybody, or of what changed since an earlier round.

        Raises DirectoryError; its status is 410 where the round can't go on and everything has to be read again.
        """


class Api:
    """Requests to one directory at `root`. `scheme`: of the Authorization header, before the token of `bearer`.

    `headers`: for every request.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        root: str,
        scheme: str,
        bearer: Bearer,
        clocks: Clocks,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._http = http
        self._root = root.rstrip("/")
        self._scheme = scheme
        self._bearer = bearer
        self._clocks = clocks
        self._headers = dict(headers or {})
        self.quiet_until = 0.0
        """Of `ticks`: until then the directory doesn't want requests."""
        self._latest = 0
        """`read_at` of the newest answer."""

    @property
    def root(self) -> str:
        """Where the directory is."""
        return self._root

    def is_overtaken(self, answer: Answer) -> bool:
        """Whether another one was there before it that had been asked for later."""
        return answer.read_at < self._latest

    async def get(
        self,
        url: str,
        *,
        absent: Absent | None = None,
        seconds: float | None = None,
        prefer: str = "",
        most: int = OF_ONE,
    ) -> Answer:
        """`url`: a path or query below the root, encoded, or a link from the directory. `prefer`: as in RFC 7240.

        `seconds`: until all of the answer is there. `most`: bytes that it may have, unpacked.
        Raises DirectoryError for all statuses but 200 and a 404 that is one by `absent`.
        """
        return self._counted(_found(await self._ask("GET", url, None, seconds, prefer, most), absent))

    async def post(self, url: str, body: dict[str, Any], *, absent: Absent | None = None, most: int = OF_ONE) -> Answer:
        """A question that is asked by POST; as `get`."""
        return self._counted(_found(await self._ask("POST", url, orjson.dumps(body), most=most), absent))

    async def send(self, method: str, url: str, body: dict[str, Any]) -> Answer:
        """A request with a JSON body. Raises DirectoryError for statuses other than 2xx."""
        answer = await self._ask(method, url, orjson.dumps(body))
        if not 200 <= answer.status < 300:
            raise DirectoryError(answer.status, f"answered {answer.status}")
        return self._counted(answer)

    def _counted(self, answer: Answer) -> Answer:
        """What is asked from now on is newer. A page of a proxy's, which may tell no time, is no answer."""
        self._latest = max(self._latest, answer.read_at)
        return answer

    async def _ask(
        self,
        method: str,
        url: str,
        body: bytes | None,
        seconds: float | None = None,
        prefer: str = "",
        most: int = OF_ONE,
    ) -> Answer:
        target = self._target(url)
        try:
            token = await self._bearer.get()
        except TokenRefusedError as error:
            self.quiet_until = max(self.quiet_until, self._clocks.ticks() + min(error.wait, LONGEST))
            raise DirectoryError(None, str(error)) from None
        headers = {**self._headers, "Authorization": f"{self._scheme} {token}", "Accept": "application/json"}
        headers["Cache-Control"] = "no-cache"  # an answer that was kept for others is older than what we ask for
        if body is not None:
            headers["Content-Type"] = "application/json"
        if prefer:
            headers["Prefer"] = prefer
        options = {} if seconds is None else {"timeout": aiohttp.ClientTimeout(total=seconds)}
        begun, previous = self._clocks.ticks(), self._latest
        try:
            reply = await send(
                self._http, method, target, headers, body, clock=self._clocks.clock, most=most, **options
            )
        except NotSentError as error:
            raise DirectoryError(None, f"gave no answer: {error}") from None
        except UnansweredError as error:
            raise DirectoryError(None, f"gave no answer: {error}", odd=error.odd) from None
        took, now = self._clocks.ticks() - begun, self._clocks.clock()
        heard(self._bearer, token, reply.status)
        self.quiet_until = max(self.quiet_until, self._clocks.ticks() + quiet(reply.status, reply.headers, now))
        date = moment(reply.headers.get("date") or "")
        if date is not None and now - date > BEHIND and reply.status not in {429, 503}:
            raise odd(f"answered with something that is {now - date:.0f} s old, or its clock is wrong")
        if reply.status == 200 and not reply.is_json:
            raise odd("answered 200 with something that isn't JSON, by its own word")
        read_at = max(lower_bound(reply.headers, took, now), Micros(previous + 1))
        return Answer(reply.status, mended(reply.content), read_at, following(reply.headers.get("link", ""), target))

    def _target(self, url: str) -> URL:
        """Credentials go to the directory only, whatever a link says."""
        try:
            target = URL(self._root + url if url.startswith(("/", "?")) else url, encoded=True)
            elsewhere = target.origin() != URL(self._root).origin() or target.user is not None
        except ValueError:
            elsewhere = True
        if elsewhere or re.fullmatch(r"[!-~]+", url) is None:
            raise DirectoryError(None, "gave a link that leads elsewhere", odd=True)
        return target


def _found(answer: Answer, absent: Absent | None) -> Answer:
    if answer.status == 200 or (answer.status == 404 and absent is not None and absent(answer)):
        return answer
    if answer.status == 404 and absent is not None:
        raise DirectoryError(404, "answered 404, not in its own words", odd=True)
    raise DirectoryError(answer.status, f"answered {answer.status}")


def following(links: str, target: URL) -> str:
    """URL of the next page, by the Link headers of an answer to `target`; "" where none is. Raises DirectoryError."""
    for each in re.split(r",\s*(?=<)", links):
        url, _, parameters = each.strip().removeprefix("<").partition(">")
        for parameter in parameters.split(";"):
            name, _, relations = parameter.partition("=")
            if name.strip().lower() == "rel" and "next" in relations.strip().strip('"').lower().split():
                try:
                    return bounded(str(target.join(URL(url, encoded=True))))
                except ValueError:
                    raise odd("gave a link that can't be read") from None
    return ""


def segment(subject: str) -> str:
    """An id as one part of a path. Raises DirectoryError for one that would lead to another path."""
    if subject in {"", ".", ".."}:
        raise odd("can't be asked about an id that no path can have")
    return quote(subject, safe="")


def lower_bound(headers: dict[str, str], took: float, now: float) -> Micros:
    """Of an answer's age, µs since 1970. `now`: our clock, in seconds; a directory's that is ahead counts as ours."""
    date = moment(headers.get("date") or "")
    return Micros(int((min(now, now if date is None else date) - took) * 1_000_000))


def quiet(status: int, headers: dict[str, str], now: float) -> float:
    """Seconds for which the directory doesn't want requests.

    By Retry-After (RFC 9110 §10.2.3), or Okta's `X-Rate-Limit-Reset`, a moment in its own clock.
    """
    date = moment(headers.get("date") or "")
    waits = [0.0]
    if status in {429, 503}:
        waits.append(retry_after(headers.get("retry-after", ""), headers.get("date"), now) or 0.0)
    reset = headers.get("x-rate-limit-reset", "")
    if reset.isdecimal() and (status == 429 or headers.get("x-rate-limit-remaining") == "0"):
        waits.append(float(reset) - (now if date is None else date))
    return min(LONGEST, max(waits))


def iso(micros: int) -> str:
    """RFC 3339 in milliseconds."""
    moment = datetime.fromtimestamp(micros // 1000 / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
