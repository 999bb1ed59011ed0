"""`streamproc replay --verify` as an auditor uses it."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from streamproc.archive import layout
from streamproc.archive.layout import Gap, Manifest
from streamproc.archive.writer import ArchiveWriter
from streamproc.cli.replay import replay
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import (
    CHANGES,
    DELIVERIES,
    MAPPINGS,
    OPERATIONS,
    OUTCOMES,
)
from tests.support.replay_history import changed, story, valued


def archived(folder: Path, logged: list[StoredRecord]) -> Path:
    """The history as an archive."""
    layout.make_folder(folder)
    gap = Gap(DELIVERIES, 0, 100, 105)
    layout.keep_manifest(folder, Manifest(layout.VERSION, None, 1, (), (gap, replace(gap, topic=MAPPINGS))))
    for topic in (CHANGES, OPERATIONS, OUTCOMES, DELIVERIES):
        writing = ArchiveWriter(folder, topic, 0, 0)
        for one in logged:
            if one.topic == topic:
                writing.add((one.offset, one.timestamp, one.key, one.value, one.headers))
        writing.close(100)
    return folder


def test_the_command_says_it(tmp_path: Path) -> None:
    """0 and what was compared where all is equal; 1, the place and both sides where it isn't; both as JSON, too."""
    good = ["--verify", "--offline", "--archive", str(archived(tmp_path / "good", story().logged))]
    done = CliRunner().invoke(replay, good)
    assert done.exit_code == 0, done.output
    assert "partition 0  9 events, 9 records, 8 fates in 8 outcomes; 2 mappings; 1 open\n" in done.stdout
    assert "\nequal " in done.stdout
    since = CliRunner().invoke(replay, [*good, "--from", "2026-03-03T01:06:44Z"])
    assert since.exit_code == 0, since.output
    trusted = "trusted the records of 2 users as they were recorded before 2026-03-03T01:06:44Z"
    assert trusted in " ".join(since.stdout.split())
    tampered = changed(story().logged, OPERATIONS, 2, valued('"title":"Lead"', '"title":"Load"'))
    bad = ["--verify", "--offline", "--archive", str(archived(tmp_path / "bad", tampered))]
    done = CliRunner().invoke(replay, bad)
    assert done.exit_code == 1
    assert "altered: scim.operations partition 0 offset 2; user ana, event at offset 3: it doesn't fit" in " ".join(
        done.stdout.split()
    )
    assert '  at          /desired/title\n  recorded    "Load"\n  recomputed  "Lead"\n' in done.stdout
    said = orjson.loads(CliRunner().invoke(replay, [*bad, "--json"]).stdout)
    assert (said["equal"], said["first"]["offset"], said["first"]["recorded"]) == (False, 2, "Load")
    assert said["gaps"] == [{"topic": DELIVERIES, "partition": 0, "first": 100, "next": 105}]
    assert "scim.deliveries partition 0: offsets 100 to 104 aren't in" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--verify", "--as-of", "0"],
        ["--verify", "--user", "ana"],
        ["--as-of", "0", "--from", "0"],
        ["--verify", "--from", "yesterday"],
        ["--verify", "--from", "2026-03-02T09:00:00"],
    ],
    ids=" ".join,
)
def test_the_command_used_wrongly(arguments: list[str]) -> None:
    """What doesn't go together, and moments that say no zone, are refused before anything is read."""
    assert CliRunner().invoke(replay, arguments).exit_code == 2
