"""Which connections are served, kept as the operators' orders have it, whatever happens to the reading of these.

While they can't be read, those that are known are served on: without Kafka nothing is answered anyway. It is told.
"""

from collections.abc import Iterable, Iterator
from typing import NoReturn

import structlog

from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka.connections_in_force import ConnectionsInForce
from streamproc.adapters.kafka.log import Log
from streamproc.core.provider.connections import deciding
from streamproc.core.records.connection_definition import ConnectionDefinition
from streamproc.core.records.topic_names import CONTROLS
from streamproc.gateway.scim.front_door import GRACE, FrontDoor, ServedConnection
from streamproc.gateway.scim.partition import told
from streamproc.gateway.scim.supervised import supervised
from streamproc.gateway.scim.tokens import known_tokens
from streamproc.health.decide.conditions import Trouble

log = structlog.get_logger("streamproc.gateway")


class ConnectionsFollowed:
    """`fixed`: those of the settings' file."""

    def __init__(self, kafka: Log, fixed: Iterable[ConnectionDefinition], door: FrontDoor, clocks: Clocks) -> None:
        self._kafka = kafka
        self._fixed = tuple(fixed)
        self._door = door
        self._clocks = clocks
        self._trouble: str | None = None
        self._clashing: list[str] = []

    async def run(self) -> NoReturn:
        """Until cancelled."""
        await supervised(self._follow, self._tell, self._clocks)

    def troubles(self) -> Iterator[Trouble]:
        """What is wrong now."""
        if self._trouble is not None:
            reason = (
                f"orders about connections can't be followed, so new and withdrawn tokens aren't known: {self._trouble}"
            )
            yield Trouble("connections", CONTROLS, "degraded", reason, GRACE)
        for name in self._clashing:
            reason = "it is in the settings' file of connections and was ordered, too: the file counts; remove one"
            yield Trouble("connection_twice", name, "degraded", reason)

    async def _follow(self) -> None:
        """Raises what has gone wrong."""
        followed = ConnectionsInForce(self._kafka, self._fixed, lambda: self._serve(followed))
        try:
            await followed.start()
            self._serve(followed)
            self._trouble = None
            await followed.run()
        finally:
            await followed.stop()

    def _tell(self, error: Exception, failures: int) -> None:
        self._trouble = told(error)
        log.warning("orders about connections can't be followed", reason=self._trouble, times=failures + 1)

    def _serve(self, followed: ConnectionsInForce) -> None:
        known = followed.connections
        self._clashing = known.clashing
        self._door.serve(map(_served, known.served().values()))


def _served(each: ConnectionDefinition) -> ServedConnection:
    return ServedConnection(
        deciding(each), each.partition, known_tokens([each]), patch_body=each.patch_body, delivered=each.delivered
    )
