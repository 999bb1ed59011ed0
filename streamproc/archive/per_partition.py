"""Does the same work for each partition of a history, on all cores where other processes can read the history."""

import gc
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

from streamproc.core.records.stored_record import History, InMemoryHistory

Result = TypeVar("Result")


def map_partitions(history: History, work: Callable[[History, int], Result]) -> Iterator[tuple[int, Result]]:
    """Yield (partition, result) as each is done. `work` and its result must be picklable. Raises what `work` raises."""
    chosen = range(history.partitions)
    cores = min(os.cpu_count() or 1, history.partitions)
    if isinstance(history, InMemoryHistory) or cores <= 1:
        yield from ((partition, work(history, partition)) for partition in chosen)
        return
    with ProcessPoolExecutor(cores, get_context("spawn"), initializer=_tune_garbage_collector) as pool:
        running = {pool.submit(work, history, partition): partition for partition in chosen}
        try:
            for done in as_completed(running):
                yield running[done], done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _tune_garbage_collector() -> None:
    """Folded values hold no cycles, and the garbage collector would scan all of them."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
