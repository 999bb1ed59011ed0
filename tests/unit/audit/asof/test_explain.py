"""As of: "why has she Spanish at 4?", asked of a log of a few events, as an auditor asks it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson
import pytest
from click.testing import CliRunner, Result

import streamproc
from streamproc.archive import layout
from streamproc.audit import words
from streamproc.audit.asof.query import NEEDED, as_of
from streamproc.audit.asof.text import answered
from streamproc.cli import asof, options
from streamproc.cli.replay import replay
from streamproc.core.errors import HistoryError
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.refold import Refold, first_mapping
from streamproc.core.records.change_event import ChangeEvent, Effective, Fact, Move, NewMapping, Origin, SourceFacts
from streamproc.core.records.mapping_in_force import SOURCE
from streamproc.core.records.outcome import Outcome, Request
from streamproc.core.records.resource import Resource
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import CHANGES, OPERATIONS, OUTCOMES
from streamproc.core.records.user_record import Cause
from streamproc.settings import load_settings
from tests.support.pasts import Past, archived

DEFAULT = Path(streamproc.__file__).with_name("mapping.toml").read_text(encoding="utf-8")
NOON = round(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000


class Log:
    """One partition, written a minute at a time."""

    def __init__(self, text: str | None = DEFAULT) -> None:
        self.changes: list[StoredRecord] = []
        self.outcomes: list[StoredRecord] = []
        self.recorded: dict[int, bytes] = {}
        """In the place of what was recorded at an offset."""
        if text is not None:
            self.mapping(text, first=True)

    @property
    def now(self) -> int:
        """When the next event is appended, in ms since 1970."""
        return NOON + MINUTE * len(self.changes)

    def say(self, source: str, subject: str, user: str = "E1", kind: Any = "change", **more: Any) -> int:
        """An event; `facts` and what else it has. Returns its offset."""
        offset, facts = len(self.changes), more.pop("facts", {})
        origin = Origin(f"events.{source}", 1, 500 + offset, self.now - 1000)
        order = (self.now * 1000 - 2_000_000, 0, f"e{offset}")
        event = ChangeEvent(user, source, subject, f"e{offset}", kind, order, facts, origin, **more)
        self.changes.append(StoredRecord(CHANGES, 0, offset, self.now, user.encode(), orjson.dumps(event)))
        return offset

    def mapping(self, text: str, *, first: bool = False) -> int:
        """Another mapping comes into force."""
        offset, digest = len(self.changes), parse_mapping(text).digest
        origin = Origin(CHANGES if first else "streamproc.controls", 0, offset, self.now)
        new = NewMapping(text, "Kim Berg", first=first)
        event = ChangeEvent("", SOURCE, "", digest, "mapping", (0, 0, digest), {}, origin, "new teams", mapping=new)
        self.changes.append(StoredRecord(CHANGES, 0, offset, self.now, digest.encode(), orjson.dumps(event)))
        return offset

    def tell(self, verdict: Any, *requests: Request, user: str = "E1") -> None:
        """An outcome."""
        cause = Cause("hris", "e", Origin("t", 0, 0, 0))
        value = orjson.dumps(Outcome(user, 1, verdict, True, 0, "changed", cause, [], list(requests)))
        self.outcomes.append(StoredRecord(OUTCOMES, 0, len(self.outcomes), self.now, user.encode(), value))

    def history(self) -> InMemoryHistory:
        """With the records that the worker made of it."""
        refold = Refold(lambda offset: self.changes[:offset], first_mapping(self.changes))
        made = [
            StoredRecord(OPERATIONS, 0, n, each.timestamp, user.encode(), self.recorded.get(each.offset, value))
            for n, each in enumerate(self.changes)
            if refold.mapping is not None
            for user, value in refold.take(each).records.items()
        ]
        return InMemoryHistory([*self.changes, *made, *self.outcomes], 1)


def lines(log: Log, minutes: float, user: str = "E1") -> list[str]:
    """The answer, `minutes` after the log's beginning, with one space where there are more."""
    (answer,) = as_of(log.history(), NOON + round(minutes * MINUTE), user)
    return [" ".join(line.split()) for line in answered(answer)]


