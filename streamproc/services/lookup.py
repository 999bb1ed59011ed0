"""Lookup: finds out what the target holds: whom, in which version, in which groups, under which manager.

Rule 1: an answer that doesn't show what was asked for isn't an answer: nobody is absent because a proxy said so.
Rule 2: a search may show an older state than a GET by id, and may pass over its filter: what it finds is checked.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

from streamproc.adapters.scim_http import equals
from streamproc.core.delivery import Parked, Request
from streamproc.core.dialect import Dialect, parse_user
from streamproc.core.resource import Resource
from streamproc.core.verdict import Answer, Deliver, backoff
from streamproc.services.asking import Asking, SetAside
from streamproc.services.groups import Group, Groups
from streamproc.services.trip import Trip

LIST_ATTRIBUTES: Final = "attributes=id,userName,externalId"
NO_MEMBERS: Final = "excludedAttributes=members"
PATIENCE: Final = 6
"""Times that the search index is asked again where it contradicts what the target otherwise says."""


class Lookup:
    """See above. `find_id`: the target's id of a user whom this sink has delivered."""

    def __init__(self, asking: Asking, dialect: Dialect, find_id: Callable[[str], str | None]) -> None:
        self._asking = asking
        self._times = asking.times
        self._dialect = dialect
        self._find_id = find_id
        self._managers: dict[str, str] = {}
        self.groups = Groups()
        self.versioned = False
        """Whether the target has ETags."""

    async def look_up(self, trip: Trip) -> None:
        """First contact: by `externalId`, then by `userName`; adopts whom it finds (RFC 7644 §3.4.2)."""
        user_name = trip.record.desired.get("userName")
        if user_name is None:
            found = await self._search(trip, "externalId", trip.user, _nobody)
        elif (found := await self._by_external_id(trip, trip.user)) is None:
            found = await self._search(trip, "userName", user_name, _nobody)
            self._ours(trip, found)
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

    async def adopt(self, trip: Trip, refused: Answer) -> None:
        """A create found the userName taken. The search index may lag, so look more than once before giving up."""
        await self.look_up(trip)
        for asked in range(PATIENCE + 1):
            if trip.id is not None:
                return
            await self._asking.wait(trip, backoff(asked, self._times.jitter()))
            await self.look_up(trip)
        if trip.id is None:
            raise SetAside(trip.parked("ambiguous", "userName is taken, and can't be found", refused))

    async def read(self, trip: Trip, *, hurry: bool) -> None:
        """What the target holds of the user now, with its ETag. `hurry`: don't wait for groups."""
        names = [name for name in trip.group_names() if not self.groups.get(name).id]
        if not hurry:
            for name in names:
                await self.unknown_group(trip, name, join=True)
        noted = partial(self._noted, trip, hurry=hurry)
        answer = await self._asking.get(trip, f"/Users/{trip.id}", lambda body: self.readable(trip, body), noted)
        silent = answer is not None and bool(trip.group_names()) and not self._tells_groups(answer.body)
        groups = await self._memberships(trip, answer.body) if answer and silent and not hurry else None
        trip.stale = False
        if answer is None:
            trip.id, trip.contacted = None, False
            return
        self._learn(trip, answer, partial=hurry and (bool(names) or silent))
        if groups is not None:
            cast("Resource", trip.held)["groups"] = groups

    async def confirm(self, trip: Trip) -> None:
        """Read a leaver back. Groups aren't looked up for that: what was known of them stays known."""
        before, partial = (trip.held or {}).get("groups", []), trip.partial
        await self.read(trip, hurry=True)
        if trip.held is not None and trip.partial and not partial:
            unknown = {name for name in before if not self.groups.get(name).id}
            trip.held["groups"] = sorted({*trip.held.get("groups", []), *unknown})
            trip.partial = False

    async def glance(self, trip: Trip) -> bool:
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

    def parse(self, trip: Trip, body: dict[str, Any]) -> Resource:
        """What a user resource of the target says, in our own terms: groups by name, the manager by user ID."""
        held = parse_user(body, self._dialect)
        names = self.groups.ids()
        ours = set(trip.group_names())
        members = (names.get(str(each.get("value"))) for each in body.get("groups") or ())
        held["groups"] = sorted(name for name in members if name in ours)
        if not self._tells_groups(body):  # what was known stays known
            held["groups"] = (trip.held or {}).get("groups", [])
        manager = held.get("manager")
        if manager is not None:  # the target tells its own id; known states name the user ID
            wanted = trip.record.desired.get("manager")
            there = wanted and (self._managers.get(wanted) or self._find_id(wanted))
            held["manager"] = wanted if wanted and there == manager else manager
        return held

    def readable(self, trip: Trip, body: dict[str, Any]) -> bool:
        """Whether it is a user, and can be understood."""
        try:
            self.parse(trip, body)
        except (AttributeError, KeyError, TypeError, ValueError):
            return False
        return bool(body.get("id"))

    async def unknown_group(self, trip: Trip, name: str, *, join: bool) -> Parked | None:
        """Look the group up where its id or ETag isn't known. Not None: it can't be found, and why.

        Somebody who is to leave it does so under whatever name it has by now.
        """
        group = self.groups.get(name)
        if group.known:
            return None
        try:
            found = await self._find_group(trip, group, join=join)
        except SetAside as refused:
            return refused.parked
        if found is None:
            return trip.parked("unresolved", f"there is no group {name}")
        if not group.known:  # else somebody was quicker, and may have changed it since
            group.id, group.etag, group.read, group.known = str(found["id"]), version(found), self._times.ticks(), True
        return None

    async def referred(self, trip: Trip, resource: Resource) -> Resource:
        """The resource with the manager as the target's own id; without, and set aside, where it has no such user."""
        manager = resource.get("manager")
        trip.manager = None
        if not manager:
            return resource
        there = self._managers.get(manager) or self._find_id(manager) or await self._find_manager(trip, manager)
        referred = dict(resource)
        if there is None:
            del referred["manager"]
        else:
            trip.manager = (manager, there)
            self._managers[manager] = there
            referred["manager"] = there
        return cast("Resource", referred)

    async def manager_moved(self, trip: Trip) -> bool:
        """A refusal may be on account of a manager who was deleted, or made anew. True: plan again."""
        if trip.manager is None:
            return False
        manager, there = trip.manager
        now = await self._find_manager(trip, manager)
        if now is None:
            del self._managers[manager]
        else:
            self._managers[manager] = now
        return now != there

    def _learn(self, trip: Trip, answer: Answer, *, partial: bool) -> None:
        trip.held = self.parse(trip, answer.body)
        trip.etag = etag(answer)
        self.versioned |= trip.etag is not None
        trip.partial = partial
        trip.looked = trip.current = True
        trip.learned = self._times.ticks()

    def _noted(self, trip: Trip, request: Request, body: dict[str, Any] | None, *, hurry: bool) -> Request:
        """A read of the user, with what it says. In a hurry nobody looks up a group whose id isn't known."""
        if body is None:
            return replace(request, absent=True)
        held = self.parse(trip, body)
        if hurry:
            unnamed = {name for name in (trip.held or {}).get("groups", []) if not self.groups.get(name).id}
            held["groups"] = sorted({*held["groups"], *unnamed})
        return replace(request, holds=held)

    def _ours(self, trip: Trip, found: dict[str, Any] | None) -> None:
        other = found.get("externalId") if found else None
        if other and other != trip.user:
            raise SetAside(trip.parked("ambiguous", f"userName belongs to the user with externalId {other}"))

    async def _by_external_id(self, trip: Trip, value: str) -> dict[str, Any] | None:
        """None, too, where the target can't search by it (RFC 7644 §3.4.2.2): then `userName` alone has to do."""
        try:
            return await self._search(trip, "externalId", value)
        except SetAside as refused:
            if "invalidFilter" not in refused.parked.reason:
                raise
            return None

    async def _search(
        self, trip: Trip, attribute: str, value: str, nobody: Callable[[Request], Request] = lambda request: request
    ) -> dict[str, Any] | None:
        """`nobody`: what it means where nobody is found."""

        def find(body: dict[str, Any] | None) -> list[dict[str, Any]]:
            return [each for each in _resources(body) if each.get("id") and _has(each, attribute, value)]

        path = f"/Users?{equals((attribute, value))}&{LIST_ATTRIBUTES}"
        answer = await self._asking.get(
            trip, path, _is_list, lambda request, body: request if find(body) else nobody(request)
        )
        found = find(answer.body if answer else None)
        if len(found) > 1:
            raise SetAside(trip.parked("ambiguous", f"{len(found)} users have this {attribute}"))
        return found[0] if found else None

    async def _find_group(self, trip: Trip, group: Group, *, join: bool) -> dict[str, Any] | None:
        if group.id:  # by its id, since a search may show an older version
            path = f"/Groups/{group.id}?{NO_MEMBERS}"
            answer = await self._asking.get(trip, path, lambda body: bool(body.get("id")))
            if answer is None:
                group.id = ""
            elif not join or _has(answer.body, "displayName", group.name):
                return answer.body
        answer = await self._asking.get(trip, f"/Groups?{equals(('displayName', group.name))}&{NO_MEMBERS}", _is_list)
        resources = _resources(answer.body if answer else None)
        found = [each for each in resources if each.get("id") and _has(each, "displayName", group.name)]
        return found[0] if len(found) == 1 else None

    def _tells_groups(self, body: dict[str, Any]) -> bool:
        return self._dialect.memberships == "user" or "groups" in body

    async def _memberships(self, trip: Trip, user: dict[str, Any]) -> list[str] | None:
        """Which of our groups the user is in, asked of the groups. None: that is refused, and groups are set aside."""
        held = self.parse(trip, user)
        names = [name for name in trip.group_names() if self.groups.get(name).id]
        found: list[str] = []
        for number, name in enumerate(names, 1):
            there = self.groups.get(name).id
            unasked = [each for each in names[number:] if each in held["groups"]]
            query = equals(("id", there), ("members.value", str(trip.id)))
            noted = partial(_noted_member, held, [*found, *unasked], name, there)
            try:
                answer = await self._asking.get(trip, f"/Groups?{query}&{NO_MEMBERS}", _is_list, noted)
            except SetAside as refused:
                trip.set_aside("groups", refused.parked)
                return None
            if answer is not None and _is_among(answer.body, there):
                found.append(name)
        return found

    async def _find_manager(self, trip: Trip, manager: str) -> str | None:
        """The target's id of the manager. None: set aside."""
        try:
            found = await self._by_external_id(trip, manager)
        except SetAside as refused:
            trip.set_aside("manager", refused.parked)
            return None
        if found is None:
            trip.set_aside("manager", trip.parked("unresolved", f"manager {manager} isn't in the target yet"))
            return None
        return str(found["id"])


