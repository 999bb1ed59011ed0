"""Gusto: employees with their jobs and terminations, one by one, or all page by page. It doesn't tell who has changed.

docs.gusto.com: Get an employee, Get employees of a company. The list includes those who were terminated. Pages have
numbers; one beyond the last is empty.
"""

from functools import partial
from typing import Final
from urllib.parse import quote

import orjson

from streamproc.hydrator.directories.answer import about
from streamproc.hydrator.directories.api import GONE, PAGE, Api, Page, Read, segment, wordless
from streamproc.sources.hris import people

VERSION: Final = {"X-Gusto-API-Version": "2024-04-01"}


class Gusto:
    """`since`: µs in Gusto's clock."""

    def __init__(self, api: Api, company: str, page_size: int) -> None:
        self.api = api
        self._list = f"/v1/companies/{quote(company, safe='')}/employees?include=custom_fields&per={page_size}&page="

    async def read(self, subject: str) -> Read:
        path = f"/v1/employees/{segment(subject)}?include=custom_fields"
        answer = await self.api.get(path, absent=wordless(subject))
        if answer.status == 404:
            await self.page("", "", full=True)
            return Read("gone", GONE, answer.read_at)
        employee = answer.record()
        about(employee, subject, "uuid" if employee.get("uuid") == subject else "id")
        return Read("found", orjson.dumps(people.envelope("gusto", employee)), answer.read_at)

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:  # noqa: ARG002 - there is only everybody
        number = int(page_token or "1")
        answer = await self.api.get(f"{self._list}{number}", most=PAGE)
        employees = answer.entries().shaped(partial(people.envelope, "gusto"))
        return Page((), employees, answer.read_at, str(number + 1) if employees else "", str(answer.read_at))
