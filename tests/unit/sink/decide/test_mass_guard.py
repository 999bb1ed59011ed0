"""Mass guard: what a broken file does, and what those who really leave meanwhile see of it."""

from dataclasses import replace

import pytest

from streamproc.core.records.change_event import Origin
from streamproc.core.records.delivery import Standing
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.sink.decide.mass_guard import Flow, GuardDecision, Hold, MassGuard, Protected, Rejected, Window

DAY = 86_400


def cause(at: float, source: str = "hris", reason: str | None = None) -> Cause:
    """An event that the broker appended `at` seconds after some midnight."""
    return Cause(source, f"e-{at}", Origin("events.hris", 0, 0, Millis(int((DAY * 20_000 + at) * 1000))), reason)


def ask(
    guard: MassGuard, users: list[str], at: float, *, active: int = 5000, source: str = "hris"
) -> list[GuardDecision]:
    """All at once."""
    return [guard.ask(user, 0, cause(at, source), active) for user in users]


def flowing(rulings: list[GuardDecision]) -> int:
    """How many are let through."""
    return sum(isinstance(ruling, Flow) for ruling in rulings)


def held(rulings: list[GuardDecision]) -> list[Standing]:
    """Who waits for an operator."""
    return [ruling.standing for ruling in rulings if isinstance(ruling, Hold)]


def people(count: int, prefix: str = "p") -> list[str]:
    """User IDs."""
    return [f"{prefix}{number}" for number in range(count)]


def test_a_broken_file_is_held() -> None:
    """Of 3,000 rows in a few seconds half of the threshold (2 % of 5,000) get through; the rest are held, with why."""
    guard = MassGuard()
    rulings = [guard.ask(user, 0, cause(36_000 + number / 1000), 5000) for number, user in enumerate(people(3000))]
    assert flowing(rulings) == 50
    assert len(held(rulings)) == 2950
    assert held(rulings)[0].reason == "50 users of one cause and 0 others in 600 s, threshold 100"
    assert held(rulings)[0].cause.source == "hris"


@pytest.mark.parametrize(
    "of",
    [cause(36_010, "okta"), cause(36_010, reason="resigned"), cause(36_070), cause(35_930)],
    ids=["another source", "another reason", "a minute later", "a minute before, asked late"],
)
def test_real_leavers_flow_beside_a_broken_file(of: Cause) -> None:
    """Five who really leave meanwhile get through, whatever it is that tells them from the rows of the file."""
    guard = MassGuard()
    ask(guard, people(3000), 36_000)
    assert flowing([guard.ask(user, 0, of, 5000) for user in people(5, "real")]) == 5


def test_real_leavers_that_nothing_tells_apart_are_held() -> None:
    """The guard's limit: of the same source, reason and minute, after the file used its half, they are held as well."""
    guard = MassGuard()
    before = ask(guard, people(5, "early"), 36_000)
    ask(guard, people(3000), 36_001)
    assert flowing(before) == 5
    assert flowing(ask(guard, people(5, "real"), 36_002)) == 0


def test_a_file_that_comes_in_slowly_is_held() -> None:
    """Minute by minute it gets half of what is left each time, one at least; never more than the threshold."""
    guard = MassGuard()
    got = [flowing(ask(guard, people(300, f"{minute}-"), 36_000 + 60 * minute)) for minute in range(10)]
    assert got[:4] == [50, 25, 13, 6]
    assert sum(got) <= 100


def test_a_day_has_a_threshold_of_its_own() -> None:
    """Files that each keep within ten minutes' threshold are held when they add up to a tenth of the company."""
    guard = MassGuard()
    got = [flowing(ask(guard, people(300, f"{hour}-"), 3600 * hour)) for hour in range(24)]
    assert got[:9] == [50] * 9
    assert sum(got) <= 500
    assert flowing(ask(guard, people(5, "next"), 2 * DAY)) == 5


def test_a_small_company_can_lose_five_of_thirty() -> None:
    """Five leavers at once flow where five are a sixth of everybody, and also after a file that was held there."""
    guard = MassGuard()
    assert flowing(ask(guard, people(5), 36_000, active=30)) == 5
    guard = MassGuard()
    assert flowing(ask(guard, people(25), 36_000, active=30)) == 10
    assert flowing(ask(guard, people(5, "real"), 36_070, active=30)) == 5


