"""HiBob: people by the fields that are read, one by one or all at once. It doesn't tell who has changed.

apidocs.hibob.com: People read API contract, Search for employees, Read company employee fields. There is no paging, and
fields that the service user may not see are left out without a word. Values that people read come beside the others:
only these have dates in one format.
"""

from functools import partial
from typing import Any

import orjson

from streamproc.hydrator.directories.answer import about
from streamproc.hydrator.directories.api import GONE, OF_ONE, REPORT, Api, Page, Read, segment, wordless
from streamproc.hydrator.directories.directory_error import odd
from streamproc.sources.hris import people
from streamproc.sources.options import SourceOptions


class HiBob:
    """`since`: µs in HiBob's clock."""

    def __init__(self, api: Api, options: SourceOptions) -> None:
        self.api = api
        self._asked: dict[str, Any] = {"fields": people.fields("hibob", options), "humanReadable": "APPEND"}

    async def read(self, subject: str) -> Read:
        answer = await self.api.post(f"/v1/people/{segment(subject)}", self._asked, absent=wordless(subject))
        if answer.status == 404:
            only = {"filters": [{"fieldPath": "root.id", "operator": "equals", "values": [subject]}]}
            if (await self._search(only)).elements:
                raise odd("answered 404 about somebody who is listed")
            return Read("gone", GONE, answer.read_at)
        person = people.envelope("hibob", answer.record())
        about({"id": people.subject(person)}, subject)
        return Read("found", orjson.dumps(person), answer.read_at)

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:  # noqa: ARG002 - there is only everybody
        return await self._search({})

    async def _search(self, only: dict[str, Any]) -> Page:
        asked = {**self._asked, "showInactive": True, **only}
        answer = await self.api.post("/v1/people/search", asked, most=OF_ONE if only else REPORT)
        found = answer.entries("employees").shaped(partial(people.envelope, "hibob"))
        return Page((), found, answer.read_at, "", str(answer.read_at))
