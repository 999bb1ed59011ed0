"""What `streamproc reconcile --once` prints, and how it ends."""

import orjson
import pytest
from msgspec import structs

from streamproc.cli.reconcile import printed
from streamproc.core.records.finding import Changed, Difference, Finding
from streamproc.core.records.units import Millis
from streamproc.reconcile.process import Summary

AT = Millis(1_780_000_000_000)
KIM = Changed(AT, "client-7", "p-1", "Kim Berg", "entry-1")
HERE = Difference("active", "changed", "own", False, True, "by hand", KIM)
BACK = Finding("E1", "g-1", "e1@a.example", [HERE], AT, AT, incident=True)
EDITED = Finding(
    "E2",
    "g-2",
    "e2@a.example",
    [
        Difference("roles", "unknown", "own", ["Agent"], ["Agent", "Admin"], "nobody known"),
        Difference("skills", "pending", "observe", {"Spanish": 4.0}, {}, "on its way"),
    ],
    AT,
    AT,
)
ORPHAN = Finding(
    None, "g-3", "x@a.example", [Difference("account", "orphan", "own", None, {"active": True}, "no source")], AT, AT
)


def summary(*findings: Finding) -> Summary:
    """Of a round."""
    return Summary(3, 2, 5, 7, 1.25, list(findings))


def test_what_disagrees_is_a_table_with_who_did_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line for each difference, both values, who and when; then the sum. It ends with 1."""
    monkeypatch.setenv("COLUMNS", "200")
    assert printed(summary(BACK, EDITED, ORPHAN), None, as_json=False) == 1
    told = " ".join(capsys.readouterr().out.split())
    for said in (
        "changed, incident",
        "Kim Berg with",
        "Agent, Admin instead",
        "nothing instead of Spanish 4.0",
        "(observe)",
        "account/g-3",
        "account x@a.example",
        "1 with access who are to have none",
        "3 of 3 accounts and 2 users disagree (changed 1, orphan 1, pending 1, unknown 1); 7 requests, 1 s",
    ):
        assert said in told


def test_whoever_couldnt_be_read_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody takes it for agreement: it ends with 1."""
    assert printed(structs.replace(summary(), unread={"E3": "500"}), None, as_json=False) == 1
    assert "E3 can't be compared: 500" in capsys.readouterr().out


def test_where_all_agrees_one_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with 0."""
    assert printed(summary(), None, as_json=False) == 0
    assert capsys.readouterr().out == "0 of 3 accounts and 2 users disagree; 7 requests, 1 s\n"


def test_machines_get_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The findings as they are in the log, and the numbers."""
    assert printed(summary(BACK), None, as_json=True) == 1
    told = orjson.loads(capsys.readouterr().out)
    assert told == {
        "findings": [orjson.loads(orjson.dumps(BACK))],
        "accounts": 3,
        "users": 2,
        "looked": 5,
        "requests": 7,
        "seconds": 1.25,
        "unread": {},
    }


def test_who_isnt_known_is_a_mistake_in_using_it(capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with 2, and says who."""
    assert printed(None, "E9", as_json=False) == 2
    assert "E9: no such user ID" in capsys.readouterr().err
