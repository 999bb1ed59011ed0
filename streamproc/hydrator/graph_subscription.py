"""Graph's subscription: it makes Graph send notifications, for at most 29 days, and has to be renewed before that.

Now and then Graph also asks for a new authorization (`reauthorizationRequired`); each renewal gives one.
"""

from typing import Final

import structlog

from streamproc.adapters.clocks import Clocks
from streamproc.hydrator.directories.api import iso
from streamproc.hydrator.directories.directory_error import DirectoryError, answered
from streamproc.hydrator.directories.entra import Graph
from streamproc.hydrator.troubles import Beside

log = structlog.get_logger("streamproc.hydrator")

LIFE: Final = 41_000 * 60 * 1_000_000
"""µs; of users at most 41,760 minutes (learn.microsoft.com/graph: resources/subscription)."""
EVERY: Final = 3600.0
"""Seconds between renewals."""
BACKOFF, BACKOFF_MOST = 2.0, 60.0
"""Seconds after a failure, doubling: the gateway may still be starting, and Graph sends it a validation first."""


async def keep_subscribed(graph: Graph, url: str, state: str, clocks: Clocks, beside: Beside) -> None:
    """Have notifications of users sent to `url` with `state`, until cancelled. `beside` is told why that fails."""
    failures = 0
    while True:
        try:
            until = iso(clocks.micros() + LIFE)
            subscription = await answered(graph.subscription(url))
            if subscription is None:
                await answered(graph.subscribe(url, state, until))
                log.info("subscribed", source="entra", until=until)
            else:
                await answered(graph.renew(subscription, until))
            failures, beside.subscription = 0, None
        except DirectoryError as error:
            failures, beside.subscription = failures + 1, str(error)
            log.warning("subscription can't be kept", source="entra", reason=str(error), attempt=failures)
        await clocks.pause(min(BACKOFF_MOST, BACKOFF * 2.0 ** min(failures - 1, 10)) if failures else EVERY)
