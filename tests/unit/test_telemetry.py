"""Log lines do no harm to whoever looks at them, and metrics none to whoever reads them."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from streamproc import telemetry

FORGED = "2026-03-02T09:00:00.000000Z [info     ] all is well"
PAINT = f"\x1b[2J\n{FORGED}\r{FORGED}\u2028{FORGED}\x9b2K\u202e\udcff"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Logging as it was."""
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("streamproc").setLevel(logging.NOTSET)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


@pytest.mark.parametrize("json", [False, True])
def test_no_value_of_a_log_line_is_obeyed(json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Words, values, what is within them, exceptions, libraries' own lines: none begins a line, or is a control."""
    telemetry.configure("info", json=json, service="sink")
    log = structlog.get_logger("streamproc.test")
    log.info(PAINT, reason=PAINT, within={PAINT: [PAINT, {PAINT}]}, error=ValueError(PAINT), n=1)
    logging.getLogger("aiokafka").error("said %s", PAINT)
    try:
        _fails()
    except ValueError:
        log.exception("ended")
    lines = capsys.readouterr().err.splitlines()
    assert sum(FORGED in line and not line.startswith(FORGED) for line in lines) >= 3
    assert not [line for line in lines if line.startswith(FORGED) or not line.isprintable()]
    assert json or any(line == "    ValueError: \\x1b[2J" for line in lines)


def test_a_commands_answer_is_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """What a command prints may be read by a program: what is logged meanwhile goes elsewhere, and does no harm."""
    telemetry.configure_command()
    log = structlog.get_logger("streamproc.test")
    log.info("nobody asks for this")
    log.warning(PAINT, topic=PAINT)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert printed.err.rstrip().isprintable()
    assert "nobody" not in printed.err


def test_a_log_line_has_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    """One value of a million characters isn't a line of a million."""
    telemetry.configure("info", json=True, service="sink")
    structlog.get_logger("streamproc.test").info("told", reason="x" * 10**6)
    assert len(capsys.readouterr().err) < 2 * telemetry.LONGEST


def _fails() -> None:
    raise ValueError(PAINT)
