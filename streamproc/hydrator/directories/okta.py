"""Okta: users with their groups, users that were updated, and the System Log for what no user shows any more.

developer.okta.com: Users API, List all assigned groups, System Log API. A filtered list includes deactivated users,
the plain list doesn't. Joining a group doesn't update the user, and deleted users aren't listed: the log has both. Nor
does an assignment to the application, which is asked of each user (Application Users API).
"""

from functools import partial
from typing import Any, Final
from urllib.parse import quote

import orjson

from streamproc.core.records.units import Micros
from streamproc.hydrator.directories.answer import Answer, names_of, whole
from streamproc.hydrator.directories.api import GONE, OVERLAP, PAGE, Api, Page, Read, iso, segment
from streamproc.hydrator.directories.assignment import Assignment
from streamproc.hydrator.directories.directory_error import DirectoryError, odd
from streamproc.hydrator.directories.hook import Hook
from streamproc.sources import okta
from streamproc.sources.okta import ACTIVE, ASSIGNMENT, MEMBERSHIP, REASSIGNMENT
from streamproc.sources.options import SourceOptions
from streamproc.sources.values.unread import Unread

TYPES: Final = [f'eventType eq "{kind}"' for kind in sorted({*ACTIVE, *MEMBERSHIP})]
OF_AN_APPLICATION: Final = [f'eventType eq "{kind}"' for kind in sorted({*ASSIGNMENT, *REASSIGNMENT})]
SEEN: Final = 60 * 1_000_000
"""µs for which the application is there, once it was seen."""


class Okta:
    """`since`: µs in Okta's clock, and the application that was asked of then."""

    def __init__(self, api: Api, options: SourceOptions = okta.DEFAULTS) -> None:
        self.api = api
        self._assignment = Assignment(okta.read, options)
        self._seen: Micros | None = None
        """When the application was last there."""

    async def read(self, subject: str) -> Read:
        path = f"/api/v1/users/{segment(subject)}"
        answer = await self.api.get(path, absent=_unknown)
        if answer.status == 404:
            return Read("gone", GONE, answer.read_at)
        answer.about(subject)
        groups = await whole(self.api.get, f"{path}/groups", lambda part: (part.entries().shaped(_group), part.next))
        more, missed = await self._assignment.of(subject, answer, partial(self._assigned, subject))
        user = answer.record() | more  # again: decoded, it takes much more while others are asked for
        embedded = user.get("_embedded")
        user["_embedded"] = {**(embedded if isinstance(embedded, dict) else {}), "groups": orjson.Fragment(groups)}
        return Read("found", orjson.dumps(user), answer.read_at, missed)

    async def _assigned(self, subject: str) -> bool | Unread:
        """A 404 says that they aren't, if the application is there: of one that isn't, it is said of everybody."""
        path = f"/api/v1/apps/{segment(self._assignment.application)}"
        answer = await self.api.get(f"{path}/users/{segment(subject)}", absent=_unknown)
        if answer.status != 404:
            return okta.assigned(answer.about(subject))
        if self._seen is None or answer.read_at - self._seen > SEEN:
            application = await self.api.get(path)
            if application.about(self._assignment.application).get("status") != "ACTIVE":
                raise odd("has an application that isn't active")
            self._seen = application.read_at
        return False

    async def hooks(self) -> list[Hook]:
        """All event hooks (Event Hooks API: List all event hooks). Raises DirectoryError."""
        return [_hook(entry) for entry in (await self.api.get("/api/v1/eventHooks", most=PAGE)).entries()]

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        since, _, before = since.partition(" ")
        first = {"url": _updated(0 if full or not since else int(since) - OVERLAP), "of": self._assignment.application}
        state = orjson.loads(page_token) if page_token else first
        if not (full or page_token or before == self._assignment.application):
            raise DirectoryError(410, "wasn't asked of this application before")
        answer = await self.api.get(state["url"], most=PAGE)
        elements = answer.entries()
        begun, in_log = state.get("begun", answer.read_at), state.get("log", False)
        url = answer.next if elements or not in_log else ""  # the log's last page links to a next one, for polling
        if not url and not in_log and since:
            url, in_log = _log(int(since) - OVERLAP, self._assignment.application), True
        of = state.get("of", "")
        next_page = orjson.dumps({"url": url, "begun": begun, "log": in_log, "of": of}).decode() if url else ""
        after = f"{begun} {of}".strip()
        if state.get("log"):
            return Page((), elements, answer.read_at, next_page, after)
        subjects, missed = names_of(elements)
        owed = () if page_token else self._assignment.owed()
        return Page(tuple(dict.fromkeys((*subjects, *owed))), (), answer.read_at, next_page, after, missed)


def _hook(entry: dict[str, Any]) -> Hook:
    channel = entry.get("channel")
    config = channel.get("config") if isinstance(channel, dict) else None
    url = str(config.get("uri")) if isinstance(config, dict) else ""
    states = {"ACTIVE": entry.get("status"), "VERIFIED": entry.get("verificationStatus")}
    return Hook(url, ", ".join(str(said) for wanted, said in states.items() if said != wanted))


def _group(group: dict[str, Any]) -> dict[str, Any]:
    """What is passed on of a group: the rest is as long as somebody likes, and a leaver's record has to fit."""
    profile = group.get("profile")
    name = profile.get("name") if isinstance(profile, dict) else None
    return {"id": group.get("id"), "profile": {"name": name}}


def _updated(since: int) -> str:
    updated = f'lastUpdated gt "{iso(max(0, since))}"'
    return f"/api/v1/users?limit=200&filter={quote(updated)}"


def _log(since: int, application: str) -> str:
    of_ours = [f'{kind} and target.id eq "{application}"' for kind in OF_AN_APPLICATION] if application else []
    wanted = quote(" or ".join([*TYPES, *of_ours]))
    return f"/api/v1/logs?since={quote(iso(max(0, since)))}&sortOrder=ASCENDING&limit=1000&filter={wanted}"


def _unknown(answer: Answer) -> bool:
    return answer.word("errorCode") == "E0000007"
