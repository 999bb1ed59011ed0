"""`streamproc seed`: what Genesys Cloud holds is read once, so that the ids that an identity provider has kept go on
working when its app points at the gateway.
"""

import asyncio
import tempfile
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from streamproc import rights
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import Log
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.adapters.kafka.trouble import told
from streamproc.compose.clocks import SYSTEM
from streamproc.compose.target import target_clients, target_session
from streamproc.core.flow.rate_limit import RateLimiter
from streamproc.core.provider.connections import Connections, deciding
from streamproc.core.provider.event import NotAnEventError, decode
from streamproc.core.provider.state import ResourceType
from streamproc.core.records.connection_definition import ConnectionDefinition
from streamproc.core.records.topic_names import CONTROLS, PUSHED
from streamproc.core.scim.dialect import DIALECTS
from streamproc.core.scim.response_body import resource_id
from streamproc.gateway.scim.connection_log import ConnectionLog
from streamproc.gateway.scim.seeding import Seeded, Seeding, State
from streamproc.gateway.scim.service import LONGEST_SHOWN, Surroundings
from streamproc.gateway.scim.shared_log import SharedLog, UnavailableError
from streamproc.gateway.scim.store import Store
from streamproc.gateway.scim.tail import Tail
from streamproc.operators.connections import LIST, NotOrderedError, known
from streamproc.reconcile.target_listing import TargetListing
from streamproc.reconcile.target_reader import TargetReader
from streamproc.settings import Settings

OFTEN: Final = 500
"""Resources after which progress is told."""
KEPT: Final = 100
"""Of those that weren't seeded, as many are named."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be seeded. `by`: who does it, kept in each record."""

    connection: str
    by: str = ""
    external_ids: bool = False
    """Also `externalId`. Genesys Cloud shows each OAuth client its own: the app's, if we ask with the app's token."""
    dry: bool = False
    """Nothing is appended."""


@dataclass(slots=True)
class SeedSummary:
    """What became of it: states of users and of groups. `left`: type, id and why of those that weren't seeded though
    they are new. `unseen`: resources that the target counts, and didn't show.
    """

    users: Counter[State] = field(default_factory=Counter)
    groups: Counter[State] = field(default_factory=Counter)
    left: list[tuple[ResourceType, str, str]] = field(default_factory=list)
    unseen: int = 0

    def note(self, type_: ResourceType, id: str, seeded: Seeded) -> None:  # noqa: A002 - the attribute's name
        """One more."""
        (self.users if type_ == "User" else self.groups)[seeded.state] += 1
        if seeded.why and len(self.left) < KEPT:
            self.left.append((type_, id, seeded.why))

    @property
    def good(self) -> bool:
        """Whether all that is new was seeded."""
        return not self.unseen and not any(each[state] for each in (self.users, self.groups) for state in _LEFT)


_LEFT: Final[tuple[State, ...]] = ("taken", "refused")


async def seed(settings: Settings, wanted: Wanted, say: Callable[[str], None]) -> SeedSummary:
    """Raises NotOrderedError where there is no such connection, TargetError, UnavailableError and what Kafka raises."""
    needed = rights.operator(reads=(CONTROLS, PUSHED), writes=(PUSHED,))
    await ensure_topics(settings.kafka, needed)
    async with told(settings.kafka, needed), target_session(settings.target, settings.network) as http:
        return await seed_from(settings, wanted, KafkaLog(settings.kafka), http, say)


async def seed_from(
    settings: Settings,
    wanted: Wanted,
    kafka: Log,
    http: aiohttp.ClientSession,
    say: Callable[[str], None],
    clocks: Clocks = SYSTEM,
) -> SeedSummary:
    """The same with a cluster and connections to the target that are there."""
    connections = (await known(kafka, settings.connections())).connections
    definition = connections.get(wanted.connection)
    if definition is None or definition.removed:
        raise NotOrderedError(
            f"there is no connection {wanted.connection}: {LIST}, or streamproc connections add {wanted.connection}"
        )
    around = Surroundings(clocks.millis, clocks.ticks, lambda: uuid.uuid4().hex)
    agent = f"streamproc seed {wanted.by}".strip()[:LONGEST_SHOWN]
    say(f"reading what {wanted.connection} has written ...")
    deleted = await _deleted(kafka, definition)
    async with _followed(kafka, definition, connections) as log:
        seeding = Seeding(deciding(definition), log, around, deleted, agent, dry=wanted.dry)
        return await _Run(seeding, _listing(settings, http, clocks), wanted, say).run()


