"""Kombo: employees of an integration, by their ids, or all page by page, or those updated since a moment.

docs.kombo.dev: Get employees. Deleted employees are only listed if that is asked for. Its hooks name nobody.
"""

from urllib.parse import quote

import orjson

from streamproc.hydrator.directories.answer import Answer, about, link, odd
from streamproc.hydrator.directories.api import GONE, OVERLAP, Api, Page, Read, iso
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
        query = f"page_size={self._page_size}"
        if not full and since:
            query += f"&updated_after={quote(iso(max(0, int(since) - OVERLAP)))}"
        state = orjson.loads(page_token) if page_token else {"cursor": ""}
        cursor = f"&cursor={quote(state['cursor'], safe='')}" if state["cursor"] else ""
        answer = await self.api.get(f"{LIST}?{query}{cursor}")
        begun = state.get("begun", answer.read_at)
        following = link(answer.record(), "data", "next")
        next_page = orjson.dumps({"cursor": following, "begun": begun}).decode() if following else ""
        employees = tuple(people.envelope("kombo", employee) for employee in _results(answer))
        return Page((), employees, answer.read_at, next_page, str(begun))


def _results(answer: Answer) -> list[dict[str, object]]:
    if answer.record().get("status") != "success":
        raise odd("answered without success")
    return answer.entries("data", "results")
