"""The archive as others read it: the README's SQL in DuckDB, and files of the version before."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from streamproc.archive import layout
from streamproc.archive.layout import Manifest
from streamproc.archive.reader import ArchivedHistory
from streamproc.archive.writer import ArchiveWriter
from streamproc.core.records.change_event import Fact
from streamproc.core.records.control import Control
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.finding import Changed, Difference, Finding
from streamproc.core.records.rejected import Problem, encode_rejected
from streamproc.core.records.resource import Resource
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CONTROLS, DELIVERIES, FINDINGS, OUTCOMES, REJECTIONS
from streamproc.core.records.units import Millis
from tests.support.asof_log import DEFAULT
from tests.support.logs import PARTITIONS, Log
from tests.support.paths import REPOSITORY

README = (REPOSITORY / "streamproc/archive/README.md").read_text(encoding="utf-8")
SQL = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
OLD = REPOSITORY / "tests/fixtures/archive_version_1"
RAW = "events.okta"


def archived(folder: Path, records: list[StoredRecord]) -> Path:
    """These records as an archive."""
    layout.keep_manifest(layout.make_folder(folder), Manifest(layout.VERSION, "cluster", PARTITIONS))
    for topic, partition in sorted({(each.topic, each.partition) for each in records}):
        here = [each for each in records if (each.topic, each.partition) == (topic, partition)]
        writing = ArchiveWriter(folder, topic, partition, 0)
        for each in here:
            writing.add((each.offset, each.timestamp, each.key, each.value, each.headers))
        writing.close(here[-1].offset + 1)
    return folder


def past() -> Log:
    """Somebody comes, leaves and is revoked; somebody is parked; input that is none; what isn't text at all."""
    log = Log(DEFAULT)
    facts: dict[str, Fact] = {"userName": "zoe@example.com", "displayName": "Zoë Łuczak", "active": True}
    first = log.say("E1001", facts, kind="snapshot", source="workday")
    request = log.request("POST", "/Users", {"displayName": "Zoë Łuczak"}, 201)
    log.tell("E1001", first, "delivered", requests=[request])
    last = log.say("E1001", {"active": False}, source="workday", reason="resigned")
    log.tell("E1001", last, "retry", final=False, requests=[log.request("PATCH", "/Users/u1", {}, 503)])
    done = Millis(log.clock + 2500)
    requests = [log.request("PATCH", "/Users/u1", {"active": False}, 200)]
    log.tell("E1001", last, "revoked", requests=requests, acknowledged=done, read_back=done)
    delivered = DeliveredState("E1001", last, "u1", '"2"', Resource(active=False), None, done)
    older = DeliveredState("E1001", first, "u1", '"1"', Resource(active=True), None, done)
    for state in (older, delivered):
        log.append(DELIVERIES, 0, b"E1001", orjson.dumps(state))
    parked = Parked("refused", "400 invalidValue: no such skill", 400, "corr-2", {}, Resource(active=True), done)
    log.append(DELIVERIES, 1, b"E2", orjson.dumps(DeliveredState("E2", 1, None, None, None, parked, done)))
    log.append(DELIVERIES, 1, b"gone", None)
    problems = [Problem("not_json", "isn't JSON")]
    rejected = encode_rejected(RAW, 0, 7, Millis(log.clock), problems, key=b"k", value=b"\xff")
    log.append(REJECTIONS, 0, b"events.okta/0/7", rejected)
    kim = Changed(done, "c-1", "p-1", "Kim Berg", "entry-9")
    title = Difference("title", "changed", "own", "Agent", "Boss", "changed there", kim)
    log.append(FINDINGS, 0, b"E1001", orjson.dumps(Finding("E1001", "u1", "zoe@example.com", [title], done, done)))
    log.order(Control("r-1", "release", "E1001", last, "Kim Berg", "really left", Millis(log.clock)))
    log.append(RAW, 0, b"\xff\xfe", b"\x80 no text")
    log.append(RAW, 0, b"k", b"no JSON")
    log.append(RAW, 0, b"k", '{"subject": "Zoë"}'.encode())
    return log


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Log, list[list[dict[str, Any]]]]:
    """What each block of the README gives, in order; the last one is for older archives."""
    log = past()
    folder = archived(tmp_path_factory.mktemp("archive") / "a", log.records)
    with duckdb.connect() as connection:
        found = [_rows(connection.sql(each.replace("DIR", str(folder)))) for each in SQL[:-1]]
    return log, found


def _rows(relation: Any) -> list[dict[str, Any]]:
    if relation is None:
        return []
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def test_every_topic_is_counted(answers: tuple[Log, list[list[dict[str, Any]]]]) -> None:
    """All records are there, whatever is in them, and since when."""
    log, found = answers
    counts = {row["topic"]: row["records"] for row in found[1]}
    assert counts == {topic: sum(each.topic == topic for each in log.records) for topic in counts}
    assert sum(counts.values()) == len(log.records)
    assert found[1][0]["since"].year == 2026


