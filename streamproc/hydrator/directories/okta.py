"""Okta: users with their groups, whoever was updated, and the System Log for what no user shows any more.

developer.okta.com: Users API, List all assigned groups, System Log API. A list's filter shows deactivated users too,
the plain list doesn't. Membership of groups isn't an update of the user, and a deleted one isn't listed: the log tells.
"""

from typing import Any, Final
from urllib.parse import quote

import orjson

from streamproc.hydrator.directories.api import GONE, OVERLAP, Api, DirectoryError, Page, Read, about, iso
from streamproc.sources.okta import ACTIVE, MEMBERSHIP

TYPES: Final = " or ".join(f'eventType eq "{each}"' for each in sorted({*ACTIVE, *MEMBERSHIP}))


class Okta:
    """See above. `since`: µs in Okta's clock."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def read(self, subject: str) -> Read:
        path = f"/api/v1/users/{quote(subject, safe='')}"
        answer = await self.api.get(path, absent=True)
        if answer.status == 404:
            return Read("gone", GONE, answer.read)
        user = answer.record()
        about(subject, user)
        groups: list[Any] = []
        url = f"{path}/groups"
        while url:
            part = await self.api.get(url)
            groups += _listed(part.json())
            url = part.next
        user["_embedded"] = {**(user.get("_embedded") or {}), "groups": groups}
        return Read("found", orjson.dumps(user), answer.read)

    async def page(self, since: str, place: str, *, full: bool) -> Page:
        at = orjson.loads(place) if place else {"url": _updated(0 if full or not since else int(since) - OVERLAP)}
        answer = await self.api.get(at["url"])
        found = _listed(answer.json())
        begun, logged = at.get("begun", answer.read), at.get("log", False)
        url = answer.next if found or not logged else ""  # the log's last page has a next one, too, to ask again later
        if not url and not logged and since:
            url, logged = _log(int(since) - OVERLAP), True
        following = orjson.dumps({"url": url, "begun": begun, "log": logged}).decode() if url else ""
        if at.get("log"):
            return Page((), tuple(found), answer.read, following, str(begun))
        subjects = tuple(str(each["id"]) for each in found if isinstance(each, dict) and "id" in each)
        return Page(subjects, (), answer.read, following, str(begun))


def _updated(since: int) -> str:
    updated = f'lastUpdated gt "{iso(max(0, since))}"'
    return f"/api/v1/users?limit=200&filter={quote(updated)}"


def _log(since: int) -> str:
    return f"/api/v1/logs?since={quote(iso(max(0, since)))}&sortOrder=ASCENDING&limit=1000&filter={quote(TYPES)}"


def _listed(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise DirectoryError(None, "answered with something else than a list")
    return found
