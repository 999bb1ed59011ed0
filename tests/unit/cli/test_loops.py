"""`streamproc loops`: what is listed, what is ordered, and what an operator is told instead."""

import asyncio

import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.adapters.kafka.reading import records_of
from streamproc.cli import loops as command
from streamproc.cli.main import cli
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import CONTROL, Control
from streamproc.core.records.delivery import DeliveredState, Frozen, Round
from streamproc.core.records.finding import Changed
from streamproc.core.records.topic_names import CONTROLS, DELIVERIES
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.testing.memory_log import MemoryBroker, MemoryLog

NOW = Millis(1_790_000_000_000)
KIM = Changed(NOW, "c-7", None, "Kim\x1b[2J", "e-1")
EVENT = Cause("okta", "ev-1", Origin("events.okta", 0, 1, NOW))
FOUGHT = Frozen(NOW, [Round(NOW, 7, EVENT, "ours@x", "theirs@x", theirs=True, changed=KIM)] * 4)
EVENTS = Frozen(
    Millis(NOW - 1000),
    [
        Round(NOW, 7, None, "Lead", "Agent"),
        Round(NOW, 8, EVENT, "Agent", "Lead"),
        Round(NOW, 9, Cause("hris", "ev-2", EVENT.origin), "Lead", "Agent"),
    ],
)
ORDER = ("--by", "Kim Berg", "--reason", "she has stopped")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> MemoryLog:
    """A log in memory with deliveries, in the place of the cluster."""
    kafka = MemoryLog(MemoryBroker(4, lambda: 5))
    every: tuple[dict[str, Frozen], ...] = ({"email": FOUGHT, "group A B": Frozen(NOW, [])}, {"title": EVENTS}, {})

    async def fill() -> None:
        for number, frozen in enumerate(every):
            made = DeliveredState(f"E{number}", 9, None, None, None, None, NOW, frozen=frozen)
            await kafka.producer().send_and_wait(DELIVERIES, orjson.dumps(made), made.user.encode())

    asyncio.run(fill())
    monkeypatch.setattr(command, "cluster_of", lambda *_, **__: kafka)
    return kafka


def run(*words: str) -> Result:
    """`streamproc loops` with these words."""
    return CliRunner().invoke(cli, ["loops", *words], env={"COLUMNS": "240"})


def ordered(kafka: MemoryLog) -> list[Control]:
    """What was ordered."""

    async def read() -> list[Control]:
        return [CONTROL.validate_json(each.value or b"") async for each in records_of(kafka, CONTROLS)]

    return asyncio.run(read())


@pytest.mark.usefixtures("log")
def test_the_list_names_the_parties_of_each_the_oldest_first() -> None:
    """A line for each party, with what each last did it by; a name can't clear the screen."""
    done = run("list")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[1].startswith(
        "E1 title 2026-09-21T14:13:19+00:00 1 okta 1 2026-09-21T14:13:20+00:00 event ev-1 at seq 8"
    )
    assert lines[2].startswith("hris 1 2026-09-21T14:13:20+00:00 event ev-2 at seq 9")
    assert lines[3].startswith("E0 email 2026-09-21T14:13:20+00:00 3 client c-7, person Kim\\x1b[2J 4 ")
    assert lines[4].startswith("okta 4 2026-09-21T14:13:20+00:00 event ev-1 at seq 7")
    assert lines[5].startswith("E0 group A B")
    assert "3 in all" in done.stderr
    assert done.exit_code == 0


@pytest.mark.usefixtures("log")
def test_json_has_the_same() -> None:
    """For machines, with all times and events of each party."""
    (first, *_) = rows = orjson.loads(run("list", "--json").stdout)
    assert [(row["user"], row["item"], row["writes"]) for row in rows] == [
        ("E1", "title", 1),
        ("E0", "email", 3),
        ("E0", "group A B", 0),
    ]
    assert [party["name"] for party in first["parties"]] == ["okta", "hris"]


@pytest.mark.usefixtures("log")
def test_show_has_each_write() -> None:
    """With what was there and what we wrote."""
    email, group = orjson.loads(run("show", "E0").stdout)
    assert [(each["found"], each["wrote"], each["seq"]) for each in email["rounds"]] == [("theirs@x", "ours@x", 7)] * 4
    assert email["rounds"][0]["changed"]["entry"] == "e-1"
    assert group["rounds"] == []


def test_a_release_orders_all_of_a_user_or_what_is_named(log: MemoryLog) -> None:
    """One order for each item that is named, by whom and why; without one, a single order for all."""
    assert run("release", "E0", "E1", *ORDER).exit_code == 0
    done = run("release", "E0", "--item", "email", "--item", "group A B", *ORDER)
    assert done.stdout.splitlines() == [
        "E0: email is released, as soon as a sink reads it",
        "E0: group A B is released, as soon as a sink reads it",
    ]
    orders = ordered(log)
    assert {(each.user, each.attribute) for each in orders} == {
        ("E0", None),
        ("E1", None),
        ("E0", "email"),
        ("E0", "group A B"),
    }
    assert {(each.action, each.by, each.reason, each.since) for each in orders} == {
        ("unfreeze", "Kim Berg", "she has stopped", None)
    }
    assert len({each.id for each in orders}) == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["release", "E0", "E2", *ORDER], "nothing is frozen: E2"),
        (["release", "E1", "--item", "email", *ORDER], "nothing is frozen: email of E1"),
        (["show", "E7"], "nothing is frozen: E7"),
    ],
)
def test_what_isnt_frozen_is_a_mistake(log: MemoryLog, words: list[str], told: str) -> None:
    """All of them or none, and where to look."""
    done = run(*words)
    assert done.exit_code == 1
    assert told in done.stderr
    assert "loops list" in done.stderr
    assert ordered(log) == []
