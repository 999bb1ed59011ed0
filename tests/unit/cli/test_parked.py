"""Orders on the command line: somebody has to answer for each."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from streamproc.cli.main import cli


@pytest.mark.parametrize(
    "order",
    [
        ["held", "release", "E1001"],
        ["held", "reject", "E1001"],
        ["parked", "retry", "E1001"],
        ["parked", "skip", "E1001"],
        ["sink", "pause"],
        ["sink", "resume"],
        ["identities", "link", "okta/00u1", "E1001"],
        ["identities", "split", "okta/00u1"],
        ["mapping", "apply", "new.toml"],
        ["rejected", "replay", "events.hris/0/1"],
        ["rejected", "drop", "events.hris/0/1"],
        ["findings", "adopt", "E1001", "8f3c"],
        ["findings", "ignore", "account/8f3c"],
        ["findings", "deactivate", "account/8f3c"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("blank", ["--by", "--reason"])
def test_no_order_without_a_name_and_a_reason(
    order: list[str], blank: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays in the log for whoever asks later, so blanks are refused before Kafka is asked for anything."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.toml").touch()
    said = {"--by": "Kim Berg", "--reason": "asked HR"} | {blank: "  "}
    done = CliRunner().invoke(cli, [*order, *(word for each in said.items() for word in each)])
    assert done.exit_code == 2
    assert "can't be blank" in done.output
