"""Leavers whom the mapping's scope or a suspension took access from, told apart from those of whom a source says no."""

import csv
import io
from typing import Any

import pytest

from streamproc.audit.revocations.report.document import Assets, document
from streamproc.audit.revocations.report.plain import as_csv, as_json, lines
from tests.support.leaver_reports import only, told
from tests.support.leavers import TEXT, Log, at

SCOPED = (
    """
[scope]
who = 'department == "Care"'
"""
    + TEXT
)
RELEASING = SCOPED.replace("[attributes]", 'leaving = "release"\n[attributes]')
SUSPENDING = "[suspend]\nwhen = 'leave == \"Garden leave\"'\n" + TEXT


def log_of(text: str = SCOPED, **facts: Any) -> Log:
    """Somebody works in Care."""
    log = Log(text=text)
    log.says("E1", at("08:00:00"), True, department="Care", **facts)
    return log


def test_who_leaves_the_scope_is_told_apart() -> None:
    """The clock runs from the word that moved them; it is the mapping that takes access, and the report says so."""
    log = log_of()
    seq = log.says("E1", at("09:00:00"), True, department="Warehouse")
    log.revoked("E1", seq, at("09:00:01"))
    one = only(log)
    assert (one.cause, one.state, one.start) == ("scope", "revoked", at("09:00:00"))
    report = told(log)
    assert [(line.source, line.clock.n) for line in report.causes] == [("scope", 1)]
    assert any("by the mapping's scope" in line for line in lines(report))
    assert as_json(report)["leavers"][0]["cause"] == "scope"
    page = document(report, Assets("", "", ""), "1", "a log")
    assert "By what took their access" in page
    assert page.count("by the mapping&#x27;s scope") == 1
    (row,) = csv.DictReader(io.StringIO(as_csv(report)))
    assert row["cause"] == "scope"


def test_a_source_that_says_no_at_the_same_time_is_the_cause() -> None:
    """Whoever leaves the company and the scope in one event is a leaver."""
    log = log_of()
    log.says("E1", at("09:00:00"), False, department="Warehouse")
    assert only(log).cause == "source"
    assert told(log).causes == ()


def test_who_never_was_ours_is_no_leaver() -> None:
    """Nobody looked for them, so there is nothing to revoke."""
    log = Log(text=SCOPED)
    log.says("E1", at("08:00:00"), True, department="Warehouse")
    log.says("E1", at("09:00:00"), False)
    assert told(log).leavers == ()


def test_who_was_released_is_a_leaver_once_a_source_says_no() -> None:
    """Release takes nothing; that they leave the company still does."""
    log = log_of(RELEASING)
    log.says("E1", at("09:00:00"), True, department="Warehouse")
    assert told(log).leavers == ()
    log.says("E1", at("10:00:00"), False)
    assert (only(log).cause, only(log).start) == ("source", at("10:00:00"))


def test_who_leaves_while_suspended_is_told_as_a_leaver() -> None:
    """Of the suspension and of the leaving, each with its own clock; what the leaving had to take was gone already."""
    log = log_of(SUSPENDING)
    seq = log.says("E1", at("09:00:00"), True, leave="Garden leave")
    log.revoked("E1", seq, at("09:00:01"))
    left = log.says("E1", at("10:00:00"), False)
    log.tells("E1", left, "no-op", at("10:00:01"))
    found = {one.cause: one for one in told(log).leavers}
    assert (found["suspension"].state, found["suspension"].start) == ("revoked", at("09:00:00"))
    assert (found["source"].state, found["source"].start) == ("nothing", at("10:00:00"))


def test_who_leaves_while_the_suspension_waits_is_open_as_a_leaver() -> None:
    """Nothing was taken yet: the leaver isn't hidden behind a suspension, and doesn't count twice."""
    log = log_of(SUSPENDING)
    suspended = log.says("E1", at("09:00:00"), True, leave="Garden leave")
    left = log.says("E1", at("10:00:00"), False)
    assert (only(log).cause, only(log).state) == ("source", "open")
    log.tells("E1", suspended, "superseded", at("10:00:00.500"))
    log.revoked("E1", left, at("10:00:01"))
    assert (only(log).cause, only(log).state) == ("source", "revoked")


def test_who_leaves_after_leaving_the_scope_is_told_as_a_leaver() -> None:
    """The guard held the one and lets the other through; with the scope's case still open only the leaver counts."""
    log = log_of()
    moved = log.says("E1", at("09:00:00"), True, department="Warehouse")
    log.tells("E1", moved, "held", at("09:00:01"), reason="mass guard: 300 users of one cause")
    assert (only(log).cause, only(log).state) == ("scope", "open")
    left = log.says("E1", at("10:00:00"), False)
    log.revoked("E1", left, at("10:00:01"))
    assert (only(log).cause, only(log).state, only(log).start) == ("source", "revoked", at("10:00:00"))


def test_access_that_comes_back_ends_the_case() -> None:
    """Who comes back from leave before anything was sent."""
    log = log_of(SUSPENDING)
    log.says("E1", at("09:00:00"), True, leave="Garden leave")
    log.says("E1", at("09:30:00"), True, leave=None)
    assert (only(log).cause, only(log).state) == ("suspension", "withdrawn")


def test_a_scope_that_comes_into_force_is_a_cause() -> None:
    """By the order, for everybody whom it leaves out."""
    log = Log(text=TEXT)
    for number in range(3):
        log.says(f"E{number}", at("08:00:00"), True)
    log.mapped(SCOPED.replace("department ==", 'coalesce(department, "") =='), at("09:00:00"))
    report = told(log)
    assert {(one.cause, one.source, one.state) for one in report.leavers} == {("scope", "mapping", "open")}
    assert len(report.leavers) == 3


@pytest.mark.parametrize("text", [SCOPED, SUSPENDING])
def test_a_report_without_either_says_nothing_of_causes(text: str) -> None:
    """As before there were any."""
    log = log_of(text)
    log.says("E1", at("09:00:00"), False)
    assert not any("cause" in line for line in lines(told(log)))
