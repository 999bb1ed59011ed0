"""Kombo: employees of an integration, by their ids, or all page by page, or those updated since a moment.

docs.kombo.dev: Get employees. Deleted employees are only listed if that is asked for. Its hooks name nobody.
"""

from functools import partial
from urllib.parse import quote

import orjson

from streamproc.hydrator.directories import cursor
from streamproc.hydrator.directories.answer import Answer, about
from streamproc.hydrator.directories.api import GONE, PAGE, Api, Page, Read
from streamproc.hydrator.directories.directory_error import odd
from streamproc.hydrator.directories.entries import Entries
from streamproc.sources.hris import people

LIST = "/v1/hris/employees"


class Kombo:
    """`since`: µs in Kombo's clock."""

    def __init__(self, api: Api, page_size: int) -> None:
        self.api = api
        self._page_size = page_size

    async def read(self, subject: str) -> Read:
        answer = await self.api.get(f"{LIST}?ids={quote(subject, safe='')}&include_deleted=true")
        found = _results(answer)
        if not found:
            return Read("unknown", b"", answer.read_at)
        if len(found) > 1:
            raise odd("answered about more than was asked for")
        employee = about(found[0], subject)
        if employee.get("remote_deleted_at") is not None:
            return Read("gone", GONE, answer.read_at)
        return Read("found", orjson.dumps(people.envelope("kombo", employee)), answer.read_at)

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        asked = cursor.query(self._page_size, "updated_after", since, page_token, full=full)
        answer = await self.api.get(f"{LIST}?{asked}", most=PAGE)
        following, begun = cursor.onward(page_token, answer.link("data", "next"), answer.read_at)
        employees = _results(answer).shaped(partial(people.envelope, "kombo"))
        return Page((), employees, answer.read_at, following, begun)


def _results(answer: Answer) -> Entries:
    if answer.value("status") != "success":
        raise odd("answered without success")
    return answer.entries("data", "results")
