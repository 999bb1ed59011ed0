"""Archives that strangers made: each file is read as it is or named, and no topic's junk ends the replay."""

import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import orjson

from streamproc.archive.per_partition import map_partitions
from streamproc.archive.reader import ArchivedHistory
from streamproc.audit.replay.starting_point import PartitionRequest
from streamproc.audit.replay.verify import verify
from streamproc.core.errors import ArchiveError, HistoryError
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS, DELIVERIES, OPERATIONS, OUTCOMES, REJECTIONS
from streamproc.core.records.units import Millis
from tests.attack.part import Found, Part
from tests.support.bundles import log
from tests.support.hostile_archives import KINDS, begun
from tests.support.hostile_values import JUNK, spoiled
from tests.support.logs import BEGAN

LONGEST: Final = 20.0
"""Seconds that one input may take."""
MORE: Final = 700_000
"""KiB that the process may grow by one: a row group as large as one may be, unpacked and as values."""


def parquet(rng: Random, count: int) -> Found:
    """Read files that others made, in every way in which they are read."""
    found = Found()
    quick = KINDS if count >= len(KINDS) * 4 else KINDS[:-1]
    for number in range(count):
        make = quick[number % len(quick)]
        name = f"{number}: {make.__name__}"
        with tempfile.TemporaryDirectory() as folder:
            whole = make(rng, begun(Path(folder) / "archive"))
            _tried(found, name, partial(_read, Path(folder) / "archive"), whole=whole)
    return found


def _read(folder: Path) -> None:
    history = ArchivedHistory(folder)
    offsets = [one.offset for partition in range(history.partitions) for one in history.read(CHANGES, partition)]
    last = history.last(CHANGES, 1)
    history.written(CHANGES, 1, 5)
    ours = list(history.read(CHANGES, 1, first=3, until=BEGAN * 2, key=b"E1"))
    later = list(history.read(CHANGES, 1, until=BEGAN * 2))
    assert len(offsets) == len(later), "bounds hide what lies within them"
    assert last is None or last.offset == offsets[-1], "the last one is another"
    assert all(one.key == b"E1" for one in ours), "another key's"


def topics(rng: Random, count: int) -> Found:
    """Replay a log in which some records are anything else: it is told, and is the end of nothing."""
    found = Found()
    history = log().records
    names = (CHANGES, OPERATIONS, OUTCOMES, DELIVERIES, REJECTIONS, CONTROLS)
    for number in range(count):
        records = list(history)
        for _ in range(rng.randint(1, 3)):
            if rng.random() < 0.5:
                at = rng.randrange(len(records))
                raw = orjson.loads(records[at].value or b"{}")
                spoiled(rng, raw)
                records[at] = replace(records[at], value=orjson.dumps(raw))
            else:
                where, offset = (rng.choice(names), rng.randrange(2)), rng.choice([2, 7, 40, 1000])
                key, value = rng.choice([None, b"U-0-770", b"x", b"\xff"]), rng.choice([None, *JUNK])
                records.append(StoredRecord(*where, offset, Millis(BEGAN + rng.randrange(10**7)), key, value))
        before = rng.choice([None, BEGAN + rng.choice([0, 5000, 20_000, 60_000])])
        _tried(
            found, f"{number}: {records[-1].topic}", partial(_replayed, records, PartitionRequest(before)), whole=False
        )
    return found


def _replayed(records: list[StoredRecord], request: PartitionRequest) -> None:
    result = verify(InMemoryHistory(records, 2), request, map_partitions)
    assert result.equal or result.first is not None, "nothing is named"


def _tried(found: Found, name: str, tried: Callable[[], None], *, whole: bool) -> None:
    found.tried += 1
    begun_at, held = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        tried()
    except (ArchiveError, HistoryError) as error:
        if whole or not str(error):
            found.harmed("without_fate", f"{name}: {error!s:.200}")
    except AssertionError as error:
        found.harmed("without_fate", f"{name}: {error}")
    except Exception as error:  # noqa: BLE001 - whatever it raises, a stranger's file has ended the command
        found.harmed("unhandled", f"{name}: {error!r:.200}")
    seconds, grown = time.monotonic() - begun_at, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held
    if seconds > LONGEST or grown > MORE:
        found.harmed("unbounded", f"{name}: {seconds:.0f} s, {grown} KiB more")


PARTS: Final = [Part("parquet", 200, 33, parquet), Part("replay", 300, 30, topics)]
