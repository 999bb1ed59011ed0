"""Groups: their ids by their names, and the other way round. They are looked up, and after a while again: one may be
renamed, or made anew under its old name.
"""

from collections.abc import Iterable
from typing import Final

import structlog

from streamproc.core.errors import TargetError
from streamproc.core.records.units import Millis
from streamproc.core.scim.response_body import id_key
from streamproc.reconcile.target_reader import TargetReader

log = structlog.get_logger("streamproc.reconcile")

AGAIN: Final = 3_600_000
"""Milliseconds after which a group is looked up again."""


class Groups:
    """Of one process."""

    def __init__(self, target: TargetReader) -> None:
        self._target = target
        self._looked_up: dict[str, Millis] = {}
        self.ids: dict[str, str] = {}
        """Name → id, as the target writes it. Of a group that isn't here no membership is compared."""
        self.names: dict[str, str] = {}
        """Id in one case → name."""

    async def look_up(self, wanted: Iterable[str], at: Millis) -> None:
        """Those whose id isn't known, or was asked for long ago. Never raises for what the target does."""
        if self._target.dialect.memberships != "user":
            return
        asked = [name for name in wanted if name not in self.ids or not 0 <= at - self._looked_up[name] < AGAIN]
        try:
            for name in sorted(asked):
                self._note(name, await self._target.group(name), at)
        except TargetError as error:
            log.warning("groups can't be looked up, so who is in them isn't compared", why=str(error))

    def _note(self, name: str, found: str | None, at: Millis) -> None:
        if (before := self.ids.pop(name, None)) is not None and self.names.get(id_key(before)) == name:
            del self.names[id_key(before)]
        if found is not None:
            self.ids[name], self.names[id_key(found)], self._looked_up[name] = found, name, at
