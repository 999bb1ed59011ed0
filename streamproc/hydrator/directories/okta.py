"""Okta: users with their groups, users that were updated, and the System Log for what no user shows any more.

developer.okta.com: Users API, List all assigned groups, System Log API. A filtered list includes deactivated users,
the plain list doesn't. Joining a group doesn't update the user, and deleted users aren't listed: the log has both.
"""

from typing import Any, Final
from urllib.parse import quote

import orjson

from streamproc.hydrator.directories.answer import Answer, names_of, whole
from streamproc.hydrator.directories.api import GONE, OVERLAP, PAGE, Api, Page, Read, iso, segment
from streamproc.sources.okta import ACTIVE, MEMBERSHIP

TYPES: Final = " or ".join(f'eventType eq "{kind}"' for kind in sorted({*ACTIVE, *MEMBERSHIP}))


class Okta:
    """`since`: µs in Okta's clock."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def read(self, subject: str) -> Read:
        path = f"/api/v1/users/{segment(subject)}"
        answer = await self.api.get(path, absent=_unknown)
        if answer.status == 404:
            return Read("gone", GONE, answer.read_at)
        answer.about(subject)
        groups = await whole(self.api.get, f"{path}/groups", lambda part: (part.entries().shaped(_group), part.next))
        user = answer.record()  # again: decoded, it takes much more while others are asked for
        embedded = user.get("_embedded")
        user["_embedded"] = {**(embedded if isinstance(embedded, dict) else {}), "groups": orjson.Fragment(groups)}
        return Read("found", orjson.dumps(user), answer.read_at)

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        first = {"url": _updated(0 if full or not since else int(since) - OVERLAP)}
        state = orjson.loads(page_token) if page_token else first
        answer = await self.api.get(state["url"], most=PAGE)
        elements = answer.entries()
        begun, in_log = state.get("begun", answer.read_at), state.get("log", False)
        url = answer.next if elements or not in_log else ""  # the log's last page links to a next one, for polling
        if not url and not in_log and since:
            url, in_log = _log(int(since) - OVERLAP), True
        next_page = orjson.dumps({"url": url, "begun": begun, "log": in_log}).decode() if url else ""
        if state.get("log"):
            return Page((), elements, answer.read_at, next_page, str(begun))
        subjects, missed = names_of(elements)
        return Page(subjects, (), answer.read_at, next_page, str(begun), missed)


def _group(group: dict[str, Any]) -> dict[str, Any]:
    """What is passed on of a group: the rest is as long as somebody likes, and a leaver's record has to fit."""
    profile = group.get("profile")
    name = profile.get("name") if isinstance(profile, dict) else None
    return {"id": group.get("id"), "profile": {"name": name}}


def _updated(since: int) -> str:
    updated = f'lastUpdated gt "{iso(max(0, since))}"'
    return f"/api/v1/users?limit=200&filter={quote(updated)}"


def _log(since: int) -> str:
    return f"/api/v1/logs?since={quote(iso(max(0, since)))}&sortOrder=ASCENDING&limit=1000&filter={quote(TYPES)}"


def _unknown(answer: Answer) -> bool:
    return answer.word("errorCode") == "E0000007"
