"""The target's audit log (Genesys Cloud: `POST /api/v2/audits/query/realtime`, with permission `audits:audit:view`).

Which of its services hold changes of users isn't documented, so it is asked: those that have an entity "User".
Memberships are changes of groups.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

import structlog

from streamproc.core.errors import TargetError
from streamproc.core.records.finding import Difference
from streamproc.core.records.resource import GROUP
from streamproc.core.records.units import Millis
from streamproc.core.scim.response_policy import describe
from streamproc.reconcile.decide.authors import Entry, authored, of_member, read_entries
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
        self._services: dict[str, tuple[str, ...]] = {}
        """Kind of entity → services that hold changes of some."""
        self._known = -_DAY
        self._closed: tuple[Millis, str] | None = None
        """Until when it isn't asked, and why."""

    async def authors(
        self, account: str, differences: list[Difference], groups: Mapping[str, str], at: Millis
    ) -> list[Difference]:
        """The differences of an account, with who made them. `groups`: name → id. Never raises for what the target
        does.
        """
        wanted = [each for each in differences if each.kind == "unknown"]
        if not wanted:
            return differences
        if self._closed is not None and at < self._closed[0]:
            return authored(differences, [], self._us, at, self._closed[1])
        nobody = f"nobody by the audit log of the last {DAYS} days"
        try:
            of_user: list[Entry] = []
            if any(not each.attribute.startswith(GROUP) for each in wanted):
                of_user = await self._entries("User", account, at)
            told: list[Difference] = []
            for each in differences:
                entries = of_user
                if each.attribute.startswith(GROUP) and each.kind == "unknown":
                    id_ = groups.get(each.attribute.removeprefix(GROUP))
                    all_of_it = [] if id_ is None else await self._entries("Group", id_, at)
                    entries = of_member(all_of_it, account, held=bool(each.held))
                told += authored([each], entries, self._us, at, nobody)
        except TargetError as error:
            why = f"who did it isn't known, since the audit log can't be read: {error}"
            self._closed = Millis(at + ASK_AGAIN), why
            log.warning("the audit log can't be read, so who changed something isn't known", why=str(error))
            return authored(differences, [], self._us, at, why)
        return told

    async def _entries(self, kind: Literal["User", "Group"], id_: str, at: Millis) -> list[Entry]:
        """Of one entity, by all services that hold some of its kind."""
        if at - self._known >= _HOUR:
            self._services, self._known = await self._mapped(), at
        entries: list[Entry] = []
        for service in self._services[kind]:
            entries += await self._asked(service, id_, at)
        return entries

    async def _mapped(self) -> dict[str, tuple[str, ...]]:
        answer = await self._target.platform_get("/audits/query/realtime/servicemapping")
        if answer is None:
            raise TargetError("it has none that we know of")
        told = answer.body.get("services")
        if not isinstance(told, list):
            raise TargetError(f"/audits/query/realtime/servicemapping: no services in {describe(answer)}")
        return {kind: services_of(told, kind) for kind in ("User", "Group")}

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


def services_of(told: list[Any], kind: str) -> tuple[str, ...]:
    """Names of the services that hold changes of users, or of groups: their entities are called so, or end so."""
    found: set[str] = set()
    for service in told:
        if isinstance(service, dict) and isinstance(name := service.get("name"), str):
            entities = service.get("entities")
            names = (
                [each.get("name") for each in entities if isinstance(each, dict)] if isinstance(entities, list) else []
            )
            if kind in names or (kind == "Group" and any(str(each).endswith(kind) for each in names)):
                found.add(name)
    return tuple(sorted(found))[:SERVICES]
