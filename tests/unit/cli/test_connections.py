"""`streamproc connections`: tokens are shown once, and an operator who is wrong reads what to do instead."""

import asyncio
import json
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.adapters.kafka.connections_in_force import ConnectionsInForce
from streamproc.adapters.kafka.reading import records_of
from streamproc.cli import connections as command
from streamproc.cli.main import cli
from streamproc.core.provider.connection_token import hashed
from streamproc.core.provider.connections import Connections
from streamproc.core.records.connection_definition import ConnectionDefinition, ConnectionToken
from streamproc.core.records.control import CONTROL, Control
from streamproc.core.records.topic_names import CONTROLS
from streamproc.core.records.units import Millis
from streamproc.operators import connections as operators
from streamproc.operators.connections import NotOrderedError
from streamproc.testing.memory_log import MemoryBroker, MemoryLog

WHY = ("--by", "Kim Berg", "--reason", "CHG-4711")
NOW = 1_790_000_000_000
HOUR = 3_600_000


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> MemoryLog:
    """An empty log in memory, in the place of the cluster."""
    kafka = MemoryLog(MemoryBroker(3, lambda: 5))
    monkeypatch.setattr(command, "cluster_of", lambda *_, **__: kafka)
    monkeypatch.setattr(command, "now_ms", lambda: Millis(NOW))
    return kafka


def run(*words: str, **environment: str) -> Result:
    """`streamproc connections` with these words."""
    return CliRunner().invoke(cli, ["connections", *words], env={"COLUMNS": "240", **environment})


def done(*words: str) -> str:
    """What it prints, where all went well."""
    result = run(*words)
    assert result.exit_code == 0, result.output
    return str(result.stdout).strip()


def refused(*words: str) -> str:
    """What an operator is told instead."""
    result = run(*words)
    assert isinstance(result.exception, NotOrderedError), result.output
    return str(result.exception)


def in_force(kafka: MemoryLog) -> Connections:
    """What a gateway that starts now makes of it."""

    async def read() -> Connections:
        here = ConnectionsInForce(kafka)
        await here.start()
        await here.stop()
        return here.connections

    return asyncio.run(read())


def ordered(kafka: MemoryLog) -> list[Control]:
    """All that was ordered."""

    async def read() -> list[Control]:
        return [CONTROL.validate_json(each.value or b"") async for each in records_of(kafka, CONTROLS)]

    return asyncio.run(read())


def test_a_new_connection_has_a_token_that_is_shown_once(log: MemoryLog) -> None:
    """The token alone is on standard output, only its hash is in the log, with who ordered it and why."""
    result = run("add", "okta", *WHY, "--delivered", "--repeated-within", "10m")
    token = result.stdout.strip()
    assert token.startswith("scim_")
    assert "shown once" in result.stderr
    found = in_force(log).get("okta")
    assert found == ConnectionDefinition(
        "okta", 0, (ConnectionToken(hashed(token)),), delivered=True, repeated_within=Millis(600_000)
    )
    (order,) = ordered(log)
    assert (order.by, order.reason, order.at) == ("Kim Berg", "CHG-4711", NOW)
    assert token not in orjson.dumps(order).decode()
    assert token not in run("list", "--json").output


def test_connections_are_spread_over_partitions(log: MemoryLog) -> None:
    """Each gets the partition that the fewest have, unless one is named; a removed one counts no more."""
    for name in ("a", "b", "c", "d"):
        done("add", name, *WHY)
    done("remove", "b", *WHY)
    done("add", "e", *WHY)
    done("add", "f", *WHY, "--partition", "2")
    assert {name: each.partition for name, each in in_force(log).served().items()} == {
        "a": 0, "c": 2, "d": 0, "e": 1, "f": 2,
    }  # fmt: skip
    assert "no partition 3" in refused("add", "g", *WHY, "--partition", "3")


def test_rotation_keeps_the_old_token_for_a_while(log: MemoryLog) -> None:
    """The app goes on until somebody has pasted the new one; a token that leaked ends at once."""
    first = done("add", "okta", *WHY)
    second = done("rotate", "okta", *WHY, "--keep", "24h")
    assert in_force(log).served()["okta"].tokens == (
        ConnectionToken(hashed(first), Millis(NOW + 24 * HOUR)),
        ConnectionToken(hashed(second)),
    )
    row = json.loads(done("list", "--json"))[0]
    assert [each["until"] for each in row["tokens"]] == ["2026-09-22T14:13:20+00:00", None]
    third = run("rotate", "okta", *WHY, "--keep", "0h")
    assert "end at once" in third.stderr
    assert in_force(log).served()["okta"].tokens == (ConnectionToken(hashed(third.stdout.strip())),)
    assert run("rotate", "okta", *WHY, "--keep", "5 days").exit_code == 2
    assert run("rotate", "okta", *WHY, "--keep", "91d").exit_code == 2


