"""As of: why somebody isn't ours, or has no access for a time, and by which expression they have what they have."""

import pytest

from streamproc.audit.asof.query import as_of
from streamproc.audit.asof.text import row
from tests.support.asof_log import Log, hired, lines

SCOPED = """
[scope]
who = 'employer == "ACME" && department in ["Care", "Sales"]'
[suspend]
when = 'coalesce(leave, "") == "Garden leave"'
[attributes]
title = "job"
displayName = { expr = 'coalesce(preferredName, displayName)' }
department = { expr = 'upper(department)' }
[externalIds]
microsoftteams = { expr = 'lower(userName)' }
[[rule]]
when = { job = "Agent" }
if = 'department == "Care"'
skills = { Spanish = 4.0 }
[[copy]]
expr = 'split(queues, "+")'
to = "groups"
"""


def told(log: Log, beginning: str) -> list[str]:
    """Lines of the answer that begin with a word."""
    return [line for line in lines(log, 60) if line.startswith(beginning)]


def test_who_never_was_ours_is_told_with_the_clause_and_the_fact() -> None:
    """The first clause that says no, the facts it looks at, and whose words they are; nothing else is desired."""
    log = Log(SCOPED)
    hired(log, employer="ACME", department="Warehouse")
    (why,) = told(log, "scope")
    assert why.startswith(
        'scope "never" since 2026-11-24T12:01:00Z out of scope: department in ["Care", "Sales"], department '
        'department = "Warehouse" hris H-1, snapshot e1, identity.changes/0@1'
    )
    assert not told(log, "active")
    assert not told(log, "title")


def test_who_left_keeps_what_they_had_less_access() -> None:
    """Why they are out, since when, and that all else is as it was."""
    log = Log(SCOPED)
    hired(log, employer="ACME", department="Care", job="Agent")
    log.say("hris", "H-1", facts={"employer": "Other", "job": "Driver"})
    (why,) = told(log, "scope")
    assert why.startswith('scope "left" since 2026-11-24T12:02:00Z out of scope: employer == "ACME", employer')
    assert 'employer = "Other" hris H-1, change e2' in why
    (title,) = told(log, "title")
    assert title.startswith('title "Agent" since 2026-11-24T12:01:00Z as it was on leaving the scope')
    (active,) = told(log, "active")
    assert active.startswith('active false since 2026-11-24T12:02:00Z out of scope: employer == "ACME", employer')


def test_a_leaver_who_had_left_the_scope_is_denied_by_the_source() -> None:
    """Whose word it is, now that a source says no as well."""
    log = Log(SCOPED)
    hired(log, employer="ACME", department="Care")
    log.say("hris", "H-1", facts={"employer": "Other"})
    log.say("hris", "H-1", facts={"active": False})
    (active,) = told(log, "active")
    assert active.startswith("active false since 2026-11-24T12:02:00Z attribute (active) active = false hris H-1")


def test_what_cant_be_told_names_what_is_missing() -> None:
    """A department without a value keeps who is in scope in it, and the answer says on what that rests."""
    log = Log(SCOPED)
    hired(log, employer="ACME", department="Care")
    log.say("hris", "H-1", facts={"department": None})
    (why,) = told(log, "scope")
    clause = 'department in ["Care", "Sales"], department'
    assert why.startswith(f'scope "in" stays, since this can\'t be told: {clause} department = null hris H-1')
    assert "problem: scope rests on department, which has no value" in lines(log, 60)


def test_a_suspension_is_why_there_is_no_access() -> None:
    """The source says active; the mapping's expression and the fact that it looks at are named."""
    log = Log(SCOPED)
    hired(log, employer="ACME", department="Care", leave="Garden leave")
    (active,) = told(log, "active")
    assert active.startswith(
        'active false since 2026-11-24T12:01:00Z suspended: coalesce(leave, "") == "Garden leave", leave '
        'leave = "Garden leave" hris H-1'
    )
    log.say("hris", "H-1", facts={"active": False})
    (denied,) = told(log, "active")
    assert denied.startswith("active false since 2026-11-24T12:01:00Z attribute (active) active = false hris H-1")


def test_values_by_expression_name_it_and_the_facts_it_reads() -> None:
    """Of attributes, external ids, rules and copies, each with the words behind it."""
    log = Log(SCOPED)
    hired(log, employer="ACME", department="Care", job="Agent", displayName="Ana", userName="ANA@x", queues="Day+Night")
    found = lines(log, 60)
    (department,) = told(log, "department")
    assert 'attribute (upper(department)) department = "Care" hris H-1' in department
    assert any(
        line.startswith('microsoftteams "ana@x"') and 'attribute (lower(userName)) userName = "ANA@x"' in line
        for line in found
    )
    (spanish,) = told(log, "Spanish 4.0")
    assert 'rule 1 (job = Agent and department == "Care") job = "Agent" hris H-1' in spanish
    assert 'department = "Care" hris H-1' in spanish
    groups = [line for line in found if line.startswith(("Day", "Night"))]
    assert len(groups) == 2
    assert all('copy 1 (split(queues, "+")) queues = "Day+Night"' in line for line in groups)


@pytest.mark.parametrize(
    ("facts", "access"),
    [
        ({"department": "Warehouse"}, "not in scope"),
        ({"department": "Care"}, "active"),
        ({"department": "Care", "leave": "Garden leave"}, "inactive, suspended"),
    ],
)
def test_the_table_says_how_each_stands(facts: dict[str, str], access: str) -> None:
    """Beside whether they are active."""
    log = Log(SCOPED)
    hired(log, employer="ACME", **facts)
    (answer,) = as_of(log.history(), log.now)
    assert row(answer)[1] == access
