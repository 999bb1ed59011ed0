"""`rejected list|show|replay|drop` on a log in memory, with the worker's own code in between."""

import asyncio
from typing import Any, Final

import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.adapters.kafka import reading
from streamproc.cli import rejected as commands
from streamproc.core.records.control import CONTROL, Control
from streamproc.core.records.headers import RECEIVED, REPLAY
from streamproc.core.records.rejected import Problem, encode_rejected
from streamproc.core.records.topic_names import CONTROLS, FORWARDS, REJECTIONS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import decode
from streamproc.sources import configured
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from streamproc.worker.raw_record import RawRecord
from tests.field.pipeline import MAPPING
from tests.field.worker import FieldWorker

NOW = 1_796_000_000_000
BY = ["--by", "Kim Berg", "--reason", "status added"]


class Site:
    """A worker and the commands, on one log."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOW
        self.log = MemoryLog(MemoryBroker(2, self.clock))
        monkeypatch.setattr(commands, "cluster_of", lambda *_, **__: self.log)
        self.worker = FieldWorker(self.log, configured("", "sources.toml"), MAPPING, Millis(NOW))
        self._heard: dict[int, int] = {}

    def clock(self) -> int:
        """A second passes with each look at it."""
        self.now += 1000
        return self.now

    def configure(self, settings: str) -> None:
        """The worker comes back with other options."""
        self.worker.options.update(configured(settings, "sources.toml"))

    def send(self, topic: str, key: str, value: Any, **headers: str) -> None:
        """A record of a source's topic."""
        content = value if isinstance(value, bytes) else orjson.dumps(value)
        named = [(name, text.encode()) for name, text in headers.items()]
        asyncio.run(self.worker.append(topic, key.encode(), content, named))

    def run(self, *arguments: str) -> Result:
        """One command."""
        return CliRunner(env={"COLUMNS": "200"}).invoke(commands.rejected, arguments, catch_exceptions=False)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """What `list` says."""
        done = self.run("list", "--json", *arguments)
        assert done.exit_code == 0, done.output
        rows: list[dict[str, Any]] = orjson.loads(done.stdout)
        return rows

    def desired(self, user: str) -> dict[str, Any]:
        """What is to be of a user."""
        found = [decode(fold.records[user]) for fold in self.worker.folds if user in fold.records]
        return dict(found[0].desired)

    def obey(self) -> None:
        """The worker reads the orders that it hasn't read yet."""

        async def hear() -> None:
            ends = await reading.end_offsets(self.log, CONTROLS)
            for partition, end in ends.items():
                async for records in reading.read_range(
                    self.log, CONTROLS, partition, self._heard.get(partition, 0), end
                ):
                    for one in records:
                        place = (one.topic, one.partition, one.offset, Millis(one.timestamp))
                        await self.worker.take(RawRecord(*place, one.key, one.value, dict(one.headers)))
            self._heard = ends

        asyncio.run(hear())


def workday(number: str, status: str, job: str = "Agent") -> dict[str, Any]:
    """A row of a report."""
    row = {"Employee_ID": number, "Preferred_Name": "Test", "Email_Address": f"w{number}@example.com"}
    return {"Report_Entry": [{**row, "Worker_Status": status, "Business_Title": job}]}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(monkeypatch)


WHOLE: Final = b"{"
"""What nobody understands, whatever is configured."""


def test_what_wasnt_understood_is_replayed_when_it_can_be(site: Site) -> None:
    """A leaver in a word that nobody had configured: listed, with the rest in force; replayed, and inactive."""
    site.send("events.workday", "000451", workday("000451", "Active"))
    site.send("events.workday", "000451", workday("000451", "Gone fishing", "Trainer"))
    (row,) = site.rows()
    assert (row["code"], row["subject"], row["partial"], row["state"]) == ("not_understood", "000451", True, "open")
    assert row["field"] in {"active", "Worker_Status"}
    assert site.desired("000451")["title"] == "Trainer"
    assert site.desired("000451")["active"] is True
    assert site.run("replay", "--code", "not_understood", *BY).exit_code == 0
    assert site.rows() == []
    site.obey()
    (row,) = site.rows()
    assert (row["state"], row["name"]) == ("open", row["name"]), "nothing had changed: rejected again, once"
    site.configure("workday = { inactive = ['Gone fishing'] }")
    done = site.run("replay", row["name"], *BY)
    assert done.exit_code == 0, done.output
    site.obey()
    assert site.rows() == []
    assert [each["state"] for each in site.rows("--all")] == ["replayed"]
    assert site.desired("000451")["active"] is False


