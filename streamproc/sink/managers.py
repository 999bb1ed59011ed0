"""Managers: a record names the manager by user ID, the target by its own id. This finds the one for the other."""

from collections.abc import Callable
from typing import cast

from streamproc.core.records.resource import Resource
from streamproc.sink.reconciliation import Reconciliation
from streamproc.sink.request_executor import SetAside
from streamproc.sink.search import Search


class Managers:
    """See above. `find_id`: the target's id of a user whom this sink has delivered."""

    def __init__(self, search: Search, find_id: Callable[[str], str | None]) -> None:
        self._search = search
        self._find_id = find_id
        self._ids: dict[str, str] = {}

    async def referred(self, trip: Reconciliation, resource: Resource) -> Resource:
        """The resource with the manager as the target's own id; without, and set aside, where it has no such user."""
        manager = resource.get("manager")
        trip.manager = None
        if not manager:
            return resource
        there = self._known(manager) or await self._find(trip, manager)
        referred = dict(resource)
        if there is None:
            del referred["manager"]
        else:
            trip.manager = (manager, there)
            self._ids[manager] = there
            referred["manager"] = there
        return cast("Resource", referred)

    def told(self, trip: Reconciliation, there: str) -> str:
        """The target's id as the user ID, where it is the manager who is wanted."""
        wanted = trip.record.desired.get("manager")
        return wanted if wanted and self._known(wanted) == there else there

    async def moved(self, trip: Reconciliation) -> bool:
        """A refusal may be on account of a manager who was deleted, or made anew. True: plan again."""
        if trip.manager is None:
            return False
        manager, there = trip.manager
        now = await self._find(trip, manager)
        if now is None:
            self._ids.pop(manager, None)  # others who report to them may have found it out before
        else:
            self._ids[manager] = now
        return now != there

    def _known(self, manager: str) -> str | None:
        return self._ids.get(manager) or self._find_id(manager)

    async def _find(self, trip: Reconciliation, manager: str) -> str | None:
        """The target's id of the manager. None: set aside."""
        try:
            found = await self._search.by_external_id(trip, manager)
        except SetAside as refused:
            trip.set_aside("manager", refused.parked)
            return None
        if found is None:
            trip.set_aside("manager", trip.parked("unresolved", f"manager {manager} isn't in the target yet"))
            return None
        return str(found["id"])