def hired(log: Log, **facts: Fact) -> int:
    """Ana is hired."""
    ana: dict[str, Fact] = {"userName": "ana@example.com", "displayName": "Ana Ruiz", "active": True}
    return log.say("hris", "H-1", kind="snapshot", facts=ana | facts)


def raw(source: str, offset: int) -> str:
    """How the raw event is named of which that at `offset` of `identity.changes` was made."""
    return f", from events.{source}/1@{500 + offset} appended {words.iso_moment(NOON + MINUTE * offset - 1000)}"


def request(number: int, at: int, status: int | None = 200, method: str = "PATCH", **learned: Any) -> Request:
    """One that was answered in 50 ms."""
    return Request(f"r{number}", method, "/Users/7", None, at - 50, at, status, None, **learned)


def test_why_has_she_spanish_at_4() -> None:
    """The rule, the fact, the source's own event, its place in the log, and since when; what gave less is told too."""
    log = Log()
    hired(log, department="Care", genesysLanguage="Spanish:3.5, English", job="Agent")
    log.say("okta", "00u1", facts={"department": "Spanish Support"})
    log.say("hris", "H-1", facts={"department": None})
    log.say("hris", "H-1", facts={"phone": "+13175550101"})
    found = lines(log, 60)
    assert "Desired, by the event at identity.changes/0@4 (folded anew it is equal)" in found
    digest = parse_mapping(DEFAULT).digest
    assert f"mapping {digest}, in force from offset 0 on, by Kim Berg: new teams" in found
    at = found.index("languages")
    rule = "rule 1 (department = Spanish Support)"
    moved = 'department = "Spanish Support" okta 00u1, change e2, identity.changes/0@2'
    said = 'genesysLanguage = "Spanish:3.5, English" hris H-1, snapshot e1, identity.changes/0@1'
    assert found[at + 1 : at + 4] == [
        f"English 3.0 since 2026-11-24T12:01:00Z copy 2 (genesysLanguage) {said}{raw('hris', 1)}",
        f"Spanish 3.5 (more is given) copy 2 (genesysLanguage) {said}{raw('hris', 1)}",
        f"Spanish 4.0 since 2026-11-24T12:03:00Z {rule} {moved}{raw('okta', 2)}",
    ]
    before = lines(log, 2.5)
    assert not any(line.startswith("Spanish 4.0") for line in before)
    assert any(line.startswith("Spanish 3.5 since 2026-11-24T12:01:00Z") for line in before)


def test_a_date_counts_once_the_log_says_that_it_has_passed() -> None:
    """With the zone as it was written. Before its `due` event it doesn't count, and the answer says that it is late."""
    log = Log()
    hired(log)
    last = Effective((NOON + 5 * MINUTE) * 1000, "2026-11-24", "Pacific/Honolulu")
    log.say("workday", "W-1", facts={"active": True})
    log.say("workday", "W-1", facts={"active": False}, effective=last, row="r/1")
    log.say("hris", "H-1", facts={"phone": "+13175550101"})
    early = lines(log, 6)
    assert any(line.startswith("active true") for line in early)
    assert "a date had passed at 2026-11-24T12:05:00Z, and no event had told the log yet" in early
    log.say("hris", "H-1", facts={"phone": None})
    log.say("workday", "W-1", kind="due")
    (denied,) = [line for line in lines(log, 60) if line.startswith("active ")]
    assert denied.startswith("active false since 2026-11-24T12:06:00Z attribute (active) active = false workday W-1")
    assert "effective 2026-11-24 (Pacific/Honolulu), change e3, identity.changes/0@3" in denied
    assert "hris" not in denied


