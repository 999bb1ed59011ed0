"""Replay: everything that was recorded against what the log gives, each partition by itself, on all cores."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

import orjson
from pydantic import ValidationError

from streamproc.audit.replay.divergence import Divergence, locate
from streamproc.audit.replay.partition import Ordered, PartitionRequest, check_partition
from streamproc.audit.replay.record_check import Counts
from streamproc.core.errors import HistoryError
from streamproc.core.records.control import CONTROL
from streamproc.core.records.stored_record import History
from streamproc.core.records.topic_names import CHANGES, CONTROLS, DELIVERIES, OPERATIONS, OUTCOMES, REJECTIONS

_ABOUT: Final = orjson.dumps({"topic": CHANGES})[1:-1]
"""What an entry of `events.rejected` holds, if it is about a change."""


@dataclass(frozen=True, slots=True)
class Verified:
    """One partition. `divergences`: how many there are; most of those after the first follow from it."""

    partition: int
    counts: Counts
    divergences: int
    first: Divergence | None


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """All partitions."""

    partitions: list[Verified]

    @property
    def equal(self) -> bool:
        """Whether all that is recorded is what the log gives."""
        return not any(each.divergences for each in self.partitions)

    @property
    def first(self) -> Divergence | None:
        """By partition, and then by the offset of the event that it is about."""
        return next((each.first for each in self.partitions if each.first is not None), None)

    @property
    def counts(self) -> Counts:
        """In all."""
        return sum((each.counts for each in self.partitions), Counts())


class MapPartitions(Protocol):
    """Does the same work for each partition of a history, side by side; gives (partition, result) as they are done."""

    def __call__(
        self, history: History, work: Callable[[History, int], Verified], /
    ) -> Iterator[tuple[int, Verified]]: ...


def verify(
    history: History,
    asked: PartitionRequest,
    map_partitions: MapPartitions,
    say: Callable[[Verified], None] = lambda _: None,
) -> ReplayResult:
    """Fold all partitions anew and compare. `say` is told of each as it is done.

    Raises HistoryError where that can't be done, ArchiveError where the archive can't be read.
    """
    asked = replace(asked, rejected=rejected(history), orders=orders(history))
    found: list[Verified] = []
    for _, each in map_partitions(history, partial(verified_partition, asked=asked)):
        say(each)
        found.append(each)
    verdict = ReplayResult(sorted(found, key=lambda one: one.partition))
    counts = verdict.counts
    if not verdict.equal:
        return verdict
    if counts.events == counts.rejected == 0:
        raise HistoryError(f"{CHANGES} has nothing to fold. Is it the right cluster, or archive, and --from?")
    if counts.events > counts.rejected + counts.mappings and counts.records == counts.trusted == 0:
        raise HistoryError(f"{OPERATIONS} has no records, so there is nothing to compare with")
    return verdict


def rejected(history: History) -> frozenset[tuple[int, int]] | None:
    """Partition and offset of the changes that were rejected; None: there is no `events.rejected`."""
    found: set[tuple[int, int]] = set()
    there = False
    for partition in range(history.partitions):
        for logged in history.read(REJECTIONS, partition):
            there = True
            if logged.value is not None and _ABOUT in logged.value:
                raw = orjson.loads(logged.value)
                found.add((raw["partition"], raw["offset"]))
    return frozenset(found) if there else None


def orders(history: History) -> dict[tuple[int, int], Ordered | None] | None:
    """The orders of mappings, by partition and offset; None: there is no `streamproc.controls`."""
    found: dict[tuple[int, int], Ordered | None] = {}
    there = False
    for partition in range(history.partitions):
        for logged in history.read(CONTROLS, partition):
            there = True
            try:
                control = CONTROL.validate_json(logged.value or b"")
            except ValidationError:
                found[partition, logged.offset] = None
                continue
            if control.action == "mapping":
                found[partition, logged.offset] = control.by, control.reason, control.mapping, logged.timestamp
    return found if there else None


def verified_partition(history: History, partition: int, asked: PartitionRequest) -> Verified:
    """One partition."""
    gone = check_partition(history, partition, asked)
    first = None if gone.first is None else locate(history, partition, gone, gone.first)
    return Verified(partition, gone.audit.counts, gone.audit.findings.counted.total(), first)


NEEDED: Final = (CHANGES, OPERATIONS, OUTCOMES, DELIVERIES, REJECTIONS, CONTROLS)
BESIDE: Final = (REJECTIONS, CONTROLS)
"""Of these: what an archive may be without. Then what they would say isn't compared."""
