"""Finch: an individual and its employment, as one person; the directory of all. It doesn't tell who has changed.

developer.tryfinch.com: Directory, Individual, Employment. The directory lists the active and the inactive. Each
individual is answered with a status of its own; 202 means that Finch hasn't read the employer's system yet.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import orjson

from streamproc.hydrator.directories.answer import Answer, names_of
from streamproc.hydrator.directories.api import GONE, PAGE, Api, Page, Read
from streamproc.hydrator.directories.directory_error import DirectoryError, odd
from streamproc.hydrator.directories.entries import Entries, readable
from streamproc.sources.hris import people

VERSION: Final = {"Finch-API-Version": "2020-09-17"}


class Finch:
    """`since`: µs in Finch's clock."""

    def __init__(self, api: Api, page_size: int) -> None:
        self.api = api
        self._page_size = page_size

    async def read(self, subject: str) -> Read:
        answer, codes, persons = await self._persons([subject])
        if subject not in codes:
            raise odd("left out the individual, or answered about another in its place")
        if codes[subject][0] == 404:
            return Read("gone", GONE, answer.read_at)
        if subject not in persons:
            raise DirectoryError(
                max(codes[subject]), "answered {} and {} about an individual".format(*codes[subject]), odd=True
            )
        return Read("found", persons[subject], answer.read_at)

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:  # noqa: ARG002 - there is only everybody
        begin = int(page_token or "0")
        listing = await self.api.get(f"/employer/directory?limit={self._page_size}&offset={begin}", most=PAGE)
        individuals = listing.entries("individuals")
        subjects, missed = names_of(individuals)
        if not individuals:
            count = listing.value("paging", "count")
            if isinstance(count, int) and begin < count:
                raise odd(f"listed {begin} of {count} individuals")
            return Page((), (), listing.read_at, "", str(listing.read_at))
        answer, _, persons = await self._persons(subjects) if subjects else (listing, {}, {})
        one_by_one = tuple(subject for subject in subjects if subject not in persons)
        following = str(begin + len(individuals))
        return Page(
            one_by_one,
            Entries([msgspec.Raw(person) for person in persons.values()]),
            answer.read_at,
            following,
            str(answer.read_at),
            missed,
        )

    async def _persons(self, subjects: Sequence[str]) -> tuple[Answer, dict[str, tuple[int, int]], dict[str, bytes]]:
        """The older answer, each subject's statuses, and those who were answered whole."""
        asked = {"requests": [{"individual_id": subject} for subject in subjects]}
        answer = await self.api.post("/employer/individual", asked, most=PAGE)
        individuals = _by_subject(answer)
        employments = _by_subject(await self.api.post("/employer/employment", asked, most=PAGE))
        answered = [each for each in subjects if each in individuals and each in employments]
        persons = {
            subject: orjson.dumps(people.envelope("finch", individuals[subject][1], [employments[subject][1]]))
            for subject in answered
            if individuals[subject][0] == employments[subject][0] == 200
        }
        codes = {each: (individuals[each][0], employments[each][0]) for each in answered}
        return answer, codes, persons


def _by_subject(answer: Answer) -> dict[str, tuple[int, orjson.Fragment]]:
    """Status and content of each; not of those in whose place there is something else."""
    found: dict[str, tuple[int, orjson.Fragment]] = {}
    for part in readable(answer.entries("responses")):
        subject, code, body = part.get("individual_id"), part.get("code"), part.get("body")
        if isinstance(subject, str) and type(code) is int and isinstance(body, dict):
            if code != 200 or body.get("id") == subject:
                found[subject] = (code, orjson.Fragment(orjson.dumps(body)))
            else:
                found.pop(subject, None)
    return found
