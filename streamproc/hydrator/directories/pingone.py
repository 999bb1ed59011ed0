"""PingOne: users with the names of their groups, the list of all, and audit activities for what changed.

developer.pingidentity.com: Read user, Read all users, Audit activities. Groups are read user by user: no page
says that a list includes them. There is no filter by `updatedAt`.
"""

from typing import Any
from urllib.parse import quote

import orjson

from streamproc.hydrator.directories.answer import Answer, names_of
from streamproc.hydrator.directories.api import GONE, OVERLAP, PAGE, Api, Page, Read, iso, segment
from streamproc.hydrator.directories.entries import Entries


class PingOne:
    """`since`: µs in PingOne's clock."""

    def __init__(self, api: Api, environment: str) -> None:
        self.api = api
        self._root = f"/environments/{quote(environment, safe='')}"

    async def read(self, subject: str) -> Read:
        path = f"{self._root}/users/{segment(subject)}?include=memberOfGroupNames"
        answer = await self.api.get(path, absent=_unknown)
        if answer.status == 404:
            return Read("gone", GONE, answer.read_at)
        answer.about(subject)
        return Read("found", answer.content, answer.read_at)

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        state = orjson.loads(page_token) if page_token else self._first(since, full=full)
        answer = await self.api.get(state["url"], most=PAGE)
        elements = _entries(answer, "activities" if state["log"] else "users")
        begun, in_log = state.get("begun", answer.read_at), state["log"]
        url = answer.link("_links", "next", "href")
        if not url and not in_log and since:
            url, in_log = self._activities(since), True
        next_page = orjson.dumps({"url": url, "begun": begun, "log": in_log}).decode() if url else ""
        if state["log"]:
            return Page((), elements, answer.read_at, next_page, str(begun))
        subjects, missed = names_of(elements)
        return Page(subjects, (), answer.read_at, next_page, str(begun), missed)

    def _first(self, since: str, *, full: bool) -> dict[str, Any]:
        if full or not since:
            return {"url": f"{self._root}/users", "log": False}
        return {"url": self._activities(since), "log": True}

    def _activities(self, since: str) -> str:
        recorded = f'recordedat gt "{iso(max(0, int(since) - OVERLAP))}"'
        return f"{self._root}/activities?filter={quote(recorded)}"


def _entries(answer: Answer, name: str) -> Entries:
    """An empty page may do without the list, and says so."""
    empty = answer.part("_embedded") is None and answer.value("size") == 0
    return Entries(()) if empty else answer.entries("_embedded", name)


def _unknown(answer: Answer) -> bool:
    return answer.word("code") == "NOT_FOUND"
