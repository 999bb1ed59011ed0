"""What commands print: one line is one line, whatever a value within it is."""

import io
import logging
import os
import sys
from pathlib import Path

import click
import orjson
import pytest
import structlog
from click.testing import CliRunner

from streamproc.audit.evidence.format import MANIFEST, RECORDS
from streamproc.cli import screen
from streamproc.cli.evidence import verify
from streamproc.cli.main import cli, main
from streamproc.cli.table import LONGEST
from tests.support.bundles import bundle
from tests.support.stories import USERS

EQUAL = "equal: the records follow from the events, and all that they go back to is there"
PAINT = f"\x1b[2J\x1b[H\r\n{EQUAL}\u2028{EQUAL}\x85{EQUAL}\x9b2K\u202e"


class Terminal(io.StringIO):
    """Standard output, as if somebody sat there."""

    def isatty(self) -> bool:
        """Somebody does."""
        return True


def test_a_value_is_no_other_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither on standard output nor on standard error; what a log says may have lines, which stand deeper."""
    screen.put(f"user {PAINT}")
    screen.complain(PAINT)
    screen.complain(PAINT, lines=True)
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1
    assert not any(line.startswith("equal") for line in printed.err.splitlines())
    assert (printed.out + printed.err).replace("\n", "").isprintable()


@pytest.mark.parametrize("columns", [20, 33, 80, 120])
@pytest.mark.parametrize("letter", ["x", "漢", " ", "x ", "e\u0301"])
def test_a_terminal_never_goes_on_at_its_edge(columns: int, letter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However a line is filled, what would be at the left edge of the next row is none of the value's."""
    monkeypatch.setenv("COLUMNS", str(columns))
    for length in range(columns // 3, columns + 2):
        monkeypatch.setattr(sys, "stdout", terminal := Terminal())
        screen.put(f"  altered: {letter * length}{EQUAL}")
        rows = terminal.getvalue().splitlines()
        assert all(row.startswith("  ") and _columns(row) <= columns for row in rows), rows


def test_a_long_line_is_cut_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody fills a screen with one value."""
    screen.put("x" * 10**6)
    assert capsys.readouterr().out == "x" * (LONGEST - 1) + "…\n"


def test_errors_about_arguments_are_harmless(tmp_path: Path) -> None:
    """A command is used wrongly with a name that somebody else chose: of a file, an option or a command."""
    named = tmp_path / "a\x1b[2J\nequal"
    for arguments in (["report", "verify", str(named)], ["\x1b[2J"], ["topics", "--\x1b]0;x\x07"], ["replay", "\x9bA"]):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 2
        assert result.output.replace("\n", "").isprintable(), arguments
        assert "\nequal" not in result.output


def test_a_traceback_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """What is a bug of ours may quote what others wrote; so may a log line where no log is set up."""
    with pytest.raises(ValueError, match="equal") as found:
        _fails()
    screen._traceback(ValueError, found.value, None)
    record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, "%s", (PAINT,), None)
    lines = [*capsys.readouterr().err.splitlines(), *screen._LogLines().format(record).splitlines()]
    assert any("ValueError" in line for line in lines)
    assert all(line.isprintable() and not line.startswith("equal") for line in lines)


def test_a_forged_bundle_paints_no_verdict(tmp_path: Path) -> None:
    """Whoever makes a bundle words its manifest, its lines and its name: the one verdict on the screen is ours."""
    files = bundle("plain")
    manifest = orjson.loads(files[MANIFEST]) | {"streamproc": PAINT}
    lines = files[RECORDS].replace(USERS[min(USERS)].encode(), orjson.dumps(PAINT)[1:-1])
    file = tmp_path / f"{EQUAL}.zip"
    for forged in (
        files.but(MANIFEST, orjson.dumps(manifest)),
        files.but(RECORDS, lines).summed(),
        files.but(MANIFEST, orjson.dumps(manifest)).but(RECORDS, lines).summed(),
        files.but(PAINT, b"{}"),
    ):
        file.write_bytes(forged.zipped())
        result = CliRunner().invoke(verify, [str(file)])
        assert result.output.replace("\n", "").isprintable()
        assert sum(line.startswith("equal") for line in result.output.splitlines()) == (result.exit_code == 0)


def test_what_a_command_writes_is_for_its_owner_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is: archives, tables of a worker, logs of the demo's processes."""
    monkeypatch.setattr(sys, "argv", ["streamproc", "--version"])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    before, logged = os.umask(0o022), structlog.get_config()
    with pytest.raises(SystemExit):
        main()
    structlog.configure(**logged)
    assert os.umask(before) == 0o077


def test_the_group_itself_is_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Errors of click keep their exit codes and their words."""
    with pytest.raises(click.UsageError, match="nothing"), screen.harmless_errors():
        raise click.UsageError("nothing\x07")
    with pytest.raises(click.FileError) as found, screen.harmless_errors():
        raise click.FileError("a\x1b", "no\x9b")
    assert found.value.format_message() == "Could not open file 'a\\\\x1b': no\\x9b"
    assert capsys.readouterr().out == ""


def _fails() -> None:
    raise ValueError(PAINT)


def _columns(row: str) -> int:
    """As a terminal counts: two for an ideograph, none for a mark."""
    return sum(2 if each == "漢" else 0 if each == "\u0301" else 1 for each in row)
