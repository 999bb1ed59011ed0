"""Personio: persons with their employments, the list of all, and those that were updated.

developer.personio.de: v2, List persons, Retrieve a person, List employments of a given person. The list includes the
inactive. Whether a changed employment also updates its person isn't documented: a whole reading finds it.
"""

from urllib.parse import quote

import orjson

from streamproc.hydrator.directories.answer import Answer, names_of, whole
from streamproc.hydrator.directories.api import GONE, OVERLAP, PAGE, Api, Page, Read, iso, segment, wordless
from streamproc.sources.hris import people


class Personio:
    """`since`: µs in Personio's clock."""

    def __init__(self, api: Api, page_size: int) -> None:
        self.api = api
        self._page_size = min(page_size, 50)

    async def read(self, subject: str) -> Read:
        path = f"/v2/persons/{segment(subject)}"
        answer = await self.api.get(path, absent=wordless(subject))
        if answer.status == 404:
            (await self.api.get("/v2/persons?limit=1")).entries("_data")
            return Read("gone", GONE, answer.read_at)
        answer.about(subject)
        employments = await whole(
            self.api.get, f"{path}/employments?limit=50", lambda part: (part.entries("_data"), _next(part))
        )
        person = {**people.envelope("personio", answer.record()), "employments": orjson.Fragment(employments)}
        return Read("found", orjson.dumps(person), answer.read_at)

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        first = f"/v2/persons?limit={self._page_size}"
        if not full and since:
            first += f"&updated_at.gt={quote(iso(max(0, int(since) - OVERLAP)))}"
        state = orjson.loads(page_token) if page_token else {"url": first}
        answer = await self.api.get(state["url"], most=PAGE)
        begun = state.get("begun", answer.read_at)
        url = _next(answer)
        following = orjson.dumps({"url": url, "begun": begun}).decode() if url else ""
        subjects, missed = names_of(answer.entries("_data"))
        return Page(subjects, (), answer.read_at, following, str(begun), missed)


def _next(answer: Answer) -> str:
    return answer.link("_meta", "links", "next", "href")
