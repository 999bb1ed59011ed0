"""Who is who on the command line: who waits for a link, and whose claim is held as ambiguous."""

import asyncio

import orjson
import pytest
from click.testing import CliRunner

from streamproc.adapters.kafka import reading
from streamproc.cli.main import cli
from streamproc.core.records.link import Link
from streamproc.core.records.topic_names import CONTROLS, LINKS, OPERATIONS
from streamproc.core.records.user_record import encode
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from tests.unit.core.fold.test_claims import User, manager


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> MemoryLog:
    """A log in memory, in the place of the cluster."""
    kafka = MemoryLog(MemoryBroker(1, lambda: 5))
    monkeypatch.setattr("streamproc.cli.identities.cluster_of", lambda *_, **__: kafka)
    return kafka


def written(log: MemoryLog, *users: User) -> None:
    """Their records, in this order, with a link of each subject whose name isn't the user's."""

    async def write() -> None:
        producer = log.producer()
        for user in users:
            await producer.send_and_wait(OPERATIONS, encode(user.here), b"U", 0)
            for name, facts in user.here.facts.items():
                if facts.subject != "U":
                    link = Link(1, name.partition("/")[0], facts.subject, facts.origin, user="U", claim="U")
                    await producer.send_and_wait(LINKS, orjson.dumps(link), name.encode(), 0)

    asyncio.run(write())


def listed(*options: str) -> list[tuple[str, str | None, bool]]:
    """Subject, user, and whether it is held."""
    done = CliRunner().invoke(cli, ["identities", "list", "--json", *options])
    assert done.exit_code == 0, done.output
    return [(row["subject"], row["user"], row["held"]) for row in orjson.loads(done.stdout)]


def test_who_is_held_is_listed_with_what_to_do(log: MemoryLog) -> None:
    """Beside those whose user isn't known; the others only on demand."""
    written(
        log, manager().hear("okta/B", "snapshot", active=True).hear("hris/v", active=True).hear("hris/U", active=True)
    )
    assert listed() == [("okta/B", "U", True), ("hris/U", "U", True)]
    assert listed("--all")[1:] == [("okta/A", "U", False), ("okta/B", "U", True), ("hris/U", "U", True)]
    text = CliRunner().invoke(cli, ["identities", "list"]).output
    assert "held: another subject of its source is this user; link it" in text


def test_who_isnt_held_any_more_isnt_listed(log: MemoryLog) -> None:
    """The user's newest record counts."""
    user = manager().hear("okta/B", "snapshot", active=True)
    written(log, user)
    assert listed() == [("okta/B", "U", True)]
    written(log, user.linked("okta/B", active=True))
    assert listed() == []


@pytest.mark.parametrize("words", [("okta/b\u200d", "U"), ("okta/b", "U\u202e"), ("okta/b", "\x00")])
def test_no_order_about_what_isnt_seen(log: MemoryLog, words: tuple[str, str]) -> None:
    """Nothing is written, and the character is named by its number."""
    done = CliRunner().invoke(cli, ["identities", "link", *words, "--by", "Kim Berg", "--reason", "asked HR"])
    assert done.exit_code == 1
    assert "U+" in done.output

    async def orders() -> int:
        return len([each async for each in reading.records_of(log, CONTROLS)])

    assert asyncio.run(orders()) == 0
