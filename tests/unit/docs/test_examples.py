"""What the pages show works: commands, modules, paths, variables, events, the producer; and tables are complete."""

import importlib.util
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Self, get_args

import click
import orjson
import pytest

from streamproc import topics
from streamproc.core.fold.headroom import WHY
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.delivery import Parked
from streamproc.core.records.outcome import Fate
from streamproc.core.records.units import Millis
from streamproc.settings import FIELDS, FILES, PREFIX
from streamproc.sources.hris import contract
from tests.support.generated import commands_by_name
from tests.support.pages import pages
from tests.support.paths import REPOSITORY

PAGES = {page.path: page for page in pages()}
README, EVENTS = PAGES["README.md"], PAGES["schemas/README.md"]
CODE = [line for page in PAGES.values() for line in page.code]
TEXT = "\n\n".join(page.text for page in PAGES.values())


def invocations() -> Iterator[tuple[str, list[str]]]:
    """Each use of the command line: its word, and the rest."""
    for line in CODE:
        for part in line.split("&&"):
            if invocation := re.search(r"(?:^|[\s/])streamproc ([a-z][a-z-]*)(.*)", part):
                yield invocation[1], shlex.split(invocation[2], comments=True)


def test_commands_are_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command on any page is accepted by the command line, options and all. Files that it names are there."""
    shown = list(invocations())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "archive").mkdir()
    for name in {word for _, rest in shown for word in rest if re.search(r"\.(toml|zip|json|pem)$", word)}:
        (tmp_path / name).touch()
    commands = commands_by_name()
    assert {word for word, _ in shown} == set(commands)
    for word, rest in shown:
        command = commands[word]
        while isinstance(command, click.Group) and rest and rest[0] in command.commands:
            command, rest = command.commands[rest[0]], rest[1:]  # noqa: PLW2901 - one word deeper
        if not rest and (isinstance(command, click.Group) or any(param.required for param in command.params)):
            continue  # named, not used
        with command.make_context(word, rest):
            pass


def test_modules_are_real() -> None:
    """Every `python -m` names a module that is there."""
    modules = [run[1] for line in CODE if (run := re.search(r"python -m (\S+)", line))]
    assert len(modules) > 10
    for module in modules:
        assert importlib.util.find_spec(module), module


def test_paths_are_real() -> None:
    """Every path into the repository leads somewhere; `*` stands for at least one name."""
    paths = [span for span in CODE if re.fullmatch(r"\.?(ci|streamproc|schemas|docker|tests)/[\w./*]*", span)]
    assert len(paths) > 4
    for path in paths:
        assert list(REPOSITORY.glob(path)), path


def test_variables_are_settings() -> None:
    """No variable is named that would be refused, and none is left out."""
    named = set(re.findall(rf"{PREFIX}[A-Z][A-Z_]*", TEXT))
    files = {PREFIX + name.upper() for name in FILES}
    assert named - files == {PREFIX + name.upper() for name in FIELDS} | {PREFIX + "CONFIG"}


def parsed(value: bytes, headers: dict[str, bytes] | None = None) -> ChangeEvent:
    """What the worker makes of a record, appended on the last day of 2026."""
    (change,) = contract.parse(value, headers or {}, Origin("events.hris", 0, 0, Millis(1_798_700_000_000)))
    return change


def test_json_examples_are_valid_events() -> None:
    """Each block in JSON, on any page, is a record that the worker accepts."""
    changes = {page.path: [parsed(block.encode()) for block in page.fences("json")] for page in PAGES.values()}
    assert {path: [change.kind for change in parts] for path, parts in changes.items() if parts} == {
        "README.md": ["snapshot", "change"],
        "schemas/README.md": ["snapshot", "change", "change"],
    }
    joins, leaves = changes["README.md"]
    assert (joins.user, joins.attributes["active"]) == (leaves.user, True)
    assert leaves.attributes == {"active": False}
    _, transfer, resignation = changes["schemas/README.md"]
    assert transfer.attributes == {"department": "Spanish Support", "phone": None}
    assert resignation.event == "/hris/emea#4712"


def test_the_structured_example_works_in_binary_mode_too() -> None:
    """The headers that the prose names carry what the structured example has beside `data`."""
    example = EVENTS.fences("json")[2]
    structured = orjson.loads(example)
    data = structured.pop("data")
    headers = {
        name: structured[name.removeprefix("ce_")].encode() for name in EVENTS.spans if re.fullmatch(r"ce_\w+", name)
    }
    assert parsed(orjson.dumps(data), headers) == parsed(example.encode())


def test_the_producer_sends_the_front_pages_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs as it stands, with each of the two files, against a producer that keeps what it is given."""
    sent: list[tuple[str, bytes, bytes]] = []

    class Producer:
        def __init__(self, **options: Any) -> None:
            assert options == {"bootstrap_servers": "127.0.0.1:1", "acks": "all", "enable_idempotence": True}

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None: ...

        async def send_and_wait(self, topic: str, value: bytes, *, key: bytes) -> None:
            sent.append((topic, value, key))

    stand_in = ModuleType("aiokafka")
    stand_in.AIOKafkaProducer = Producer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aiokafka", stand_in)
    monkeypatch.chdir(tmp_path)
    (example,) = (block for page in PAGES.values() for block in page.fences("python"))
    files = re.findall(r"`(\w+\.json)`", README.prose)
    assert files == ["joins.json", "leaves.json"]
    for name, content in zip(files, README.fences("json"), strict=True):
        Path(name).write_text(content, encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["send.py", "127.0.0.1:1", name])
        exec(compile(example, "README.md", "exec"), {"__name__": "__main__"})
    assert [topic for topic, _, _ in sent] == ["events.hris", "events.hris"]
    assert "events.hris" in {topic.name for topic in topics.TOPICS}
    assert [json.loads(value) for _, value, _ in sent] == [json.loads(text) for text in README.fences("json")]
    assert {parsed(value).user for _, value, _ in sent} == {key.decode() for _, _, key in sent}


def first_column(heading: str) -> set[str]:
    """The codes in the first column of the table under a heading row, on whatever page it is."""
    rows = TEXT.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    return set(re.findall(r"^\| `([\w-]+)`", rows, re.MULTILINE))


def test_rejections_fates_and_parking_are_complete() -> None:
    """The tables have every code that the code has."""
    package = REPOSITORY / "streamproc"
    raised = r'(?:RejectedInputError\(\s*|_reject\(raw, )"(\w+)"'
    files = [
        file for folder in ("sources", "worker", "gateway", "hydrator") for file in (package / folder).rglob("*.py")
    ]
    codes = {code for file in files for code in re.findall(raised, file.read_text(encoding="utf-8"))}
    for name in ("hydrator/rejections.py", "worker/raw_record.py"):
        codes |= set(re.findall(r'Problem\("(\w+)"', (package / name).read_text(encoding="utf-8")))
    for name in ("gateway/decide/to_records.py", "sources/wire_format.py"):
        codes |= set(re.findall(r'Ignored\("(\w+)"', (package / name).read_text(encoding="utf-8")))
    codes |= set(WHY)
    assert first_column("Code | What is wrong") == codes
    assert first_column("Fate | Meaning") == set(get_args(Fate))
    assert first_column("Code | Why | Tried again") == set(get_args(Parked.__annotations__["code"]))
