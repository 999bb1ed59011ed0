"""What serving needs of the log: appending that tells what it came to, and being as new as any other gateway."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from streamproc.core.errors import StreamprocError
from streamproc.core.provider.event import ScimEvent
from streamproc.core.provider.fold import Void
from streamproc.core.provider.state import Folded
from streamproc.gateway.scim.store import StoredResources

Seen = TypeVar("Seen")


class UnavailableError(StreamprocError):
    """The log doesn't answer in time. What was appended may count later, or not: the client asks again."""


class SharedLog(Protocol):
    """The partition of one connection's records, as far as this process has folded it."""

    @property
    def resources(self) -> StoredResources:
        """The connection's, now."""
        ...

    async def append(self, event: ScimEvent, seen: Callable[[Folded | Void], Seen], /) -> Seen:
        """Appends the record, and waits until it is folded.

        `seen` is told what it did, in the moment when `resources` has it and nothing that comes after: what it returns
        is of one version, however many records follow at once. Raises UnavailableError, and what `seen` raises.
        """
        ...

    async def barrier(self) -> None:
        """Returns when `resources` has all that was answered by anybody before this was called.

        Raises UnavailableError.
        """
        ...
