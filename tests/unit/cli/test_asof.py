"""`replay --as-of`: what the command prints and how it ends."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.archive import layout
from streamproc.audit import words
from streamproc.audit.asof.query import NEEDED, as_of
from streamproc.cli import asof, history_source, operator_order, options
from streamproc.cli.replay import replay
from streamproc.core.errors import HistoryError
from streamproc.core.fold.refold import first_mapping
from streamproc.core.records.change_event import Effective
from streamproc.core.records.resource import Resource
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import OPERATIONS
from streamproc.core.records.units import Micros
from tests.support.asof_log import DEFAULT, MINUTE, NOON, Log, hired, lines, request
from tests.support.pasts import Past, archived


def run(
    log: Log, monkeypatch: pytest.MonkeyPatch, at: int, clock: float = NOON / 1000 + 86_400, **asked: Any
) -> Result:
    """The command, on that log."""

    @asynccontextmanager
    async def opened(*_: Any, **__: Any) -> AsyncIterator[InMemoryHistory]:
        yield log.history()

    monkeypatch.setattr(history_source, "opened", opened)
    request = asof.AsOfRequest(at, **asked)
    return CliRunner().invoke(
        click.Command("x", callback=lambda: asof.run_as_of(history_source.HistorySource(), request, lambda: clock))
    )


def test_the_command_answers_for_all_and_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line each, as a table or as JSON; of one user the same JSON line, and of a stranger exit 1."""
    log = Log()
    hired(log, department="Sales")
    log.say("hris", "H-2", "E2", facts={"userName": "ben@example.com", "active": False})
    held = Resource(externalId="E1", userName="ana@example.com", displayName="Ana Ruiz", active=True)
    log.tell("delivered", request(1, NOON + 2 * MINUTE, holds=held))
    at = NOON + 3 * MINUTE
    table = run(log, monkeypatch, at=at)
    assert table.exit_code == 0
    rows = [" ".join(line.split()) for line in table.stdout.splitlines() if line.startswith("E")]
    assert rows[0].startswith("E1 active active 2026-11-24T12:02:00Z to do: patch department")
    assert rows[1] == "E2 inactive never -"
    assert all(len(line) <= 100 for line in table.stdout.splitlines())
    everybody = run(log, monkeypatch, at=at, as_json=True).stdout.splitlines()
    assert [orjson.loads(line)["user"] for line in everybody] == ["E1", "E2"]
    assert run(log, monkeypatch, at=at, as_json=True, user="E2").stdout.splitlines() == everybody[1:]
    stranger = run(log, monkeypatch, at=at, user="E9")
    assert (stranger.exit_code, stranger.stdout) == (1, "")
    assert "nothing had been said of user E9 by 2026-11-24T12:03:00Z" in stranger.stderr


def test_the_table_is_by_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever partitions they are in: somebody who looks for a name finds it."""
    log, users = Log(), ["E5", "E1", "E4", "E2", "E3"]
    for user in users:
        log.say("hris", user, user, facts={"userName": f"{user}@example.com", "active": True})
    made = log.history()

    class Spread(InMemoryHistory):
        """Three partitions, of which each user is in one."""

        def read(self, topic: str, partition: int, **more: Any) -> Iterator[StoredRecord]:
            for each in made.read(topic, 0, **more):
                if (each.key or b"").decode() not in users or users.index((each.key or b"").decode()) % 3 == partition:
                    yield replace(each, partition=partition)

    monkeypatch.setattr(log, "history", lambda: Spread([], 3))
    rows = run(log, monkeypatch, at=log.now).stdout.splitlines()
    assert [each.split()[0] for each in rows] == ["user", "E1", "E2", "E3", "E4", "E5"]


def test_what_is_to_come_isnt_told_as_a_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a moment that hasn't come, or that lies after the archive, the answer is as of what is known, and says so."""
    log = Log()
    hired(log)
    now = NOON + 5 * MINUTE
    later = run(log, monkeypatch, at=now + MINUTE, user="E1", as_json=True, clock=now / 1000)
    said = orjson.loads(later.stdout)
    assert (said["asked"], said["at"]) == (now + MINUTE, now)
    assert "2026-11-24T12:06:00Z is yet to come: the answer is as of now, 2026-11-24T12:05:00Z" in later.stderr
    assert "E1 as of 2026-11-24T12:05:00Z" in run(log, monkeypatch, at=now, user="E1").stdout


def test_an_archive_answers_up_to_its_end(tmp_path: Path) -> None:
    """Nobody knows by it what came afterwards; and before it begins nothing had been said, which is told, too."""
    made = Past(DEFAULT)
    made.say("E1", userName="ana@example.com", active=True)
    folder = archived(tmp_path / "archive", made)
    layout.keep_manifest(folder, layout.Manifest(layout.VERSION, None, 1, NEEDED))
    where = ["--archive", str(folder), "--offline", "--as-of"]
    end, begin = words.iso_moment(made.log[-1].timestamp), words.iso_moment(made.log[0].timestamp)
    result = CliRunner().invoke(replay, [*where, "2030-01-01", "--user", "E1", "--json"])
    assert orjson.loads(result.stdout)["at"] == made.log[-1].timestamp
    assert f"ends at {end}: the answer is as of then" in result.stderr
    for more, whom, code in (([], "anybody", 0), (["--user", "E1"], "user E1", 1)):
        result = CliRunner().invoke(replay, [*where, "2020-01-01", *more])
        assert f"nothing had been said of {whom} by 2020-01-01T00:00:00Z; the log begins at {begin}" in result.stderr
        assert result.exit_code == code


