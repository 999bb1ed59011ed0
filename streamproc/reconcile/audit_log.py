"""The target's audit log (Genesys Cloud: `POST /api/v2/audits/query/realtime`, with permission `audits:audit:view`).

Which of its services hold changes of users isn't documented, so it is asked: those that have an entity "User".
Memberships are changes of groups.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal, TypeAlias

import structlog

from streamproc.core.errors import TargetError
from streamproc.core.records.finding import Difference
from streamproc.core.records.resource import GROUP
from streamproc.core.records.units import Millis
from streamproc.core.scim.response_policy import describe
from streamproc.reconcile.decide.authors import Entry, authored, of_member, read_entries
from streamproc.reconcile.target_reader import ForbiddenError, TargetReader

log = structlog.get_logger("streamproc.reconcile")

Kind: TypeAlias = Literal["User", "Group"]
"""Of an entity whose changes are asked for."""
About: TypeAlias = Callable[[list[Entry]], list[Entry]]
"""Of an entity's entries those that matter."""

DAYS: Final = 14
"""How far back the log can be asked at once."""
SIZES: Final[Mapping[Kind, tuple[int, ...]]] = {"User": (100, 10, 1), "Group": (25, 5, 1)}
"""Entries that are asked for at once; fewer where the answer can't be read: a group's may list all its members."""
PAGES: Final[Mapping[Kind, int]] = {"User": 1, "Group": 40}
"""Of one entity, the newest entries first."""
SERVICES: Final = 4
"""Services that are asked."""
FRESH: Final = 30_000
"""Milliseconds for which a group's entries aren't asked for again: many may have left it at once."""
ASK_AGAIN: Final = 600_000
"""Milliseconds after which it is asked again where the log may not be read, or doesn't answer."""
LONGEST: Final = 60.0
"""Seconds that the questions about one entity may take: what is found waits for them."""
FAILURES: Final = 3
"""Entities in a row whose entries couldn't be read; then nobody waits for those of others for a while."""
PAUSE: Final = 60_000
"""Milliseconds of that while."""
_UNREAD: Final = "who did it isn't known, since the audit log can't be read: "
_DAY: Final = 86_400_000
_HOUR: Final = 3_600_000


@dataclass(slots=True)
class _History:
    """What the log has shown of one entity so far. `at`: when that began; `offset`: entries passed in a service."""

    kind: Kind
    id: str
    services: list[str]
    at: Millis
    entries: list[Entry] = field(default_factory=list)
    offset: int = 0
    pages: int = 0
    failed: str | None = None
    """Why some of it couldn't be read."""


