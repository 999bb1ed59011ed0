"""The decider's transitions: all that there are, and those that a simulated sink takes."""

from tests.simulation.reachable import explore
from tests.simulation.report import as_json, as_text
from tests.simulation.session import Session
from tests.simulation.transitions import listed


def test_a_look_around_finds_no_transition_that_isnt_listed() -> None:
    """Whoever changes the decider is told to look again: else the report counts against an old list."""
    for hostile in (False, True):
        found = explore(1, lambda walks, _: walks >= 150, hostile=hostile)
        assert found.keys() - listed() == set(), "run python -m tests.simulation.reachable --anew"


def test_no_transition_is_in_both_lists() -> None:
    """What needs a hostile target is counted apart."""
    assert listed("plain") & listed("hostile") == set()
    assert len(listed()) > 300


def test_the_report_names_what_was_never_taken() -> None:
    """Coverage of schedules, not hope: what no seed has done is listed by name."""
    taken, *others = sorted(listed("plain"))
    session = Session(enough=1)
    session.counts.update({f"transition {taken}": 3, "pair net.twice @ stays, absent: create": 2, "invariant order": 5})
    session.played = 1
    text, found = as_text(session), as_json(session)
    assert f"1 of {len(others) + 1} taken" in text
    assert f"  {others[0]}" in text.partition("Never taken:")[2]
    assert "net.twice" in text.partition("Faults that were injected")[2].partition("Pairs")[0]
    assert found["transitions"] == {"all": len(others) + 1, "taken": 1, "never": others}
