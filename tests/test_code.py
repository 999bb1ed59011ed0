"""The code itself: lint, format, types, the direction of imports, and rules that no linter knows."""

import ast
import gc
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY

BIN = Path(sys.executable).parent  # not resolved: the virtual environment's own programs lie beside its interpreter


@pytest.fixture(autouse=True)
def no_garbage_is_collected() -> Iterator[None]:
    """What other tests have left may say something as it is collected, and parse a source for that. CPython 3.11 can't
    parse one in the middle of another (SystemError: AST constructor recursion depth mismatch).
    """
    gc.disable()
    yield
    gc.enable()


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


@pytest.mark.parametrize(("folder", "most"), [("streamproc", 300), ("tests", 400)])
def test_no_file_is_too_long(folder: str, most: int) -> None:
    """A module has at most 300 lines, a test file at most 400: whoever opens one can keep it in mind."""
    assert {path: lines for path, text in sources(folder) if (lines := len(text.splitlines())) > most} == {}


def test_every_folder_of_tests_mirrors_a_package() -> None:
    """Below each kind of test the folders are those of `streamproc/`, so a package's tests are found by its name."""
    kinds = [REPOSITORY / "tests" / kind for kind in ("unit", "property", "service", "kafka")]
    strangers = [
        folder.relative_to(REPOSITORY).as_posix()
        for kind in kinds
        for folder in kind.rglob("*/")
        if any(folder.glob("test_*.py")) and not (REPOSITORY / "streamproc" / folder.relative_to(kind)).is_dir()
    ]
    ours = ["bench", "chaos", "docs", "simulation", "simulation/invariants"]
    assert sorted(strangers) == [f"tests/unit/{each}" for each in ours]


def test_docstrings_stand_alone() -> None:
    """Nobody is sent elsewhere by a docstring that says nothing itself: an editor shows only that one."""
    assert [path for path, text in sources("streamproc") if "See above" in text] == []


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


def test_one_module_opens_http_sessions() -> None:
    """All clients speak HTTP alike: no cookies, the proxy that is set, long headers; stand-ins and the demo apart."""
    openers = [
        path
        for path, text in sources("streamproc")
        if "ClientSession(" in text and not path.startswith(("streamproc/simulator/", "streamproc/demo/"))
    ]
    assert openers == ["streamproc/adapters/http.py"]


def test_no_client_follows_a_redirect() -> None:
    """Each request of ours says so: a POST would become a GET, and credentials would go wherever an answer points."""
    for path, text in sources("streamproc"):
        if path.startswith(("streamproc/simulator/", "streamproc/demo/")):
            continue
        for call in re.findall(r"(?:http|session)\.(?:request|get|post|put|patch|delete)\(.*?\) as ", text, re.DOTALL):
            assert "allow_redirects=False" in call, f"{path}: {call}"


WITH_CLOCKS_OF_THEIR_OWN = {
    "streamproc/adapters/kafka/client.py": "a record without a key goes to any partition",
    "streamproc/adapters/kafka/probe.py": "whether a certificate for the real brokers has expired",
    "streamproc/adapters/kafka/unreadable.py": "when the real brokers gave something that can't be read",
    "streamproc/worker/faust_bridge/batch_fetch.py": "for Faust's own monitor",
}
COMMANDS = ("archive", "audit", "cli", "demo", "embedded", "simulator")
"""What isn't a process of the pipeline: commands that end, and stand-ins."""


def chooses(node: ast.AST) -> bool:
    """Whether it takes the machine's time or chance. What is made of a seed doesn't."""
    match node:
        case ast.Import(names):
            return not {alias.name for alias in names}.isdisjoint({"random", "secrets", "time"})
        case ast.ImportFrom("random" | "secrets" | "time" | "uuid", names):
            return not {alias.name for alias in names} <= {"Random", "UUID"}
        case ast.Attribute(_, "now" | "today" | "utcnow" | "urandom" | "uuid1" | "uuid4"):
            return ast.unparse(node).split(".")[0] in {"datetime", "date", "os", "uuid"}
    return False


def test_only_compose_chooses_clocks_and_chance() -> None:
    """No process reads the machine's clocks or draws by its chance itself: else no simulated run could be repeated."""
    processes = [each for each in sources("streamproc") if each[0].split("/")[1] not in {*COMMANDS, "compose"}]
    found = {path for path, text in processes if any(map(chooses, ast.walk(ast.parse(text))))}
    assert found == {*WITH_CLOCKS_OF_THEIR_OWN}


def test_one_module_prints() -> None:
    """What others wrote reaches a screen by `cli/screen.py`, which does it no harm; a log line by `telemetry.py`.

    The others print what is ours alone: addresses, names of files, and that a process is ready.
    """
    stream = re.compile(
        r"\b(click\.s?echo|click\.(style|prompt|confirm|pause)|print\(|sys\.(__)?std(out|err)|print_(stack|exc))"
    )
    assert [path for path, text in sources("streamproc") if stream.search(text)] == [
        "streamproc/cli/screen.py",
        "streamproc/compose/service.py",
        "streamproc/embedded/__main__.py",
        "streamproc/embedded/artifacts.py",
        "streamproc/embedded/keeper.py",
        "streamproc/schemas.py",
        "streamproc/telemetry.py",
    ]


def test_one_function_shows_what_others_wrote() -> None:
    """Nobody else has an own idea of which characters do harm; pages are escaped, and CSV guarded, on top of it."""
    judges = [path for path, text in sources("streamproc") if re.search(r"isprintable\(|[(, ]escape\(", text)]
    assert judges == [
        "streamproc/audit/revocations/report/words.py",
        "streamproc/core/shown.py",
        "streamproc/core/text.py",
    ]


def test_nobody_is_deleted() -> None:
    """Leavers are made inactive: the one HTTP DELETE that we send is of tokens, to end a leaver's sessions."""
    calls = [
        (path, line)
        for path, text in sources("streamproc")
        if not path.startswith(("streamproc/simulator/", "streamproc/testing/", "streamproc/gateway/scim/"))
        for line in re.findall(r"""^.*(?:["']DELETE["']|\.delete\().*$""", text, re.MULTILINE)
    ]
    ((path, line),) = calls
    assert path == "streamproc/adapters/scim_http.py"
    assert 'self._ask("DELETE", f"/tokens/{' in line
