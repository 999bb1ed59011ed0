"""A service as others see it: its metrics, whether it is well, and its state in the log."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial

from streamproc import __version__
from streamproc.adapters.kafka.log import Log
from streamproc.adapters.kafka.probe import connection_problem
from streamproc.compose.clocks import SYSTEM
from streamproc.core.errors import StreamprocError
from streamproc.health.decide.conditions import Trouble
from streamproc.health.health import Health
from streamproc.health.report import reporting
from streamproc.settings import Settings
from streamproc.telemetry import exposed


@asynccontextmanager
async def observed(
    settings: Settings,
    kafka: Log,
    service: str,
    troubles: Callable[[], Iterable[Trouble]],
    measure: Callable[[], None] = lambda: None,
) -> AsyncIterator[Health]:
    """Tell how a service is while the context is open. `troubles`: what is wrong now; `measure` sets its other gauges.

    It is `starting` until somebody calls `ready`.
    """
    instance = f"{socket.gethostname()}-{os.getpid()}"
    health = Health(service, instance, __version__, troubles, SYSTEM.millis)
    reported = reporting(kafka, health, partial(connection_problem, settings.kafka))
    async with exposed(settings.observability.metrics, measure, health), reported:
        try:
            yield health
        except asyncio.CancelledError:
            health.ended(None)
            raise
        except StreamprocError as error:
            health.ended(str(error))
            raise
        except BaseException as error:
            health.ended(f"{type(error).__name__}: see its log")
            raise
        else:
            health.ended(None)


def both(*calls: Callable[[], None]) -> Callable[[], None]:
    """One call that makes all of these."""

    def call() -> None:
        for each in calls:
            each()

    return call
