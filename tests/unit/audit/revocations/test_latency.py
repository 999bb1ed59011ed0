"""The clock of leavers: when it starts, by which date and in which zone."""

from streamproc.audit.revocations.latency import hops
from streamproc.core.records.change_event import Effective
from streamproc.core.records.units import Micros, Millis
from tests.support.leaver_reports import left, only, told
from tests.support.leavers import DAY, TEXT, Log, at, ms

HONOLULU = Effective(Micros(ms("2026-03-02T00:00:00-10:00") * 1000), "2026-03-02", "Pacific/Honolulu")


def test_a_simple_leaver_has_every_instant() -> None:
    """Hop by hop from the gateway to the read-back, which is what the clock measures."""
    log = Log()
    seq = left(log)
    log.revoked("E1", seq, at("09:00:00.500"), 120, sessions_ended=at("09:00:01"))
    one = only(log)
    nine = at("09:00:00")
    assert (one.user, one.source, one.seq, one.reason, one.state) == ("E1", "hris", seq, "left", "revoked")
    assert (one.left, one.received, one.appended, one.changed, one.folded) == (
        *(nine - 2000, nine - 50, nine, nine + 10, nine + 50),
    )
    assert (one.sent, one.acknowledged, one.read_back) == (nine + 500, nine + 620, nine + 740)
    assert one.sessions_ended == nine + 1000
    assert hops(one) == {"take-in": 50, "resolve": 10, "fold": 40, "queue": 450, "target": 120, "confirm": 120}
    day = told(log)
    assert (day.clock.n, day.clock.p50, day.clock.p99, day.clock.maximum) == (1, 790, 790, 790)
    assert (day.since_effective.maximum, day.since_appended.maximum, day.sessions.maximum) == (2740, 740, 260)
    assert (day.late, day.breaches) == ((), [])


def test_a_date_in_honolulu_starts_the_clock_in_honolulu() -> None:
    """Announced weeks ahead, the clock runs from that day's midnight there, however late the worker notices it."""
    log = Log()
    log.says("E1", DAY - 86_400_000 * 30, True)
    announced = DAY - 86_400_000 * 20
    log.says("E1", announced, False, effective=HONOLULU, row="job/1", received=Millis(announced - 5), reason="resigned")
    log.says("E1", announced + 9, True, job="Trainer")
    midnight = at("10:00:00")
    seq = log.due("E1", midnight + 900)
    log.revoked("E1", seq, midnight + 1500)
    one = only(log)
    assert (one.effective, one.ahead, one.start) == (HONOLULU, True, midnight)
    assert (one.source, one.reason, one.received, one.appended) == ("hris", "resigned", announced - 5, announced)
    assert hops(one) == {"take-in": 0, "resolve": 900, "fold": 40, "queue": 560, "target": 120, "confirm": 120}
    assert told(log).since_appended.n == 0


def test_a_date_counts_too_where_another_event_comes_before_the_timer() -> None:
    """With the worker late, the next event folds the date in; the clock still runs from the date."""
    log = Log()
    log.says("E1", DAY - 86_400_000, True)
    log.says("E1", DAY - 80_000_000, False, effective=HONOLULU, row="job/1", source="hris")
    seq = log.says("E1", at("10:20:00"), None, source="okta", job="Trainer")
    log.revoked("E1", seq, at("10:20:01"))
    one = only(log)
    assert (one.source, one.start, one.seq) == ("hris", at("10:00:00"), seq)
    assert told(log).breaches == [one]


def test_an_earlier_date_isnt_taken_for_the_last() -> None:
    """Somebody who left, came back and left again, all by dates: each leaving runs from its own."""
    log = Log()
    log.says("E1", DAY - 86_400_000, True)
    for clock, active in (("03:00:00", False), ("06:00:00", True), ("09:00:00", False)):
        date = Effective(Micros(at(clock) * 1000), clock, "UTC")
        log.says("E1", DAY - 80_000_000, active, effective=date, row=f"job/{clock}")
    for clock in ("03:00:01", "06:00:01", "09:00:01"):
        log.due("E1", at(clock))
    assert sorted(each.start for each in told(log).leavers) == [at("03:00:00"), at("09:00:00")]


def test_a_mapping_that_hears_an_old_word_counts_from_itself() -> None:
    """A source had no say in `active` and gets one: what it said by a date last week is in force only now."""
    log = Log(text=TEXT + '[authority]\nactive = ["hris"]\n')
    log.says("E1", DAY - 86_400_000 * 9, True)
    week = Effective(Micros((DAY - 86_400_000 * 7) * 1000), "2026-02-23", "UTC")
    log.says("E1", DAY - 86_400_000 * 8, False, source="okta", effective=week, row="job/1")
    log.due("E1", DAY - 86_400_000 * 7 + 500)
    assert told(log).leavers == ()
    log.mapped(TEXT, at("09:00:00"))
    one = only(log)
    assert (one.source, one.start) == ("mapping", at("09:00:00"))


def test_an_order_that_was_carried_out_isnt_told_as_waiting() -> None:
    """Tried again at an operator's word, and refused again: it waits for its cause, not for the sink."""
    log = Log()
    seq = left(log)
    log.tells("E1", seq, "parked", at("09:00:01"), reason="refused")
    log.orders("retry", "E1", at("09:10:00"))
    log.tells("E1", seq, "parked", at("09:10:01"), reason="refused again", final=False)
    assert only(log).why == "parked: refused again"


def test_a_date_that_nothing_speaks_of_is_open() -> None:
    """The worker is down, the date has passed: nobody is told inactive, and that is what the report says."""
    log = Log()
    log.says("E1", DAY - 86_400_000, True)
    log.says("E1", DAY - 80_000_000, False, effective=HONOLULU, row="job/1")
    assert told(log, at("09:59:59")).leavers == ()
    one = only(log, at("10:10:00"))
    assert (one.state, one.changed, one.start) == ("open", None, at("10:00:00"))
    assert "identity.changes doesn't say so yet" in one.why
    assert told(log, at("10:10:00")).late == (one,)


def test_a_late_word_of_an_old_date_starts_when_it_came() -> None:
    """What HR entered a week late can't be held against streamproc; the time since the date is told beside it."""
    log = Log()
    log.says("E1", DAY, True)
    ago = Effective(Micros((DAY - 86_400_000 * 7) * 1000), "2026-02-23", "UTC")
    seq = log.says("E1", at("09:00:00"), False, effective=ago)
    log.revoked("E1", seq, at("09:00:01"))
    day = told(log)
    assert day.clock.maximum == 1240
    assert day.since_effective.maximum == 86_400_000 * 7 + at("09:00:01.240") - DAY
    assert (day.over_effective, day.breaches) == (1, [])
