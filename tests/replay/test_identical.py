"""The comparison of two checkouts finds what differs. That they agree is a run of `tests.replay.identical` itself."""

import asyncio
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from tests.replay.audit import questions
from tests.replay.identical import KINDS, differ
from tests.replay.stages import FOLDER
from tests.support.checkout import Checkout, CheckoutError, Clock
from tests.support.cluster import Record, parse_log
from tests.support.command_runner import run
from tests.support.folder_diff import Kind, compare, table


def artefacts(folder: Path) -> Path:
    """A file of each kind; a bundle is a zip file."""
    for kind in KINDS:
        (folder / kind / "raw").mkdir(parents=True)
        (folder / kind / "raw" / "file.jsonl").write_bytes(b'{"line":1}\n' * 100)
    with zipfile.ZipFile(folder / "bundles" / "raw.zip", "w") as bundle:
        bundle.writestr(zipfile.ZipInfo("events.jsonl"), b'{"line":1}\n' * 100)
    return folder


def different(kinds: list[Kind]) -> list[str]:
    """Names of the kinds that differ."""
    return [kind.name for kind in kinds if kind.differences]


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with the same artefacts."""
    return artefacts(tmp_path / "before"), artefacts(tmp_path / "after")


def test_the_same_is_identical(sides: tuple[Path, Path]) -> None:
    """Equal folders have no differences, and each kind is counted."""
    kinds = compare(*sides, KINDS)
    assert different(kinds) == []
    assert not differ(kinds)
    assert {kind.name for kind in kinds} == KINDS
    assert all(kind.bytes >= 1100 and len(kind.digest) == 64 for kind in kinds)
    assert all("identical" in line for line in list(table(kinds))[1:])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_one_byte_of_any_kind_is_found(sides: tuple[Path, Path], kind: str) -> None:
    """Of the kind that was altered the file, the byte and the line are told, and the others stay identical."""
    before, after = sides
    file = after / kind / "raw" / "file.jsonl"
    content = bytearray(file.read_bytes())
    content[560] ^= 1
    file.write_bytes(content)
    kinds = compare(before, after, KINDS)
    assert different(kinds) == [kind]
    (difference,) = next(other.differences for other in kinds if other.name == kind)
    assert difference.startswith(f"{kind}/raw/file.jsonl: 1100 and 1100 bytes")
    assert "first at byte 560, line 51" in difference
    assert differ(kinds)
    assert differ(kinds, except_text=True) is not kind.endswith("_text")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_missing_or_too_much_is_found(sides: tuple[Path, Path], kind: str) -> None:
    """A file that only one side has, a file cut short, and a kind that neither side has: each differs."""
    before, after = sides
    (before / kind / "more.json").touch()
    assert f"{kind}/more.json: only before" in "\n".join(table(compare(before, after, KINDS)))
    (before / kind / "more.json").unlink()
    (after / kind / "more.json").touch()
    assert f"{kind}/more.json: only after" in "\n".join(table(compare(before, after, KINDS)))
    (after / kind / "more.json").unlink()
    file = after / kind / "raw" / "file.jsonl"
    file.write_bytes(file.read_bytes()[:-1])
    assert different(compare(before, after, KINDS)) == [kind]
    for side in sides:
        shutil.rmtree(side / kind)
    assert different(compare(before, after, KINDS)) == [kind]


def test_every_command_about_the_past_is_asked() -> None:
    """Of each archive: both forms of verify, as-of, what-if, all formats of the report, and four bundles."""
    log = parse_log(FOLDER / "logs" / "stories.jsonl")
    asked = [" ".join(arguments) for _, arguments in questions("stories", log)]
    files = [file for file, _ in questions("stories", log)]
    assert len(files) == len(set(files))
    assert {file.partition("/")[0] for file in files} < KINDS
    for words in (
        "replay --verify",
        "replay --as-of",
        "--user",
        "--redact",
        "--key",
        "report verify",
        "mapping whatif",
    ):
        assert any(words in command for command in asked), words
    assert {f"--format {form}" in command for form in ("table", "csv", "json", "html") for command in asked} == {
        True,
        False,
    }


def test_a_line_of_a_record_shows_all_of_it() -> None:
    """Whatever differs between two records, other than their offset, differs between their lines."""
    record = Record("scim.operations", 0, 1, b"E1", b'{"user":"E1"}', (("name", b"value"),))
    others = [
        Record("scim.operations", 0, 2, b"E1", b'{"user":"E1"}', (("name", b"value"),)),
        Record("scim.operations", 0, 1, b"E2", b'{"user":"E1"}', (("name", b"value"),)),
        Record("scim.operations", 0, 1, b"E1", b'{"user": "E1"}', (("name", b"value"),)),
        Record("scim.operations", 0, 1, b"E1", None, (("name", b"value"),)),
        Record("scim.operations", 0, 1, b"E1", b'{"user":"E1"}', (("name", b"\xff"),)),
        Record("scim.operations", 0, 1, b"E1", b'{"user":"E1"}'),
    ]
    assert len({each.line() for each in [record, *others]}) == 7


def test_a_command_is_run_with_its_exit_code() -> None:
    """What a module prints is given back, in bytes as in text, with how it ended."""
    assert run("this", []).startswith(b"The Zen of Python")
    assert run("this", []).endswith(b"\nexit code 0\n")
    assert run("timeit", ["--nonsense"]).endswith(b"\nexit code 2\n")


def test_a_checkout_without_its_own_code_is_refused(tmp_path: Path) -> None:
    """An interpreter that would run another checkout's code compares that one with itself, and proves nothing."""
    with pytest.raises(CheckoutError, match=r"has no \.venv"):
        Checkout(tmp_path, tmp_path / "work")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    with pytest.raises(CheckoutError, match="not what is in"):
        Checkout(tmp_path, tmp_path / "work")


async def test_time_stands_still_until_it_is_moved(tmp_path: Path) -> None:
    """In a child process the clock is the parent's, identifiers are counted, and long waits don't end."""
    clock = Clock(tmp_path / "clock")
    clock.set(1_772_500_000_123)
    told = "import time, uuid; print(time.time_ns(), round(time.time(), 3), uuid.uuid4().int % 9, flush=True); input()"
    code = f"{told}\n{told}"
    support = FOLDER.parent / "support"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-c", code),
        env={"PYTHONPATH": str(support / "virtual_time"), "VIRTUAL_TIME": str(clock.file)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    first = await process.stdout.readline()
    clock.set(1_772_500_001_000)
    process.stdin.write(b"\n")
    second = await process.stdout.readline()
    process.stdin.write(b"\n")
    await process.wait()
    assert first.split()[:2] == [b"1772500000123000000", b"1772500000.123"]
    assert second.split()[:2] == [b"1772500001000000000", b"1772500001.0"]
    assert int(first.split()[2]) + 1 == int(second.split()[2])
