"""What the target holds becomes what clients find here, under the ids that they know: each user and group a record.

Rule 1: it is decided, appended and folded as any write is, so gateways may serve meanwhile. What is there as it was
read is left alone: whoever begins anew goes on where it was cut short.
Rule 2: nothing of a client's is written over: neither what one has written since, nor a name that one has given, nor a
resource that one has deleted.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from streamproc.core.provider.decide import decide
from streamproc.core.provider.event import Asked
from streamproc.core.provider.fold import Void
from streamproc.core.provider.normalise import normalise
from streamproc.core.provider.proposal import Proposal
from streamproc.core.provider.refusal import AlreadyThere, Refusal, Taken, told
from streamproc.core.provider.request import Connection, Seed
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.provider.state import Folded, ResourceType
from streamproc.gateway.scim.service import TRIES, Surroundings
from streamproc.gateway.scim.shared_log import SharedLog, UnavailableError

State: TypeAlias = Literal["seeded", "same", "written", "deleted", "taken", "refused"]
"""`same`: it is there as it was read. `written`, `deleted`: by a client. `taken`: another one has its name. `refused`:
it is no resource as we know them."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """What became of one resource. `why`: of `taken` and `refused`, in words."""

    state: State
    why: str = ""


class Seeding:
    """Of one connection. `deleted`: ids of what clients have deleted. `agent`: who seeds, kept in each record. `dry`:
    nothing is appended.
    """

    def __init__(
        self,
        connection: Connection,
        log: SharedLog,
        around: Surroundings,
        deleted: Collection[str],
        agent: str,
        *,
        dry: bool = False,
    ) -> None:
        self._connection = connection
        self._log = log
        self._around = around
        self._deleted = deleted
        self._agent = agent
        self._dry = dry

    async def take(self, type_: ResourceType, id: str, resource: dict[str, Any]) -> Seeded:  # noqa: A002
        """One resource, as the target shows it. Raises UnavailableError."""
        if id in self._deleted and self._log.resources.get(id) is None:
            return Seeded("deleted")
        try:
            body = normalise(self._connection.kinds[type_], resource)
        except ScimError as error:
            return Seeded("refused", error.detail)
        asked = Asked(self._around.new_id(), self._around.now(), "SEED", f"/{type_}s/{id}", self._agent)
        wish = Seed(type_, id, body)
        following: Proposal | None = None
        void = 0
        while void < TRIES:
            found = following or decide(self._log.resources, self._connection, asked, wish)
            if not isinstance(found, Proposal):
                return self._refused(found, id)
            if self._dry:
                return Seeded("seeded")
            done = await self._log.append(found.event, _as_it_is)
            following = None
            if isinstance(done, Void):
                void += 1
            elif done.after is None or (following := found.then(done.after)) is None:
                return Seeded("seeded")
        raise UnavailableError(f"{id} is written by others all the time; begin again later")

    def _refused(self, refusal: Refusal, id: str) -> Seeded:  # noqa: A002 - the attribute's name
        match refusal:
            case AlreadyThere():
                there = self._log.resources.get(id)
                return Seeded("same" if there is not None and there.seeded else "written")
            case Taken():
                return Seeded("taken", told(refusal).detail)
            case _:
                return Seeded("refused", told(refusal).detail)


def _as_it_is(done: Folded | Void) -> Folded | Void:
    return done
