"""Every bench has the same options, and prints CPU beside wall."""

import importlib
import sys
from pathlib import Path

import orjson
import pytest

from tests import bench
from tests.bench import fold

FOLDER = Path(bench.__file__).parent
BENCHES = sorted(path.stem for path in FOLDER.glob("*.py") if "parser(__doc__)" in path.read_text())


def test_the_benches_are_seen() -> None:
    """All that can be started by name."""
    assert [
        *("delivery", "fold", "front_door", "gateway", "latency", "mapping"),
        *("reconcile", "replay", "scale", "whatif", "worker"),
    ] == BENCHES


@pytest.mark.parametrize("name", BENCHES)
def test_quick_and_json_are_options(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each says in its help that it has both, and refuses what it doesn't know."""
    module = importlib.import_module(f"tests.bench.{name}")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit):
        module.main()
    assert {"--quick", "--json"} <= set(capsys.readouterr().out.split())
    monkeypatch.setattr(sys, "argv", [name, "--quik"])
    with pytest.raises(SystemExit, match="2"):
        module.main()


def test_the_fold_against_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line of JSON, with the ratio and CPU beside wall."""
    monkeypatch.setattr(fold, "EVENTS", 300)
    monkeypatch.setattr(fold, "ROUNDS", 1)
    monkeypatch.setattr(sys, "argv", ["fold", "--json"])
    fold.main()
    (line,) = capsys.readouterr().out.splitlines()
    row = orjson.loads(line)
    assert 0 < row["ratio_to_json"] < 1
    assert {"wall_s", "cpu_user_s", "cpu_system_s", "cpu_us_per_event"} <= row.keys()
