"""README.md against the code: what it generates is current, and what it shows works.

    python -m tests.unit.test_readme

writes its generated blocks anew: picture, commands, settings, topics.
"""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import click
import orjson
import pytest
from prometheus_client.metrics import MetricWrapperBase

from streamproc import telemetry, topics
from streamproc.cli import show
from streamproc.cli.main import AUDIT, cli
from streamproc.core.records import topic_names
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.delivery import Parked
from streamproc.core.records.outcome import Fate
from streamproc.core.scim import response_policy
from streamproc.settings import FIELDS, PREFIX, Settings
from streamproc.sources.hris import contract
from tests.support.paths import REPOSITORY

README = REPOSITORY / "README.md"
DEMO = "python3 -m venv .venv && .venv/bin/pip install -e '.[embedded]' && .venv/bin/streamproc demo"
TEST = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[embedded,dev]' && .venv/bin/pytest"


def readme() -> str:
    """The file."""
    return README.read_text(encoding="utf-8")


def fences(language: str) -> list[str]:
    """Content of the fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", readme(), re.MULTILINE | re.DOTALL)


def code() -> list[str]:
    """Every line that is set as code: in shell blocks, and spans within prose."""
    prose = re.sub(r"^```.*?^```$", "", readme(), flags=re.MULTILINE | re.DOTALL)
    return [line for block in fences("sh") for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", prose)


def table(*rows: tuple[str, ...]) -> str:
    """A Markdown table; the first row is its head."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def quoted(value: str) -> str:
    """As code, unless it is empty."""
    return f"`{value}`" if value else ""


def picture() -> str:
    """The block `picture`."""
    return f"```text\n{topics.picture()}\n```"


def every_command() -> dict[str, click.Command]:
    """Name → command, of the first level."""
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in [*cli.commands, *AUDIT]}
    return {name: command for name, command in found.items() if command is not None}


def commands() -> str:
    """The block `commands`."""
    rows = [(f"`streamproc {name}`", command.get_short_help_str(200)) for name, command in every_command().items()]
    return table(("Command", "What it does"), *rows)


def settings() -> str:
    """The block `settings`: defaults, whatever this machine's environment says."""
    rows = show.settings(Settings())
    return table(
        ("Variable", "Default", "Meaning"),
        *((f"`{row['variable']}`", quoted(row["default"]), row["meaning"]) for row in rows),
    )


def kept(topic: topics.Topic) -> str:
    """How long a topic's records are kept, in words."""
    config = topic.config
    if config["cleanup.policy"] == "compact":
        lag = int(config.get("min.compaction.lag.ms", 0)) // topic_names.DAY
        return "the newest per key" + (f", and all of {lag} days" if lag else "")
    kept_for = int(config["retention.ms"])
    return "for ever" if kept_for < 0 else f"{kept_for // topic_names.DAY} days"


def topic_table() -> str:
    """The block `topics`."""
    return table(
        ("Topic", "Key", "Value", "Written by", "Read by", "Kept"),
        *((f"`{each.name}`", each.key, each.purpose, each.writer, each.reader, kept(each)) for each in topics.TOPICS),
    )


def metrics() -> str:
    """The block `metrics`."""
    found = [each for each in vars(telemetry).values() if isinstance(each, MetricWrapperBase)]
    names = {each._name + ("_total" if each._type == "counter" else ""): each for each in found}
    rows = ((f"`{name}`", ", ".join(each._labelnames), each._documentation) for name, each in sorted(names.items()))
    return table(("Metric", "Labels", "What it says"), *rows)


GENERATED: dict[str, Callable[[], str]] = {
    "picture": picture,
    "commands": commands,
    "settings": settings,
    "topics": topic_table,
    "verdicts": response_policy.table,
    "metrics": metrics,
}


def between(name: str) -> re.Pattern[str]:
    """A generated block with its markers."""
    return re.compile(rf"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)


@pytest.mark.parametrize("name", GENERATED)
def test_generated_blocks_are_current(name: str) -> None:
    """Picture and tables say what the code says; `python -m tests.unit.test_readme` writes them anew."""
    (found,) = between(name).findall(readme())
    assert found[1] == GENERATED[name]() + "\n"


def test_the_two_commands_come_first() -> None:
    """Whoever opens the file can copy the demo and the tests, each complete in one line."""
    assert [block.strip() for block in fences("sh")[:2]] == [DEMO, TEST]
    assert readme().index(TEST) < readme().index("\n## ")


def test_extras_of_the_commands_exist() -> None:
    """An extra that isn't there would be no more than a warning of pip's."""
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    for extra in ("embedded", "dev"):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE)


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


def invocations() -> Iterator[tuple[str, list[str]]]:
    """Each use of the command line: its word, and the rest."""
    for line in code():
        for part in line.split("&&"):
            if found := re.search(r"(?:^|[\s/])streamproc ([a-z][a-z-]*)(.*)", part):
                yield found[1], shlex.split(found[2])