def test_a_replay_overtakes_nothing(site: Site) -> None:
    """What was said since stays: the old event's time is when it came first."""
    site.send("events.workday", "000452", workday("000452", "Odd", "Clerk"))
    site.send("events.workday", "000452", workday("000452", "Active", "Boss"))
    site.configure("workday = { inactive = ['Odd'] }")
    for _ in range(2):
        assert site.run("replay", "--all", *BY).exit_code == 0
    site.obey()
    desired = site.desired("000452")
    assert (desired["active"], desired["title"]) == (True, "Boss")


def test_the_same_for_an_event_of_the_contract_whose_clock_is_ahead(site: Site) -> None:
    """Its order is that of the first time: the broker's clock then, not now."""
    ahead = {"id": "1", "type": "snapshot", "subject": "E1", "time": "2026-12-01T12:00:00Z"}
    known = {"userName": "e1@example.com", "displayName": "E", "active": True, "job": "First"}
    site.send("events.hris", "E1", {**ahead, "attributes": {**known, "custom": {"x": {"y": {}}}}})
    assert [row["code"] for row in site.rows()] == ["invalid"]
    site.now += 3_600_000
    again = {"id": "2", "type": "change", "subject": "E1", "time": "2026-11-30T00:30:00Z"}
    site.send("events.hris", "E1", {**again, "attributes": {**known, "job": "Second"}})
    replayed = [raw for raw in site.worker.appended if raw.topic == "events.hris"]
    assert len(replayed) == 2
    site.run("replay", "--all", *BY)
    site.obey()
    (once_more,) = [raw for raw in site.worker.appended if raw.topic == FORWARDS]
    assert once_more.value == replayed[0].value
    assert once_more.key == b"E1"
    assert int(once_more.headers[RECEIVED]) == replayed[0].timestamp * 1000
    assert once_more.headers[REPLAY].startswith(f"events.hris/{replayed[0].partition}/0 streamproc.controls/".encode())


def test_list_and_show(site: Site) -> None:
    """Filters, counts, and no value unless it is asked for."""
    site.send("events.okta", "00u1", WHOLE, **{"content-type": "text/secret"})
    site.send("events.hris", "E9", {"id": "1", "subject": "E9", "secret": "Kim"})
    site.send(
        "events.hris",
        "E2",
        {"id": "1", "type": "snapshot", "subject": "E2", "time": "2026-11-29T00:00:00Z"}
        | {
            "attributes": {
                "userName": "e2@example.com",
                "displayName": "E",
                "active": True,
                "custom": {"genesysLanguage": "A:x"},
            }
        },
    )
    assert {row["code"] for row in site.rows()} == {"not_json", "invalid", "problem"}
    (hris,) = site.rows("--source", "hris")
    assert (hris["subject"], hris["field"]) == ("E9", "type")
    assert [row["field"] for row in site.rows("--subject", "E2")] == ["genesysLanguage"]
    assert site.rows("--code", "not_json", "--since", "2099-01-01") == []
    site.send("events.hris", "E9", {"id": "2", "subject": "E9"})
    text = site.run("list")
    assert "4 in all: invalid 2, not_json 1, problem 1" in text.stderr
    assert "(2 times)" in " ".join(text.stdout.split())
    assert len(text.stdout.splitlines()) == 4, "of those that say the same the newest"
    shown = site.run("show", hris["name"])
    assert "Kim" not in shown.stdout
    assert orjson.loads(shown.stdout)["problems"][0]["field"] == "type"
    assert "Kim" in site.run("show", hris["name"], "--value").stdout
    (okta,) = site.rows("--code", "not_json")
    assert orjson.loads(site.run("show", okta["name"]).stdout)["headers"] == [["content-type", "text/secret"]]
    assert site.run("show", "events.okta/9/9").exit_code == 1


