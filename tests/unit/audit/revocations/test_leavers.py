"""Leavers over constructed histories: what became of each, and where the time went."""

from collections.abc import Callable
from dataclasses import asdict

import orjson
import pytest

from streamproc.audit.revocations.latency import hops
from streamproc.audit.revocations.query import leavers
from streamproc.core.errors import HistoryError
from streamproc.core.records.change_event import Origin
from streamproc.core.records.stored_record import InMemoryHistory
from streamproc.core.records.topic_names import CHANGES, OUTCOMES
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from tests.support.leaver_reports import END, left, only, told
from tests.support.leavers import DAY, TEXT, Log, at, patch


def ordered(action: str, when: int, reason: str = "really left") -> Cause:
    """The cause of what an operator's order led to, as the sink tells it."""
    return Cause(
        "streamproc", f"{action}-{when}", Origin("streamproc.controls", 0, 0, Millis(when)), f"Kim Berg: {reason}"
    )


def test_held_then_released() -> None:
    """The clock runs while the mass guard holds; until the release it is open, and says for what it waits."""
    log = Log()
    seq = left(log)
    log.tells("E1", seq, "held", at("09:00:01"), reason="mass guard: 20 users of one cause")
    log.holds("E1", seq, at("09:00:01"), "held", "mass guard: 20 users of one cause")
    log.orders("release", "E1", at("09:30:00"))
    log.revoked("E1", seq, at("09:30:01"), final=False, cause=ordered("release", at("09:30:00")))
    waiting = only(log, at("09:15:00"))
    assert (waiting.state, waiting.why) == ("open", "mass guard: 20 users of one cause")
    assert told(log, at("09:15:00")).late == (waiting,)
    assert "release ordered by Kim Berg and not carried out yet" in only(log, at("09:30:00.500")).why
    day = told(log)
    (one,) = day.breaches
    assert (one.state, one.why) == ("revoked", "after release by Kim Berg: really left")
    assert hops(one)["queue"] == at("09:30:01") - at("09:00:00.050")


@pytest.mark.parametrize(
    ("tell", "state", "why"),
    [
        (
            lambda log, seq: log.holds("E1", seq, at("09:01:00"), "refused", "no", status=400, correlation_id="c-1"),
            "open",
            "parked, refused: no (correlation id c-1)",
        ),
        (
            lambda log, seq: log.holds("E1", seq, at("09:01:00"), "protected", "the account is protected"),
            "kept",
            "the account is protected",
        ),
        (
            lambda log, seq: log.holds("E1", seq, at("09:01:00"), "rejected", "rejected by Kim Berg: broken file"),
            "kept",
            "rejected by Kim Berg: broken file",
        ),
        (
            lambda log, seq: log.tells("E1", seq, "rejected", at("09:01:00"), cause=ordered("reject", 0, "broken")),
            "kept",
            "rejected by Kim Berg: broken",
        ),
        (
            lambda log, seq: log.tells("E1", seq, "skipped", at("09:01:00"), cause=ordered("skip", 0, "not needed")),
            "open",
            "given up by Kim Berg: not needed",
        ),
        (lambda log, seq: log.tells("E1", seq, "parked", at("09:01:00"), reason="refused"), "open", "parked: refused"),
        (
            lambda log, seq: log.tells(
                "E1", seq, "retry", at("09:01:00"), patch(at("09:00:01"), at("09:00:09"), None), reason="no answer"
            ),
            "open",
            "target: no answer",
        ),
        (lambda log, seq: None, "open", "sink: nothing was sent yet"),
        (
            lambda log, seq: log.orders("pause", None, at("08:30:00"), "maintenance"),
            "open",
            "sink: nothing was sent yet; sinks paused by Kim Berg: maintenance",
        ),
    ],
    ids=["parked", "protected", "rejected", "rejected-live", "skipped", "parked-told", "target", "unsent", "paused"],
)
def test_who_still_has_access_is_told_with_the_reason(tell: Callable[[Log, int], None], state: str, why: str) -> None:
    """Open ones over the limit are late; who keeps access by a decision is listed, and isn't."""
    log = Log()
    tell(log, left(log))
    day = told(log)
    (one,) = day.leavers
    assert (one.state, one.why) == (state, why)
    assert len(day.late) == (state == "open")
    assert one.elapsed(END) == END - at("08:59:59.950")


