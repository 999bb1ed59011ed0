"""Workday: a custom report as a service (RaaS), for one worker, for all, or for those entered since a moment.

Its prompts are the tenant's own. A report shows those who pass its filters: a worker who isn't in it isn't gone.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from streamproc.core.parsed_payload import Receipt
from streamproc.core.records.units import Micros
from streamproc.hydrator.directories.answer import Answer
from streamproc.hydrator.directories.api import OVERLAP, PAGE, REPORT, Api, Page, Read, iso
from streamproc.hydrator.directories.directory_error import DirectoryError, odd
from streamproc.hydrator.directories.entries import Entries, Listed
from streamproc.sources import workday
from streamproc.sources.options import SourceOptions

CONTINGENT: Final = "Contingent_Worker_ID/"
"""What a contingent worker's subject begins with: the type of the id, which is the prompt's name, too."""
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
        number = subject.removeprefix(CONTINGENT)
        prompt = self._worker if number == subject else CONTINGENT.removesuffix("/")
        answer = await self.api.get(_query({prompt: number}), most=PAGE)
        elements = _rows(answer)
        rows = [element for element in elements if self._is_about(element, subject, answer.read_at)]
        if not rows and len(elements) == 1:
            raise odd("answered about somebody else")  # where the report has no such prompt, it shows everybody
        if not rows:
            return Read("unknown", b"", answer.read_at)
        only_these = len(rows) == len(elements)  # not so where the report has no such prompt
        return Read("found", answer.content if only_these else orjson.dumps(rows), answer.read_at)

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:  # noqa: ARG002 - a report is one page
        prompts = {} if full or not since else {self._since: iso(max(0, int(since) - OVERLAP))}
        answer = await self.api.get(_query(prompts), seconds=SECONDS, most=REPORT)
        return Page((), _rows(answer), answer.read_at, "", str(answer.read_at))

    def _is_about(self, element: object, subject: str, read_at: Micros) -> bool:
        parsed = workday.read(element, Receipt(read_at, read_at), self._options)
        return subject in {event.subject for event in parsed.events} | {part.subject for part in parsed.ignored}


class _Workers(Listed):
    """Of a report, each with all rows; decoded when they are looked at."""

    def __init__(self, rows: Entries) -> None:
        self._rows = rows
        self._together = workday.together(_readable(rows))

    def __len__(self) -> int:
        return len(self._together)

    def _made(self, place: int) -> Any:
        rows = [self._rows[each] for each in self._together[place]]
        return rows[0] if len(rows) == 1 else {"Report_Entry": rows}


def _readable(rows: Entries) -> Iterator[Any]:
    """The rows; None in the place of one that can't be read."""
    for place in range(len(rows)):
        try:
            yield rows[place]
        except DirectoryError:
            yield None


def _rows(answer: Answer) -> Sequence[Any]:
    """The workers of a report. Raises DirectoryError where it isn't one: an error's text isn't a report of nobody."""
    if (rows := answer.part("Report_Entry")) is not None and rows[:1] == b"[":
        return _Workers(answer.entries("Report_Entry"))
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
