"""Kafka's log in memory: partitions, transactions and consumer groups as `adapters/kafka/log.py` promises them.

Rule 1: nothing here has a clock, a socket or a source of chance. Time stamps come from `clock`, chance from `chance`;
what waits, waits on the event loop, so that a loop with virtual time and an order of its own decides everything.
Rule 2: each request awaits `hop` twice, on its way to the broker and on its way back. In between it is carried out at
once. Who cancels the way back has a broker that did what was asked, and a client that doesn't know.
Rule 3: sessions never expire by themselves: `MemoryLog.expire_sessions` says when. Members that don't join in time and
transactions that stay open do where the broker has `limits`.
Rule 4: the tasks of a client are those that aiokafka has, too: a consumer's follows the group and runs the listener, a
producer's send what is waiting, and end a transaction whether or not somebody waits for that.
Rule 5: what goes wrong is drawn by `fault`, and shows as it does with aiokafka (`faults.py`). Its timers are the
broker's, so that they go on when a client's process is dead.
"""

from streamproc.testing.memory_log.broker import MemoryBroker
from streamproc.testing.memory_log.limits import Limits
from streamproc.testing.memory_log.log import MemoryLog

__all__ = ["Limits", "MemoryBroker", "MemoryLog"]
