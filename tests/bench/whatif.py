"""What if over 1,000,000 changes of 50,000 users: `python -m tests.bench.whatif [--quick] [--json]`.

From an archive that is constructed first, on all cores by partition. The mapping that is asked about reads one more
fact than those in the log, of which the second reads one more than the first: nothing can be heard once for both.
`peak_mb` is of all processes together, and so is `cpu_us_per_event`. `--quick`: a twentieth of it.
"""

import multiprocessing
import tempfile
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
from tests.bench import parser, say, show, size
from tests.bench.cpu import usage
from tests.bench.recorded import FIRST, PARTITIONS, SECOND, Month
from tests.bench.replay import _peak

EVENTS, USERS, CORES = size(1_000_000, 50_000), size(50_000, 2_500), 2
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
    layout.keep_manifest(layout.make_folder(folder), Manifest(layout.VERSION, None, PARTITIONS, (CHANGES,)))
    with ProcessPoolExecutor(CORES, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(partial(construct, folder, events, users), range(PARTITIONS)))
    with _peak() as peak:
        start = usage()
        impact = compared(ArchivedHistory(folder), Question(ASKED, "asked", (FIRST, "first")), say).impact
        used = usage() - start
        megabytes = peak()
    assert impact.events > 0.99 * (events // PARTITIONS * PARTITIONS)
    assert impact.gained["skills"]["Claims"] > 0
    return {
        **used.row(),
        "events_per_s": round(impact.events / used.wall),
        "cpu_us_per_event": round(used.cpu / impact.events * 1e6, 1),
        "peak_mb": megabytes,
        "events": impact.events,
        "users": impact.users,
        "touched": impact.touched,
        "touched_now": impact.sent,
    }


def main() -> None:
    """Command line."""
    options = parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="streamproc-bench-") as name:
        show("what if, from an archive", measure(Path(name, "archive"), EVENTS, USERS), json=options.json)


if __name__ == "__main__":
    main()
