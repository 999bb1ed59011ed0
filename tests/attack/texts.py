"""Texts of others on their way to people's eyes: screens, tables, JSON, CSV, pages, log lines, errors, metrics.

Each batch of texts is user IDs, names, reasons, subjects and values of one log, which the commands are asked about. Who
judges is in `tests/support/hostile_texts.py`: Unicode's categories, the columns of a terminal, a parser of HTML.
"""

import asyncio
import io
import json
import logging
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import orjson
import structlog

from streamproc import telemetry
from streamproc.adapters.kafka.log import started
from streamproc.archive.layout import VERSION, Manifest
from streamproc.cli import history_source, identities, loops, parked, rejected
from streamproc.cli.main import main
from streamproc.core.records.change_event import Effective, Origin
from streamproc.core.records.delivery import DeliveredState, Frozen, Parked, Round
from streamproc.core.records.finding import Changed
from streamproc.core.records.link import Link, Ruling
from streamproc.core.records.rejected import Problem, Rejected
from streamproc.core.records.resource import Resource
from streamproc.core.records.stored_record import InMemoryHistory
from streamproc.core.records.topic_names import DELIVERIES, LINKS, REJECTIONS
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import Cause
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from tests.attack.part import Found, Part
from tests.support.bundles import bundle
from tests.support.hostile_texts import Page, computed, harm_of, hostile, mark, obeyed, strings
from tests.support.leavers import Log, at

BATCH = 25
PLACE = Origin("events.rejected", 0, 7, Millis(0))
ELEMENTS = Page("")


class Read(InMemoryHistory):
    """The log, as it would be read from an archive."""

    manifest = Manifest(VERSION, None, 1)


@contextmanager
def _asked(texts: Sequence[str]) -> Iterator[None]:
    """Commands find a log, links, parked work and rejections that are made of the texts."""
    log = Log()
    for text in texts:
        log.says(text, at("08:00:00"), True, job=text, source="hris")
        log.says(text, at("09:00:00"), False, reason=text, effective=Effective(Micros(0), text, text), job=text)
        log.orders("retry", text, at("09:00:02"), reason=text)

    @asynccontextmanager
    async def opened(*_: Any, **__: Any) -> AsyncIterator[Any]:
        yield Read(log.records, 1)

    def cluster(*_: Any, **__: Any) -> MemoryLog:
        return MemoryLog(broker)

    broker = MemoryBroker(1, lambda: at("09:00:00"))
    asyncio.run(_written(broker, log, texts))
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(history_source, "opened", opened))
        for module in (parked, identities, loops, rejected):
            stack.enter_context(mock.patch.object(module, "cluster_of", cluster))
        yield


async def _written(broker: MemoryBroker, log: Log, texts: Sequence[str]) -> None:
    """Into topics: the log, a link of each text, a rejection of each, and who is parked for it."""
    made = [(each.topic, each.key or b"", each.value or b"") for each in log.records]
    for number, text in enumerate(texts):
        ruled = Link(1, "hris", text, PLACE, claim=text, ruling=Ruling(None, text, text, text))
        aside = Parked("refused", text, None, text, {text: text}, Resource(), Millis(0))
        made += [
            (LINKS, f"hris/{text}".encode(), orjson.dumps(ruled)),
            (REJECTIONS, f"events.hris/0/{text}".encode(), orjson.dumps(_rejected(number, text))),
            (DELIVERIES, text.encode(), orjson.dumps(_delivered(text, aside))),
        ]
    async with started(MemoryLog(broker).producer()) as producer:
        for topic, key, value in made:
            await (await producer.send(topic, value, key=key))


def _delivered(text: str, aside: Parked) -> DeliveredState:
    changed = Changed(Millis(0), text, text, text, text)
    fought = Frozen(Millis(0), [Round(Millis(0), 1, Cause(text, text, PLACE, text), text, text, True, changed)])
    return DeliveredState(text, 1, text, None, None, aside, Millis(0), frozen={text: fought})


def _rejected(offset: int, text: str) -> Rejected:
    problem = Problem("not_understood", text, text, text)
    return Rejected(
        "events.hris", 0, offset, Millis(0), "not_understood", text, None, None, [], text, text, True, (problem,)
    )


def _attack(random: Random, count: int) -> Found:
    found = Found()
    for first in range(0, count, BATCH):
        numbers = range(first, min(count, first + BATCH))
        texts = [hostile(random, number) for number in numbers]
        with _asked(texts), tempfile.TemporaryDirectory() as folder:
            _lists(found, texts, numbers)
            _audit(found, texts, numbers, random)
            _errors(found, texts, Path(folder))
            _bundles(found, texts, Path(folder))
        for text in texts:
            _logged(found, text)
        found.tried += len(texts)
    return found


