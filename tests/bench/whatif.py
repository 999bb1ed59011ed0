"""What if over 1,000,000 changes of 50,000 users: `python -m tests.bench.whatif [--json] [--small]`.

From an archive that is constructed first, on all cores by partition. The mapping that is asked about reads one more
fact than those in the log, of which the second reads one more than the first: nothing can be heard once for both.
`peak_mb` is of all processes together. `--small`: a hundredth of it.
"""

import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from streamproc.archive import layout
from streamproc.archive.layout import Manifest
from streamproc.archive.reader import ArchivedHistory
from streamproc.archive.writer import ArchiveWriter
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.topic_names import CHANGES
from streamproc.mapping_preview.run import Question, compared
from tests.bench import say, show
from tests.bench.recorded import FIRST, PARTITIONS, SECOND, Month
from tests.bench.replay import _peak

EVENTS, USERS, CORES = 1_000_000, 50_000, 2
ASKED = SECOND.replace("[always]", '[[rule]]\nwhen = { "group:Chat" = "*" }\nskills = { Claims = 2.0 }\n\n[always]')


def construct(folder: Path, events: int, users: int, partition: int) -> None:
    """One partition's changes."""
    names = [f"E{number:06}" for number in range(users)]
    here = [name for name in names if partition_of(name.encode(), PARTITIONS) == partition]
    writing = ArchiveWriter(folder, CHANGES, partition, 0)
    for offset, (key, event, at) in enumerate(Month(partition, here, events // PARTITIONS)):
        writing.add((offset, at, key, orjson.dumps(event), ()))
    writing.close(events // PARTITIONS)


def measure(folder: Path, events: int, users: int) -> dict[str, Any]:
    """Construct, and ask."""
    layout.keep_manifest(layout.made(folder), Manifest(layout.VERSION, None, PARTITIONS, (CHANGES,)))
    with ProcessPoolExecutor(CORES, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(partial(construct, folder, events, users), range(PARTITIONS)))
    with _peak() as peak:
        begun = time.perf_counter()
        impact = compared(ArchivedHistory(folder), Question(ASKED, "asked", (FIRST, "first")), say).impact
        wall = time.perf_counter() - begun
        megabytes = peak()
    assert impact.events > 0.99 * (events // PARTITIONS * PARTITIONS)
    assert impact.gained["skills"]["Claims"] > 0
    return {
        "wall_s": round(wall, 1),
        "events_per_s": round(impact.events / wall),
        "peak_mb": megabytes,
        "events": impact.events,
        "users": impact.users,
        "touched": impact.touched,
        "touched_now": impact.sent,
    }


def main() -> None:
    """Command line."""
    share = 100 if "--small" in sys.argv else 1
    with tempfile.TemporaryDirectory(prefix="streamproc-bench-") as name:
        show("what if, from an archive", measure(Path(name, "archive"), EVENTS // share, USERS // share))


if __name__ == "__main__":
    main()