def test_retries_count_from_the_first_request() -> None:
    """Attempts that a sink told before it died count, and the time until one is accepted is the target's."""
    log = Log()
    seq = left(log)
    log.tells("E1", seq, "unknown", at("09:00:10"), patch(at("09:00:01"), at("09:00:10"), 503), reason="503")
    log.revoked("E1", seq, at("09:00:12"))
    one = only(log)
    assert (one.sent, one.attempts) == (at("09:00:01"), 2)
    assert hops(one)["target"] == 11_120


def test_a_superseded_leaver_keeps_the_first_clock() -> None:
    """A second event that says "inactive" doesn't start the clock anew; the revocation of the newest closes it."""
    log = Log()
    first = left(log)
    second = log.says("E1", at("09:00:03"), False, source="okta")
    log.tells("E1", first, "superseded", at("09:00:04"))
    log.revoked("E1", second, at("09:00:04"))
    one = only(log)
    assert (one.seq, one.source, one.state) == (first, "hris", "revoked")
    assert one.elapsed(END) == 4290


def test_withdrawn_before_it_was_revoked() -> None:
    """A broken file held by the guard, and corrected: never revoked, and neither open nor a breach."""
    log = Log()
    seq = left(log)
    log.tells("E1", seq, "held", at("09:00:01"), reason="mass guard: bulk")
    back = log.says("E1", at("11:00:00"), True)
    log.tells("E1", back, "no-op", at("11:00:01"))
    day = told(log)
    assert [(each.state, each.stopped, each.why) for each in day.leavers] == [("withdrawn", at("11:00:00.010"), "")]
    assert (day.late, day.clock.n) == ((), 0)


def test_rehired_and_left_again_is_two_clocks() -> None:
    """Each leaving has its own; what became of the second isn't mistaken for the first's."""
    log = Log()
    first = left(log)
    log.revoked("E1", first, at("09:00:01"))
    back = log.says("E1", at("12:00:00"), True)
    log.tells("E1", back, "delivered", at("12:00:01"))
    again = log.says("E1", at("15:00:00"), False)
    log.revoked("E1", again, at("15:10:00"))
    day = told(log)
    assert [(each.seq, each.state) for each in day.leavers] == [(again, "revoked"), (first, "revoked")]
    assert [each.seq for each in day.breaches] == [again]


def test_whom_genesys_never_knew_had_nothing_to_revoke() -> None:
    """An account that was never there ends as nothing to revoke; so does one that came to us as inactive."""
    log = Log()
    seq = left(log)
    log.tells("E1", seq, "delivered", at("09:00:01"))
    stranger = log.says("E2", at("09:00:00"), False)
    log.tells("E2", stranger, "no-op", at("09:00:01"), read_back=at("09:00:01"))
    day = told(log)
    assert {each.user: each.state for each in day.leavers} == {"E1": "nothing", "E2": "nothing"}
    assert (day.clock.n, day.late) == (0, ())


def test_what_a_dead_sink_revoked_counts_when_the_next_has_seen_it() -> None:
    """It died before it could tell; a newer event follows, whose own plan is empty, and the target says inactive."""
    log = Log()
    first = left(log)
    second = log.says("E1", at("09:00:05"), False, job="Agent")
    log.tells("E1", first, "superseded", at("09:00:20"))
    log.tells("E1", second, "no-op", at("09:00:20"), read_back=at("09:00:19"))
    one = only(log)
    assert (one.state, one.sent, one.read_back) == ("revoked", None, at("09:00:19"))
    assert sum(hops(one).values()) == one.elapsed(END) == 19_050


def test_a_fate_that_was_lost_isnt_taken_for_nothing() -> None:
    """Of the leaving itself no outcome tells, of the next event one does: so one was lost, whatever that says."""
    log = Log()
    first = left(log)
    second = log.says("E1", at("09:00:05"), False, job="Agent")
    log.tells("E1", second, "no-op", at("09:00:06"))
    one = only(log)
    assert (one.seq, one.state, one.stopped) == (first, "missing", at("09:00:06"))
    assert "replay --verify" in one.why
    day = told(log)
    assert ([each.user for each in day.of("missing")], day.of("nothing"), day.clock.n) == (["E1"], [], 0)
    log.tells("E1", first, "held", at("09:00:07"), reason="mass guard")
    assert only(log).state == "nothing"  # told, be it late