def test_a_removed_connection_comes_back_as_it_was(log: MemoryLog) -> None:
    """Its tokens are gone at once; under its name there is never another anchor or partition."""
    done("add", "lab", *WHY, "--anchor", "self", "--probe", "*@test.example")
    assert "removed" in done("remove", "lab", *WHY)
    assert not in_force(log).served()
    assert "lab" not in done("list")
    assert "removed" in done("list", "--all")
    assert "was removed" in refused("rotate", "lab", *WHY)
    assert "the anchor self" in refused("add", "lab", *WHY)
    done("add", "lab", *WHY, "--anchor", "self")
    assert in_force(log).served()["lab"].probes == ()


def test_options_are_changed_one_by_one(log: MemoryLog) -> None:
    """What isn't named stays, and an order that changes nothing isn't given."""
    token = done("add", "lab", *WHY, "--anchor", "self", "--probe", "a*")
    done("change", "lab", *WHY, "--delivered", "--repeated-within", "1m")
    done("change", "lab", *WHY, "--patch-body", "--no-probes")
    assert in_force(log).get("lab") == ConnectionDefinition(
        "lab",
        0,
        (ConnectionToken(hashed(token)),),
        anchor="self",
        patch_body=True,
        repeated_within=Millis(60_000),
        delivered=True,
        base=1,
    )
    assert "is so already" in refused("change", "lab", *WHY, "--delivered")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("add", "okta", *WHY), "streamproc connections rotate okta"),
        (("add", "Okta", *WHY), "a connection's name is"),
        (("add", "new", *WHY, "--anchor", "employeNumber"), "did you mean `employeeNumber`"),
        (("add", "new", *WHY, "--probe", "x"), "probes are only for"),
        (("rotate", "none", *WHY), "there is no connection none; see streamproc connections list"),
        (("remove", "none", *WHY), "there is no connection none"),
        (("change", "none", *WHY), "there is no connection none"),
    ],
)
def test_who_is_wrong_reads_what_to_do(log: MemoryLog, words: tuple[str, ...], told: str) -> None:
    """Nothing is ordered, and the line says what would have been right."""
    done("add", "okta", *WHY)
    assert told in refused(*words)
    assert len(ordered(log)) == 1


def test_a_connection_of_the_settings_is_changed_there(log: MemoryLog, tmp_path: Path) -> None:
    """It is listed beside the others; an order about it isn't given, and a name in both is told."""
    file = tmp_path / "connections.toml"
    file.write_text(f'[entra]\npartition = 1\ntokens = ["{"a" * 64}"]\n')
    setting = {"STREAMPROC_SCIM_CONNECTIONS": str(file)}
    done("add", "entra", *WHY)
    listed = run("list", **setting)
    assert "the settings' file" in listed.stdout
    assert "remove it from one of them" in listed.stderr
    for words in (("add", "entra"), ("rotate", "entra"), ("remove", "entra")):
        result = run(*words, *WHY, **setting)
        assert "change it there" in str(result.exception)
    assert len(ordered(log)) == 1


def test_a_token_for_the_file_is_made_without_an_order(log: MemoryLog) -> None:
    """Whoever writes the settings' file gets a token for the app and a hash for the file."""
    made = json.loads(done("token", "--json"))
    assert made["sha256"] == hashed(made["token"])
    shown = run("token")
    assert hashed(shown.stdout.strip()) in shown.stderr
    assert not ordered(log)


def test_who_comes_second_is_told(log: MemoryLog) -> None:
    """Of two operators at the same moment one is told to look again, and the other's order stands."""

    async def both() -> None:
        there = await operators.known(log)
        new = ConnectionDefinition("okta", 0, (ConnectionToken("a" * 64),))
        made = operators.added(there, new, None)
        await operators.bring(log, made, (), "Kim", "one", Millis(NOW))
        with pytest.raises(NotOrderedError, match="another order meanwhile"):
            await operators.bring(log, made, (), "Lee", "two", Millis(NOW))

    asyncio.run(both())
    assert json.loads(done("list", "--json"))[0]["by"] == "Kim"