class _Run:
    def __init__(self, seeding: Seeding, listing: TargetListing, wanted: Wanted, say: Callable[[str], None]) -> None:
        self._seeding = seeding
        self._listing = listing
        self._wanted = wanted
        self._say = say
        self._summary = SeedSummary()

    async def run(self) -> SeedSummary:
        """Users first, so that groups have members who are there."""
        members: dict[str, list[str]] = {}
        self._say("reading users of the target ...")
        async for page in self._listing.users():
            for user in page:
                for team in self._listing.members(user):
                    members.setdefault(team, []).append(str(resource_id(user)))
            await self._take("User", page)
        self._say("reading groups of the target ...")
        async for page in self._listing.groups():
            for group in page:
                if "members" not in group:
                    group["members"] = [{"value": member} for member in members.get(str(resource_id(group)), ())]
            await self._take("Group", page)
        self._summary.unseen = self._listing.unseen
        return self._summary

    async def _take(self, type_: ResourceType, page: Iterable[dict[str, Any]]) -> None:
        named = {id_: each for each in page if (id_ := resource_id(each)) is not None}
        if not self._wanted.external_ids:
            for each in named.values():
                each.pop("externalId", None)
        done = await asyncio.gather(*(self._seeding.take(type_, id_, each) for id_, each in named.items()))
        count = self._summary.users if type_ == "User" else self._summary.groups
        before = count.total()
        for id_, seeded in zip(named, done, strict=True):
            self._summary.note(type_, id_, seeded)
        if before // OFTEN != count.total() // OFTEN:
            self._say(f"  {count.total()} {type_.lower()}s, {count['seeded']} of them seeded")


@asynccontextmanager
async def _followed(kafka: Log, definition: ConnectionDefinition, connections: Connections) -> AsyncIterator[SharedLog]:
    """The connection's log, all of it folded, in a file of its own for the time of the block."""

    def belongs(name: str) -> bool:
        other = connections.get(name)
        return other is None or other.partition == definition.partition

    with tempfile.TemporaryDirectory(prefix="streamproc-seed-") as folder:
        store = Store(Path(folder) / "events.scim.sqlite", uuid.uuid4().hex)
        tail = Tail(kafka, definition.partition, store, belongs)
        following = asyncio.create_task(tail.run())
        try:
            log = ConnectionLog(lambda: tail, definition.name)
            await _caught_up(log, following)
            yield log
        except UnavailableError:
            if following.done():
                following.result()  # what has happened, in the place of what it led to
            raise
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            store.close()


async def _caught_up(log: SharedLog, following: asyncio.Task[None]) -> None:
    while True:
        try:
            await log.barrier()
        except UnavailableError:
            if following.done():
                following.result()
            await asyncio.sleep(0.05)
        else:
            return


async def _deleted(kafka: Log, definition: ConnectionDefinition) -> frozenset[str]:
    """Ids of what clients have deleted; some may be there again, or never were."""
    begin = (await reading.beginning_offsets(kafka, PUSHED))[definition.partition]
    end = (await reading.end_offsets(kafka, PUSHED))[definition.partition]
    found: set[str] = set()
    async for records in reading.read_range(kafka, PUSHED, definition.partition, begin, end):
        for record in records:
            try:
                event = decode(record.value or b"")
            except NotAnEventError:
                continue
            if event.change == "delete" and event.connection == definition.name and event.id is not None:
                found.add(event.id)
    return frozenset(found)


def _listing(settings: Settings, http: aiohttp.ClientSession, clocks: Clocks) -> TargetListing:
    target, dialect = settings.target, DIALECTS[settings.target.dialect]
    limiter = RateLimiter(settings.reconcile.reserve)

    def reader(root: str) -> TargetReader:
        scim, _ = target_clients(target.model_copy(update={"scim_url": root}), "", http, clocks)
        return TargetReader(scim, None, dialect, limiter, clocks)

    users = reader(target.scim_url)
    below = target.scim_url.rstrip("/").removesuffix("/v2")
    return TargetListing(users, reader(below) if dialect.memberships == "user" else users)
