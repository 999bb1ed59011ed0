"""Reads which roles, skills, languages, divisions and groups the target has.

Genesys Cloud lists all but groups by pages of its own API. Groups are asked for by name, since its SCIM endpoint wants
a filter; other SCIM servers list nothing else. A kind that we may not read is unchecked, and not unknown.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

from streamproc.adapters.scim_http import PlatformHttp, ScimHttp
from streamproc.core.errors import TargetError
from streamproc.core.scim.filter import equals
from streamproc.core.scim.list_response import Listing, turn_page
from streamproc.core.scim.response_action import Deliver, Denied, Retry
from streamproc.core.scim.response_body import is_later_page, is_list, resources
from streamproc.core.scim.response_policy import Response, describe, response_action
from streamproc.mapping_preview.attribute_usage import Catalogued
from streamproc.mapping_preview.lint import Listed, Use

PAGE: Final = 100
ATTEMPTS: Final = 8
PAGES: Final = 200
"""Of one list."""
AT_ONCE: Final = 4
"""Groups asked for at the same time."""

LISTS: Final[Mapping[Catalogued, str]] = {
    "roles": "/authorization/roles",
    "skills": "/routing/skills",
    "languages": "/routing/languages",
    "divisions": "/authorization/divisions",
}
PERMISSIONS: Final[Mapping[Catalogued, str]] = {
    "roles": "authorization:role:view",
    "groups": "directory:group:edit",
}
"""What Genesys documents for reading; it documents none for the others."""


class RefusedError(Exception):
    """The target answered 403."""


@dataclass(slots=True)
class Catalogue:
    """Reads the target's names."""

    scim: ScimHttp
    platform: PlatformHttp
    dialect: Literal["genesys", "rfc7644"]
    pause: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    say: Callable[[str], None]
    _asked: int = field(default=0, init=False)

    async def listed(self, used: Mapping[Catalogued, Mapping[str, Use]]) -> dict[Catalogued, Listed]:
        """The target's names, of the kinds that the mapping gives. Raises TargetError."""
        listed: dict[Catalogued, Listed] = {}
        for kind, names in used.items():
            if not names:
                continue
            self.say(f"reading {kind} of the target ...")
            try:
                listed[kind] = await (self._groups(names) if kind == "groups" else self._pages(kind))
            except RefusedError:
                listed[kind] = Listed(None, _refused(kind, self.dialect))
        return listed

    async def _pages(self, kind: Catalogued) -> Listed:
        if self.dialect != "genesys":
            return Listed(None, f"couldn't be checked: SCIM 2.0 has no list of {kind}")
        names: set[str] = set()
        seen: set[str] = set()
        number, more = 1, True
        while more:
            if number > PAGES or len(seen) > PAGES * PAGE:
                raise TargetError(f"{LISTS[kind]}: after {number - 1} pages the target shows still more")
            path = f"{LISTS[kind]}?pageSize={PAGE}&pageNumber={number}"
            body = await self._ask(partial(self.platform.get, path), path)
            entities = body.get("entities") or []
            if "entities" not in body or not _are_named(entities, "name"):
                raise TargetError(f"{path}: that isn't a list of {kind}; is STREAMPROC_PLATFORM_URL right?")
            if entities and seen.issuperset(entity["name"] for entity in entities):
                raise TargetError(f"{path}: the target shows a page that was there before")
            seen.update(entity["name"] for entity in entities)
            names.update(entity["name"] for entity in entities if entity.get("state") in (None, "active"))
            last = body.get("pageCount")
            more = bool(entities) and (number < last if isinstance(last, int) else bool(body.get("nextUri")))
            number += 1
        return Listed(names)

    async def _groups(self, wanted: Collection[str]) -> Listed:
        """The groups, also in spellings that differ only in spaces."""
        spelled = {" ".join(name.split()) for name in wanted}
        lanes = asyncio.Semaphore(AT_ONCE)

        async def called(name: str) -> list[str]:
            async with lanes:
                return await self._named(name)

        wanted_spellings = sorted({*wanted, *spelled})
        answers = dict(zip(wanted_spellings, await asyncio.gather(*map(called, wanted_spellings)), strict=True))
        names = {name for spellings in answers.values() for name in spellings}
        return Listed(names, twice={name for name, spellings in answers.items() if len(spellings) > 1}, folded=True)

    async def _named(self, name: str) -> list[str]:
        """How the groups of a name are spelled. A server may ignore the filter, so names are compared here too."""
        listing = Listing()
        while listing.end is None:
            path = f"/Groups?{equals(('displayName', name))}&excludedAttributes=members{listing.next_page}"
            self._asked += 1
            body = await self._ask(partial(self.scim.request, "GET", path, f"check-{self._asked}"), path)
            shows = is_later_page if listing.pages else is_list
            if not shows(body) or not _are_named(resources(body), "displayName"):
                raise TargetError(f"{path}: that isn't a list of groups; is STREAMPROC_SCIM_URL right?")
            listing = turn_page(listing, body, "displayName", name)
        named = [str(group.get("displayName", name)) for group in listing.found]
        if not named and listing.end == "unclear":
            raise TargetError(f"{path}: the target passes over the filter, and shows others than {name}")
        return [shown for shown in named if shown.casefold() == name.casefold()]

    async def _ask(self, send: Callable[[], Awaitable[Response]], path: str) -> dict[str, Any]:
        """Ask until an answer counts. Raises RefusedError, TargetError."""
        for attempt in range(ATTEMPTS):
            answer = await send()
            decided = response_action("read", answer, attempt, self.jitter())
            if isinstance(decided, Deliver):
                return answer.body
            if isinstance(decided, Denied) and answer.status == 403:
                raise RefusedError
            if answer.status is None:  # somebody waits for the result, and asking again won't help soon
                where = (
                    "STREAMPROC_SCIM_URL, STREAMPROC_PLATFORM_URL, STREAMPROC_TOKEN_URL and the client's credentials"
                )
                raise TargetError(f"{path}: {describe(answer)}. Are {where} right?")
            if not isinstance(decided, Retry | Denied) or attempt == ATTEMPTS - 1:
                break
            if decided.after > 1:
                self.say(f"{path}: {describe(answer)}; asking again in {decided.after:.0f} s")
            await self.pause(decided.after)
        raise TargetError(f"{path}: {describe(answer)}")


def _are_named(entities: Any, name: str) -> bool:
    return isinstance(entities, list) and all(
        isinstance(entity, dict) and isinstance(entity.get(name), str) for entity in entities
    )


def _refused(kind: Catalogued, dialect: str) -> str:
    permission = PERMISSIONS.get(kind)
    if dialect != "genesys":
        return f"couldn't be checked: the target doesn't let us read {kind} (403)"
    if permission is None:
        return (
            f"couldn't be checked: the OAuth client may not read {kind} (403); Genesys documents no permission for it, "
            "so look at the client's roles"
        )
    return f"couldn't be checked: the OAuth client lacks permission {permission} (403)"
