"""PingOne: users with the names of their groups, the list of all, and audit activities for what changed.

developer.pingidentity.com: Read user, Read all users, Audit activities. Groups are read user by user: no page
says that a list includes them. There is no filter by `updatedAt`. Nobody is assigned to an application one by one: its
access control names groups (Applications). If these are others, everybody is read again.
"""

from functools import partial
from typing import Any, Final
from urllib.parse import quote

import orjson

from streamproc.core.records.units import Micros
from streamproc.hydrator.directories.answer import Answer, names_of
from streamproc.hydrator.directories.api import GONE, OVERLAP, PAGE, Api, Page, Read, iso, segment
from streamproc.hydrator.directories.assignment import Assignment
from streamproc.hydrator.directories.directory_error import DirectoryError
from streamproc.hydrator.directories.entries import Entries
from streamproc.hydrator.directories.hook import Hook
from streamproc.sources import pingone
from streamproc.sources.lenient_json import digest
from streamproc.sources.options import SourceOptions
from streamproc.sources.values.unread import Unread

FRESH: Final = 2 * 1_000_000
"""µs for which an answer about the application is good."""


class PingOne:
    """`since`: µs in PingOne's clock, and a digest of who may use the application."""

    def __init__(self, api: Api, environment: str, options: SourceOptions = pingone.DEFAULTS) -> None:
        self.api = api
        self._root = f"/environments/{quote(environment, safe='')}"
        self._assignment = Assignment(pingone.read, options)
        self._admitted: tuple[Micros, pingone.Admission | None] | None = None
        """Who may use the application, and when that was read."""

    async def read(self, subject: str) -> Read:
        path = f"{self._root}/users/{segment(subject)}?include=memberOfGroupNames"
        path += ",memberOfGroupIDs" if self._assignment.application else ""
        answer = await self.api.get(path, absent=_unknown)
        if answer.status == 404:
            return Read("gone", GONE, answer.read_at)
        answer.about(subject)
        more, missed = await self._assignment.of(subject, answer, partial(self._assigned, answer))
        body = orjson.dumps(answer.record() | more) if more else answer.content
        return Read("found", body, answer.read_at, missed)

    async def hooks(self) -> list[Hook]:
        """All webhooks (Subscriptions: Read all subscriptions). Raises DirectoryError."""
        answer = await self.api.get(f"{self._root}/subscriptions", most=PAGE)
        return [_hook(entry) for entry in _entries(answer, "subscriptions")]

    async def _assigned(self, user: Answer) -> bool | Unread:
        return pingone.assigned(await self._admission(user.read_at), user.value("memberOfGroupIDs"))

    async def _admission(self, since: Micros | None = None) -> pingone.Admission | None:
        """Who may use the application: as it was then (µs in PingOne's clock) or a moment before; None: now."""
        if self._admitted is None or since is None or since - self._admitted[0] > FRESH:
            application = self._assignment.application
            answer = await self.api.get(f"{self._root}/applications/{segment(application)}")
            self._admitted = answer.read_at, pingone.admission(answer.about(application))
        return self._admitted[1]

    async def _open_to(self, before: str) -> tuple[str, str]:
        """A digest of who may use the application, and why it is that of before."""
        if not self._assignment.application:
            return "", ""
        try:
            return digest([self._assignment.application, await self._admission()]), ""
        except DirectoryError as error:
            return before, f"application {self._assignment.application}: {error}"

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        since, _, before = since.partition(" ")
        state, missed = orjson.loads(page_token) if page_token else self._first(since, full=full), ""
        if not page_token:
            state["of"], missed = await self._open_to(before)
            if state["of"] != before and since and not full:
                raise DirectoryError(410, "wasn't asked of the application, or has opened it to other groups since")
        answer = await self.api.get(state["url"], most=PAGE)
        elements = _entries(answer, "activities" if state["log"] else "users")
        begun, in_log = state.get("begun", answer.read_at), state["log"]
        url = answer.link("_links", "next", "href")
        if not url and not in_log and since:
            url, in_log = self._activities(since), True
        of = state.get("of", "")
        next_page = orjson.dumps({"url": url, "begun": begun, "log": in_log, "of": of}).decode() if url else ""
        after = f"{begun} {of}".strip()
        owed = () if page_token else self._assignment.owed()
        if state["log"]:
            return Page(owed, elements, answer.read_at, next_page, after, missed)
        subjects, nameless = names_of(elements)
        missed = "; ".join(filter(None, (missed, nameless)))
        return Page(tuple(dict.fromkeys((*subjects, *owed))), (), answer.read_at, next_page, after, missed)

    def _first(self, since: str, *, full: bool) -> dict[str, Any]:
        if full or not since:
            return {"url": f"{self._root}/users", "log": False}
        return {"url": self._activities(since), "log": True}

    def _activities(self, since: str) -> str:
        recorded = f'recordedat gt "{iso(max(0, int(since) - OVERLAP))}"'
        return f"{self._root}/activities?filter={quote(recorded)}"


def _hook(entry: dict[str, Any]) -> Hook:
    endpoint = entry.get("httpEndpoint")
    url = str(endpoint.get("url")) if isinstance(endpoint, dict) else ""
    return Hook(url, "" if entry.get("enabled") is True else "not enabled")


def _entries(answer: Answer, name: str) -> Entries:
    """An empty page may do without the list, and says so."""
    empty = answer.part("_embedded") is None and answer.value("size") == 0
    return Entries(()) if empty else answer.entries("_embedded", name)


def _unknown(answer: Answer) -> bool:
    return answer.word("code") == "NOT_FOUND"
