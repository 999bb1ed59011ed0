"""Faust's place in the worker, taken by what does the same on a log in memory, as faithfully as we know Faust.

Rule 1: what is ours is the product's own: batches (`worker/faust_bridge/batch_fetch.py`), what is committed
(`kept_offsets.py`), marks of transactions at a changelog's end (`recovery_marks.py`), and what recovery keeps
(`worker/table_recovery.py`). What Faust does is done here: membership (`app.py`), how partitions are shared
(`sharing.py`), what is fetched when (`flow.py`), and recovery (`recovery.py`). `tests/contract/log` holds both to the
same promises.
Rule 2: its whims are kept. A partition of which nothing was committed isn't sought back; a recovery that a rebalance
has overtaken goes on until partitions come.
Rule 3: nothing here has a clock or chance. What goes wrong, and how long, `fault` says.
"""

from streamproc.testing.simulated_faust.app import SimulatedFaust
from streamproc.testing.simulated_faust.table import Disk

__all__ = ["Disk", "SimulatedFaust"]