def test_who_denies_is_named() -> None:
    """One source of several; and where the subject that vouched has left, that."""
    log = Log()
    hired(log)
    log.say("okta", "00u1", facts={"active": False})
    (denied,) = [line for line in lines(log, 60) if line.startswith("active ")]
    assert "okta 00u1, change e2, identity.changes/0@2" in denied
    assert "hris" not in denied
    log = Log()
    hired(log)
    log.say("hris", "H-1", kind="unlink", move=Move("E2", by="Kim Berg"))
    (denied,) = [line for line in lines(log, 60) if line.startswith("active ")]
    assert "active: the subject has left this user hris H-1, unlink e2, identity.changes/0@2" in denied


def test_of_sources_that_agree_the_one_that_counts_is_named() -> None:
    """The first in the list. Of a denial all who deny, and nobody's former job that another one has followed."""
    log = Log(DEFAULT + '[authority]\ndepartment = ["okta", "hris"]\n')
    hired(log, department="Sales")
    log.say("okta", "00u1", facts={"department": "Sales"})
    (found,) = [line for line in lines(log, 60) if line.startswith("department ")]
    assert "okta 00u1" in found
    assert "hris" not in found
    log.say("hris", "H-0", facts={"active": False})
    log.say("hris", "H-1", facts={"active": True})
    (found,) = [line for line in lines(log, 60) if line.startswith("active ")]
    assert "active true" in found
    assert "H-1" in found
    assert "H-0" not in found
    log.say("okta", "00u1", facts={"active": False})
    log.say("pingone", "p-1", facts={"active": False})
    (found,) = [line for line in lines(log, 60) if line.startswith("active ")]
    assert "okta 00u1" in found
    assert "pingone p-1" in found
    assert "hris" not in found


def test_the_last_rule_that_matches_gives_the_title() -> None:
    """And the line of the file that it overrules isn't named."""
    rules = "".join(f'[[rule]]\nwhen = {{ job = "Agent*" }}\ntitle = "{title}"\n' for title in ("One", "Two"))
    log = Log(f'[attributes]\ntitle = "job"\n{rules}')
    hired(log, job="Agent")
    (found,) = [line for line in lines(log, 60) if line.startswith("title ")]
    assert found.startswith('title "Two" since 2026-11-24T12:01:00Z rule 2 (job = Agent*) job = "Agent" hris H-1')
    log.say("hris", "H-1", facts={"job": "Clerk"})
    (found,) = [line for line in lines(log, 60) if line.startswith("title ")]
    assert found.startswith('title "Clerk" since 2026-11-24T12:02:00Z attribute (job) job = "Clerk" hris H-1')


def test_what_lies_before_the_first_mapping_was_folded_by_it_too() -> None:
    """A log that is older than that event."""
    log = Log(text=None)
    hired(log, job="Agent")
    log.mapping(DEFAULT, first=True)
    digest = parse_mapping(DEFAULT).digest
    assert f"mapping {digest}, in force from offset 0 on, by Kim Berg: new teams" in lines(log, 0.5)


def test_what_a_subject_said_before_it_came_is_told_by_how_it_came() -> None:
    """Its own events are in another user's part of the log."""
    log = Log()
    hired(log)
    facts = SourceFacts("00u1", Origin("events.okta", 0, 3, NOON), (1, 0, "long ago"), {"department": "Billing East"})
    log.say("okta", "00u1", kind="link", move=Move("E2", facts=facts))
    (billing,) = [line for line in lines(log, 60) if line.startswith("Billing 3.0")]
    assert "okta 00u1, link e2, identity.changes/0@2" in billing


def test_the_mapping_that_was_in_force_gives_the_reasons() -> None:
    """Before and after the offset at which another one came into force, and since when that is."""
    log = Log()
    hired(log, department="Spanish Support")
    other = DEFAULT.replace("Spanish = 4.0", "Spanish = 4.5")
    log.mapping(other)
    assert any(line.startswith("Spanish 4.0 since 2026-11-24T12:01:00Z rule 1") for line in lines(log, 1.5))
    after = lines(log, 2)
    assert f"mapping {parse_mapping(other).digest}, in force from offset 2 on, by Kim Berg: new teams" in after
    assert any(line.startswith("Spanish 4.5 since 2026-11-24T12:02:00Z rule 1") for line in after)


