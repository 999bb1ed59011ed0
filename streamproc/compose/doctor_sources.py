"""The doctor's parts that are about sources."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

import aiohttp

from streamproc.compose.clocks import SYSTEM
from streamproc.doctor import clocks, sources
from streamproc.doctor.examination import Check
from streamproc.doctor.history import History
from streamproc.doctor.line import Line
from streamproc.hydrator.directories.api import Directory
from streamproc.hydrator.directories.gusto import Gusto
from streamproc.settings import DIRECTORIES, Settings
from streamproc.sources import SOURCES


def asked(settings: Settings) -> bool:
    """Whether a directory is configured."""
    hydrator = settings.hydrator
    named = (hydrator.okta.url, hydrator.entra.tenant, hydrator.pingone.environment, hydrator.workday.report)
    return any(named) or bool(hydrator.hris.vendor)


def used(
    settings: Settings, chosen: Collection[str], doors: Collection[str], directories: Mapping[str, Directory]
) -> list[sources.Configured]:
    """Sources that these processes have to do with. `doors`: those whose hooks the gateway takes."""
    hydrator = settings.hydrator
    found: list[sources.Configured] = []
    for name, source in SOURCES.items():
        door, directory = name in doors and "gateway" in chosen, name in directories and "hydrator" in chosen
        if door or directory:
            every = getattr(hydrator, name).sync_every if name in DIRECTORIES else 0.0
            subscription = hydrator.entra.notification_url or "" if name == "entra" else ""
            configured = name in directories
            found.append(sources.Configured(name, name in doors, source.fetched, configured, every, subscription))
    return found


def checks(
    source: sources.Configured,
    directory: Directory | None,
    http: aiohttp.ClientSession,
    history: Callable[[], Awaitable[History]],
) -> Iterator[Check]:
    """All about a source. `directory`: where it is to be asked."""

    async def planned() -> Sequence[Line]:
        return list(sources.plan(source))

    async def told() -> Sequence[Line]:
        known, now = await history(), SYSTEM.clock()
        came = [sources.last_event(source, known.newest, now)] if sources.is_shown(source, known.newest) else []
        seen = None if directory is None else known.synchronised
        return [*came, *(() if seen is None else sources.last_sync(source, seen, now))]

    yield Check("sources", source.name, planned)
    yield Check("sources", f"events of {source.name}", told)
    # Each use of Gusto's refresh token makes another one, and its file is the hydrator's.
    if directory is None or isinstance(directory, Gusto):
        return
    asking = directory

    async def answering() -> Sequence[Line]:
        subject = sources.newest_subject(source.name, (await history()).newest)
        return await sources.answering(source, asking, subject)

    yield Check("sources", source.name, answering)
    yield Check("clocks", source.name, partial(clocks.by_http, http, directory.api.root, source.name, SYSTEM.clock))
    if source.door and isinstance(directory, sources.Telling):
        yield Check("sources", f"hook of {source.name}", partial(sources.telling, source, directory))
