"""Two checkouts compared: in turns, each with its own interpreter, by figures that can be compared."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.bench import versus


def checkout(folder: Path, log: Path, figures: dict[str, Any]) -> Path:
    """A folder whose interpreter logs how it was called, and prints these figures."""
    program = folder / ".venv/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!/bin/sh\necho {folder.name} "$@" in $(basename $PWD) >> {log}\n'
        f"echo progress\necho '{orjson.dumps(figures).decode()}'\n"
    )
    program.chmod(0o755)
    return folder


def test_checkouts_run_in_turns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A B A B, each in its own folder with its own .venv, and with what the bench is to be told."""
    log = tmp_path / "log"
    old = checkout(tmp_path / "old", log, {"events_per_s": 1000, "wall_s": 4.0, "events": 7, "gone_s": 1.0})
    new = checkout(tmp_path / "new", log, {"events_per_s": 1100, "wall_s": 5.0, "events": 7, "fresh_s": 1.0})
    versus.main(
        ["--before", f"{old}", "--after", f"{new}", "--bench", "fold", "--rounds", "2", "--json", "--", "--only", "x"]
    )
    call = "-m tests.bench.fold --quick --json --only x in"
    assert log.read_text().splitlines() == [f"old {call} old", f"new {call} new"] * 2
    table = orjson.loads(capsys.readouterr().out)
    assert table == {
        "events_per_s": {"before": 1000, "after": 1100, "min": 1.1, "median": 1.1, "max": 1.1},
        "wall_s": {"before": 4.0, "after": 5.0, "min": 0.8, "median": 0.8, "max": 0.8},
    }


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        ("events_per_s", 100, 50, 0.5),
        ("cpu_ratio_to_bare", 0.4, 0.8, 2.0),
        ("kept_ratio_to_json", 0.2, 0.3, 1.5),
        ("cpu_us_per_event", 100, 200, 0.5),
        ("p99_ms", 10, 5, 2.0),
        ("worker_mb", 100, 200, 0.5),
        ("cpu_ratio_to_read", 4, 5, 0.8),
        ("events", 1, 1, None),
        ("requests_per_change", 1.0, 1.0, None),
        ("storm_429_p50_real_s", 1.0, 0, None),
    ],
)
def test_more_is_faster(name: str, before: float, after: float, expected: float | None) -> None:
    """A ratio above 1 says faster or smaller, of rates and of costs alike; counts have none."""
    found = versus.ratio(name, before, after)
    assert found == (None if expected is None else pytest.approx(expected))


def test_a_table_has_a_line_for_each_figure(capsys: pytest.CaptureFixture[str]) -> None:
    """Minimum, median and maximum of the rounds' ratios."""
    rounds = [({"wall_s": 1.0}, {"wall_s": after}) for after in (1.0, 2.0, 4.0)]
    versus.show("fold", versus.compare(rounds))
    *_, line = capsys.readouterr().out.splitlines()
    assert line.split() == ["wall_s", "1", "2", "0.250", "0.500", "1.000"]
