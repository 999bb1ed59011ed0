"""Finch: an individual and its employment, as one person; the directory of all. It doesn't tell who has changed.

developer.tryfinch.com: Directory, Individual, Employment. The directory lists the active and the inactive. Each
individual is answered with a status of its own; 202 means that Finch hasn't read the employer's system yet.
"""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from streamproc.hydrator.directories.answer import Answer, DirectoryError, names_of, odd
from streamproc.hydrator.directories.api import GONE, Api, Page, Read
from streamproc.sources.hris import people

VERSION: Final = {"Finch-API-Version": "2020-09-17"}


class Finch:
    """`since`: µs in Finch's clock."""

    def __init__(self, api: Api, page_size: int) -> None:
        self.api = api
        self._page_size = page_size

    async def read(self, subject: str) -> Read:
        answer, codes, persons = await self._persons([subject])
        if codes[subject][0] == 404:
            return Read("gone", GONE, answer.read_at)
        if subject not in persons:
            raise DirectoryError(
                max(codes[subject]), "answered {} and {} about an individual".format(*codes[subject]), odd=True
            )
        return Read("found", orjson.dumps(persons[subject]), answer.read_at)

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:  # noqa: ARG002 - there is only everybody
        begin = int(page_token or "0")
        listing = await self.api.get(f"/employer/directory?limit={self._page_size}&offset={begin}")
        individuals = listing.entries("individuals")
        subjects, missed = names_of(individuals)
        if not individuals:
            paging = listing.record().get("paging")
            count = paging.get("count") if isinstance(paging, dict) else None
            if isinstance(count, int) and begin < count:
                raise odd(f"listed {begin} of {count} individuals")
            return Page((), (), listing.read_at, "", str(listing.read_at))
        answer, _, persons = await self._persons(subjects) if subjects else (listing, {}, {})
        one_by_one = tuple(subject for subject in subjects if subject not in persons)
        following = str(begin + len(individuals))
        return Page(one_by_one, tuple(persons.values()), answer.read_at, following, str(answer.read_at), missed)

    async def _persons(self, subjects: Sequence[str]) -> tuple[Answer, dict[str, tuple[int, int]], dict[str, Any]]:
        """The older answer, each subject's statuses, and those who were answered whole."""
        asked = {"requests": [{"individual_id": subject} for subject in subjects]}
        answer = await self.api.post("/employer/individual", asked)
        individuals = _by_subject(answer, subjects)
        employments = _by_subject(await self.api.post("/employer/employment", asked), subjects)
        persons = {
            subject: people.envelope("finch", individuals[subject][1], [employments[subject][1]])
            for subject in subjects
            if individuals[subject][0] == employments[subject][0] == 200
        }
        return answer, {each: (individuals[each][0], employments[each][0]) for each in subjects}, persons


def _by_subject(answer: Answer, subjects: Sequence[str]) -> dict[str, tuple[int, dict[str, Any]]]:
    """Status and content of each. Raises DirectoryError where somebody is missing, or the content is another's."""
    found: dict[str, tuple[int, dict[str, Any]]] = {}
    for part in answer.entries("responses"):
        subject, code, body = part.get("individual_id"), part.get("code"), part.get("body")
        if not isinstance(subject, str) or type(code) is not int or not isinstance(body, dict):
            raise odd("answered about individuals in another shape")
        if code == 200 and body.get("id") != subject:
            raise DirectoryError(200, "answered about somebody else", odd=True)
        found[subject] = (code, body)
    if missing := len(set(subjects) - found.keys()):
        raise odd(f"left out {missing} of {len(subjects)} individuals")
    return found
