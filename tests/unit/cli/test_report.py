"""`streamproc report revocations` as an auditor uses it: what it asks, prints and writes, and how it ends."""

import csv
import io
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

import streamproc
from streamproc.archive import layout
from streamproc.archive.layout import Manifest
from streamproc.archive.writer import ArchiveWriter
from streamproc.audit.revocations.latency import Leaver, report
from streamproc.audit.revocations.query import NEEDED, leavers
from streamproc.audit.revocations.report.words import duration, html, rfc3339
from streamproc.cli import history_source
from streamproc.cli.mapping_whatif import whatif
from streamproc.cli.replay import replay
from streamproc.cli.report import rendered
from streamproc.cli.report import report as report_
from streamproc.core.errors import ArchiveError, HistoryError
from streamproc.core.records.stored_record import InMemoryHistory
from streamproc.core.records.topic_names import CHANGES, OUTCOMES
from streamproc.core.shown import shown
from tests.support.leavers import DAY, Log, at

HOSTILE = '=1+1<script>alert("x")</script>\x1b[31m\u202e'


@pytest.fixture
def log() -> Log:
    """A morning: one in time, one late, one open, one kept."""
    made = Log()
    for user in ("fast", "late", "open", "kept", HOSTILE):
        made.says(user, at("08:00:00"), True)
    seqs = {user: made.says(user, at("09:00:00"), False) for user in ("fast", "late", "open", "kept", HOSTILE)}
    made.revoked("fast", seqs["fast"], at("09:00:01"))
    made.revoked(HOSTILE, seqs[HOSTILE], at("09:00:01"))
    made.revoked("late", seqs["late"], at("09:10:00"))
    made.holds("kept", seqs["kept"], at("09:00:01"), "protected", "the account is protected, and never deactivated")
    return made


