"""PingOne: users with the names of their groups, the list of all, and audit activities for what changed.

developer.pingidentity.com: Read user, Read all users, Audit activities. Groups are asked for user by user: that a list
includes them isn't documented. `updatedAt` can't be filtered by.
"""

from typing import Any
from urllib.parse import quote

import orjson

from streamproc.hydrator.directories.api import GONE, OVERLAP, Api, Page, Read, about, iso
from streamproc.sources import pingone


class PingOne:
    """See above. `since`: µs in PingOne's clock."""

    def __init__(self, api: Api, environment: str) -> None:
        self.api = api
        self._root = f"/environments/{quote(environment, safe='')}"

    async def read(self, subject: str) -> Read:
        path = f"{self._root}/users/{quote(subject, safe='')}?include=memberOfGroupNames"
        answer = await self.api.get(path, absent=True)
        if answer.status == 404:
            return Read("gone", GONE, answer.read)
        about(subject, answer.record())
        return Read("found", answer.content, answer.read)

    async def page(self, since: str, place: str, *, full: bool) -> Page:
        at = orjson.loads(place) if place else self._first(since, full=full)
        answer = await self.api.get(at["url"])
        found = answer.record()
        begun, logged = at.get("begun", answer.read), at["log"]
        url = _next(found)
        if not url and not logged and since:
            url, logged = self._activities(since), True
        following = orjson.dumps({"url": url, "begun": begun, "log": logged}).decode() if url else ""
        elements = tuple(pingone.elements(found))
        if at["log"]:
            return Page((), elements, answer.read, following, str(begun))
        subjects = tuple(str(each["id"]) for each in elements if isinstance(each, dict) and "id" in each)
        return Page(subjects, (), answer.read, following, str(begun))

    def _first(self, since: str, *, full: bool) -> dict[str, Any]:
        if full or not since:
            return {"url": f"{self._root}/users", "log": False}
        return {"url": self._activities(since), "log": True}

    def _activities(self, since: str) -> str:
        recorded = f'recordedat gt "{iso(max(0, int(since) - OVERLAP))}"'
        return f"{self._root}/activities?filter={quote(recorded)}"


def _next(found: dict[str, Any]) -> str:
    link = (found.get("_links") or {}).get("next") or {}
    return str(link.get("href") or "")
