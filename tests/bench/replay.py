"""Replay of 1,000,000 changes of 50,000 users from an archive: `python -m tests.bench.replay [--quick] [--json]`.

`wall_s`, `events_per_s`, `peak_mb` (all processes together) are of `replay --verify`, on both cores by partition, over
an archive that is constructed first; `ratio_to_read` is its wall time against only reading the same files and parsing
their JSON, in the same way. `cpu_us_per_event` is CPU time of all processes of the replay, for each change, and
`cpu_ratio_to_read` compares that with only reading. `--quick`: a twentieth of it.
"""

import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psutil

from streamproc.archive.per_partition import map_partitions
from streamproc.archive.reader import ArchivedHistory
from streamproc.audit.replay.starting_point import PartitionRequest
from streamproc.audit.replay.verify import verify
from streamproc.core.records.topic_names import CHANGES, DELIVERIES, OPERATIONS, OUTCOMES
from tests.bench import parser, say, show, size
from tests.bench.cpu import usage
from tests.bench.recorded import PARTITIONS, record

EVENTS, USERS, CORES = size(1_000_000, 50_000), size(50_000, 2_500), 2


def read(folder: Path, partition: int) -> int:
    """Read a partition's files, and parse their values."""
    history = ArchivedHistory(folder)
    return sum(
        orjson.loads(logged.value or b"null") is not None
        for topic in (CHANGES, OPERATIONS, OUTCOMES, DELIVERIES)
        for logged in history.read(topic, partition)
    )


@contextmanager
def _peak() -> Iterator[Callable[[], int]]:
    """The most that this process and its children have had in memory, in MB, until now."""
    most, done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        me = psutil.Process()
        while not done.wait(0.05):
            total = 0
            for each in (me, *me.children(recursive=True)):
                try:
                    total += each.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            most = max(most, total)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield lambda: most // 2**20
    finally:
        done.set()
        watching.join()


def measure(folder: Path, events: int, users: int) -> dict[str, Any]:
    """Construct, read, replay."""
    begun = time.perf_counter()
    record(folder, events, users)
    generated = time.perf_counter() - begun
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    say(f"constructed in {generated:.1f} s: {size // 2**20} MB in {sum(1 for _ in folder.rglob('*.parquet'))} files")
    start = usage()
    with ProcessPoolExecutor(CORES, multiprocessing.get_context("spawn")) as pool:
        records = sum(pool.map(read, [folder] * PARTITIONS, range(PARTITIONS)))
    reading = usage() - start
    say(f"read and parsed in {reading.wall:.1f} s: {records} records")
    with _peak() as peak:
        start = usage()
        verdict = verify(ArchivedHistory(folder), PartitionRequest(), map_partitions)
        used = usage() - start
        megabytes = peak()
    assert verdict.equal, verdict.first
    return {
        **used.row(),
        "events_per_s": round(verdict.counts.events / used.wall),
        "cpu_us_per_event": round(used.cpu / verdict.counts.events * 1e6, 1),
        "peak_mb": megabytes,
        "ratio_to_read": round(used.wall / reading.wall, 2),
        "cpu_ratio_to_read": round(used.cpu / reading.cpu, 2),
        "read_s": round(reading.wall, 1),
        "generate_s": round(generated, 1),
        "events": verdict.counts.events,
        "records": records,
        "users": users,
        "archive_mb": size // 2**20,
    }


def main() -> None:
    """Command line."""
    options = parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="streamproc-bench-") as name:
        show("replay from an archive", measure(Path(name, "archive"), EVENTS, USERS), json=options.json)


if __name__ == "__main__":
    main()
