"""Subscriptions: Graph notifies whom it was asked to notify, for at most 29 days, and wants to be asked again.

It also asks now and then for the authorization to be renewed (`reauthorizationRequired`), which each renewal does.
"""

from typing import Final

import structlog

from streamproc.hydrator.directories.api import DirectoryError, iso
from streamproc.hydrator.directories.entra import Graph
from streamproc.hydrator.fetcher import Times

log = structlog.get_logger("streamproc.hydrator")

LIFE: Final = 41_000 * 60 * 1_000_000
"""µs; of users at most 41,760 minutes (learn.microsoft.com/graph: resources/subscription)."""
EVERY: Final = 3600.0
"""Seconds between renewals."""
AGAIN, AGAIN_MOST = 2.0, 60.0
"""Seconds after a failure, doubling: the gateway may still be starting, and Graph asks it first."""


async def keep_subscribed(graph: Graph, url: str, state: str, times: Times) -> None:
    """Have notifications of users sent to `url` with `state`, until cancelled."""
    failed = 0
    while True:
        try:
            until = iso(times.now + LIFE)
            known = await graph.subscription(url)
            if known is None:
                await graph.subscribe(url, state, until)
                log.info("subscribed", source="entra", until=until)
            else:
                await graph.renew(known, until)
            failed = 0
        except DirectoryError as error:
            failed += 1
            log.warning("subscription can't be kept", source="entra", reason=str(error), attempt=failed)
        await times.sleep(min(AGAIN_MOST, AGAIN * 2.0 ** min(failed - 1, 10)) if failed else EVERY)
