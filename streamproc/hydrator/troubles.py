"""What is wrong with a hydrator now: it may not see what happens in a directory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from streamproc.health.decide.conditions import Trouble
from streamproc.health.decide.lag import lag_troubles
from streamproc.health.decide.stuck import stuck_troubles
from streamproc.hydrator.fetcher import Fetcher
from streamproc.hydrator.sync import Sync

GRACE: Final = 60.0
"""Seconds for which a directory may fail."""
OVERDUE: Final = 3.0
"""Rounds that may be missed, and what is added to them for a long page."""
MARGIN: Final = 600.0
REFUSED: Final = 300.0
"""Seconds for which the same subject, or a page, may be refused."""


@dataclass(slots=True)
class Beside:
    """What is found beside fetching: by who watches it."""

    subscription: str | None = None
    """Why Graph's subscription can't be kept."""
    unfetched: dict[str, int] = field(default_factory=dict)
    """Source → its notifications, which nobody fetches."""


def troubles(
    fetchers: Iterable[Fetcher],
    syncs: Iterable[tuple[Sync, float]],
    beside: Beside,
    behind: Iterable[tuple[str, int, int]],
    idle: float,
    lag_limit: int,
) -> list[Trouble]:
    """All of it. `behind`, `lag_limit`: as `lag_troubles` has it. `idle`: seconds since the reader's last turn."""
    return [
        *directory_troubles(fetchers),
        *sync_troubles(syncs),
        *beside_troubles(beside),
        *lag_troubles(behind, lag_limit),
        *stuck_troubles("reader", idle),
    ]


def directory_troubles(fetchers: Iterable[Fetcher]) -> Iterator[Trouble]:
    """Directories that don't answer, and subjects that they don't answer about."""
    for fetcher in fetchers:
        now = fetcher.clocks.ticks()
        if fetcher.breaker.down:
            reason = "the directory doesn't answer, or refuses: see the log, then its token and rights, the network"
            yield Trouble("directory_down", fetcher.source, "blind", reason, GRACE)
        if late := sum(now - since > REFUSED for _, since in fetcher.refusals.values()):
            reason = f"{late} subjects can't be fetched, and are tried again: the log says why"
            yield Trouble("not_fetched", fetcher.source, "blind", reason)
        if (idle := now - fetcher.no_page_since) > REFUSED:
            reason = f"it has given no page for {idle:.0f} s, and is asked again: see the log, its token and rights"
            yield Trouble("not_synchronised", fetcher.source, "blind", reason)


def sync_troubles(syncs: Iterable[tuple[Sync, float]]) -> Iterator[Trouble]:
    """Sources of which no page has come for a long time. Each with the seconds between its rounds."""
    for sync, every in syncs:
        if (idle := sync.clocks.ticks() - sync.moved) > every * OVERDUE + MARGIN:
            reason = f"no page has come for {idle:.0f} s, and a round is due every {every:.0f} s: the log says why"
            yield Trouble("not_synchronised", sync.source, "blind", reason)


def beside_troubles(beside: Beside) -> Iterator[Trouble]:
    """What nobody is told of, or nobody fetches."""
    if beside.subscription is not None:
        reason = f"Graph tells of no change without its subscription: {beside.subscription}"
        yield Trouble("subscription", "entra", "blind", reason, GRACE)
    for source, waiting in sorted(beside.unfetched.items()):
        if waiting:
            reason = f"{waiting} notifications wait, and nobody fetches whom they name: configure its directory"
            yield Trouble("unfetched", source, "blind", reason)
