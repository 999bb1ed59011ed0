"""`streamproc status`: all services, as they say it themselves."""

import asyncio

import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.cli.main import cli
from streamproc.core.records.service_state import Condition, ServiceState, State
from streamproc.core.records.topic_names import STATUS
from streamproc.core.records.units import Millis
from streamproc.testing.memory_log import MemoryBroker, MemoryLog

NOW = 1_780_000_000_000


class Fleet:
    """A log in memory, in the place of the cluster, and a clock that stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOW
        self.log = MemoryLog(MemoryBroker(1, lambda: self.now))
        monkeypatch.setattr("streamproc.cli.status.cluster_of", lambda *_, **__: self.log)
        monkeypatch.setattr("streamproc.cli.status.now_ms", lambda: NOW)

    def says(self, service: str, state: State, *conditions: Condition, ago: int = 0) -> None:
        """A state, so many seconds ago."""
        self.now = NOW - ago * 1000
        value = ServiceState(service, "host-1", "1.0", state, list(conditions), Millis(NOW - 10**7), Millis(self.now))
        asyncio.run(self._append(value))

    async def _append(self, value: ServiceState) -> None:
        await self.log.producer().send_and_wait(STATUS, orjson.dumps(value), value.key.encode(), 0)

    @staticmethod
    def asked(*options: str) -> Result:
        """The command's result."""
        return CliRunner().invoke(cli, ["status", *options], env={"STREAMPROC_OKTA_URL": None})


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """Nobody has said anything yet."""
    monkeypatch.setenv("COLUMNS", "200")
    return Fleet(monkeypatch)


SILENT = Condition("silent", "okta", "blind", "nothing has come from it", Millis(NOW - 10**6))


def test_all_is_well(fleet: Fleet) -> None:
    """Worker and sink are enough; what isn't in use is named, and wrong with nobody."""
    fleet.says("worker", "ok", ago=9)
    fleet.says("sink", "ok", ago=29)
    done = fleet.asked()
    assert done.exit_code == 0, done.output
    assert "all is well" in done.output
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "ok" in rows["worker"].split()
    assert "not in use" in rows["reconcile"]


def test_what_is_wrong_is_told_with_its_reason(fleet: Fleet) -> None:
    """Blind isn't well: the exit code says so, and the line what to do."""
    fleet.says("worker", "degraded", SILENT, ago=20)
    fleet.says("worker", "blind", SILENT)
    fleet.says("sink", "ok")
    done = fleet.asked()
    assert done.exit_code == 1
    assert "silent okta: nothing has come from it" in done.stdout
    assert "1 of 5 need somebody" in done.output
    rows = {row["service"]: row for row in orjson.loads(fleet.asked("--json").stdout)}
    assert (rows["worker"]["state"], rows["worker"]["conditions"][0]["code"]) == ("blind", "silent")
    assert [name for name, row in rows.items() if row["wrong"]] == ["worker"]


def test_who_is_silent_or_was_never_heard_of_is_told(fleet: Fleet) -> None:
    """A sink that was killed, and a worker that nobody has started: neither says so itself."""
    fleet.says("sink", "ok", ago=31)
    done = fleet.asked("--json")
    assert done.exit_code == 1
    rows = {row["service"]: row for row in orjson.loads(done.stdout)}
    assert (rows["sink"]["state"], rows["sink"]["said"]) == ("silent", "ok")
    assert (rows["worker"]["state"], rows["worker"]["instance"]) == ("unheard", None)
    text = fleet.asked().stdout
    assert "last heard of 31 s ago" in text
    assert "nobody was heard of: start one" in text


def test_what_isnt_a_state_is_passed_over(fleet: Fleet) -> None:
    """Somebody else's record in the topic ends nothing; a deleted key is nobody any more."""
    fleet.says("worker", "ok")
    fleet.says("sink", "ok")

    async def disturb() -> None:
        producer = fleet.log.producer()
        await producer.send_and_wait(STATUS, b"{", b"worker/other", 0)
        await producer.send_and_wait(STATUS, None, b"worker/host-1", 0)

    asyncio.run(disturb())
    done = fleet.asked()
    assert done.exit_code == 1
    assert [line for line in done.stdout.splitlines() if line.startswith("worker") and "not there" in line]