def test_commands_are_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command in the file is accepted by the command line, options and all. Files that it names are there."""
    found = list(invocations())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "archive").mkdir()
    for name in {word for _, rest in found for word in rest if re.search(r"\.(toml|zip|json|pem)$", word)}:
        (tmp_path / name).touch()
    every = every_command()
    assert {word for word, _ in found} == set(every)
    for word, rest in found:
        command = every[word]
        while isinstance(command, click.Group) and rest and rest[0] in command.commands:
            command, rest = command.commands[rest[0]], rest[1:]  # noqa: PLW2901 - one word deeper
        if not rest and any(each.required for each in command.params):
            continue  # named, not used
        if not rest and isinstance(command, click.Group):
            continue
        with command.make_context(word, rest):
            pass


def test_modules_are_real() -> None:
    """Every `python -m` names a module that is there."""
    modules = [found[1] for line in code() if (found := re.search(r"python -m (\S+)", line))]
    assert modules
    for module in modules:
        assert importlib.util.find_spec(module), module


def test_files_are_real() -> None:
    """Every path into the repository leads somewhere."""
    paths = [span for span in code() if re.fullmatch(r"\.?(ci|streamproc|schemas|docker|tests)/[\w./]*", span)]
    assert len(paths) > 4
    for path in paths:
        assert (REPOSITORY / path).exists(), path


def test_variables_are_settings() -> None:
    """No variable is named that would be refused."""
    named = set(re.findall(rf"{PREFIX}[A-Z][A-Z_]*", readme()))
    assert named == {PREFIX + name.upper() for name in FIELDS} | {PREFIX + "CONFIG"}


def parsed(value: bytes, headers: dict[str, bytes] | None = None) -> ChangeEvent:
    """What the worker makes of a record, appended on the last day of 2026."""
    (change,) = contract.parse(value, headers or {}, Origin("events.hris", 0, 0, 1_798_700_000_000))
    return change


def test_json_examples_are_valid_events() -> None:
    """Each block in JSON is a record that the worker accepts."""
    found = [parsed(block.encode()) for block in fences("json")]
    assert [each.kind for each in found] == ["snapshot", "change", "change"]
    assert found[1].attributes == {"department": "Spanish Support", "phone": None}
    assert found[2].event == "/hris/emea#4712"


def test_the_structured_example_works_in_binary_mode_too() -> None:
    """The headers that the prose names carry what the structured example has beside `data`."""
    structured = orjson.loads(fences("json")[2])
    data = structured.pop("data")
    headers = {name: structured[name.removeprefix("ce_")].encode() for name in re.findall(r"`(ce_\w+)`", readme())}
    assert parsed(orjson.dumps(data), headers) == parsed(fences("json")[2].encode())


def test_the_python_example_sends_a_valid_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs as it stands, against a producer that keeps what it is given."""
    sent: list[tuple[str, bytes, bytes]] = []

    class Producer:
        def __init__(self, **options: Any) -> None:
            assert options == {"bootstrap_servers": "127.0.0.1:1", "acks": "all", "enable_idempotence": True}

        async def start(self) -> None: ...

        async def stop(self) -> None: ...

        async def send_and_wait(self, topic: str, value: bytes, *, key: bytes) -> None:
            sent.append((topic, value, key))

    stand_in = ModuleType("aiokafka")
    stand_in.AIOKafkaProducer = Producer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aiokafka", stand_in)
    monkeypatch.setattr(sys, "argv", ["send.py", "127.0.0.1:1"])
    (example,) = fences("python")
    exec(compile(example, "README.md", "exec"), {"__name__": "__main__"})
    ((topic, value, key),) = sent
    assert topic in {each.name for each in topics.TOPICS}
    assert parsed(value).user == key.decode()


def first_column(heading: str) -> set[str]:
    """The codes in the first column of the table under a heading row."""
    rows = readme().split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    return set(re.findall(r"^\| `([\w-]+)`", rows, re.MULTILINE))


def test_rejections_fates_and_parking_are_complete() -> None:
    """The tables have every code that the code has."""
    package = REPOSITORY / "streamproc"
    raised = r'(?:RejectedInputError\(\s*|_reject\(raw, )"(\w+)"'
    files = [
        file for folder in ("sources", "worker", "gateway", "hydrator") for file in (package / folder).rglob("*.py")
    ]
    codes = {code for file in files for code in re.findall(raised, file.read_text(encoding="utf-8"))}
    codes |= set(re.findall(r'code="(\w+)"', (package / "hydrator" / "fetcher.py").read_text(encoding="utf-8")))
    codes |= set(
        re.findall(r'Ignored\("(\w+)"', (package / "gateway" / "decide" / "to_records.py").read_text(encoding="utf-8"))
    )
    assert first_column("Code | What is wrong") == codes
    assert first_column("Fate | Meaning") == set(get_args(Fate))
    assert first_column("Code | Why | Tried again") == set(get_args(Parked.__annotations__["code"]))


def main() -> None:
    """Write the generated blocks anew."""
    written = readme()
    for name, make in GENERATED.items():
        before, after = between(name).split(written)[0], between(name).split(written)[-1]
        written = f"{before}<!-- {name} -->\n{make()}\n<!-- /{name} -->{after}"
    README.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    os.chdir(REPOSITORY)
    main()
