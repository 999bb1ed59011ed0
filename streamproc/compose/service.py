"""A service's life as a process: it runs until a signal, or until its parent is gone."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger("streamproc")


async def until_signal(
    service: Callable[[Callable[..., None]], Awaitable[None]], name: str, *, with_parent: bool = False
) -> None:
    """Run a service until SIGINT or SIGTERM, then let it finish in order.

    `with_parent`: also until standard input ends, and "ready" goes to standard output for the parent to see.
    """
    task = asyncio.ensure_future(service(lambda *details: _ready(name, details, with_parent)))
    loop = asyncio.get_running_loop()
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if not stopping:  # once: a second cancellation would cut short what the first one set going
            stopping = True
            task.cancel()

    def parent_gone() -> None:
        if not os.read(sys.stdin.fileno(), 1):
            loop.remove_reader(sys.stdin.fileno())
            stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGUSR1, _dump_tasks)  # for whoever is woken at night: what is it waiting for?
    if with_parent:
        loop.add_reader(sys.stdin.fileno(), parent_gone)
    try:
        await task
    except asyncio.CancelledError:
        log.info("stopped", service=name)


def _dump_tasks() -> None:
    for task in asyncio.all_tasks():
        task.print_stack(limit=4, file=sys.stderr)


def _ready(name: str, details: tuple[str, ...], with_parent: bool) -> None:
    if with_parent:
        print("ready", *details, flush=True)  # noqa: T201
    log.info("ready", service=name)
