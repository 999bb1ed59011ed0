"""A stateful stand-in for Genesys Cloud's SCIM service, on one port.

It imports nothing else of streamproc: if it read our own idea of PATCH, a wrong PATCH would pass twice.
"""

from streamproc.simulator.options import SimulatorOptions
from streamproc.simulator.server import DEFAULT_HOST, create_app, serve

__all__ = ["DEFAULT_HOST", "SimulatorOptions", "create_app", "serve"]
