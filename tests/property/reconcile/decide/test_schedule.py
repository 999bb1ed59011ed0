"""Whom to look at next: everybody in each round, leavers first, nobody for ever before others."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.records.units import Millis
from streamproc.reconcile.decide.pages import Page
from streamproc.reconcile.decide.schedule import Close, PageOf, Rest, Schedule, Users

EVERY, LEAVERS_EVERY = 100_000, 20_000


class Target:
    """Accounts in two lists, in pages of a few; time that passes with each slice."""

    def __init__(self, active: list[str], inactive: list[str], size: int) -> None:
        self.lists = {True: active, False: inactive}
        self.size = size
        self.now = Millis(1_000_000)

    def page(self, asked: PageOf) -> Page:
        """As it is now."""
        listed = self.lists[asked.active]
        shown = listed[asked.start - 1 : asked.start - 1 + self.size]
        return Page({account: {} for account in shown}, len(shown), len(listed))


def play(schedule: Schedule, target: Target, leavers: list[str], slices: int, cost: int = 1_000) -> list[Any]:
    """What comes next, so many times; a user is called as their account."""
    everybody = [*target.lists[True], *target.lists[False]]
    played: list[Any] = []
    for _ in range(slices):
        wanted = schedule.next(leavers, target.now)
        played.append(wanted)
        match wanted:
            case Users(users, why):
                schedule.looked(users, target.now)
                if why == "unseen":
                    schedule.taken(users)
            case PageOf():
                schedule.shown(wanted, target.page(wanted))
                if schedule.read_all:
                    schedule.unseen(user for user in [*everybody, *leavers] if not schedule.has_seen(user))
            case Rest(until):
                assert until > target.now
                target.now = until
            case Close():
                pass
        target.now = Millis(target.now + cost)
    return played


accounts = st.integers(0, 70).map(lambda many: [f"a{number}" for number in range(many)])


@given(active=accounts, many=st.integers(0, 40), gone=st.integers(0, 60), size=st.integers(1, 30))
def test_a_round_looks_at_everybody_and_then_rests(active: list[str], many: int, gone: int, size: int) -> None:
    """On a page, or by their id where no page shows them; leavers before any page."""
    inactive = [f"i{number}" for number in range(many)]
    leavers = [*inactive[:10], *(f"l{number}" for number in range(gone))]
    schedule, target = Schedule(EVERY * 100, EVERY * 100), Target(active, inactive, size)
    played: list[Any] = []
    while not played or not isinstance(played[-1], Close):
        played += play(schedule, target, leavers, 1)
    end = len(played) - 1
    by_id = [user for each in played[:end] if isinstance(each, Users) for user in each.users]
    first_page = next(at for at, each in enumerate(played) if isinstance(each, PageOf))
    before = [user for each in played[:first_page] for user in each.users]
    assert sorted(before) == sorted(leavers)
    assert schedule.seen == len(active) + len(inactive)
    assert {*by_id} == {*leavers}
    assert schedule.rounds == 1
    assert isinstance(schedule.next(leavers, target.now), Rest)


@given(many=st.integers(1, 300))
def test_leavers_and_pages_dont_keep_each_other_waiting(many: int) -> None:
    """However many they are, and however slow the target is, at most every other slice is theirs once pages began."""
    active = [f"a{number}" for number in range(500)]
    leavers = [f"l{number}" for number in range(many)]
    played = play(Schedule(EVERY * 1000, LEAVERS_EVERY), Target(active, [], 25), leavers, 60, cost=LEAVERS_EVERY)
    begun = next(at for at, each in enumerate(played) if isinstance(each, PageOf))
    for first, second in zip(played[begun:], played[begun + 1 :], strict=False):
        if isinstance(first, Users) and first.why == "leavers":
            assert not (isinstance(second, Users) and second.why == "leavers") or isinstance(second, Rest)
        if isinstance(second, Close):
            break
    looked = [user for each in played[begun : begun + 40] if isinstance(each, Users) for user in each.users]
    assert {*looked} >= {*leavers[:25]}


def test_a_list_that_moves_while_it_is_read_loses_nobody() -> None:
    """Who slips from a page that is still to come onto one that was read is looked at by id."""
    target = Target([f"a{number}" for number in range(10)], [], 5)
    schedule = Schedule(EVERY, EVERY)
    (first,) = play(schedule, target, [], 1)
    assert first == PageOf(active=True, start=1)
    everybody = list(target.lists[True])
    target.lists[True] = everybody[1:]
    seen: set[str] = {*everybody[:5]}
    while not schedule.read_all:
        wanted = schedule.next([], target.now)
        assert isinstance(wanted, PageOf)
        page = target.page(wanted)
        seen |= {*page.accounts}
        schedule.shown(wanted, page)
    schedule.unseen(user for user in everybody if not schedule.has_seen(user))
    assert schedule.next([], target.now) == Users(("a5",), "unseen")
    assert "a5" not in seen


def test_who_is_to_be_looked_at_again_goes_first_at_that_time_and_once() -> None:
    """Also within a round; a later time doesn't put off an earlier one."""
    target = Target([f"a{number}" for number in range(100)], [], 5)
    schedule = Schedule(EVERY, EVERY)
    play(schedule, target, [], 2)
    schedule.again("E1", Millis(target.now + 1_500))
    schedule.again("E1", Millis(target.now + 9_000))
    played = play(schedule, target, [], 6)
    assert [isinstance(each, Users) for each in played] == [False, False, True, False, False, False]
    assert played[2] == Users(("E1",), "again")


