"""`streamproc findings`: what is listed, what is ordered, and what an operator is told instead."""

import asyncio
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.adapters.kafka.reading import records_of
from streamproc.cli import findings as command
from streamproc.cli.main import cli
from streamproc.core.records.control import CONTROL, Control
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.finding import Changed, Difference, Finding
from streamproc.core.records.topic_names import CONTROLS, DELIVERIES, FINDINGS
from streamproc.core.records.units import Millis
from streamproc.testing.memory_log import MemoryBroker, MemoryLog

NOW, DAY = Millis(1_790_000_000_000), 86_400_000
KIM = Changed(NOW, None, "p-1", "Kim\x1b[2J", "e-1")
ORPHAN = Difference("account", "orphan", "own", None, {"active": True}, "no source knows them")
FOUND = (
    Finding("E1", "g-1", "a@b.example", [
        Difference("email", "changed", "own", "a@b.example", "c@d.example", "changed there", KIM),
        Difference("title", "unknown", "observe", "Agent", "Boss", "nobody knows"),
    ], NOW, NOW),
    Finding(None, "g-2", "robot@b.example", [ORPHAN], NOW, Millis(NOW - DAY)),
    Finding("E2", "g-3", "x@b.example", [Difference("active", "changed", "own", False, True, "reactivated", KIM)],
            NOW, NOW, incident=True),
    Finding("E3", "g-4", "y@b.example", [], NOW, NOW),
)  # fmt: skip
ORDER = ("--by", "Kim Berg", "--reason", "asked them")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> MemoryLog:
    """A log in memory with the findings, in the place of the cluster."""
    kafka = MemoryLog(MemoryBroker(4, lambda: 5))
    parked = Parked("ambiguous", "another externalId", None, None, {}, {}, NOW, 3)

    async def fill() -> None:
        for each in FOUND:
            await kafka.producer().send_and_wait(FINDINGS, orjson.dumps(each), each.key.encode())
        waits = DeliveredState("E9", 3, None, None, None, parked, NOW)
        await kafka.producer().send_and_wait(DELIVERIES, orjson.dumps(waits), b"E9")

    asyncio.run(fill())
    monkeypatch.setattr(command, "cluster_of", lambda *_, **__: kafka)
    return kafka


def run(*words: str) -> Result:
    """`streamproc findings` with these words."""
    return CliRunner().invoke(cli, ["findings", *words], env={"COLUMNS": "180"})


def ordered(kafka: MemoryLog) -> list[Control]:
    """What was ordered."""

    async def read() -> list[Control]:
        return [CONTROL.validate_json(each.value or b"") async for each in records_of(kafka, CONTROLS)]

    return asyncio.run(read())


@pytest.mark.usefixtures("log")
def test_the_list_says_what_disagrees_by_whom_and_incidents_first() -> None:
    """A line for each difference; what is settled isn't there; a name can't clear the screen."""
    done = run("list")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    whom = "Kim\\x1b[2J, 2026-09-21T14:13:20Z"
    assert lines[1] == f"E2 2026-09-21T14:13:20Z changed, incident active: yes instead of no {whom} reactivated"
    assert "orphan account robot@b.example" in lines[2]
    assert lines[3].startswith("E1 ")
    assert "changed email: c@d.example instead of a@b.example" in lines[3]
    assert "unknown title: Boss instead of Agent nobody knows (observe)" in lines[4]
    assert len(lines) == 5
    assert "3 in all: changed 2, orphan 1, unknown 1, incidents 1" in done.stderr
    assert done.exit_code == 0


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--class", "orphan"], ["account/g-2"]),
        (["--attribute", "title"], ["E1"]),
        (["--incidents"], ["E2"]),
        (["--before", str(NOW)], ["account/g-2"]),
        (["--since", str(NOW)], ["E2", "E1"]),
        (["--all"], ["E2", "account/g-2", "E1", "E3"]),
        (["--class", "missing"], []),
    ],
)
def test_the_list_is_narrowed_down(words: list[str], names: list[str]) -> None:
    """By class, attribute, age, and to incidents; `--all` shows what is settled, too."""
    rows: list[dict[str, Any]] = orjson.loads(run("list", "--json", *words).stdout)
    assert [row["name"] for row in rows] == names
    if words == ["--attribute", "title"]:
        assert [each["attribute"] for each in rows[0]["differences"]] == ["title"]


@pytest.mark.usefixtures("log")
def test_show_has_all_of_one() -> None:
    """What is desired, what is held, who changed it, and what was ordered of it: an account by its id alone, too."""
    assert run("ignore", "g-2", *ORDER).exit_code == 0
    told = orjson.loads(run("show", "g-2").stdout)
    assert told["name"] == "account/g-2"
    assert told["state"] == "ordered"
    assert [(each["action"], each["by"]) for each in told["orders"]] == [("ignore", "Kim Berg")]
    assert orjson.loads(run("show", "E1").stdout)["differences"][0]["held"] == "c@d.example"


def test_several_are_ignored_or_none(log: MemoryLog) -> None:
    """A name that isn't in the list is a mistake to look at first, so nothing is ordered by that command."""
    done = run("ignore", "E1", "E7", *ORDER)
    assert (done.exit_code, ordered(log)) == (1, [])
    assert "nothing was found of E7; see streamproc findings list --all" in done.output
    assert run("ignore", "E1", "E2", *ORDER).exit_code == 1
    assert ordered(log) == []
    done = run("ignore", "E1", "account/g-2", "g-2", *ORDER)
    assert done.stdout.splitlines() == [
        "E1: to be ignored, as soon as reconcile reads it",
        "account/g-2: to be ignored, as soon as reconcile reads it",
    ]
    assert {(each.user, each.account, each.by, each.reason) for each in ordered(log)} == {
        ("E1", None, "Kim Berg", "asked them"),
        (None, "g-2", "Kim Berg", "asked them"),
    }


def test_an_orphan_is_deactivated_by_name(log: MemoryLog) -> None:
    """And a user isn't, whose access is a matter of their sources."""
    assert run("deactivate", "E1", *ORDER).exit_code == 1
    assert ordered(log) == []
    assert run("deactivate", "account/g-2", *ORDER).exit_code == 0
    (control,) = ordered(log)
    assert (control.action, control.account, control.key) == ("deactivate", "g-2", "account/g-2")


def test_an_account_is_adopted_for_who_waits_for_it(log: MemoryLog) -> None:
    """By Genesys's id, as the list has it or alone; for nobody else."""
    refused = run("adopt", "E1", "g-2", *ORDER)
    assert refused.exit_code == 1
    assert "user E1 doesn't wait for an account: nothing of them is parked; see streamproc parked list" in " ".join(
        refused.output.split()
    )
    assert run("adopt", "E9", "account/g-2", *ORDER).exit_code == 0
    (control,) = ordered(log)
    assert (control.action, control.user, control.account, control.since) == ("adopt", "E9", "g-2", 3)