@pytest.mark.parametrize("moment", ["99999999999999999", "9999-12-31T23:00:00-10:00", "1969-12-31T23:59:59Z"])
def test_a_moment_that_no_calendar_has(moment: str) -> None:
    """It is used wrongly: 2, and the years that would do, without a traceback."""
    result = CliRunner().invoke(replay, ["--as-of", moment, "--user", "E1"])
    assert (result.exit_code, "only the years 1970 to 9999 will do" in " ".join(result.stderr.split())) == (2, True)


def test_nobody_is_no_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable of a script."""
    result = run(Log(), monkeypatch, at=NOON, user="")
    assert (result.exit_code, "--user wants a user ID" in result.stderr) == (2, True)


def test_what_is_due_next_is_told() -> None:
    """Somebody is active, and will be gone in half a minute: what changes then, by whom, and as it was written."""
    log = Log()
    hired(log, department="Spanish Support")
    due = NOON + 5 * MINUTE + 30_000
    last = Effective(Micros(due * 1000), "2026-11-24T12:05:30", "UTC")
    log.say("hris", "H-1", facts={"active": False}, effective=last, row="r/1")
    expected = "due 2026-11-24T12:05:30Z: active = false, by hris H-1, effective 2026-11-24T12:05:30 (UTC)"
    assert expected in lines(log, 5)
    assert not any(line.startswith("due ") for line in lines(log, 1.5))  # it hadn't been said yet
    assert not any(line.startswith("due ") for line in lines(log, 6))  # overdue: told as such
    (answer,) = as_of(log.history(), NOON + 5 * MINUTE, "E1")
    assert answer.upcoming is not None
    assert (answer.upcoming.at, answer.upcoming.desired) == (due * 1000, {"active": False})


@pytest.mark.parametrize(
    "altered",
    [
        lambda record: {name: record[name] for name in sorted(record)},
        lambda record: {name: record[name] for name in reversed(record)} | {"desired": {}},
        lambda record: {"user": record["user"], "seq": record["seq"]},
        lambda record: {"seq": record["seq"]},
        lambda record: {},
        lambda record: [record],
        lambda record: record | {"seq": str(record["seq"])},
    ],
)
def test_an_altered_record_isnt_a_missing_one(altered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is left of it, and in whichever order: it is there, and it isn't what was written."""
    log = Log()
    offset = hired(log)
    record = orjson.loads(next(log.history().read(OPERATIONS, 0)).value or b"")
    log.recorded[offset] = orjson.dumps(altered(record))
    result = run(log, monkeypatch, at=NOON + 5 * MINUTE, as_json=True)
    assert (orjson.loads(result.stdout)["recorded"], result.exit_code) == ("altered", 1)


def test_a_good_record_beside_an_altered_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two at the same place the good one doesn't hide the other, in neither order."""
    log = Log()
    hired(log)
    made = log.history()
    good = next(made.read(OPERATIONS, 0))
    wrong = replace(good, value=(good.value or b"").replace(b"Ana Ruiz", b"Ana Ruis"))
    for one, other in ((good, wrong), (wrong, good)):
        both = [*log.changes, replace(one, offset=0), replace(other, offset=1)]
        monkeypatch.setattr(log, "history", lambda records=both: InMemoryHistory(records, 1))
        assert run(log, monkeypatch, at=NOON + 5 * MINUTE).exit_code == 1


def test_what_a_source_says_doesnt_move_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor ring the bell: control characters are spelled out."""
    log = Log()
    log.say("hris", "H-\x1b[2J", facts={"userName": "ana@example.com", "genesysRole": ["Agent\x07\nE9"]})
    shown = run(log, monkeypatch, at=NOON + 5 * MINUTE, user="E1").stdout
    assert '["Agent\\u0007\\nE9"]' in shown
    assert "H-\\x1b[2J" in shown
    assert shown.replace("\n", "").isprintable()


def test_a_record_that_is_wrong_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a script sees it."""
    log = Log()
    offset = hired(log)
    assert run(log, monkeypatch, at=NOON + 5 * MINUTE).exit_code == 0
    made = log.history().read(OPERATIONS, 0)
    log.recorded[offset] = (next(made).value or b"").replace(b"Ana Ruiz", b"Ana Ruis")
    assert run(log, monkeypatch, at=NOON + 5 * MINUTE).exit_code == 1


def test_a_log_without_a_mapping_says_what_to_do() -> None:
    """One is named, or given."""
    log = Log(text=None)
    hired(log)
    with pytest.raises(HistoryError, match=r"no mapping is named from offset 0 on.*--mapping FILE"):
        list(as_of(log.history(), NOON))
    assumed = first_mapping(Log().changes)
    assert assumed is not None
    (answer,) = as_of(log.history(), NOON, assumed=replace(assumed, seq=0))
    assert answer.desired["userName"] == "ana@example.com"


@pytest.mark.parametrize(("text", "at"), [("2026-11-24T13:00:00+01:00", NOON), (str(NOON), NOON)])
def test_a_moment_is_read(text: str, at: int) -> None:
    """With a zone, or as milliseconds; and told in UTC."""
    assert options.instant(text) == at
    assert words.iso_moment(at) == "2026-11-24T12:00:00Z"


def test_a_moment_that_no_calendar_has_is_told_as_a_number() -> None:
    """A strange record in the log ends no command."""
    assert words.iso_moment(10**15) == operator_order.shown_moment(10**15) == f"{10**15} ms"


def test_a_moment_without_a_zone_is_refused() -> None:
    """An hour's difference is a leaver's access."""
    with pytest.raises(ValueError, match="which zone"):
        options.instant("2026-11-24T12:00:00")
