"""Merge: employees of the linked account, one by one, or all page by page, or those modified since a moment.

docs.merge.dev: HRIS, /employees, /employees/{id}. The list includes the inactive.
"""

from functools import partial

import orjson

from streamproc.hydrator.directories import cursor
from streamproc.hydrator.directories.api import GONE, PAGE, Api, Page, Read, segment, wordless
from streamproc.sources.hris import people


class Merge:
    """`since`: µs in Merge's clock."""

    def __init__(self, api: Api, page_size: int) -> None:
        self.api = api
        self._page_size = page_size

    async def read(self, subject: str) -> Read:
        answer = await self.api.get(f"/api/hris/v1/employees/{segment(subject)}", absent=wordless(subject))
        if answer.status == 404:
            (await self.api.get("/api/hris/v1/employees?page_size=1")).entries("results")
            return Read("gone", GONE, answer.read_at)
        return Read("found", orjson.dumps(people.envelope("merge", answer.about(subject))), answer.read_at)

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        asked = cursor.query(self._page_size, "modified_after", since, page_token, full=full)
        answer = await self.api.get(f"/api/hris/v1/employees?{asked}", most=PAGE)
        following, begun = cursor.onward(page_token, answer.link("next"), answer.read_at)
        employees = answer.entries("results").shaped(partial(people.envelope, "merge"))
        return Page((), employees, answer.read_at, following, begun)
