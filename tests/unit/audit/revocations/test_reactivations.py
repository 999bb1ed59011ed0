"""Who was activated again in the target, against what is said of them: by whom, for how long, and what became of it."""

import csv
import io
from typing import Any

import pytest

from streamproc.audit.revocations.latency import Leaver
from streamproc.audit.revocations.report.document import Assets, document
from streamproc.audit.revocations.report.plain import as_csv, as_json, lines
from streamproc.core.records.change_event import Origin
from streamproc.core.records.finding import LOOK, Changed, Difference, Finding
from streamproc.core.records.topic_names import FINDINGS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from tests.support.leaver_reports import told
from tests.support.leavers import Log, at

KIM = Changed(Millis(at("12:00:00")), "c-1", "p-1", "Kim <b>Berg</b>", "entry-9")
TITLE = Difference("title", "unknown", "own", "Agent", "Boss", "nobody knows by whom")


def gone() -> tuple[Log, int]:
    """Somebody left, and lost access; and the seq of that."""
    log = Log()
    log.says("E1", at("08:00:00"), True)
    seq = log.says("E1", at("09:00:00"), False)
    log.revoked("E1", seq, at("09:00:01"))
    return log, seq


def find(log: Log, seq: int, when: int, changed: Changed | None = KIM, *, incident: bool = True, **more: Any) -> Cause:
    """A finding, and the cause of what a look at it leads to."""
    back = Difference("active", "unknown" if changed is None else "changed", "own", False, True, "active", changed)
    differences = [back, TITLE] if incident else more.pop("differences", [])
    finding = Finding("E1", "g1", "e1", differences, Millis(more.pop("looked", when)), Millis(when), seq, 0, incident)
    logged = log.put(FINDINGS, "E1", finding, when)
    return Cause("streamproc", LOOK, Origin(FINDINGS, 0, logged.offset, Millis(when)), "active was changed")


def cases(log: Log) -> list[Leaver]:
    """In the report, by when the clock started."""
    return sorted(told(log).reactivated, key=lambda one: one.start)


def test_who_was_back_in_is_told_apart_with_how_long_and_by_whom() -> None:
    """The leaving keeps its own line; the new one counts from the finding, and tells since when access stood."""
    log, seq = gone()
    cause = find(log, seq, at("12:04:00"))
    log.revoked("E1", seq, at("12:04:01"), final=False, cause=cause)
    (one,) = cases(log)
    assert (one.state, one.start, one.left) == ("revoked", at("12:04:00"), at("12:00:00"))
    assert one.stopped == at("12:04:01") + 240
    report = told(log)
    assert {line.source: line.clock.n for line in report.causes} == {"source": 1, "reactivation": 1}
    assert {line.source: line.clock.n for line in report.lines} == {"hris": 1, "reconcile": 1}
    text = lines(report)
    assert "activated again in Genesys:" in text
    assert any("had access for 4 min 1 s" in line and "Kim <b>Berg</b> with client c-1" in line for line in text)
    (row,) = [row for row in csv.DictReader(io.StringIO(as_csv(report))) if row["cause"] == "reactivation"]
    assert (row["source"], row["since_effective_ms"]) == ("reconcile", "241240")
    page = document(report, Assets("", "", ""), "1", "a log")
    assert "Activated again in Genesys Cloud (1)" in page
    assert "<b>Berg" not in page
    assert [one["cause"] for one in as_json(report)["leavers"]].count("reactivation") == 1


def test_who_still_has_access_is_open() -> None:
    """And late, once the limit has passed: nobody needs to know what a finding is to be called for it."""
    log, seq = gone()
    find(log, seq, at("12:04:00"), None)
    (one,) = cases(log)
    assert (one.state, one.left, one.reason) == ("open", at("12:04:00"), None)
    assert one in told(log).late


def test_a_finding_repeated_until_it_is_settled_is_one_case() -> None:
    """Who did it may be known only later; a page that was read before access was taken again begins no new case."""
    log, seq = gone()
    find(log, seq, at("12:04:00"), None)
    cause = find(log, seq, at("12:05:00"))
    log.revoked("E1", seq, at("12:05:01"), final=False, cause=cause)
    find(log, seq, at("12:05:03"), looked=at("12:05:00"))
    (one,) = cases(log)
    assert (one.state, one.start, one.left) == ("revoked", at("12:04:00"), at("12:00:00"))
    assert one.reason == "activated in the target by Kim <b>Berg</b> with client c-1"


def test_each_time_is_a_case() -> None:
    """Somebody who activates them once more is told once more."""
    log, seq = gone()
    for clock in ("12", "13"):
        cause = find(log, seq, at(f"{clock}:04:00"))
        log.revoked("E1", seq, at(f"{clock}:04:01"), final=False, cause=cause)
    assert [(one.state, one.start) for one in cases(log)] == [
        ("revoked", at("12:04:00")),
        ("revoked", at("13:04:00")),
    ]


@pytest.mark.parametrize("differences", [[], [TITLE]])
def test_what_ended_otherwise_had_nothing_to_revoke(differences: list[Difference]) -> None:
    """Who had activated them took it back, or the sources say now that they are to have access."""
    log, seq = gone()
    find(log, seq, at("12:04:00"))
    find(log, seq, at("12:10:00"), incident=False, differences=differences)
    (one,) = cases(log)
    assert (one.state, one.stopped) == ("nothing", at("12:10:00"))


def test_what_the_target_refuses_stays_open_and_says_why() -> None:
    """A look that comes to nothing isn't the end."""
    log, seq = gone()
    cause = find(log, seq, at("12:04:00"))
    log.tells("E1", seq, "parked", at("12:04:01"), final=False, cause=cause, reason="refused: locked")
    (one,) = cases(log)
    assert (one.state, one.why) == ("open", "parked: refused: locked")


def test_other_findings_and_strangers_are_no_reactivations() -> None:
    """A title that differs, a finding under another key, a stray record, an account of nobody's."""
    log, seq = gone()
    find(log, seq, at("12:04:00"), incident=False, differences=[TITLE])
    back = Difference("active", "changed", "own", False, True, "active")
    log.put(FINDINGS, "E1", Finding("E2", "g", None, [back], Millis(0), Millis(0), incident=True), at("12:05:00"))
    log.put(FINDINGS, "E1", b"{", at("12:05:00"))
    nobody = Finding(None, "g", None, [back], Millis(0), Millis(0), incident=True)
    log.put(FINDINGS, nobody.key, nobody, at("12:05:00"))
    assert cases(log) == []
