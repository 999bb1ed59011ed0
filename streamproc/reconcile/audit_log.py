"""The target's audit log (Genesys Cloud: `POST /api/v2/audits/query/realtime`, with permission `audits:audit:view`).

Which of its services hold changes of users isn't documented, so it is asked: those that have an entity "User".
"""

from datetime import UTC, datetime
from typing import Any, Final

import structlog

from streamproc.core.errors import TargetError
from streamproc.core.records.finding import Difference
from streamproc.core.records.units import Millis
from streamproc.core.scim.response_policy import describe
from streamproc.reconcile.decide.authors import Entry, authored, read_entries
from streamproc.reconcile.target_reader import TargetReader

log = structlog.get_logger("streamproc.reconcile")

DAYS: Final = 14
"""How far back the log can be asked at once."""
SIZE: Final = 100
"""Entries of one account that are looked at, the newest first."""
SERVICES: Final = 4
"""Services that are asked."""
ASK_AGAIN: Final = 600_000
"""Milliseconds after which it is asked again where the log couldn't be read."""
_DAY: Final = 86_400_000
_HOUR: Final = 3_600_000


class AuditLog:
    """As one OAuth client may read it; `us`: that client's id. None: not known, so nobody is taken for us."""

    def __init__(self, target: TargetReader, us: str | None) -> None:
        self._target = target
        self._us = us
        self._services: tuple[str, ...] = ()
        self._known = -_DAY
        self._closed: tuple[Millis, str] | None = None
        """Until when it isn't asked, and why."""

    async def authors(self, account: str, differences: list[Difference], at: Millis) -> list[Difference]:
        """The differences of an account, with who made them. Never raises for what the target does."""
        if not any(each.kind == "unknown" for each in differences):
            return differences
        entries: list[Entry] = []
        why = f"nobody by the audit log of the last {DAYS} days"
        if self._closed is not None and at < self._closed[0]:
            return authored(differences, entries, self._us, at, self._closed[1])
        try:
            for service in await self._of_users(at):
                entries += await self._asked(service, account, at)
        except TargetError as error:
            why = f"who did it isn't known, since the audit log can't be read: {error}"
            self._closed = Millis(at + ASK_AGAIN), why
            log.warning("the audit log can't be read, so who changed something isn't known", why=str(error))
        return authored(differences, entries, self._us, at, why)

    async def _of_users(self, at: Millis) -> tuple[str, ...]:
        if at - self._known < _HOUR:
            return self._services
        answer = await self._target.platform_get("/audits/query/realtime/servicemapping")
        if answer is None:
            raise TargetError("it has none that we know of")
        told = answer.body.get("services")
        if not isinstance(told, list):
            raise TargetError(f"/audits/query/realtime/servicemapping: no services in {describe(answer)}")
        self._services = tuple(sorted(name for each in told if (name := _holds_users(each)) is not None))[:SERVICES]
        self._known = at
        return self._services

    async def _asked(self, service: str, account: str, at: Millis) -> list[Entry]:
        first, last = (datetime.fromtimestamp(each / 1000, UTC) for each in (at - DAYS * _DAY + _HOUR, at + _HOUR))
        query = {
            "interval": "/".join(
                each.isoformat(timespec="milliseconds").replace("+00:00", "Z") for each in (first, last)
            ),
            "serviceName": service,
            "filters": [{"property": "EntityId", "value": account}],
            "sort": [{"name": "Timestamp", "sortOrder": "descending"}],
            "pageNumber": 1,
            "pageSize": SIZE,
        }
        answer = await self._target.platform_post("/audits/query/realtime?expand=user", query)
        found = None if answer is None else read_entries(answer.body)
        if found is None:
            raise TargetError("/audits/query/realtime: no entries in the answer")
        return found


def _holds_users(service: Any) -> str | None:
    """Its name, where it has changes of users."""
    if not isinstance(service, dict) or not isinstance(service.get("name"), str):
        return None
    entities = service.get("entities")
    kinds = [each.get("name") for each in entities if isinstance(each, dict)] if isinstance(entities, list) else []
    return service["name"] if "User" in kinds else None