def test_a_page_that_shows_nothing_new_ends_its_list() -> None:
    """Whatever the target says of how many there are: no list goes on for ever."""
    schedule = Schedule(EVERY, EVERY)
    schedule.next([], Millis(1))
    page = Page({"a": {}}, 1, 1_000_000)
    asked: list[PageOf] = []
    while not schedule.read_all and len(asked) < 10:
        wanted = schedule.next([], Millis(1))
        assert isinstance(wanted, PageOf)
        asked.append(wanted)
        schedule.shown(wanted, page)
    assert [each.active for each in asked] == [True, True, False, False]
    assert not schedule.whole


def test_a_list_is_whole_where_as_many_were_shown_as_there_are() -> None:
    """Also where it has no total, or shows somebody of the other list."""
    for total, whole in ((2, True), (None, True), (3, False)):
        schedule = Schedule(EVERY, EVERY)
        shown = {True: ["a", "b"], False: ["B", "c"]}
        while not schedule.read_all:
            wanted = schedule.next([], Millis(1))
            assert isinstance(wanted, PageOf)
            accounts = shown[wanted.active][wanted.start - 1 :]
            schedule.shown(wanted, Page({account: {} for account in accounts}, len(accounts), total))
        assert (schedule.whole, schedule.seen) == (whole, 3)


def test_however_many_are_to_be_looked_at_again_leavers_and_pages_go_on() -> None:
    """What can't be repaired takes every other slice at most."""
    target = Target([f"a{number}" for number in range(100)], [], 5)
    leavers = [f"l{number}" for number in range(30)]
    schedule = Schedule(EVERY * 100, EVERY * 100)
    for number in range(1000):
        schedule.again(f"E{number}", target.now)
    played = play(schedule, target, leavers, 12)
    kinds = [each.why if isinstance(each, Users) else "page" for each in played]
    assert kinds == ["again", "leavers", "again", "leavers", *["again", "page"] * 4]


def test_a_clock_that_is_set_back_keeps_nobody_waiting() -> None:
    """Rounds, leavers and those to be looked at again come as if it hadn't been."""
    leavers = ["l1"]
    schedule, target = Schedule(EVERY, LEAVERS_EVERY), Target(["a1"], [], 5)
    play(schedule, target, leavers, 4)
    schedule.again("E1", Millis(target.now + 5_000))
    target.now = Millis(target.now - 500_000)
    begun = target.now
    played = play(schedule, target, leavers, 30)
    assert Users(("E1",), "again") in played
    assert Users(("l1",), "leavers") in played
    assert schedule.rounds >= 2
    assert target.now < begun + 500_000
