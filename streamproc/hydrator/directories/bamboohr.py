"""BambooHR: employees by the fields that are read, the list of all, and who has changed.

documentation.bamboohr.com: Get Employee, List Employees, Get Changed Employee IDs. Only fields that are named are
answered, and those that the key may not see are left out without a word. An employee whom it may not see is 403. The
list includes former employees.
"""

from typing import Final
from urllib.parse import quote

import orjson

from streamproc.hydrator.directories.answer import name_of, names_of
from streamproc.hydrator.directories.api import GONE, OVERLAP, PAGE, Api, Page, Read, iso, segment, wordless
from streamproc.hydrator.directories.directory_error import DirectoryError, odd
from streamproc.sources.hris import people
from streamproc.sources.options import SourceOptions

CHANGED: Final = 4 * 1024 * 1024
"""Bytes of a list of those who have changed, which comes in one."""
LIST: Final = "/api/v1/employees?page%5Blimit%5D="


class BambooHR:
    """`since`: µs in BambooHR's clock."""

    def __init__(self, api: Api, options: SourceOptions, page_size: int) -> None:
        self.api = api
        self._fields = ",".join(people.fields("bamboohr", options))
        self._page_size = page_size

    async def read(self, subject: str) -> Read:
        path = f"/api/v1/employees/{segment(subject)}?fields={quote(self._fields, safe=',')}"
        try:
            answer = await self.api.get(path, absent=wordless(subject))
        except DirectoryError as error:
            if error.status != 403:
                raise
            await self._list(f"{LIST}1")
            raise DirectoryError(200, "doesn't let the key see an employee whom it lists", odd=True) from None
        if answer.status == 404:
            await self._list(f"{LIST}1")
            return Read("gone", GONE, answer.read_at)
        return Read("found", orjson.dumps(people.envelope("bamboohr", answer.about(subject))), answer.read_at)

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        if full or not since:
            state = orjson.loads(page_token) if page_token else {"url": f"{LIST}{self._page_size}"}
            return await self._list(**state)
        moment = iso(max(0, int(since) - OVERLAP)).partition(".")[0] + "Z"
        answer = await self.api.get(f"/api/v1/employees/changed?since={quote(moment)}", most=CHANGED)
        changed = answer.value("employees")
        if not isinstance(changed, dict) and changed != []:  # an empty object is a list there
            raise odd("answered without the employees that have changed")
        return Page(tuple(map(name_of, changed)), (), answer.read_at, "", str(answer.read_at))

    async def _list(self, url: str, begun: int = 0) -> Page:
        """`begun`: when the first page was read, after which somebody on it may have changed; 0: this is the first."""
        answer = await self.api.get(url, most=PAGE)
        employees = answer.entries("data")
        cursor = answer.link("meta", "page", "nextCursor")
        if not cursor and answer.value("_links", "next"):
            raise odd("goes on without saying where")
        first = url.partition("&")[0]
        following = f"{first}&page%5Bafter%5D={quote(cursor, safe='')}"
        begun = begun or answer.read_at
        next_page = orjson.dumps({"url": following, "begun": begun}).decode() if cursor else ""
        subjects, missed = names_of(employees, "employeeId")
        return Page(subjects, (), answer.read_at, next_page, str(begun), missed)