def test_what_the_target_had_acknowledged() -> None:
    """By its answers up to then: what isn't answered, or may have been applied, is named and not counted."""
    log = Log()
    hired(log, job="Agent")
    known = Resource(externalId="E1", userName="ana@example.com", displayName="Ana Ruiz", active=True, title="Clerk")
    first, later = NOON + 2 * MINUTE, NOON + 5 * MINUTE
    log.tell("unknown", request(2, later, None))
    log.tell("read", request(3, later + MINUTE, method="GET", holds=known | {"title": "Agent"}))
    log.tell("delivered", request(1, first, 201, "POST", holds=known))
    assert "The target had told nothing of this user yet" in lines(log, 1)
    found = lines(log, 3)
    assert "The target holds, as acknowledged at 2026-11-24T12:02:00Z (request r1)" in found
    assert 'title "Clerk"' in found
    assert 'title: "Agent" was desired, not "Clerk"' in found
    under_way = "open: PATCH /Users/7, sent 2026-11-24T12:04:59.950Z, no answer yet (request r2)"
    assert under_way in lines(log, 4.9995)
    lost = under_way.replace("no answer yet", "answer lost: it may have been applied")
    assert lost in lines(log, 5.5)
    after = lines(log, 6)
    assert "The target holds, as acknowledged at 2026-11-24T12:06:00Z (request r3)" in after
    assert not any(line.startswith("open:") for line in after)
    log.tell("missing", request(4, NOON + 7 * MINUTE, 404, absent=True))
    assert "The target has no such user, as it said at 2026-11-24T12:07:00Z (request r4)" in lines(log, 8)
    log.tell("delivered", request(5, NOON + 9 * MINUTE))
    assert any(line.startswith("The target acknowledged a write at 2026-11-24T12:09:00Z") for line in lines(log, 10))


def test_a_record_that_differs_is_told_as_it_was_recorded() -> None:
    """It is what the sink was to do; that folding anew gives something else is an alarm, and so is a broken hash."""
    log = Log()
    offset = hired(log, job="Agent")
    other = Log()
    hired(other, job="Clerk")
    refold = Refold(lambda n: other.changes[:n], first_mapping(other.changes))
    log.recorded[offset] = [refold.take(each) for each in other.changes][1].records["E1"]
    found = lines(log, 5)
    assert any("AS RECORDED; FOLDED ANEW IT DIFFERS" in line for line in found)
    assert any(line.startswith('title "Clerk"') for line in found)
    log.recorded[offset] = log.recorded[offset].replace(b"Clerk", b"Owner")
    found = lines(log, 5)
    assert any("DOESN'T FIT ITS OWN HASH" in line for line in found)
    assert any(line.startswith('title "Agent"') for line in found)


def run(log: Log, monkeypatch: pytest.MonkeyPatch, **asked: Any) -> Result:
    """The command, on that log."""

    @asynccontextmanager
    async def opened(*_: Any, **__: Any) -> AsyncIterator[InMemoryHistory]:
        yield log.history()

    monkeypatch.setattr(asof, "opened", opened)
    asked.setdefault("clock", lambda: NOON / 1000 + 86_400)
    return CliRunner().invoke(click.Command("x", callback=lambda: asof.run_as_of(load_settings().kafka, **asked)))


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
    later = run(log, monkeypatch, at=now + MINUTE, user="E1", as_json=True, clock=lambda: now / 1000)
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
    last = Effective(due * 1000, "2026-11-24T12:05:30", "UTC")
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
    assert "Agent\\x07\\nE9" in shown
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


def test_a_moment_without_a_zone_is_refused() -> None:
    """An hour's difference is a leaver's access."""
    with pytest.raises(ValueError, match="which zone"):
        options.instant("2026-11-24T12:00:00")
