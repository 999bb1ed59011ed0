"""Kafka's log in memory: partitions, transactions and consumer groups as `adapters/kafka/log.py` promises them.

Rule 1: nothing here has a clock, a socket or a source of chance. Time stamps come from `clock`; what waits, waits on
the event loop, so that a loop with virtual time and an order of its own decides everything.
Rule 2: each request awaits `hop` twice, on its way to the broker and on its way back. In between it is carried out at
once. Who cancels the way back has a broker that did what was asked, and a client that doesn't know.
Rule 3: sessions and transactions never expire by themselves: `MemoryLog.expire_sessions` and
`MemoryBroker.expire_transaction` say when.
Rule 4: the one task of a consumer is the one that aiokafka has, too: it follows the group, and runs the listener.
"""

from streamproc.testing.memory_log.broker import MemoryBroker
from streamproc.testing.memory_log.log import MemoryLog

__all__ = ["MemoryBroker", "MemoryLog"]
