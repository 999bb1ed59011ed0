"""Who is assigned to an application of Entra's: users, and groups whose direct members are.

learn.microsoft.com/graph: api/serviceprincipal-list-approleassignedto, resources/approleassignment. No delta query
tells of assignments, and nobody is notified of one: each round begins with the list, and whoever has come or gone since
the last round is read. A query about one user may leave groups out, by Microsoft's own word, and an application that
isn't there would assign nobody; the list is whole, or an error. It may be late: then the next round finds it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from streamproc.adapters.http import decoded
from streamproc.core.records.units import Micros
from streamproc.hydrator.directories.answer import Answer, name_of, whole
from streamproc.hydrator.directories.api import Api, segment
from streamproc.hydrator.directories.directory_error import DirectoryError
from streamproc.hydrator.directories.entries import Entries

FRESH: Final = 2 * 1_000_000
"""µs for which the list is good."""
BYTES: Final = 16 * 1024 * 1024
"""Of the list, as it is kept."""
MOST: Final = 10_000
"""Users and groups that are kept from round to round, in a record of Kafka's."""
TOO_MANY: Final = "*"
"""In the place of more."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A round, as it begins."""

    since: str
    """The application and who is assigned to it, for the next round."""
    subjects: tuple[str, ...] = ()
    """Whom to read: those who have come or gone since the last."""
    moved: frozenset[str] = frozenset()
    missed: str = ""
    """What isn't known, and is left to the next round or to the next reading of everybody."""


class Principals:
    """The list. `application`: object id of its service principal; "": there is none."""

    def __init__(self, api: Api, application: str) -> None:
        self._api = api
        self._application = application
        self._list: frozenset[str] = frozenset()
        """`User ID` and `Group ID`."""
        self._read_at: Micros | None = None
        self._moved: frozenset[str] = frozenset()
        """Who came or went between two readings since the last round began."""
        self._reading = asyncio.Lock()

    async def include(self, user: Answer, groups: bytes) -> bool:
        """Whether the user is assigned, or one of these groups of theirs. Raises DirectoryError."""
        listed = await self._as_of(user.read_at)
        own = {f"User {user.value('id')}", *(f"Group {group.get('id')}" for group in decoded(groups))}
        return not listed.isdisjoint(own)

    async def begin(self, before: str, members: Callable[[str], Awaitable[list[str]]], *, everybody: bool) -> Begun:
        """The round after the one that left `before`. `members`: of a group. `everybody`: all are read in any case.

        Raises DirectoryError (410) where all have to be read, since it isn't known who was assigned before.
        """
        if not self._application:
            return Begun("")
        application, *ones = before.split("\n")
        try:
            now = await self._as_of(None)
            moved = self._moved
            if not everybody and application == self._application and len(now) <= MOST and TOO_MANY not in ones:
                moved |= now ^ frozenset(ones)
            subjects, missed = await self._users(frozenset() if everybody else moved, members)
        except DirectoryError as error:
            return Begun(before, missed=self._why(error))
        if not everybody and application != self._application:
            raise DirectoryError(410, "wasn't asked of this application before")
        return Begun(self._kept(now), subjects, moved, "; ".join(filter(None, (self._told(now), missed))))

    def told(self, begun: Begun) -> None:
        """Those who moved are told."""
        self._moved -= begun.moved

    async def _as_of(self, since: Micros | None) -> frozenset[str]:
        """The list as it was then (µs in Graph's clock), or a moment before; None: now."""
        async with self._reading:
            if self._read_at is None or since is None or since - self._read_at > FRESH:
                answers: list[Answer] = []

                async def ask(url: str) -> Answer:
                    answers.append(await self._api.get(url))
                    return answers[-1]

                url = f"/servicePrincipals/{segment(self._application)}/appRoleAssignedTo?$top=999"
                found = decoded(await whole(ask, url, lambda answer: listing(answer, _principal), BYTES))
                now = frozenset(f"{each['type']} {name_of(each['id'])}" for each in found if each["type"])
                if self._read_at is not None:
                    self._moved |= now ^ self._list
                self._list, self._read_at = now, answers[0].read_at
            return self._list

    async def _users(
        self, principals: frozenset[str], members: Callable[[str], Awaitable[list[str]]]
    ) -> tuple[tuple[str, ...], str]:
        """The users among them and the members of the groups, and a word on groups that don't show theirs."""
        found: dict[str, None] = {}
        missed = ""
        for kind, _, principal in sorted(each.partition(" ") for each in principals):
            try:
                found |= dict.fromkeys([principal] if kind == "User" else await members(principal))
            except DirectoryError as error:
                if error.status not in {400, 403} and not error.odd:
                    raise
                missed = self._why(error)
        return tuple(found), missed

    def _kept(self, now: frozenset[str]) -> str:
        return "\n".join([self._application, *([TOO_MANY] if len(now) > MOST else sorted(now))])

    def _told(self, now: frozenset[str]) -> str:
        many = f"application {self._application}: more than {MOST} are assigned one by one: assign groups"
        return many if len(now) > MOST else ""

    def _why(self, error: DirectoryError) -> str:
        return f"changes of assignments to the application {self._application}: {error}; they need Application.Read.All"


def listing(answer: Answer, shape: Callable[[dict[str, Any]], Any] = dict) -> tuple[Entries, str]:
    """What a page of Graph's lists, and the link to the next one."""
    return answer.entries("value").shaped(shape), answer.link("@odata.nextLink")


def _principal(assignment: dict[str, Any]) -> dict[str, Any]:
    kind = assignment.get("principalType")
    counts = kind in ("User", "Group") and assignment.get("deletedDateTime") is None
    return {"id": assignment.get("principalId"), "type": kind if counts else ""}
