"""The verifier finds out a log that was tampered with whether Python checks assertions or not."""

import subprocess
import sys
from dataclasses import replace

import orjson
import pytest

from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CHANGES
from tests.support.paths import REPOSITORY
from tests.support.replay_history import changed, first, story, where

MODULE = "tests.unit.audit.replay.test_optimized"


def without_its_mapping(record: StoredRecord) -> StoredRecord:
    """A mapping's event that brings none: no worker writes that."""
    return replace(record, value=orjson.dumps(orjson.loads(record.value or b"") | {"mapping": None}))


def verdict() -> str:
    """What is wrong with the history in which the second mapping's event was altered so."""
    built = story()
    offset = next(one.offset for one in built.changes[1:] if b'"kind":"mapping"' in (one.value or b""))
    return repr(where(first(changed(built.logged, CHANGES, offset, without_its_mapping))))


@pytest.mark.parametrize("options", [[], ["-O"]], ids=["plain", "optimized"])
def test_a_mapping_event_without_a_mapping_is_found_out(options: list[str]) -> None:
    """It is told as what it is, and no worker or verifier trips over it."""
    script = f"from {MODULE} import verdict; print(__debug__, verdict())"
    run = subprocess.run(
        [sys.executable, "-E", *options, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    assert run.stdout == f"{not options} ('altered', 'identity.changes', 5)\n"