def _run(found: Found, *arguments: str, out: bool = False, terminal: int = 0) -> str:
    """What a command prints, on standard output alone or on both. `terminal`: its columns, if there is one."""
    printed, told = io.BytesIO(), io.BytesIO()
    streams = [io.TextIOWrapper(each, "utf-8", write_through=True, newline="") for each in (printed, told)]
    if terminal:
        streams[0].isatty = lambda: True  # type: ignore[method-assign]
    before, logged = (sys.excepthook, os.umask(0o077)), structlog.get_config()
    with (
        mock.patch.object(sys, "argv", ["streamproc", *arguments]),
        mock.patch.dict("os.environ", COLUMNS=str(terminal or 100)),
        redirect_stdout(streams[0]),
        redirect_stderr(streams[1]),
    ):
        try:
            main()
        except SystemExit:
            pass
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            found.harmed("unhandled", f"{arguments[:3]}: {error!r}"[:300])
    sys.excepthook = before[0]
    os.umask(before[1])
    structlog.configure(**logged)
    content = printed.getvalue() if out or terminal else printed.getvalue() + told.getvalue()
    if len(content) > BATCH * 100_000:
        found.harmed("unbounded", f"{arguments[:3]}: {len(content)} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        found.harmed("unhandled", f"{arguments[:3]} doesn't print UTF-8: {error}")
        return ""


def _judge(found: Found, what: str, screen: str, *, columns: int | None = None) -> None:
    for harm in harm_of(screen, columns=columns):
        found.harmed("wrong_account", f"{what}: {harm}")


def _lists(found: Found, texts: Sequence[str], numbers: range) -> None:
    """Operators' lists, as text and as JSON."""
    lists = ["parked", "list"], ["identities", "list", "--all"], ["rejected", "list", "--all"], ["loops", "list"]
    for command in lists:
        screen = _run(found, *command)
        _judge(found, " ".join(command), screen)
        _judge(found, f"{command}, a terminal", _run(found, *command, terminal=93), columns=93)
        flat = screen.replace("\n", " ")
        _accounted(found, command, [number for number in numbers if mark(number) not in flat.replace(" ", "")])
        _exact(found, command, _run(found, *command, "--json", out=True), texts)
    for text in texts[:1]:
        for command in (
            ["parked", "show", "--", text],
            ["loops", "show", "--", text],
            ["identities", "show", "--", f"hris/{text}"],
        ):
            _exact(found, command[:2], _run(found, *command, out=True), [text])
        _exact(
            found,
            ["rejected", "show"],
            _run(found, "rejected", "show", "--", f"events.hris/0/{text}", out=True),
            [text],
        )
        _judge(found, "an order", _run(found, *["parked", "retry", "--by", "K", "--reason", "R", "--"], f"x{text}"))


def _audit(found: Found, texts: Sequence[str], numbers: range, random: Random) -> None:
    """The auditors' commands: as text, on terminals of some widths, as JSON, CSV and a page."""
    moment = ["replay", "--as-of", "2026-03-02T10:00:00Z"]
    verified = ["replay", "--verify"]
    leavers = ["report", "revocations", "--from", "2026-03-02", "--to", "2026-03-02"]
    for command in (moment, verified, leavers, [*moment, "--user", texts[0]]):
        _judge(found, " ".join(command[:2]), _run(found, *command))
        columns = random.choice([80, 100, 137])
        _judge(found, f"{command[:2]}, a terminal", _run(found, *command, terminal=columns), columns=columns)
    seen = "".join(_run(found, *moment).split())
    _accounted(found, moment[:2], [number for number in numbers if mark(number) not in seen])
    table = _run(found, *leavers, "--format", "csv", out=True)
    for harm in computed(table):
        found.harmed("wrong_account", f"csv: {harm}")
    _judge(found, "csv", table.replace("\r\n", "\n"))
    _accounted(found, ["csv"], [number for number in numbers if mark(number) not in table])
    page = Page(_run(found, *leavers, "--format", "html", out=True))
    if strange := page.elements - _elements():
        found.harmed("let_in", f"html: {strange}")
    if drawn := [each for data in page.text for line in data.split("\n") for each in obeyed(line) if each != "\t"]:
        found.harmed("wrong_account", f"html: {drawn[:3]}")
    _exact(found, ["revocations"], _run(found, *leavers, "--format", "json", out=True), texts)
    told = _run(found, *moment, "--json", out=True).splitlines()
    _exact(found, ["as-of"], f"[{','.join(line for line in told if line.startswith('{'))}]", texts)


def _elements() -> set[str]:
    """What pages have of themselves."""
    if not ELEMENTS.elements:
        with _asked(["E1"]):
            arguments = ["report", "revocations", "--from", "2026-03-02", "--to", "2026-03-02", "--format", "html"]
            ELEMENTS.elements |= Page(_run(Found(), *arguments, out=True)).elements
    return ELEMENTS.elements


def _errors(found: Found, texts: Sequence[str], folder: Path) -> None:
    """Used wrongly with a text as a command, an option, an argument, a file; a hook with it in all places."""
    for text in texts[:8]:
        for command in ([text], ["topics", f"--{text}"], ["replay", "--as-of", text], ["parse", text], ["sync", text]):
            _judge(found, "an error", _run(found, *(each.replace("\0", "") for each in command)))
    name = texts[0].replace("\0", "").replace("/", "")[:60]
    for command in (["report", "verify"], ["mapping", "check", "--no-target", "--no-history"], ["parse", "hris"]):
        _judge(found, f"a file for {command[0]}", _run(found, *command, str(folder / name)))
    hook = folder / "hook.json"
    for text in texts[:3]:
        event = {"subject": text, "id": text, "time": "2026-03-02T10:00:00Z", "attributes": {text: text, "title": text}}
        hook.write_bytes(orjson.dumps(event))
        _judge(found, "parse", _run(found, "parse", "hris", str(hook)))
        hook.write_bytes(orjson.dumps({"data": {"events": [{"uuid": text, "eventType": text, "target": [event]}]}}))
        _judge(found, "parse okta", _run(found, "parse", "okta", str(hook)))
        hook.write_text(f"[attributes]\n{json.dumps(text)} = 'x'\n")
        _judge(found, "mapping", _run(found, "mapping", "check", "--no-target", "--no-history", str(hook)))


def _bundles(found: Found, texts: Sequence[str], folder: Path) -> None:
    """Bundles whose maker has put a text wherever there is room for one."""
    files = bundle("plain")
    for text in texts[:1]:
        written = orjson.dumps(text)
        manifest = orjson.loads(files["manifest.json"])
        forged = [
            files.but("manifest.json", orjson.dumps(manifest | {"streamproc": text})).but("records.jsonl", written),
            files.but("events.jsonl", files["events.jsonl"].replace(b'"Agent"', written)).summed(),
            files.but("records.jsonl", files["records.jsonl"].replace(b"U-0", written[1:-1])).summed(),
            files.but("chain.jsonl", files["chain.jsonl"].replace(b"U-1", written[1:-1])).summed(),
            files.but(text[:100], b"{}"),
        ]
        for number, each in enumerate(forged):
            file = folder / f"{number}.zip"
            file.write_bytes(each.zipped())
            screen = _run(found, "report", "verify", str(file))
            _judge(found, f"bundle {number}", screen)
            if number != 1 and any(line.startswith("equal") for line in screen.splitlines()):
                found.harmed("let_in", f"bundle {number} counts as equal: {text[:60]!r}")


def _logged(found: Found, text: str) -> None:
    """A text in every place of a log line, as text and as JSON."""
    for as_json in (False, True):
        stream, root = io.StringIO(), logging.getLogger()
        before = root.handlers[:], root.level, structlog.get_config()
        with mock.patch.object(sys, "stderr", stream):
            try:
                telemetry.configure("info", json=as_json, service="sink")
                log = structlog.get_logger("streamproc.attack")
                log.info(text, reason=text, within={text: [text]}, error=ValueError(text))
                logging.getLogger("aiokafka").error("%s", text)
                _fail(log, text)
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                found.harmed("unhandled", f"log: {error!r}")
            finally:
                root.handlers[:], level, config = before
                root.setLevel(level)
                logging.getLogger("streamproc").setLevel(logging.NOTSET)
                structlog.configure(**config)
                structlog.contextvars.clear_contextvars()
        _judge(found, "log", stream.getvalue())
        if len(stream.getvalue()) > 10 * 4 * 12 * 4000 + 20 * len(text):
            found.harmed("unbounded", f"log: {len(stream.getvalue())} characters")


def _fail(log: Any, text: str) -> None:
    try:
        raise ValueError(text)  # noqa: TRY301 - as a library does
    except ValueError:
        log.exception("failed")


def _exact(found: Found, command: Sequence[str], printed: str, texts: Sequence[str]) -> None:
    """JSON says each text exactly, and is harmless all the same."""
    for harm in obeyed("".join(line for line in printed.split("\n"))):
        found.harmed("wrong_account", f"{command} --json: {harm!r}")
    try:
        said = "\n".join(strings(json.loads(printed)))
    except ValueError as error:
        found.harmed("unhandled", f"{command} --json isn't JSON: {error}: {printed[:80]!r}")
        return
    _accounted(found, [*command, "--json"], [text[:60] for text in texts if text not in said])


def _accounted(found: Found, command: Sequence[str], missing: Sequence[object]) -> None:
    for each in missing:
        found.harmed("without_fate", f"{' '.join(command)} doesn't show {each!r}")


PARTS = (Part("texts", whole=1_000, short=12, attack=_attack),)
