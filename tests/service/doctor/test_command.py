"""`streamproc doctor` as an operator runs it."""

import orjson
import pytest
from click.testing import CliRunner

from streamproc.cli.doctor import doctor


def test_a_cluster_that_isnt_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says what to do; the exit code is 1, for people and for machines."""
    monkeypatch.setenv("STREAMPROC_KAFKA", "127.0.0.1:1")
    told = CliRunner().invoke(doctor, ["--as", "worker"], env={"COLUMNS": "200"})
    assert told.exit_code == 1
    assert "no Kafka broker answers at 127.0.0.1:1" in told.output
    assert "Is STREAMPROC_KAFKA right?" in told.output
    asked = orjson.loads(CliRunner().invoke(doctor, ["--as", "worker", "--json"]).output)
    (line,) = [line for line in asked["lines"] if line["part"] == "kafka"]
    assert (line["severity"], line["about"]) == ("error", "cluster")
    assert asked["errors"] == 1