@pytest.fixture
def run(log: Log, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command over that log, whatever it is to be read from."""

    @asynccontextmanager
    async def opened(
        settings: Any, archive: Path | None, *, topics: Sequence[str], **_: Any
    ) -> AsyncIterator[InMemoryHistory]:
        assert set(topics) == set(NEEDED)
        yield log.history

    monkeypatch.setattr(history_source, "opened", opened)

    def invoke(*arguments: str, first: str = "2026-03-02", end: str = "2026-03-02") -> Result:
        return CliRunner().invoke(report_, ["revocations", "--from", first, "--to", end, *arguments])

    return invoke


def test_the_table_names_who_was_late(run: Any) -> None:
    """Counts, percentiles, hops, sources, and each late one with the reason; 1, since somebody was."""
    result = run()
    assert result.exit_code == 1, result.output
    assert "3 revoked, 1 of them late\n1 open, 1 of them over the limit\n1 kept active by decision\n" in result.stdout
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if re.match("  [a-z]", line)}
    assert rows.keys() == {"late", "open", "kept"}
    assert "10 min" in rows["late"]
    assert "waited to be sent 9 min 59 s" in rows["late"]
    assert "sink: nothing was sent yet" in rows["open"]
    assert "the account is protected" in rows["kept"]
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize(
    ("end", "limit", "code"),
    [("2026-03-02T09:00:01Z", "300", 0), ("2026-03-02T09:20:00Z", "300", 1), ("2026-03-02T09:20:00Z", "1201", 0)],
)
def test_the_exit_code_says_whether_anybody_was_late(run: Any, end: str, limit: str, code: int) -> None:
    """0 while all is within the limit, open ones included; 1 as soon as one isn't. Who is kept doesn't count."""
    assert run("--limit", limit, end=end).exit_code == code


def test_json_has_everything(run: Any) -> None:
    """Both ways to ask for it are the same; moments are RFC 3339, durations ms, and every leaver has its hops."""
    result = run("--json")
    assert result.stdout == run("--format", "json").stdout
    told = orjson.loads(result.stdout)
    assert (told["from"], told["to"], told["limit_ms"]) == (
        *("2026-03-02T00:00:00.000Z", "2026-03-03T00:00:00.000Z", 300_000),
    )
    assert (told["breaches"], told["open"], told["open_over_limit"], told["kept"]) == (1, 1, 1, 1)
    assert told["clock"] == {"n": 3, "p50": 1240, "p99": 600_240, "maximum": 600_240}
    by_user = {each["user"]: each for each in told["leavers"]}
    assert by_user.keys() == {"fast", "late", "open", "kept", HOSTILE}
    late = by_user["late"]
    assert (late["over_limit"], late["clock_ms"], late["read_back"]) == (True, 600_240, "2026-03-02T09:10:00.240Z")
    assert sum(late["hops"].values()) == 600_240
    assert sum(each["share"] for each in told["hops"]) == pytest.approx(1)


def test_csv_is_for_a_spreadsheet_and_is_no_formula(run: Any, tmp_path: Path) -> None:
    """One line per leaver with every instant; a name that a spreadsheet would run has an apostrophe in front."""
    path = tmp_path / "report.csv"
    result = run("--format", "csv", "-o", str(path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "5 leavers, 2 over the limit" in result.stderr
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))
    assert {each["user"] for each in rows} == {"fast", "late", "open", "kept", f"'{shown(HOSTILE)}"}
    (late,) = [each for each in rows if each["user"] == "late"]
    assert (late["over_limit"], late["clock_started"], late["hop_queue_ms"]) == (
        *("true", "2026-03-02T09:00:00.000Z", "599950"),
    )


def test_the_page_is_one_file_that_fetches_nothing(run: Any) -> None:
    """No address that a browser would load, no handler, no inline style; the policy names what may run by digest."""
    content = run("--format", "html").stdout
    assert (
        re.findall(r"<(?:link|img|iframe|object|embed|base|form)\b|\s(?:src|href|style|on\w+)=|url\(|@import", content)
        == []
    )
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', content)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;\\x1b[31m\\u202e" in content
    assert content.count("<script>") == 1
    heads, scoped = content.count("<th"), len(re.findall(r"<th scope=", content))
    assert heads - content.count("<thead") == scoped
    assert "draft 00 (September 2026" in content


@pytest.fixture
def archived(log: Log, tmp_path: Path) -> Path:
    """An archive of that log."""
    folder = layout.make_folder(tmp_path / "archive")
    layout.keep_manifest(folder, Manifest(layout.VERSION, "cluster", 1, NEEDED))
    for topic in {each.topic for each in log.records}:
        records = [each for each in log.records if each.topic == topic]
        writing = ArchiveWriter(folder, topic, 0, 0)
        for each in records:
            writing.add((each.offset, each.timestamp, each.key, each.value, each.headers))
        writing.close(records[-1].offset + 1)
    return folder


def test_an_archive_alone_is_told_as_of_its_end(archived: Path) -> None:
    """Offline, nobody is late for what came after its last record; a period beyond that can't be told."""
    asked = ["revocations", "--archive", str(archived), "--offline", "--json", "--to", "2026-03-04", "--from"]
    result = CliRunner().invoke(report_, [*asked, "2026-03-02"])
    told = orjson.loads(result.stdout)
    assert (result.exit_code, told["to"], told["breaches"], told["open"]) == (1, "2026-03-02T09:10:00.246Z", 1, 1)
    assert "the report is as of then" in result.stderr
    (waiting,) = [each for each in told["leavers"] if each["state"] == "open"]
    assert waiting["clock_ms"] == 600_246
    beyond = CliRunner().invoke(report_, [*asked, "2026-03-03"])
    assert isinstance(beyond.exception, HistoryError)
    assert "bring it up to date" in str(beyond.exception)


def test_an_archive_without_changes_is_no_empty_report(archived: Path) -> None:
    """Nobody left, it would say; what is missing is named instead."""
    shutil.rmtree(archived / f"topic={CHANGES}")
    where = ["--archive", str(archived), "--offline"]
    period = ["--from", "2026-03-02", "--to", "2026-03-03"]
    for command, asked in (
        (report_, ["revocations", *period]),
        (report_, ["evidence", *period, "-o", str(archived / "x.zip")]),
        (replay, ["--as-of", "2026-03-02"]),
        (whatif, [streamproc.__file__.replace("__init__.py", "mapping.toml")]),
    ):
        result = CliRunner().invoke(command, [*asked, *where])
        assert isinstance(result.exception, ArchiveError), (asked, result.output)
        assert CHANGES in str(result.exception)


def test_ten_thousand_leavers_fit_into_a_page() -> None:
    """Below 5 MB, as a company's year would need it."""
    many = [
        Leaver(
            *(f"E{number:06}", "workday", 0, number, (DAY + number) * 1000, None, DAY + number, DAY + number + 20),
            *(DAY + number + 40, DAY + number + 90, DAY + number + 500, DAY + number + 620, DAY + number + 900),
            *(DAY + number + 1900, "revoked", DAY + number + 900),
        )
        for number in range(10_000)
    ]
    content = rendered(report(many, DAY, DAY + 86_400_000, 300_000), "html", "an archive")
    assert content.count(b"<tr><th scope=row>") == 10_000
    assert len(content) < 5_000_000


def test_a_lost_fate_is_told_everywhere(run: Any, log: Log) -> None:
    """It ends with 1, within any limit; no page says that all is well, no table that there was nothing to do."""
    log.records = [each for each in log.records if each.topic != OUTCOMES or each.key != b"fast"]
    later = log.says("fast", at("09:00:05"), False, job="Agent")
    log.tells("fast", later, "no-op", at("09:00:06"))
    early = "2026-03-02T09:01:00Z"
    table = run(end=early)
    assert table.exit_code == 1
    assert "1 FATE MISSING: see streamproc replay --verify" in table.stdout
    assert "what became of 1 leaver," in table.stderr
    told = orjson.loads(run("--json", end=early).stdout)
    assert (told["missing"], told["nothing"], told["breaches"], told["open_over_limit"]) == (1, 0, 0, 0)
    page = run("--format", "html", end=early).stdout
    assert "The log doesn't tell what became of 1 leaver." in page
    assert "Fate missing (1)" in page
    assert "verdict good" not in page


def test_what_is_written_is_for_its_owner(run: Any, tmp_path: Path) -> None:
    """It names people: nobody else reads it, whatever a file of that name was before."""
    for form in ("csv", "json", "html"):
        path = tmp_path / f"report.{form}"
        path.touch(0o644)
        for _ in range(2):
            assert run("--format", form, "-o", str(path)).exit_code == 1
            assert path.stat().st_mode & 0o777 == 0o600
            path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--from", "2026-03-02", "--to", "2026-03-03", "-o", "/nonexistent/x.html"], "there is no folder"),
        (["--from", "2026-03-02", "--to", "2026-03-03", "--limit", "inf"], "--limit"),
        (["--from", "2026-03-02", "--to", "2026-03-03", "--limit", "nan"], "no number of seconds"),
        (["--from", "99999999999999999", "--to", "2026-03-03"], "only the years 1970 to 9999"),
        (["--from", "1969-12-31", "--to", "2026-03-03"], "only the years 1970 to 9999"),
        (["--from", "2026-03-02T09:00:00", "--to", "2026-03-03"], "which zone?"),
        (["--from", "yesterday", "--to", "2026-03-03"], "A moment is like"),
        (["--from", "2026-03-03", "--to", "2026-03-01"], "must lie before"),
        (["--from", "9998-01-01", "--to", "9998-02-01"], "lies in the future"),
        (["--from", "2026-03-02", "--to", "9999-12-31"], "A moment is like"),
        (["--from", "2026-03-02", "--to", "2026-03-03", "--offline"], "--archive DIR"),
        (["--from", "2026-03-02", "--to", "2026-03-03", "--limit", "0"], "--limit"),
        (["--from", "2026-03-02", "--to", "2026-03-03", "--archive", "/nowhere"], "does not exist"),
    ],
)
def test_what_is_asked_wrongly_is_told(arguments: list[str], says: str) -> None:
    """Exit code 2, and one line that says what would do; nothing is read."""
    result = CliRunner().invoke(report_, ["revocations", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_a_day_is_utc_and_counts_to_its_end(run: Any) -> None:
    """--to 2026-03-02 includes all of that day; a zone is honoured."""
    assert orjson.loads(run("--json").stdout)["to"] == "2026-03-03T00:00:00.000Z"
    told = orjson.loads(run("--json", first="2026-03-02T01:00:00+01:00", end="2026-03-02T10:30:00+01:00").stdout)
    assert (told["from"], told["to"]) == ("2026-03-02T00:00:00.000Z", "2026-03-02T09:30:00.000Z")


def test_progress_counts_leavers(log: Log) -> None:
    """Of whom there are as many as it says, and not so many users left over."""
    said: list[str] = []
    leavers(log.history, DAY + 86_400_000, said.append)
    assert said == ["partition 1 of 1: 5 leavers"]


def test_an_empty_period_is_a_whole_page(run: Any) -> None:
    """Nobody left: nothing to draw, and no division by nothing."""
    for form in ("table", "csv", "json", "html"):
        result = run("--format", form, end="2026-03-02T07:00:00Z")
        assert result.exit_code == 0, result.output
    assert "there is nothing to draw" in run("--format", "html", end="2026-03-02T07:00:00Z").stdout


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1240, "1.24 s"),
        (10_000, "10 s"),
        (59_999, "59.9 s"),
        (60_000, "1 min"),
        (4_327_240, "1 h 12 min"),
        (86_400_000, "1 d"),
        (90_061_000, "1 d 1 h"),
    ],
)
def test_durations_in_words(ms: int, words: str) -> None:
    """Two units at most, and never rounded up over the limit."""
    assert duration(ms) == words


def test_what_no_calendar_has_is_told_as_it_is() -> None:
    """A source may send any number as its time; a report isn't lost for it."""
    assert rfc3339(10**18) == "1000000000000000000 ms"
    assert html("<a\nb\u200f") == "&lt;a\\x0ab\\u200f"
    assert len(html("x" * 10_000)) == 300
