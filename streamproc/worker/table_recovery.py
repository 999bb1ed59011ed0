"""How a table is recovered from its changelog: the record with the higher seq wins, wherever it stands there.

The last record of a key needn't be its newest: two workers may have written around a rebalance. Whatever isn't ours is
passed over, and told.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from streamproc.adapters.kafka.foreign import STRANGE, TOMBSTONE, passed_over
from streamproc.adapters.kafka.log import Located
from streamproc.worker.decide.encoded_record import is_record, regresses


class ChangelogEvent(Protocol):
    """A record of a table's changelog, as recovery gives it."""

    @property
    def key(self) -> bytes: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def message(self) -> Located: ...


def newest_of(
    batch: Iterable[ChangelogEvent], read: Callable[[bytes, int], bytes | None], regressed: dict[bytes, int]
) -> list[ChangelogEvent]:
    """Those that the table is to hold: of each key one, unless what is held is newer (invariant 3: no regress).

    `read`: key and partition → what the table holds. Keys are put into `regressed`, with their partition, whose record
    has to be appended again, and are taken out where that has happened.
    """
    newest: dict[bytes, ChangelogEvent] = {}
    for event in batch:
        key, partition = event.key, event.message.partition
        held = newest[key].value if key in newest else read(key, partition)
        if event.value is None or not is_record(event.value):
            then = "nothing is known of its key" if held is None else "what its key had before is appended again"
            passed_over(event.message, TOMBSTONE if event.value is None else STRANGE, then)
            if held is not None:
                regressed[key] = partition
            continue
        if regresses(held, event.value):
            regressed[key] = partition
            continue
        newest[key] = event
        regressed.pop(key, None)
    return list(newest.values())