def etag(answer: Answer) -> str | None:
    """The version that an answer tells, as If-Match wants it."""
    return answer.headers.get("etag") or version(answer.body)


def version(resource: dict[str, Any]) -> str | None:
    """`meta.version` as an ETag: the header is quoted, the body isn't (Genesys Cloud: `"56"`)."""
    meta = resource.get("meta")
    said = str((meta.get("version") if isinstance(meta, dict) else None) or "")
    return (said if said.startswith(('"', "W/")) else f'"{said}"') if said else None


def created(answer: Answer) -> str | None:
    """The id of the user that a POST made (RFC 7644 §3.3: in the body, and at the end of Location)."""
    return str(answer.body.get("id") or answer.headers.get("location", "").rstrip("/").rpartition("/")[2]) or None


def _is_list(body: dict[str, Any]) -> bool:
    """RFC 7644 §3.4.2: `Resources` may be missing where there are none."""
    found = body.get("Resources")
    if found is None:
        return body.get("totalResults") == 0
    return isinstance(found, list) and all(isinstance(each, dict) for each in found)


def _resources(body: dict[str, Any] | None) -> list[dict[str, Any]]:
    return (body or {}).get("Resources") or []


def _is_among(body: dict[str, Any] | None, there: str) -> bool:
    return any(each.get("id") == there for each in _resources(body))


def _noted_member(
    held: Resource, others: list[str], name: str, there: str, request: Request, body: dict[str, Any] | None
) -> Request:
    groups = [*others, name] if _is_among(body, there) else others
    return replace(request, holds=cast("Resource", {**held, "groups": sorted(groups)}))


def _nobody(request: Request) -> Request:
    return replace(request, absent=True)


def _has(resource: dict[str, Any], attribute: str, value: str) -> bool:
    """Whether a search found what it was asked for: a server may pass over a filter. Only externalId is exact."""
    held = resource.get(attribute)
    if attribute == "externalId":
        return held in (None, value)
    return held is None or str(held).casefold() == value.casefold()
