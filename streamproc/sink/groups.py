"""Groups of the target: name to id and ETag, looked up once, and one change of a group at a time from this sink.

A membership is written with If-Match, so that a sink which was paused can't undo what its successor did. The ETag is
only as good as the moment at which it was read: see `Group.read`.
"""

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, cast

from streamproc.adapters.scim_http import equals
from streamproc.core.records.delivery import Parked
from streamproc.core.records.outcome import Request
from streamproc.core.records.resource import Resource
from streamproc.core.scim.response_body import is_list, matches, matching, resources, version
from streamproc.sink.reconciliation import Reconciliation
from streamproc.sink.request_executor import RequestExecutor, SetAside

NO_MEMBERS: Final = "excludedAttributes=members"


@dataclass(slots=True)
class Group:
    """One group. Hold `lock` from looking at the ETag until the answer is in."""

    name: str
    id: str = ""
    etag: str | None = None
    known: bool = False
    """Whether `etag` is the latest that was told; None too may be: not every target has ETags."""
    read: float = 0.0
    """Ticks at which the ETag was learned. A partition must have been confirmed as ours since, before it is used."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Groups:
    """What is known of the target's groups, by name."""

    def __init__(self, asking: RequestExecutor) -> None:
        self._asking = asking
        self._groups: dict[str, Group] = {}

    def get(self, name: str) -> Group:
        """The entry for `name`; its `id` is empty until it was looked up."""
        return self._groups.setdefault(name, Group(name))

    def ids(self) -> dict[str, str]:
        """Id → name, of the groups that were looked up."""
        return {group.id: name for name, group in self._groups.items() if group.id}

    def found(self, trip: Reconciliation) -> list[str]:
        """Of the groups that we may have put the user into, those whose id is known."""
        return [name for name in trip.group_names() if self.get(name).id]

    def unfound(self, names: list[str]) -> list[str]:
        """Those whose id isn't known."""
        return [name for name in names if not self.get(name).id]

    async def unknown(self, trip: Reconciliation, name: str, *, join: bool) -> Parked | None:
        """Look the group up where its id or ETag isn't known. Not None: it can't be found, and why.

        Somebody who is to leave it does so under whatever name it has by now.
        """
        group = self.get(name)
        if group.known:
            return None
        try:
            found = await self._find(trip, group, join=join)
        except SetAside as refused:
            return refused.parked
        if found is None:
            return trip.parked("unresolved", f"there is no group {name}")
        if not group.known:  # else somebody was quicker, and may have changed it since
            group.id, group.etag, group.known = str(found["id"]), version(found), True
            group.read = self._asking.times.ticks()
        return None

    async def of(self, trip: Reconciliation, held: Resource) -> list[str] | None:
        """Which of our groups the user is in, asked of the groups. None: that is refused, and groups are set aside."""
        names = self.found(trip)
        found: list[str] = []
        for number, name in enumerate(names, 1):
            there = self.get(name).id
            unasked = [each for each in names[number:] if each in held["groups"]]
            query = equals(("id", there), ("members.value", str(trip.id)))
            noted = partial(_noted, held, [*found, *unasked], name, there)
            try:
                answer = await self._asking.get(trip, f"/Groups?{query}&{NO_MEMBERS}", is_list, noted)
            except SetAside as refused:
                trip.set_aside("groups", refused.parked)
                return None
            if answer is not None and _is_among(answer.body, there):
                found.append(name)
        return found

    async def _find(self, trip: Reconciliation, group: Group, *, join: bool) -> dict[str, Any] | None:
        if group.id:  # by its id, since a search may show an older version
            path = f"/Groups/{group.id}?{NO_MEMBERS}"
            answer = await self._asking.get(trip, path, lambda body: bool(body.get("id")))
            if answer is None:
                group.id = ""
            elif not join or matches(answer.body, "displayName", group.name):
                return answer.body
        answer = await self._asking.get(trip, f"/Groups?{equals(('displayName', group.name))}&{NO_MEMBERS}", is_list)
        found = matching(answer.body if answer else None, "displayName", group.name)
        return found[0] if len(found) == 1 else None


def _is_among(body: dict[str, Any] | None, there: str) -> bool:
    return any(each.get("id") == there for each in resources(body))


def _noted(
    held: Resource, others: list[str], name: str, there: str, request: Request, body: dict[str, Any] | None
) -> Request:
    groups = [*others, name] if _is_among(body, there) else others
    return replace(request, holds=cast("Resource", {**held, "groups": sorted(groups)}))
