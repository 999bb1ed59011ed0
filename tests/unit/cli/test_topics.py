"""`streamproc topics --acls`: what administrators get."""

import subprocess
import sys

import orjson
import pytest
from click.testing import CliRunner

from streamproc.cli.main import cli
from streamproc.rights import PROCESSES


def printed(*arguments: str, code: int = 0) -> str:
    """What the command prints."""
    done = CliRunner().invoke(cli, ["topics", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_the_three_forms_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text, JSON and commands have every right of every process once, with the group of the settings."""
    monkeypatch.setenv("STREAMPROC_GROUP", "acme")
    monkeypatch.setenv("STREAMPROC_KAFKA", "kafka:9093")
    rights = [(process.name, right) for process in PROCESSES for right in process.rights("acme")]
    entries = orjson.loads(printed("--acls", "--json"))
    assert [(each["process"], each["operation"], each["resource"], each["name"]) for each in entries] == [
        (process, *right[:3]) for process, right in rights
    ]
    assert [each for each in entries if each["pattern"] == "prefixed"] == [
        {
            "process": "sink",
            "operation": "Write",
            "resource": "transactional-id",
            "name": "acme-sink-",
            "pattern": "prefixed",
        }
    ]
    commands = [line for line in printed("--acls", "--commands").splitlines() if not line.startswith("#")]
    assert all(line.startswith("kafka-acls --bootstrap-server kafka:9093 --add --allow-principal") for line in commands)
    options = ("--topic ", "--group ", "--transactional-id ")
    assert sum(line.count(option) for line in commands for option in options) == len(rights)
    (prefixed,) = [line for line in commands if "prefixed" in line]
    assert prefixed.endswith(
        "User:acme-sink --operation Write --transactional-id acme-sink- --resource-pattern-type prefixed"
    )
    text = printed("--acls")
    assert "    Read on group: acme-hydrator\n" in text
    assert "    Write on transactional-id: acme-sink-*\n" in text


def test_an_absent_cluster_is_one_line() -> None:
    """On standard error there is nothing beside it, and the exit code is 1."""
    command = [sys.executable, "-m", "streamproc.cli", "topics", "--check", "--kafka", "127.0.0.1:1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "streamproc: no Kafka broker answers at 127.0.0.1:1: Connection refused. Is it up? Is STREAMPROC_KAFKA right?\n"
    )


def test_commands_are_of_rights() -> None:
    """The option alone is a mistake."""
    assert "--commands goes with --acls" in printed("--commands", code=2)