def test_the_auditors_questions_are_answered(answers: tuple[Log, list[list[dict[str, Any]]]]) -> None:
    """Who lost access and how fast, how events ended, the requests about one user, what the target holds, what was
    rejected, who ordered what, what disagreed: the same as the records say.
    """
    _, (_, _, revoked, fates, requests, held, rejected, orders, found) = answers
    ((leaver,),) = ([row] for row in revoked)
    assert (leaver["user"], leaver["source"], leaver["reason"]) == ("E1001", "workday", "resigned")
    assert leaver["seconds"] > 0
    assert {row["fate"]: row["events"] for row in fates} == {"delivered": 1, "revoked": 1}
    assert [(row["method"], row["status"]) for row in requests] == [("POST", 201), ("PATCH", 503), ("PATCH", 200)]
    assert {row["correlation_id"] for row in requests} == {"corr-1"}
    assert held == [
        {"user": "E1001", "active": False, "parked": None, "reason": None},
        {"user": "E2", "active": None, "parked": "refused", "reason": "400 invalidValue: no such skill"},
    ]
    assert [(row["topic"], row["offset"], row["code"]) for row in rejected] == [(RAW, 7, "not_json")]
    assert [(row["user_or_account"], row["attribute"], row["class"], row["held"], row["person"]) for row in found] == [
        ("E1001", "title", "changed", "Boss", "Kim Berg")
    ]
    assert [(row["operator"], row["action"], row["user"]) for row in orders] == [("Kim Berg", "release", "E1001")]


def test_text_is_text_and_the_rest_isnt_lost(tmp_path: Path) -> None:
    """A cast to JSON works and keeps every letter; bytes are in their own columns; and all of it is read back."""
    log = past()
    folder = archived(tmp_path / "a", log.records)
    table = f"read_parquet('{folder}/**/*.parquet', hive_partitioning = true)"
    with duckdb.connect() as connection:
        raw = connection.sql(
            f"SELECT key, key_bytes, value, value_bytes FROM {table} WHERE topic = '{RAW}' ORDER BY \"offset\""
        ).fetchall()
        name = f"SELECT value::JSON->>'$.requests[0].body.displayName' FROM {table} WHERE topic = '{OUTCOMES}'"
        names = {row[0] for row in connection.sql(name).fetchall()}
    assert raw[0] == (None, b"\xff\xfe", None, b"\x80 no text")
    assert raw[1] == ("k", None, "no JSON", None)
    assert "Zoë Łuczak" in names
    history = ArchivedHistory(folder)
    for topic in (RAW, DELIVERIES, CONTROLS, OUTCOMES):
        for partition in range(PARTITIONS):
            expected = [each for each in log.records if (each.topic, each.partition) == (topic, partition)]
            assert list(history.read(topic, partition)) == expected
    assert [each.value for each in history.read(RAW, 0, key=b"\xff\xfe")] == [b"\x80 no text"]


def continued(folder: Path) -> Path:
    """The older archive, with a file of ours after it, as the next run writes it."""
    shutil.copytree(OLD, folder)
    writing = ArchiveWriter(folder, OUTCOMES, 0, 3)
    writing.add((3, 1_772_452_800_003, b"E2", '{"user":"E2","reason":"Jörg"}'.encode(), []))
    writing.close(4)
    return folder


@pytest.mark.parametrize(("archive", "more"), [(lambda _: OLD, []), (continued, [(3, b"E2")])])
def test_an_older_archive_is_read(
    archive: Callable[[Path], Path], more: list[tuple[int, bytes]], tmp_path: Path
) -> None:
    """Its files have bytes alone. Alone or with newer ones after them, they say what they said."""
    history = ArchivedHistory(archive(tmp_path / "a"))
    records = list(history.read(OUTCOMES, 0))
    assert [(each.offset, each.key) for each in records] == [(0, b"E1"), (1, b"E3"), (2, b"E1"), *more]
    assert records[0].headers == (("traceparent", b"00-1"), ("raw", b"\xff"))
    assert records[2].value is None
    assert [(each.key, each.value) for each in history.read(RAW, 0)] == [(b"\xff\xfe", b"\x80 no text")]
    assert [each.offset for each in history.read(OUTCOMES, 0, key=b"E1")] == [0, 2]
    assert history.written(OUTCOMES, 0, 0) == 1_772_452_900_000


def test_sql_reads_an_older_archive_too(tmp_path: Path) -> None:
    """With the README's view for it, where files of both versions lie side by side."""
    folder = continued(tmp_path / "a")
    told = "SELECT value->>'user', value->>'reason' FROM records WHERE topic = 'scim.outcomes' ORDER BY \"offset\""
    with duckdb.connect() as connection:
        connection.sql(SQL[-1].replace("DIR", str(folder)))
        rows = connection.sql(told).fetchall()
    assert rows == [("E1", "Zoë"), ("E3", None), (None, None), ("E2", "Jörg")]
