"""What a hydrator tells to be wrong with it: it may not see what happens in a directory."""

import asyncio
from collections.abc import Iterable

from streamproc.core.records.units import Micros
from streamproc.health.decide.stuck import AFTER
from streamproc.hydrator.directories.api import Read
from streamproc.hydrator.fetcher import Fetcher
from streamproc.hydrator.sync import Sync
from streamproc.hydrator.troubles import MARGIN, OVERDUE, Beside, troubles
from tests.service.hydrator.test_fetcher import scripted
from tests.support.hydrator import OPTIONS, World, fault, offered, until


def wrong(
    fetchers: Iterable[Fetcher] = (),
    syncs: Iterable[tuple[Sync, float]] = (),
    beside: Beside | None = None,
    behind: Iterable[tuple[str, int, int]] = (),
    idle: float = 0.0,
) -> list[tuple[str, str]]:
    """Code and about of all."""
    return [(each.code, each.about) for each in troubles(fetchers, syncs, beside or Beside(), behind, idle, 10)]


async def test_a_directory_that_doesnt_answer_is_told_until_it_does() -> None:
    """All of it when several subjects fail in a row; a subject that is refused for minutes, too."""
    async with scripted() as (directory, fetching, _):
        assert wrong([fetching]) == []
        directory.down = True
        waiting = [offered(fetching, name) for name in ("ana", "ben", "cho")]
        await until(lambda: fetching.breaker.down)
        assert ("directory_down", "okta") in wrong([fetching])
        await until(lambda: wrong([fetching]) == [("directory_down", "okta"), ("not_fetched", "okta")])
        directory.answers = [Read("found", b"{}", Micros(10**12))] * len(waiting)  # whoever is the probe
        directory.down = False
        await asyncio.gather(*waiting)
        assert wrong([fetching]) == []


async def test_a_round_that_doesnt_come_is_told(world: World) -> None:
    """No page while three rounds were due: nobody is synchronised, whatever the reason."""
    async with world.fetching("okta") as fetching:
        sync, every = Sync(fetching, OPTIONS["okta"], world), 100.0
        assert wrong(syncs=[(sync, every)]) == []
        world.clock.slept += every * OVERDUE + MARGIN + 1
        assert wrong(syncs=[(sync, every)]) == [("not_synchronised", "okta")]
        await sync.run(attempts=3)
        assert wrong(syncs=[(sync, every)]) == []


async def test_a_directory_that_gives_no_page_is_told(world: World) -> None:
    """A token that isn't taken is no failure of the whole directory; nobody waits for three rounds to hear of it."""
    async with world.fetching("okta") as fetching:
        await fault(world, "okta", status=401)
        syncing = asyncio.create_task(Sync(fetching, OPTIONS["okta"], world).run())
        await until(lambda: wrong([fetching]) == [("not_synchronised", "okta")])
        await fault(world, "okta")
        await syncing
        assert wrong([fetching]) == []


def test_what_is_found_beside_fetching_is_told() -> None:
    """A subscription that isn't kept, notifications that nobody fetches or is late with, a reader that stands still."""
    beside = Beside("answered 403", {"pingone": 3, "workday": 0})
    assert wrong(beside=beside) == [("subscription", "entra"), ("unfetched", "pingone")]
    assert wrong(behind=[("notifications.okta", 0, 11)]) == [("lag", "notifications.okta")]
    assert wrong(idle=AFTER + 1) == [("stuck", "reader")]
