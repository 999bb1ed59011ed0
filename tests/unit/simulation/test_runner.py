"""The runner, with plans that are played by arithmetic: seeds on all cores, what failed, and playing it again."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import main
from tests.simulation.plan import decode_plan
from tests.support.paths import REPOSITORY

FAKE = ["--play", "tests.support.played_by_chance:play", "--draw", "tests.support.played_by_chance:draw"]


def test_a_failure_is_told_with_its_seed_and_the_smallest_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever broke something sees the seed, the few events, the lost request, and the command that plays it again."""
    assert main([*FAKE, "--seeds", "200", "--folder", str(tmp_path), "--enough", "3", "--jobs", "1"]) == 1
    out = capsys.readouterr().out
    assert "BROKEN: lost update" in out
    (file,) = tmp_path.glob("lost_update_*.json")
    plan = decode_plan(file.read_bytes())
    assert {step["kind"] for step in plan.steps} == {"a", "b"}
    assert len(plan.steps) <= 3
    assert plan.only is not None
    assert [len(numbers) for numbers in plan.only.values()] == [1]
    assert f"--trace --plan {file}" in out
    assert "lost" in file.with_suffix(".txt").read_text(encoding="utf-8")
    assert main([*FAKE, "--plan", str(file), "--trace"]) == 1
    first = capsys.readouterr().out
    assert main([*FAKE, "--plan", str(file), "--trace"]) == 1
    assert capsys.readouterr().out == first == file.with_suffix(".txt").read_text(encoding="utf-8")


def test_what_doesnt_fail_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """All seeds are played once, whatever the number of processes, and what they exercised is added up."""
    arguments = ["--seeds", "130", "--json", "--enough", "1000", "--shrink", "0", "--jobs"]
    main([*FAKE, *arguments, "1"])
    one = json.loads(capsys.readouterr().out)
    main([*FAKE, *arguments, "2"])
    two = json.loads(capsys.readouterr().out)
    assert one["seeds"] >= 130
    assert one["counts"] == two["counts"]
    assert {kind: sorted(each["seeds"]) for kind, each in one["failed"].items()} == {
        kind: sorted(each["seeds"]) for kind, each in two["failed"].items()
    }


def test_a_seed_that_doesnt_decide_everything_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that comes to something else in another process can't be looked into: that is told as a failure."""
    fake = ["--play", "tests.support.played_by_chance:forgetful", *FAKE[2:]]
    assert main([*fake, "--seeds", "100", "--enough", "1", "--folder", str(tmp_path)]) == 1
    assert "BROKEN: not the same twice" in capsys.readouterr().out


def test_a_run_that_ends_its_process_is_told_with_its_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The other seeds are played all the same."""
    fake = [*FAKE[:2], "--draw", "tests.support.played_by_chance:draw_one_that_ends"]
    assert main([*fake, "--seeds", "40", "--json", "--shrink", "0", "--folder", str(tmp_path)]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["failed"]["ended the process"]["seeds"] == [7]
    assert report["seeds"] == 40
    assert report["counts"] == {"step c": 39}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_session_that_is_stopped_tells_what_it_has_played(how: signal.Signals) -> None:
    """Hours of playing aren't lost, and nothing of it plays on."""
    command = [sys.executable, "-m", "tests.simulation", *FAKE, "--minutes", "5", "--json", "--shrink", "0"]
    with subprocess.Popen(
        [*command, "--jobs", "1", "--enough", "1000000"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as session:
        assert session.stderr is not None
        assert "lost update" in session.stderr.readline()
        session.send_signal(how)
        out, _ = session.communicate(timeout=60)
    assert session.returncode == 1
    report = json.loads(out)
    assert report["failed"]["lost update"]["seeds"]
    assert report["seeds"] >= 20


def test_what_cant_be_imported_is_told_at_once() -> None:
    """A mistake in the simulation itself isn't taken for a thousand failures of the product."""
    with pytest.raises(SystemExit, match="nothing can be played"):
        main(["--play", "tests.support.played_by_chance:nothing", *FAKE[2:], "--seeds", "40"])