def test_a_fate_that_several_events_share_isnt_missed() -> None:
    """Compaction let one outcome speak for the leaving, too; and a sink whose clock is ahead tells later, not never."""
    log = Log()
    first = left(log)
    second = log.says("E1", at("09:00:05"), False, job="Agent")
    log.tells("E1", second, "superseded", at("09:00:06"), since=first - 1)
    third = log.says("E1", at("09:00:07"), False, job="Lead")
    log.revoked("E1", third, at("09:00:08"))
    assert only(log).state == "revoked"
    log = Log()
    first = left(log)
    second = log.says("E1", at("09:00:05"), False, job="Agent")
    log.revoked("E1", first, at("09:00:20"))
    log.tells("E1", second, "no-op", at("09:00:06"))
    assert only(log, at("09:00:10")).state != "missing"


def test_a_compacted_log_lacks_only_the_moment_of_folding() -> None:
    """A live cluster keeps each user's newest record: its time goes to the next hop, and the sum stays."""
    log = Log()
    seq = left(log)
    log.revoked("E1", seq, at("09:00:00.500"))
    whole = only(log)
    log.says("E1", at("10:00:00"), False, job="Agent")
    log.compacted("E1")
    one = only(log)
    assert (whole.folded, one.folded) == (at("09:00:00.050"), None)
    assert "fold" not in hops(one)
    assert hops(one)["queue"] == hops(whole)["queue"] + hops(whole)["fold"]


def test_a_mapping_that_disables_is_the_cause() -> None:
    """A new mapping takes `active` from another fact: who is inactive by it left because of it."""
    log = Log()
    log.says("E1", at("08:00:00"), True, enabled=False)
    seq = log.mapped(TEXT + 'active = "enabled"\n', at("09:00:00"))
    log.revoked("E1", seq, at("09:00:01"))
    one = only(log)
    assert (one.source, one.reason, one.state) == ("mapping", "new", "revoked")


def test_each_leaver_is_revoked_in_one_period_only() -> None:
    """Open at noon in one report, revoked after noon in the next; over both, everybody is told and counted once."""
    log = Log()
    seq = left(log, clock="11:59:59")
    log.revoked("E1", seq, at("12:00:01"))
    noon = at("12:00:00")
    morning, afternoon = told(log, noon), told(log, END, noon)
    assert [each.state for each in morning.leavers] == ["open"]
    assert [each.state for each in afternoon.leavers] == ["revoked"]
    assert told(log, END, at("13:00:00")).leavers == ()


def test_a_source_whose_clock_is_ahead_gains_nothing() -> None:
    """It can't shorten what is on the clock, and the time since its own word isn't below nothing."""
    log = Log()
    log.says("E1", DAY, True)
    seq = log.says("E1", at("09:00:00"), False, told=at("09:50:00"))
    log.revoked("E1", seq, at("09:10:00"))
    day = told(log)
    assert (day.clock.maximum, day.since_effective.maximum) == (600_240, 0)
    assert len(day.breaches) == 1


def test_a_log_without_a_mapping_says_so() -> None:
    """Nothing can be folded anew: one line that says where, and what to do."""
    log = Log()
    left(log)
    records = [each for each in log.records if (each.topic, each.offset) != (CHANGES, 0)]
    with pytest.raises(HistoryError, match=r"identity\.changes, partition 0: no mapping is named from offset 1 on"):
        leavers(InMemoryHistory(records, 1), END)


def test_what_isnt_an_outcome_is_named() -> None:
    """A record that the sink didn't write is an error with its place, not a traceback."""
    log = Log()
    left(log)
    log.put(OUTCOMES, "E1", b'{"user":"E1"}', at("09:00:01"))
    with pytest.raises(HistoryError, match=r"scim\.outcomes, partition 0, offset 0"):
        leavers(log.history, END)


def test_names_are_only_text() -> None:
    """A hostile user ID is a user ID like any other."""
    hostile = '<script>alert(1)</script>"\u202e,=1+1'
    log = Log()
    log.revoked(hostile, left(log, hostile), at("09:00:01"))
    assert orjson.loads(orjson.dumps(asdict(only(log))))["user"] == hostile
