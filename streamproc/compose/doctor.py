"""The doctor's parts: which checks there are, by the processes that are meant."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Final

import aiohttp

from streamproc import rights
from streamproc.adapters.http import http_session
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import KafkaError
from streamproc.compose import doctor_sources
from streamproc.compose.clocks import SYSTEM
from streamproc.compose.directories import directories
from streamproc.compose.target import target_clients, target_session
from streamproc.core.errors import StreamprocError
from streamproc.core.fold.mapping import Mapping as Rules
from streamproc.core.records.topic_names import CURSORS, MAPPINGS, PRODUCED, STATUS, events_topic
from streamproc.core.scim.response_policy import Response
from streamproc.doctor import catalogue, certificates, clocks, oauth_client, sources, target
from streamproc.doctor.asking import Target
from streamproc.doctor.connections import judged
from streamproc.doctor.examination import Check, examine
from streamproc.doctor.history import History, history
from streamproc.doctor.kafka import cluster
from streamproc.doctor.line import Line, Part
from streamproc.doctor.permissions import Need, needs
from streamproc.gateway.endpoints import endpoints
from streamproc.gateway.jwks import Jwks
from streamproc.hydrator.directories.api import Directory
from streamproc.mapping_preview.target_catalogue import Catalogue
from streamproc.operators import connections
from streamproc.rights import Right
from streamproc.settings import Settings
from streamproc.sources import configured
from streamproc.sources.mapping_authority import usable
from streamproc.sources.scim.read import SOURCE as SCIM

PROCESSES: Final = ("worker", "sink", "reconcile", "gateway", "hydrator")
"""Those that can be examined."""
SECONDS: Final = 20.0
"""Until an answer of a directory counts as missing."""
PATIENCE: Final = 15.0
"""Seconds for what Kafka tells that other checks want to know."""


def processes(settings: Settings) -> list[str]:
    """Those that the settings configure. Nothing is to be set for worker and sink; many do without reconcile."""
    taken = endpoints(settings.hooks, settings.security_events) or settings.gateway.scim_state is not None
    doors = ["gateway"] if taken else []
    return ["worker", "sink", *doors, *(["hydrator"] if doctor_sources.asked(settings) else [])]


async def diagnose(settings: Settings, chosen: Sequence[str] = (), rules: Rules | None = None) -> list[Line]:
    """All that there is to say about these processes, which are to run with these settings; about none: about all.

    `rules`: a mapping that isn't in force. Raises SettingsError, MappingError where a file can't be used.
    """
    async with AsyncExitStack() as stack:
        to_target = await stack.enter_async_context(target_session(settings.target, settings.network))
        others = await stack.enter_async_context(http_session(settings.network, seconds=SECONDS))
        found = _Examination(settings, chosen, rules, to_target, others)
        try:
            return await examine(found.checks())
        finally:
            found.cancel()


async def mapping_part(settings: Settings, rules: Rules) -> list[Line]:
    """What there is to say of a mapping before it comes into force: permissions and names. Kafka isn't asked."""
    async with target_session(settings.target, settings.network) as http:
        found = _Examination(settings, ["sink"], rules, http, http)
        try:
            return await examine([*found.of_mapping(), Check("target", "token", found.unless_known)])
        finally:
            found.cancel()


async def needed(settings: Settings, rules: Rules | None = None) -> tuple[list[Need], str]:
    """All permissions that the mapping needs, and its digest. Raises MappingError."""
    async with http_session(settings.network) as http:
        found = _Examination(settings, ["sink", "reconcile"], rules, http, http)
        try:
            mapping = await found.mapping()
        finally:
            found.cancel()
    return found.needs(mapping), mapping.digest