def test_what_is_dropped_is_out_of_the_way(site: Site) -> None:
    """It stays in the log, with who dropped it and why."""
    site.send("events.okta", "00u1", WHOLE)
    (row,) = site.rows()
    assert site.run("drop", "okta/nothing", *BY).exit_code == 1
    assert site.run("drop", *BY).exit_code == 2
    assert site.run("drop", row["name"], *BY).exit_code == 0
    site.obey()
    assert site.rows() == []
    (told,) = orjson.loads(site.run("show", row["name"]).stdout)["orders"]
    assert (told["action"], told["by"], told["reason"]) == ("drop", "Kim Berg", "status added")


@pytest.mark.parametrize(
    ("topic", "key", "why"),
    [
        ("identity.changes", "E1", "no input of a source"),
        ("gateway/okta", "gateway/okta/abc", "let its sender repeat it"),
        ("sync/okta", "sync/okta/00u1", "synchronise again"),
    ],
)
def test_what_cant_be_replayed_says_why(site: Site, topic: str, key: str, why: str) -> None:
    """And nothing is ordered."""
    problem = [Problem("code", "reason")]
    value = encode_rejected(topic, 0, 3, Millis(NOW), problem, key=b"k", value=b"{}")
    name = key if "/" in key else f"{topic}/0/3"
    asyncio.run(site.log.producer().send_and_wait(REJECTIONS, value, name.encode()))
    done = site.run("replay", name, *BY)
    assert done.exit_code == 1
    assert why in done.output
    assert site.run("replay", "--all", *BY).exit_code == 0
    assert [row["state"] for row in site.rows()] == ["open"]


def test_a_notification_goes_to_who_fetches_again(site: Site) -> None:
    """With its headers, so that the hydrator sees what it saw."""
    value = encode_rejected(
        "notifications.okta",
        1,
        4,
        Millis(NOW),
        [Problem("not_fetched", "500", "00u1")],
        value=b"{}",
        headers=[("a", b"b")],
    )
    asyncio.run(site.log.producer().send_and_wait(REJECTIONS, value, b"notifications.okta/1/4"))
    assert [row["source"] for row in site.rows("--subject", "00u1")] == ["okta"]
    assert site.run("replay", "--code", "not_fetched", "--source", "okta", *BY).exit_code == 0
    site.obey()
    (raw,) = [raw for raw in site.worker.appended if raw.topic == "notifications.okta"]
    assert (raw.partition, raw.value, raw.headers["a"]) == (1, b"{}", b"b")


@pytest.mark.parametrize("since", [None, -1, 0, 1, 10**9])
def test_an_order_brings_nothing_of_its_own(site: Site, since: int | None) -> None:
    """It can only name what was rejected, at the place where that lies; anything else is rejected itself."""
    site.send("events.okta", "00u1", WHOLE)
    forged = Control("c", "replay", None, since, "Eve", "why", Millis(NOW), input="events.hris/0/0")
    asyncio.run(site.log.producer().send_and_wait(CONTROLS, orjson.dumps(forged), b"events.hris/0/0"))
    site.obey()
    assert {row["code"] for row in site.rows()} == {"not_json", "replay"}
    assert (
        len([raw for raw in site.worker.appended if raw.topic.startswith("events.") and raw.topic != REJECTIONS]) == 1
    )


def test_a_forged_mark_hides_nothing(site: Site) -> None:
    """Whoever writes the header of a replay without an order has their own line in the list."""
    site.send("events.okta", "00u1", WHOLE)
    (row,) = site.rows()
    site.send("events.okta", "00u1", b"[", **{REPLAY: f"{row['name']} streamproc.controls/0/0"})
    assert len({each["name"] for each in site.rows()}) == 2
    assert site.run("replay", row["name"], *BY).exit_code == 0
    site.send("events.okta", "00u1", b"[", **{REPLAY: f"{row['name']} streamproc.controls/0/0"})
    assert row["name"] not in {each["name"] for each in site.rows()}, "the order isn't carried out yet"
    site.obey()
    assert row["name"] in {each["name"] for each in site.rows()}


def test_the_order_is_in_the_log(site: Site) -> None:
    """With the name of the input as its key, so that all orders about one have one order."""
    site.send("events.okta", "00u1", WHOLE)
    (row,) = site.rows()
    site.run("replay", row["name"], *BY)
    site.obey()
    (raw,) = [raw for raw in site.worker.appended if raw.topic == CONTROLS]
    control = CONTROL.validate_json(raw.value or b"")
    assert (raw.key, control.input, control.by) == (row["name"].encode(), row["name"], "Kim Berg")
