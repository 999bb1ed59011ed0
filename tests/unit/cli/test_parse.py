"""`streamproc parse` as somebody who integrates a source uses it."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.cli.main import cli
from streamproc.sources import SOURCES
from tests.support.paths import PAYLOADS

FIXTURES = sorted(PAYLOADS.glob("*/*.json"))
KEYS = {"events", "notifications", "ignored"}


def parse(source: str, content: bytes, *options: str) -> Result:
    """Run the command on standard input."""
    return CliRunner().invoke(cli, ["parse", source, "-", *options], input=content)


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_fixture_becomes_something(file: Path) -> None:
    """Whatever a source can send is told as events, subjects to fetch, or ignored with a reason; both forms agree."""
    source = file.parent.name if file.parent.name in SOURCES else "hris"
    result = CliRunner().invoke(cli, ["parse", source, str(file), "--json"])
    assert result.exit_code == 0, result.output
    shown = orjson.loads(result.stdout)
    assert shown.keys() == KEYS
    assert all(each["reason"] for each in shown["ignored"])
    plain = CliRunner().invoke(cli, ["parse", source, str(file)])
    told = [line.split()[0] for line in plain.stdout.splitlines() if not line.startswith(" ")]
    kinds = ["event"] * len(shown["events"]) + ["notification"] * len(shown["notifications"])
    assert told == (kinds + ["ignored"] * len(shown["ignored"]) or ["nothing:"])


def test_a_leaver_can_be_read_off() -> None:
    """A deactivation is an event that says active false at its own time; no fetch is needed for that."""
    hook: dict[str, object] = {
        "eventType": "user.lifecycle.deactivate",
        "uuid": "u-1",
        "published": "2026-03-02T09:00:00.000Z",
    }
    hook |= {"outcome": {"result": "SUCCESS"}, "target": [{"type": "User", "id": "00u1"}]}
    (event,) = orjson.loads(parse("okta", orjson.dumps(hook), "--json").stdout)["events"]
    assert event["attributes"] == {"active": False}
    assert (event["subject"], event["event"], event["time"]) == ("00u1", "u-1", "2026-03-02T09:00:00Z")


def test_telephone_numbers_are_shown_as_they_will_be_in_the_log() -> None:
    """And where they can't be read, why; not what stands there."""
    user = {"id": "u1", "status": "ACTIVE", "profile": {"login": "a", "primaryPhone": "555-0100 (desk)"}}
    user["profile"] |= {"mobilePhone": "+1 (317) 555-0100"}  # type: ignore[operator]
    shown = parse("okta", orjson.dumps(user)).stdout
    assert 'mobile = "+13175550100"' in shown
    assert "phone can't be read: a telephone number without its country's code" in shown
    assert "desk" not in shown


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"not json", b"[" * 5000, b'{"a": NaN}'])
def test_what_isnt_json_is_one_ignored(content: bytes) -> None:
    """Exit code 1, the place of the mistake, and never what stands there."""
    for source in SOURCES:
        result = parse(source, content, "--json")
        shown = orjson.loads(result.stdout)
        assert result.exit_code == 1
        assert (shown["events"], shown["notifications"], len(shown["ignored"])) == ([], [], 1)
        assert shown["ignored"][0]["code"] == "not_json"


def test_a_source_that_isnt_there_is_a_usage_error() -> None:
    """Exit code 2, with the sources that there are."""
    result = parse("payroll", b"{}")
    assert result.exit_code == 2
    assert "okta" in result.output


@settings(max_examples=150)
@given(source=st.sampled_from(sorted(SOURCES)), content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_are_a_traceback(source: str, content: bytes) -> None:
    """Whatever is read: 0 or 1, and an answer in the agreed form."""
    result = parse(source, content, "--json")
    assert result.exit_code in {0, 1}
    assert orjson.loads(result.stdout).keys() == KEYS
