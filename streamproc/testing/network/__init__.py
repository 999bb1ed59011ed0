"""A network in memory, with the faults that networks have, and the stand-ins that answer behind it."""

from streamproc.testing.network.genesys import Genesys
from streamproc.testing.network.network import Network, Watcher

__all__ = ["Genesys", "Network", "Watcher"]
