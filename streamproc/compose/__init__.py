"""Composition root: settings → running process. Nowhere else are clients, sessions, clocks and chance chosen.

A process imports its own parts alone: the others' would take as long again at each start.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from streamproc.adapters.kafka.client import KafkaLog
    from streamproc.compose.gateway import run_gateway
    from streamproc.compose.hydrator import run_hydrator, run_sync
    from streamproc.compose.reconcile import reconcile_once, run_reconcile
    from streamproc.compose.service import until_signal
    from streamproc.compose.simulator import run_simulator
    from streamproc.compose.sink import run_sink
    from streamproc.compose.target import target_session
    from streamproc.compose.worker import run_worker

__all__ = [
    "KafkaLog",
    "reconcile_once",
    "run_gateway",
    "run_hydrator",
    "run_reconcile",
    "run_simulator",
    "run_sink",
    "run_sync",
    "run_worker",
    "target_session",
    "until_signal",
]

_MODULES: Final = {
    "KafkaLog": "streamproc.adapters.kafka.client",
    "reconcile_once": "streamproc.compose.reconcile",
    "run_sync": "streamproc.compose.hydrator",
    "target_session": "streamproc.compose.target",
    "until_signal": "streamproc.compose.service",
}
"""Where each is, but for `run_NAME`, which is in the module NAME."""


def __getattr__(name: str) -> Any:
    """What is asked for here, imported when it first is (PEP 562). Raises AttributeError."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _MODULES.get(name) or f"{__name__}.{name.removeprefix('run_')}"
    return getattr(importlib.import_module(module), name)
