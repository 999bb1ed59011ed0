"""Compares all that was recorded with what the log gives, partition by partition, on all cores."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

import orjson
from pydantic import ValidationError

from streamproc.audit.orders import Orders
from streamproc.audit.replay.divergence import Divergence, locate
from streamproc.audit.replay.partition import check_partition
from streamproc.audit.replay.record_check import Counts
from streamproc.audit.replay.starting_point import PartitionRequest
from streamproc.core.errors import HistoryError
from streamproc.core.records.control import CONTROL
from streamproc.core.records.stored_record import History, StoredRecord, as_json
from streamproc.core.records.topic_names import CHANGES, CONTROLS, DELIVERIES, OPERATIONS, OUTCOMES, REJECTIONS

_ABOUT: Final = orjson.dumps({"topic": CHANGES})[1:-1]
"""What a record of `events.rejected` holds if it is about a change."""
_UNREAD: Final = orjson.dumps({"code": "unreadable"})[1:-1]
"""What it holds if it is about input that nobody could read."""


@dataclass(frozen=True, slots=True)
class Verified:
    """One partition, compared."""

    partition: int
    counts: Counts
    divergences: int
    """How many there are; most of those after the first follow from it."""
    first: Divergence | None


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """All partitions, compared."""

    partitions: list[Verified]
    unread: tuple[str, ...] = ()
    """Input that was never read, since it was damaged or removed before: topic, partition and offsets, in words."""

    @property
    def equal(self) -> bool:
        """Whether all that is recorded is what the log gives."""
        return not any(partition.divergences for partition in self.partitions)

    @property
    def first(self) -> Divergence | None:
        """The first divergence, by partition and then by the offset of the event that it is about."""
        return next((partition.first for partition in self.partitions if partition.first is not None), None)

    @property
    def counts(self) -> Counts:
        """The sums over all partitions."""
        return sum((partition.counts for partition in self.partitions), Counts())


class MapPartitions(Protocol):
    """Does the same work for all partitions side by side, and yields (partition, result) as each is done."""

    def __call__(
        self, history: History, work: Callable[[History, int], Verified], /
    ) -> Iterator[tuple[int, Verified]]: ...


def verify(
    history: History,
    request: PartitionRequest,
    map_partitions: MapPartitions,
    say: Callable[[Verified], None] = lambda _: None,
) -> ReplayResult:
    """Fold all partitions anew and compare. Calls `say` with each partition that is done.

    Raises HistoryError where that can't be done, ArchiveError where the archive can't be read.
    """
    since = rejected_since(history)
    request = replace(request, rejected=rejected(history), rejected_since=since, orders=orders(history))
    partitions: list[Verified] = []
    for _, verified in map_partitions(history, partial(verified_partition, request=request)):
        say(verified)
        partitions.append(verified)
    ordered = sorted(partitions, key=lambda verified: verified.partition)
    result = ReplayResult(ordered, tuple(unread(history)))
    counts = result.counts
    if not result.equal:
        return result
    if counts.events == counts.rejected == 0:
        raise HistoryError(f"{CHANGES} has nothing to fold. Is it the right cluster, or archive, and --from?")
    if counts.events > counts.rejected + counts.mappings and counts.records == counts.trusted == 0:
        raise HistoryError(f"{OPERATIONS} has no records, so there is nothing to compare with")
    return result


def rejected(history: History) -> frozenset[tuple[int, int]] | None:
    """Partition and offset of the changes that were rejected; None: there is no `events.rejected`."""
    positions: set[tuple[int, int]] = set()
    exists = False
    for partition in range(history.partitions):
        for logged in history.read(REJECTIONS, partition):
            exists = True
            if (rejection := _rejection(logged, _ABOUT)) is not None:
                positions.add(rejection[1:3])
    return frozenset(positions) if exists else None


def rejected_since(history: History) -> int:
    """From when on `events.rejected` is whole, in ms since 1970: of before, records have been removed."""
    firsts = (next(iter(history.read(REJECTIONS, partition)), None) for partition in range(history.partitions))
    return max((first.timestamp for first in firsts if first is not None and first.offset > 0), default=0)


def _rejection(logged: StoredRecord, about: bytes) -> tuple[str, int, int, str] | None:
    """Topic, partition, offset and reason, where a record of `events.rejected` is `about` that. None: it isn't."""
    if about not in (logged.value or b""):
        return None
    raw = as_json(logged)
    if raw.get("partial") is True:  # the rest was carried out, and is in the log
        return None
    topic, partition, offset, reason = (raw.get(name) for name in ("topic", "partition", "offset", "reason"))
    if not isinstance(topic, str) or type(partition) is not int or type(offset) is not int:
        return None  # nobody of ours wrote it
    return topic, partition, offset, str(reason)


def unread(history: History) -> Iterator[str]:
    """What was never read, as `events.rejected` has it, each once."""
    told: set[tuple[str, int, int]] = set()
    for partition in range(history.partitions):
        for logged in history.read(REJECTIONS, partition):
            if (rejection := _rejection(logged, _UNREAD)) is not None and rejection[:3] not in told:
                told.add(rejection[:3])
                topic, number, _, reason = rejection
                yield f"{topic}, partition {number}: {reason}"


def orders(history: History) -> Orders | None:
    """Operators' orders; None: there is no `streamproc.controls`."""
    found = Orders()
    for partition in range(history.partitions):
        for logged in history.read(CONTROLS, partition):
            try:
                control = CONTROL.validate_json(logged.value or b"")
            except ValidationError:
                control = None
            found.add(partition, logged.offset, logged.timestamp, control)
    return found if found.by_place else None


def verified_partition(history: History, partition: int, request: PartitionRequest) -> Verified:
    """Compare one partition."""
    check = check_partition(history, partition, request)
    first = None if check.first is None else locate(history, partition, check, check.first)
    return Verified(partition, check.records.counts, check.records.findings.counted.total(), first)


NEEDED: Final = (CHANGES, OPERATIONS, OUTCOMES, DELIVERIES, REJECTIONS, CONTROLS)
BESIDE: Final = (REJECTIONS, CONTROLS)
"""Those of them that an archive may lack; then what they would say isn't compared."""
