"""Search: which user of the target has this externalId or userName.

A search may show an older state than a GET by id, and may pass over its filter: what it finds is checked, and only the
id of it is used.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from streamproc.adapters.scim_http import equals
from streamproc.core.records.outcome import Request
from streamproc.core.scim.response_body import is_list, matching
from streamproc.sink.reconciliation import Reconciliation
from streamproc.sink.request_executor import RequestExecutor, SetAside

LIST_ATTRIBUTES: Final = "attributes=id,userName,externalId"


@dataclass(frozen=True, slots=True)
class Search:
    """See above."""

    asking: RequestExecutor

    async def by(
        self,
        trip: Reconciliation,
        attribute: str,
        value: str,
        nobody: Callable[[Request], Request] = lambda request: request,
    ) -> dict[str, Any] | None:
        """The user, None where there is none. `nobody`: what that means for what is known of the trip's user.

        Raises SetAside where there are several, and as `Asking.get` does.
        """

        def noted(request: Request, body: dict[str, Any] | None) -> Request:
            return request if matching(body, attribute, value) else nobody(request)

        path = f"/Users?{equals((attribute, value))}&{LIST_ATTRIBUTES}"
        answer = await self.asking.get(trip, path, is_list, noted)
        found = matching(answer.body if answer else None, attribute, value)
        if len(found) > 1:
            raise SetAside(trip.parked("ambiguous", f"{len(found)} users have this {attribute}"))
        return found[0] if found else None

    async def by_external_id(self, trip: Reconciliation, value: str) -> dict[str, Any] | None:
        """None, too, where the target can't search by it (RFC 7644 §3.4.2.2): then `userName` alone has to do."""
        try:
            return await self.by(trip, "externalId", value)
        except SetAside as refused:
            if "invalidFilter" not in refused.parked.reason:
                raise
            return None


def absent(request: Request) -> Request:
    """The target said that it has no such user."""
    return replace(request, absent=True)
