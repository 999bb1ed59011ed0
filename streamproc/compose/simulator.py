"""The stand-in for Genesys Cloud."""

from collections.abc import Callable

from streamproc.simulator.options import SimulatorOptions
from streamproc.simulator.server import serve


async def run_simulator(host: str, port: int, options: SimulatorOptions, ready: Callable[[str], None]) -> None:
    """The Genesys Cloud stand-in, until cancelled; `ready` is told its port."""
    await serve(host, port, options, lambda taken: ready(str(taken)))