class AuditLog:
    """As one OAuth client may read it; `us`: that client's id. None: not known, so nobody is taken for us."""

    def __init__(self, target: TargetReader, us: str | None) -> None:
        self._target = target
        self._us = us
        self._services: dict[Kind, tuple[str, ...]] = {}
        """Services that hold changes of such entities."""
        self._known = -_DAY
        self._groups: dict[str, _History] = {}
        self._closed: tuple[Millis, str] | None = None
        """Until when it isn't asked, and why."""
        self._failures: set[str] = set()
        """Ids of entities in a row whose entries couldn't be read."""

    async def authors(
        self, account: str, differences: list[Difference], groups: Mapping[str, str], at: Millis
    ) -> list[Difference]:
        """The differences of an account, with who made them. `groups`: name → id. Never raises for what the target
        does.
        """
        wanted = [each for each in differences if each.kind == "unknown"]
        told = {each.attribute: each for each in differences}
        own = [each for each in wanted if not each.attribute.startswith(GROUP)]
        if own:
            told |= {each.attribute: each for each in await self._authored("User", account, own, at, _all)}
        for each in wanted:
            if each.attribute.startswith(GROUP) and (id_ := groups.get(each.attribute.removeprefix(GROUP))) is not None:
                of_them = partial(of_member, account=account, held=bool(each.held))
                (told[each.attribute],) = await self._authored("Group", id_, [each], at, of_them)
        return [told[each.attribute] for each in differences]

    async def _authored(
        self, kind: Kind, id_: str, differences: list[Difference], at: Millis, about: About
    ) -> list[Difference]:
        """By the entries of one entity, as far as they are `about` these differences."""
        if self._closed is not None and 0 < self._closed[0] - at <= ASK_AGAIN:
            return authored(differences, [], self._us, at, self._closed[1])
        self._closed = None
        why = f"nobody by the audit log of the last {DAYS} days"
        entries: list[Entry] = []
        failed: str | None = None
        try:
            async with asyncio.timeout(LONGEST):
                history = await self._history(kind, id_, at)
                while not (entries := about(history.entries)) and history.services:
                    await self._read_on(history)
            failed = None if entries else history.failed
        except ForbiddenError as error:
            failed = self._close(str(error), ASK_AGAIN, at)
        except TimeoutError:
            failed = self._close("it doesn't answer", ASK_AGAIN, at)
        except TargetError as error:
            failed = str(error)
        if failed is None:
            self._failures.clear()
        else:
            why = _UNREAD + failed
            self._failures.add(id_)
            if len(self._failures) >= FAILURES:
                self._close(failed, PAUSE, at)
        return authored(differences, entries, self._us, at, why)

    def _close(self, why: str, pause: int, at: Millis) -> str:
        self._failures.clear()
        self._closed = Millis(at + pause), _UNREAD + why
        log.warning("the audit log can't be read, so who changed something isn't known", why=why)
        return why

    async def _history(self, kind: Kind, id_: str, at: Millis) -> _History:
        if not 0 <= at - self._known < _HOUR:
            self._services, self._known = await self._mapped(), at
        fresh = {name: each for name, each in self._groups.items() if at - each.at < FRESH}
        self._groups = fresh
        if kind == "Group" and id_ in fresh:
            return fresh[id_]
        history = _History(kind, id_, list(self._services[kind]), at)
        if kind == "Group":
            self._groups[id_] = history
        else:
            while history.services:  # the newest entry may be in any
                await self._read_on(history)
        return history

    async def _read_on(self, history: _History) -> None:
        """One more page of the first service that has some; what can't be read is given up. Raises ForbiddenError."""
        found, more = [], False
        for size in SIZES[history.kind]:
            try:
                found = await self._asked(history.services[0], history, size)
            except ForbiddenError:
                raise
            except TargetError as error:
                history.failed = str(error)
                continue
            more, history.failed = len(found) == size, None
            history.offset, history.pages = history.offset + size, history.pages + 1
            break
        history.entries += found
        if not more or history.pages >= PAGES[history.kind]:
            del history.services[0]
            history.offset = history.pages = 0

    async def _mapped(self) -> dict[Kind, tuple[str, ...]]:
        answer = await self._target.platform_get("/audits/query/realtime/servicemapping")
        if answer is None:
            raise ForbiddenError("it has none that we know of")
        told = answer.body.get("services")
        if not isinstance(told, list):
            raise ForbiddenError(f"/audits/query/realtime/servicemapping: no services in {describe(answer)}")
        return {"User": services_of(told, "User"), "Group": services_of(told, "Group")}

    async def _asked(self, service: str, history: _History, size: int) -> list[Entry]:
        first, last = (
            datetime.fromtimestamp(each / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            for each in (history.at - DAYS * _DAY + _HOUR, history.at + _HOUR)
        )
        query = {
            "interval": f"{first}/{last}",
            "serviceName": service,
            "filters": [{"property": "EntityId", "value": history.id}],
            "sort": [{"name": "Timestamp", "sortOrder": "descending"}],
            "pageNumber": history.offset // size + 1,
            "pageSize": size,
        }
        answer = await self._target.platform_post("/audits/query/realtime?expand=user", query)
        found = None if answer is None else read_entries(answer.body)
        if found is None:
            raise TargetError("/audits/query/realtime: no entries in the answer")
        return found


def _all(entries: list[Entry]) -> list[Entry]:
    return entries


def services_of(told: list[Any], kind: Kind) -> tuple[str, ...]:
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
