"""Composition root: settings → running process. Nowhere else are clients, sessions, clocks and chance chosen."""

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