class _Examination:
    """What several checks want to know is asked once, by whoever is first."""

    def __init__(
        self,
        settings: Settings,
        chosen: Sequence[str],
        rules: Rules | None,
        to_target: aiohttp.ClientSession,
        others: aiohttp.ClientSession,
    ) -> None:
        self._settings, self._chosen, self._rules = settings, chosen or processes(settings), rules
        self._everybodys = {STATUS} if not chosen else set()
        """Topics that none of them reads: looked at where one user is all of them."""
        self._others = others
        self._scim, self._platform = target_clients(settings.target, settings.sink.platform_url, to_target)
        self._target = Target(self._scim, self._platform, SYSTEM.pause)
        self._to_target = to_target
        self._file = None if rules is not None else usable(*settings.worker.mapping_text())
        self._doors = {each.source for each in endpoints(settings.hooks, settings.security_events).values()}
        self._serves_scim = settings.gateway.scim_state is not None
        self._fixed = settings.connections()
        options = configured(*settings.sources_text())
        self._facts = options[SCIM].attributes
        self._directories: Mapping[str, Directory] = directories(settings.hydrator, others, options, SYSTEM)
        self._sources = doctor_sources.used(settings, self._chosen, self._doors, self._directories)
        self._produced = sorted(PRODUCED - {source.name for source in self._sources})

    def checks(self) -> Iterator[Check]:
        """All."""
        yield Check("kafka", "cluster", self._cluster)
        yield Check("kafka", "certificates", self._certificates)
        yield Check("clocks", "brokers", self._brokers)
        if {"sink", "reconcile"} & {*self._chosen}:
            genesys = self._settings.target.dialect == "genesys"
            yield Check("target", "addresses", self._addresses)
            yield Check("target", "token", self._known)
            if genesys:
                yield Check("target", "limits", self._limits)
                yield Check("permissions", "editors", self._editors)
            yield from self.of_mapping()
            yield Check("catalogue", "mapping", self._meant)
            scim = f"{self._settings.target.scim_url.rstrip('/')}/ServiceProviderConfig"
            yield Check("clocks", "target", partial(clocks.by_http, self._to_target, scim, "target", SYSTEM.clock))
        for source in self._sources:
            directory = self._directories.get(source.name) if "hydrator" in self._chosen else None
            yield from doctor_sources.checks(source, directory, self._others, self._history)
        yield Check("sources", "producers", self._producers)
        if self._settings.security_events.jwks and "gateway" in self._chosen:
            yield Check("sources", "keys of set", self._keys)
        if self._serves_scim and "gateway" in self._chosen:
            yield Check("sources", "connections", self._connections)

    def of_mapping(self) -> Iterator[Check]:
        """Those that a mapping decides."""
        if self._settings.target.dialect == "genesys":
            yield self._with_token("permissions", "OAuth client", self._least_privilege)
        yield self._with_token("catalogue", "names", self._names)

    def needs(self, rules: Rules) -> list[Need]:
        """The permissions that a mapping needs."""
        return needs(rules, end_sessions=self._settings.sink.end_sessions)

    async def mapping(self) -> Rules:
        """The one that is meant: as given, else in force, else the settings' file."""
        if self._rules is not None:
            return self._rules
        in_force = (await self._history()).rules
        assert self._file is not None
        return self._file if in_force is None else in_force

    async def _meant(self) -> Sequence[Line]:
        """Which mapping it is that the others are about."""
        digest = (await self.mapping()).digest
        if self._rules is not None:
            return [Line("ok", "catalogue", "mapping", f"{digest}, as given")]
        if (await self._history()).rules is not None:
            return [Line("ok", "catalogue", "mapping", f"{digest}, which is in force")]
        text = f"{digest}, the settings' file: which one is in force couldn't be seen, or none is yet"
        return [Line("ok", "catalogue", "mapping", text)]

    def cancel(self) -> None:
        """What was asked for several and nobody waits for any more."""
        for name in ("_known_history", "_me"):
            if name in self.__dict__:
                self.__dict__[name].cancel()

    # What several want to know

    @cached_property
    def _known_history(self) -> asyncio.Task[History]:
        topics = {name for source in self._sources for name in sources.topics_of(source.name)}
        topics |= {*map(events_topic, self._produced)}
        wanted = topics | clocks.APPENDED | {CURSORS, MAPPINGS, STATUS}
        read = {right.name for each in self._needed().values() for right in each if right.operation == "Read"}
        return asyncio.create_task(self._ask_history(sorted(wanted & (read | self._everybodys))))

    async def _ask_history(self, topics: Sequence[str]) -> History:
        with suppress(StreamprocError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                return await history(self._settings.kafka, topics)
        return History()

    async def _history(self) -> History:
        return await asyncio.shield(self._known_history)

    @cached_property
    def _me(self) -> asyncio.Task[Response]:
        return asyncio.create_task(self._target.of_platform(target.ME))

    async def _is_known(self) -> bool:
        genesys = self._settings.target.dialect == "genesys"
        return target.is_known(await asyncio.shield(self._me) if genesys else None)

    # The checks

    async def _cluster(self) -> Sequence[Line]:
        return await cluster(self._settings.kafka, self._needed())

    async def _certificates(self) -> Sequence[Line]:
        now, kafka, gateway = datetime.fromtimestamp(SYSTEM.clock(), UTC), self._settings.kafka, self._settings.gateway
        own = gateway.certificate if "gateway" in self._chosen else None
        return [
            *certificates.judged("kafka", kafka.certificate, "STREAMPROC_KAFKA_CERTIFICATE", now),
            *certificates.judged("sources", own, "STREAMPROC_GATEWAY_CERTIFICATE", now),
        ]

    def _needed(self) -> Mapping[str, list[Right]]:
        group = self._settings.kafka.group
        every = {
            "worker": rights.worker(group),
            "sink": rights.sink(group),
            "reconcile": rights.reconcile(),
            "gateway": rights.gateway(self._doors | ({SCIM} if self._serves_scim else set())),
            "hydrator": rights.hydrator(group, self._directories),
        }
        return {process: every[process] for process in self._chosen}

    async def _brokers(self) -> Sequence[Line]:
        newest = (await self._history()).newest
        brokers = [clocks.of_brokers(newest, SYSTEM.clock())] if clocks.APPENDED & newest.keys() else []
        return [*brokers, *clocks.of_services(newest.get(STATUS, ()))]

    async def _addresses(self) -> Sequence[Line]:
        return list(target.addresses(self._settings.target, self._settings.sink.platform_url))

    async def unless_known(self) -> Sequence[Line]:
        """Why the target doesn't know us; nothing where it does."""
        return [] if await self._is_known() else await self._known()

    async def _known(self) -> Sequence[Line]:
        me = await asyncio.shield(self._me) if self._settings.target.dialect == "genesys" else None
        return await target.known(self._target, self._settings.target, me)

    def _with_token(self, part: Part, about: str, look: Callable[[], Awaitable[Sequence[Line]]]) -> Check:
        async def looked() -> Sequence[Line]:
            if await self._is_known():
                return await look()
            return [Line("warning", part, about, "not looked at: the target doesn't know us")]

        return Check(part, about, looked)

    async def _limits(self) -> Sequence[Line]:
        return await target.limits(self._target) if await self._is_known() else []

    async def _editors(self) -> Sequence[Line]:
        if not await self._is_known():
            return []
        client = (await asyncio.shield(self._me)).body.get("OAuthClient")
        told = client.get("id") if isinstance(client, dict) else None
        return await oauth_client.editors(self._target, str(told or self._settings.target.client_id))

    async def _least_privilege(self) -> Sequence[Line]:
        return await oauth_client.least_privilege(self._target, self.needs(await self.mapping()))

    async def _names(self) -> Sequence[Line]:
        dialect = self._settings.target.dialect
        asked = Catalogue(self._scim, self._platform, dialect, SYSTEM.pause, SYSTEM.jitter, lambda _: None)
        return await catalogue.names(asked, await self.mapping())

    async def _producers(self) -> Sequence[Line]:
        newest, now = (await self._history()).newest, SYSTEM.clock()
        return [line for name in self._produced for line in sources.last_produced(name, newest, now)]

    async def _keys(self) -> Sequence[Line]:
        location = self._settings.security_events.jwks or ""
        return [sources.keys(await Jwks(location, self._others, SYSTEM.clock).get(), location)]

    async def _connections(self) -> Sequence[Line]:
        try:
            known = await connections.known(KafkaLog(self._settings.kafka), self._fixed)
        except KafkaError as error:
            text = f"not looked at: Kafka doesn't tell which there are ({type(error).__name__})"
            return [Line("warning", "sources", "connections", text)]
        return list(judged(known.connections, self._facts, SYSTEM.millis()))
