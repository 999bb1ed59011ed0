"""Lookup: finds out what the target holds of a user: as whom, in which version, in which groups, under which manager.

An answer that doesn't show what was asked for isn't an answer: nobody is absent because a proxy said so.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

from streamproc.core.records.outcome import Request
from streamproc.core.records.resource import Resource
from streamproc.core.scim.dialect import Dialect, parse_user
from streamproc.core.scim.response_body import etag
from streamproc.core.scim.response_policy import Deliver, Response, backoff
from streamproc.sink.groups import Groups
from streamproc.sink.managers import Managers
from streamproc.sink.reconciliation import Reconciliation
from streamproc.sink.request_executor import RequestExecutor, SetAside
from streamproc.sink.search import Search, absent

PATIENCE: Final = 6
"""Times that the search index is asked again where it contradicts what the target otherwise says."""


class Lookup:
    """See above. `find_id`: the target's id of a user whom this sink has delivered."""

    def __init__(self, asking: RequestExecutor, dialect: Dialect, find_id: Callable[[str], str | None]) -> None:
        self._asking = asking
        self._times = asking.times
        self._dialect = dialect
        self._search = Search(asking)
        self.groups = Groups(asking)
        self.managers = Managers(self._search, find_id)
        self.versioned = False
        """Whether the target has ETags."""

    async def look_up(self, trip: Reconciliation) -> None:
        """First contact: by `externalId`, then by `userName`; adopts whom it finds (RFC 7644 §3.4.2)."""
        found = await self._find(trip)
        if found is None or trip.misses > PATIENCE:
            trip.id, trip.etag, trip.held, trip.contacted, trip.stale = None, None, None, True, False
            trip.learned = self._times.ticks()
            return
        trip.id = str(found["id"])
        trip.contacted = trip.stale = True
        await self.read(trip, hurry=trip.leaver or trip.turn.work.regressed)
        if trip.contacted:
            trip.journal.record([trip.outcome("adopted", final=False, reason=None, requests=[])])
        else:  # the search index lags behind: whom it shows has been deleted
            trip.misses += 1
            await self._asking.wait(trip, backoff(trip.misses, self._times.jitter()))

    async def adopt(self, trip: Reconciliation, refused: Response) -> None:
        """A create found the userName taken. The search index may lag, so look more than once before giving up."""
        await self.look_up(trip)
        for asked in range(PATIENCE + 1):
            if trip.id is not None:
                return
            await self._asking.wait(trip, backoff(asked, self._times.jitter()))
            await self.look_up(trip)
        if trip.id is None:
            raise SetAside(trip.parked("ambiguous", "userName is taken, and can't be found", refused))

    async def read(self, trip: Reconciliation, *, hurry: bool) -> None:
        """What the target holds of the user now, with its ETag. `hurry`: don't wait for groups."""
        unfound = self.groups.unfound(trip.group_names())
        if not hurry:
            for name in unfound:
                await self.groups.unknown(trip, name, join=True)
        noted = partial(self._noted, trip, hurry=hurry)
        answer = await self._asking.get(trip, f"/Users/{trip.id}", lambda body: self.readable(trip, body), noted)
        silent = answer is not None and bool(trip.group_names()) and not self._tells_groups(answer.body)
        asked = silent and not hurry
        groups = await self.groups.of(trip, self.parse(trip, answer.body)) if answer and asked else None
        trip.stale = False
        if answer is None:
            trip.id, trip.contacted = None, False
            return
        self._learn(trip, answer, partial=hurry and (bool(unfound) or silent))
        if groups is not None:
            cast("Resource", trip.held)["groups"] = groups

    async def confirm(self, trip: Reconciliation) -> None:
        """Read a leaver back. Groups aren't looked up for that: what was known of them stays known."""
        before, partial = (trip.held or {}).get("groups", []), trip.partial
        await self.read(trip, hurry=True)
        if trip.held is not None and trip.partial and not partial:
            trip.held["groups"] = sorted({*trip.held.get("groups", []), *self.groups.unfound(before)})
            trip.partial = False

    async def glance(self, trip: Reconciliation) -> bool:
        """Read what the target holds, once: for somebody who holds a group's lock. False: it couldn't be read."""
        answer = await self._asking.read(trip, f"/Users/{trip.id}")
        read = isinstance(self._asking.judge("read", answer, 0), Deliver) and self.readable(trip, answer.body)
        request = trip.requests.pop()
        if read:
            request = self._noted(trip, request, answer.body, hurry=False)
        trip.journal.record([trip.outcome("read" if read else "retry", final=False, reason=None, requests=[request])])
        if read:
            self._learn(trip, answer, partial=False)
        return read

    def parse(self, trip: Reconciliation, body: dict[str, Any]) -> Resource:
        """What a user resource of the target says, in our own terms: groups by name, the manager by user ID."""
        held = parse_user(body, self._dialect)
        names = self.groups.ids()
        ours = set(trip.group_names())
        members = (names.get(str(each.get("value"))) for each in body.get("groups") or ())
        held["groups"] = sorted(name for name in members if name in ours)
        if not self._tells_groups(body):  # what was known stays known
            held["groups"] = (trip.held or {}).get("groups", [])
        manager = held.get("manager")
        if manager is not None:
            held["manager"] = self.managers.told(trip, manager)
        return held

    def readable(self, trip: Reconciliation, body: dict[str, Any]) -> bool:
        """Whether it is a user, and can be understood."""
        try:
            self.parse(trip, body)
        except (AttributeError, KeyError, TypeError, ValueError):
            return False
        return bool(body.get("id"))

    async def _find(self, trip: Reconciliation) -> dict[str, Any] | None:
        name = trip.record.desired.get("userName")
        if name is None:
            return await self._search.by(trip, "externalId", trip.user, absent)
        if (found := await self._search.by_external_id(trip, trip.user)) is not None:
            return found
        found = await self._search.by(trip, "userName", name, absent)
        other = found.get("externalId") if found else None
        if other and other != trip.user:
            raise SetAside(trip.parked("ambiguous", f"userName belongs to the user with externalId {other}"))
        return found

    def _learn(self, trip: Reconciliation, answer: Response, *, partial: bool) -> None:
        trip.held = self.parse(trip, answer.body)
        trip.etag = etag(answer)
        self.versioned |= trip.etag is not None
        trip.partial = partial
        trip.looked = trip.current = True
        trip.learned = self._times.ticks()

    def _noted(self, trip: Reconciliation, request: Request, body: dict[str, Any] | None, *, hurry: bool) -> Request:
        """A read of the user, with what it says. In a hurry nobody looks up a group whose id isn't known."""
        if body is None:
            return replace(request, absent=True)
        held = self.parse(trip, body)
        if hurry:
            held["groups"] = sorted({*held["groups"], *self.groups.unfound((trip.held or {}).get("groups", []))})
        return replace(request, holds=held)

    def _tells_groups(self, body: dict[str, Any]) -> bool:
        return self._dialect.memberships == "user" or "groups" in body