def test_single_leavers_always_flow() -> None:
    """One every quarter of an hour, day and night for a week: nobody is held."""
    guard = MassGuard()
    times = range(0, 7 * DAY, 900)
    assert flowing([guard.ask(f"p{at}", 0, cause(at), 1000) for at in times]) == len(times)


def test_protected_accounts_are_never_deactivated() -> None:
    """By name or by pattern, held or not, released or not; somebody whose name is like a pattern's text is not hit."""
    guard = MassGuard(protected=["admin", "svc-*", "odd[1]"])
    for user in ("admin", "svc-1", "svc-", "odd[1]"):
        assert guard.ask(user, 0, cause(0), 100) == Protected()
        assert guard.release(user) is None
        assert guard.ask(user, 1, cause(0), 100) == Protected()
    assert flowing(ask(guard, ["administrator", "my-svc-1", "Admin"], 0)) == 3


def test_release_and_reject_are_by_name() -> None:
    """Who is released flows and doesn't count; who is rejected stays until a newer event insists, and is then held."""
    guard = MassGuard([Window(600.0, 2, 0.0)])
    rulings = ask(guard, people(4), 0)
    through, *waiting = [ruling.standing for ruling in rulings if isinstance(ruling, Flow | Hold)]
    assert [standing.user for standing in held(rulings)] == ["p1", "p2", "p3"]
    released, rejected = guard.release("p1"), guard.reject("p2")
    assert released is not None
    assert rejected is not None
    assert isinstance(guard.ask("p1", 0, cause(0), 0), Flow)
    assert guard.ask("p2", 0, cause(0), 0) == Rejected()
    assert guard.reject("p1") is None
    assert guard.release("p2") == replace(rejected, said="released"), "an operator may change their mind"
    guard = MassGuard([Window(600.0, 2, 0.0)], standings=[through, released, rejected, waiting[2]])
    assert guard.release("p0") is None
    again = guard.ask("p2", 7, cause(9000), 0)
    assert isinstance(again, Hold)
    assert again.standing.seq == 7
    assert "rejected" in str(again.standing.reason)
    assert guard.release("p2") == replace(again.standing, said="released")
    assert flowing(ask(guard, ["other"], 0, source="okta")) == 1, "a release doesn't use up the threshold"


def test_who_comes_back_starts_afresh() -> None:
    """Active again, a held or rejected user isn't held any more; the next leaving is looked at anew."""
    guard = MassGuard([Window(600.0, 2, 0.0)])
    ask(guard, people(3), 0)
    guard.reject("p2")
    for user in people(3):
        guard.forget(user)
        assert guard.release(user) is None
    assert isinstance(guard.ask("p2", 9, cause(0), 0), Hold), "within the same minute the cause is still used up"
    assert isinstance(guard.ask("p1", 9, cause(900), 0), Flow)


def test_another_question_is_asked_anew() -> None:
    """Who is held, or was rejected, for one cause counts by the other; who was let through or released isn't asked."""
    guard = MassGuard([Window(600.0, 4, 0.0)])
    for user in ("through", "second", "held", "rejected", "released"):
        guard.ask(user, 0, cause(36_000), 10)
    guard.reject("rejected")
    guard.release("released")
    for user in ("through", "rejected", "released"):
        guard.ask_anew(user)
    another = cause(36_000, "okta")
    told = {user: guard.ask(user, 1, another, 10) for user in ("through", "rejected", "released", "held")}
    assert [type(each) for each in told.values()] == [Flow, Flow, Flow, Hold]
    causes = {user: each.standing.cause.source for user, each in told.items() if isinstance(each, Flow | Hold)}
    assert causes == {"through": "hris", "rejected": "okta", "released": "hris", "held": "hris"}


def test_who_was_out_and_was_let_in_by_others_leaves_again_uncounted() -> None:
    """Whatever the threshold is; whoever was asked about before stays held, or let through."""
    guard = MassGuard((Window(600.0, 1, 0.0),))
    assert isinstance(guard.ask("p0", 0, cause(0), 0), Flow)
    assert isinstance(guard.ask("p1", 0, cause(0), 0), Hold)
    for user in people(9):
        guard.let_in_by_others(user, 0, cause(0))
    said = {user: type(guard.ask(user, 0, cause(0), 0)).__name__ for user in people(9)}
    assert [user for user, each in said.items() if each != "Flow"] == ["p1"]
    assert isinstance(guard.ask("p100", 0, cause(7200), 0), Flow)
