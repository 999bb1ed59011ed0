"""Replay of who is ours: records with a scope, a suspension and expressions are folded again to the same bytes."""

import pytest

from streamproc.core.records.change_event import Fact
from streamproc.core.records.topic_names import OPERATIONS
from tests.support.built import Built
from tests.support.replay_history import OLD, first, judged, said, valued, where

SCOPED = (
    """
[scope]
who = 'department == "Care" && employer in ["ACME", "BPO"]'
[suspend]
when = 'coalesce(leave, "") == "Garden leave"'
"""
    + OLD
    + """
[[rule]]
if = 'like(job, "*Agent")'
languages = { Spanish = 4.0 }
[externalIds]
microsoftteams = { expr = 'lower(userName)' }
"""
)


def story() -> Built:
    """The first scope over two who are there; one leaves it, one is suspended and comes back, one never was ours."""
    built = Built()
    built.apply(OLD, "worker", first=True)
    who: dict[str, Fact] = {"userName": "A@example.com", "displayName": "A", "active": True, "employer": "ACME"}
    built.say(said("ana", 1, **who, job="Agent", department="Care"))
    built.say(said("ben", 2, **who, job="Driver", department="Warehouse"))
    built.tell()
    built.apply(SCOPED)
    built.say(said("ana", 4, leave="Garden leave"))
    built.say(said("ana", 5, leave=None))
    built.say(said("ana", 6, department=None))
    built.say(said("ben", 7, active=False))
    built.say(said("eve", 8, **who, department="Warehouse"))
    built.say(said("eve", 9, active=False))
    return built


def test_scope_and_suspension_are_folded_again_exactly() -> None:
    """Also those that can't be told, and those who leave afterwards."""
    verdict = judged(story().logged)
    assert verdict.equal
    written = b"\n".join(each.value or b"" for each in story().operations)
    for state in (b'"scope":"left"', b'"scope":"never"', b'"suspended":true', b'"denied":true'):
        assert state in written
    assert b"scope rests on department, which has no value" in written


@pytest.mark.parametrize(
    ("was", "forged"),
    [('"scope":"left"', '"scope":"released"'), ('"suspended":true', '"suspended":null'), ("a@example", "b@example")],
)
def test_a_state_that_was_altered_is_found(was: str, forged: str) -> None:
    """Who is said to have been released, or not suspended, or to have another external id."""
    built = story()
    at = next(n for n, each in enumerate(built.operations) if was.encode() in (each.value or b""))
    altered = valued(was, forged)(built.operations[at])
    rest = [each for each in built.logged if each != built.operations[at]]
    assert where(first([*rest, altered]))[:2] == ("altered", OPERATIONS)
