"""Workday: a custom report as a service (RaaS), for one worker, for all, or for those entered since a moment.

Its prompts are the tenant's own. A report shows those who pass its filters: a worker who isn't in it isn't gone.
"""

from typing import Any, Final
from urllib.parse import urlencode

import orjson

from streamproc.core.parsed_payload import Receipt
from streamproc.core.records.units import Micros
from streamproc.hydrator.directories.answer import Answer, odd
from streamproc.hydrator.directories.api import OVERLAP, Api, Page, Read, iso
from streamproc.sources import workday
from streamproc.sources.options import SourceOptions

SECONDS: Final = 1800.0
"""For a whole report; Workday itself gives up on one after that."""


class Workday:
    """`since`: µs in Workday's clock. `since_prompt`, `worker_prompt`: names of the report's prompts."""

    def __init__(self, api: Api, options: SourceOptions, since_prompt: str, worker_prompt: str) -> None:
        self.api = api
        self._options = options
        self._since = since_prompt
        self._worker = worker_prompt

    async def read(self, subject: str) -> Read:
        kind, _, number = subject.rpartition("/")  # a contingent worker's subject begins with the type of its id
        answer = await self.api.get(_query({kind or self._worker: number}))
        elements = _rows(answer)
        rows = [element for element in elements if self._is_about(element, subject, answer.read_at)]
        if not rows:
            return Read("unknown", b"", answer.read_at)
        only_these = len(rows) == len(elements)  # not so where the report has no such prompt
        return Read("found", answer.content if only_these else orjson.dumps(rows), answer.read_at)

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:  # noqa: ARG002 - a report is one page
        prompts = {} if full or not since else {self._since: iso(max(0, int(since) - OVERLAP))}
        answer = await self.api.get(_query(prompts), seconds=SECONDS)
        return Page((), tuple(_rows(answer)), answer.read_at, "", str(answer.read_at))

    def _is_about(self, element: object, subject: str, read_at: Micros) -> bool:
        parsed = workday.read(element, Receipt(read_at, read_at), self._options)
        return subject in {event.subject for event in parsed.events} | {part.subject for part in parsed.ignored}


def _rows(answer: Answer) -> list[Any]:
    """The workers of a report. Raises DirectoryError where it isn't one: an error's text isn't a report of nobody."""
    content = answer.json()
    elements = workday.elements(content)
    if elements and all(element is content and _no_worker(element) for element in elements):
        raise odd("answered with something else than a report")
    return elements


def _no_worker(content: object) -> bool:
    codes = {part.code for part in workday.read(content, Receipt(Micros(0))).ignored}
    return bool(codes & {"not_understood", "incomplete"})


def _query(prompts: dict[str, str]) -> str:
    return f"?{urlencode({'format': 'json', **prompts})}"
