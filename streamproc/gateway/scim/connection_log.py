"""One connection's records in the partition that this process follows."""

from collections.abc import Callable

from streamproc.core.provider.event import ScimEvent
from streamproc.core.provider.fold import Void
from streamproc.core.provider.state import Folded
from streamproc.gateway.scim.shared_log import Seen
from streamproc.gateway.scim.store import StoredResources
from streamproc.gateway.scim.tail import Tail


class ConnectionLog:
    """See SharedLog. `tail`: who follows the partition now; it may raise UnavailableError."""

    def __init__(self, tail: Callable[[], Tail], connection: str) -> None:
        self._tail = tail
        self._connection = connection

    @property
    def resources(self) -> StoredResources:
        """See SharedLog. Raises UnavailableError."""
        return self._tail().resources(self._connection)

    async def append(self, event: ScimEvent, seen: Callable[[Folded | Void], Seen]) -> Seen:
        """See SharedLog."""
        return await self._tail().append(event, seen)

    async def barrier(self) -> None:
        """See SharedLog."""
        await self._tail().barrier()
