"""The code itself: lint, format, types, the direction of imports, and rules that no linter knows."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY

BIN = Path(sys.executable).parent  # not resolved: the virtual environment's own programs lie beside its interpreter


def sources(folder: str) -> Iterator[tuple[str, str]]:
    """Path below the root and text of each Python file."""
    for path in sorted((REPOSITORY / folder).rglob("*.py")):
        yield path.relative_to(REPOSITORY).as_posix(), path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command",
    [
        [BIN / "ruff", "check", "--no-fix", "."],
        [BIN / "ruff", "format", "--check", "."],
        [sys.executable, "-m", "mypy", "--strict"],
        [BIN / "lint-imports"],
    ],
    ids=["lint", "format", "types", "imports"],
)
def test_the_code_passes(command: list[str]) -> None:
    """Ruff, mypy and import-linter find nothing in the whole repository, as configured in pyproject.toml."""
    done = subprocess.run(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_only_the_settings_read_the_environment() -> None:
    """Only streamproc.settings looks at the environment; the embedded broker only for its cache and its child."""
    readers = [path for path, text in sources("streamproc") if re.search(r"\b(os\.environ\b|getenv\b)", text)]
    assert readers == ["streamproc/embedded/artifacts.py", "streamproc/settings/load.py"]


def test_every_test_says_what_it_proves() -> None:
    """Each test function has a docstring that is a sentence."""
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path, text in sources("tests")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not (ast.get_docstring(node) or "").rstrip().endswith(".")
    ]
    assert silent == []


DECIDING = [
    "streamproc/core",
    "streamproc/sources",
    *(path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob("streamproc/*/decide")),
]


@pytest.mark.parametrize("folder", DECIDING)
def test_decisions_dont_log(folder: str) -> None:
    """What decides returns what it found: neither core nor sources nor any `decide` import logging."""
    for path, text in sources(folder):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & {"logging"}, path
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] != "logging", path


def test_nobody_is_deleted() -> None:
    """Leavers are made inactive: outside the simulator the one HTTP DELETE is of tokens, to end a leaver's sessions."""
    calls = [
        (path, line)
        for path, text in sources("streamproc")
        if not path.startswith("streamproc/simulator/")
        for line in re.findall(r"""^.*(?:["']DELETE["']|\.delete\().*$""", text, re.MULTILINE)
    ]
    ((path, line),) = calls
    assert path == "streamproc/adapters/scim_http.py"
    assert "self._http.delete(url" in line
    assert 'url = f"{self._root}/tokens/' in dict(sources("streamproc"))[path]
