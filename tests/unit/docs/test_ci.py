"""`.ci/run`: the README's test command, word for word, in an environment that is empty."""

import subprocess
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY

FAKE_PYTHON = """\
#!/bin/bash
[ "$*" = "-m venv .venv" ] || exit 9
mkdir .venv || exit 8
mkdir .venv/bin
printf '#!/bin/bash\\necho "pip $*" >> {log}\\n' > .venv/bin/pip
printf '#!/bin/bash\\necho "pytest $* in $PWD" >> {log}\\nexit {code}\\n' > .venv/bin/pytest
chmod +x .venv/bin/*
"""


def ci(folder: Path, code: int, **environment: str) -> tuple[int, list[str]]:
    """Run .ci/run on a tree with our README and a stand-in for python3; returns its exit code and what was called."""
    tree, log = folder / "tree", folder / "log"
    for name in (".ci/run", "README.md"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes((REPOSITORY / name).read_bytes())
    (tree / ".ci" / "run").chmod(0o755)
    (folder / "bin").mkdir()
    python = folder / "bin" / "python3"
    python.write_text(FAKE_PYTHON.format(log=log, code=code))
    python.chmod(0o755)
    done = subprocess.run(
        [tree / ".ci" / "run"], env={"PATH": f"{folder / 'bin'}:/usr/bin:/bin"} | environment, check=False
    )
    return done.returncode, log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize("code", [0, 1, 5])
def test_ci_runs_the_test_command_and_ends_as_it_ends(tmp_path: Path, code: int) -> None:
    """In an environment that is empty, word for word as the README has it, with pytest's own exit code."""
    ended, called = ci(tmp_path, code)
    assert ended == code
    assert called == ["pip install -q -e .[embedded,dev]", f"pytest  in {tmp_path / 'tree'}"]


def test_ci_leaves_a_venv_that_is_there_alone(tmp_path: Path) -> None:
    """Somebody may be working in it: a copy of the tree is tested, and gone afterwards."""
    mine = tmp_path / "tree" / ".venv" / "mine"
    mine.mkdir(parents=True)
    ended, called = ci(tmp_path, 0)
    assert ended == 0
    assert mine.is_dir()
    place = called[1].removeprefix("pytest  in ")
    assert place != str(tmp_path / "tree")
    assert not Path(place).exists()


def test_ci_makes_its_venv_anew_on_a_ci_machine(tmp_path: Path) -> None:
    """Where CI is true nobody works in the tree, and what is left of an earlier run must not help this one."""
    left = tmp_path / "tree" / ".venv" / "left"
    left.mkdir(parents=True)
    ended, called = ci(tmp_path, 0, CI="true")
    assert ended == 0
    assert called[1] == f"pytest  in {tmp_path / 'tree'}"
    assert not left.exists()
