"""Who has left by what was rejected is in the report: nobody took their access away."""

import pytest

from streamproc.audit.revocations.latency import Leaver, State
from streamproc.core.records.control import CONTROL, Control
from streamproc.core.records.rejected import Problem, encode_rejected
from streamproc.core.records.topic_names import CHANGES, CONTROLS, REJECTIONS
from streamproc.core.records.units import Millis
from tests.support.leaver_reports import told
from tests.support.leavers import Log, at

SOURCE = "hris"
NAME = f"events.{SOURCE}/0/7"


def rejects(
    log: Log, subject: str | None, *, denies: bool = True, topic: str = f"events.{SOURCE}", at_: int = 7
) -> str:
    """An input is rejected at nine. Returns its name."""
    value = encode_rejected(
        topic, 0, at_, Millis(at("09:00:00")), [Problem("too_large", "too much", subject)], key=b"E1", denies=denies
    )
    log.put(REJECTIONS, f"{topic}/0/{at_}", value, at("09:00:00"))
    return f"{topic}/0/{at_}"


def orders(log: Log, action: str) -> None:
    """An operator orders something of the input at ten."""
    order = {"id": "x", "action": action, "user": None, "since": 0, "by": "Kim", "reason": "seen", "at": at("10:00:00")}
    control: Control = CONTROL.validate_python({**order, "input": NAME})
    log.put(CONTROLS, NAME, control, at("10:00:00"))


def only(log: Log) -> Leaver:
    """The one leaver."""
    (found,) = told(log).leavers
    return found


@pytest.mark.parametrize(("subject", "user"), [("E1", "E1"), ("S-9", "S-9"), (None, NAME)])
def test_a_rejected_leaving_is_open(subject: str | None, user: str) -> None:
    """By the user, by the source's subject, or by the input, as far as that is known; and it is late in the end."""
    log = Log()
    log.says("E1", at("08:00:00"), True)
    assert rejects(log, subject) == NAME
    found = only(log)
    assert (found.user, found.source, found.state, found.seq) == (user, SOURCE, "open", -1)
    assert found.why == f"rejected as too_large: too much; see streamproc rejected show {NAME}"
    assert told(log).late == (found,)


def test_what_says_nothing_of_leavers_is_no_leaver() -> None:
    """Most that is rejected doesn't."""
    log = Log()
    rejects(log, "E1", denies=False)
    assert told(log).leavers == ()


@pytest.mark.parametrize(("active", "users"), [(False, ["E1", "E1"]), (True, ["E1"])])
def test_it_ends_when_its_subject_is_spoken_of_again(active: bool, users: list[str]) -> None:
    """By a word that says whether somebody is active; a leaving is then a case of its own."""
    log = Log()
    log.says("E1", at("08:00:00"), True)
    rejects(log, "E1")
    log.says("E1", at("11:00:00"), active)
    found = told(log).leavers
    assert [leaver.user for leaver in found] == users
    (ended,) = [leaver for leaver in found if leaver.seq == -1]
    assert (ended.state, ended.stopped) == ("withdrawn", at("11:00:00") + 10)


@pytest.mark.parametrize(("action", "state"), [("replay", "withdrawn"), ("drop", "kept")])
def test_it_ends_by_an_operators_order(action: str, state: State) -> None:
    """Who drops it has decided that access stays."""
    log = Log()
    rejects(log, "E1")
    orders(log, action)
    found = only(log)
    assert (found.state, found.stopped) == (state, at("10:00:00"))
    assert found.why.endswith(f"{action} ordered by Kim: seen")


def test_what_was_rejected_as_a_change_is_its_users() -> None:
    """There it is known who it is."""
    log = Log()
    log.says("E1", at("08:00:00"), True)
    rejects(log, "E1", topic=CHANGES, at_=99)
    assert (only(log).user, only(log).seq) == ("E1", 99)
