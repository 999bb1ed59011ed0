"""What must never happen, however processes are scheduled and whatever fails: watchers over plain data, and
`Invariants`, which feeds them. They know nothing of the product but names of topics and its JSON; `past.py` alone runs
what it tests.
"""

from tests.simulation.invariants.invariants import Invariants

__all__ = ["Invariants"]
