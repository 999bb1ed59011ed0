"""Account ownership: an account's late word is about whose it was then, and takes access from them alone."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from streamproc.core.fold.authority import view
from streamproc.core.fold.facts import absorb
from streamproc.core.identity.account_ownership import MOST
from streamproc.core.identity.resolve import order, resolve
from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import Fact, Origin, SourceFacts
from streamproc.core.records.control import Control
from streamproc.core.records.link import Link
from streamproc.core.records.units import Micros, Millis

NOW = 1_772_500_000_000
"""ms since 1970."""
HR = SourceFacts("s", Origin("t", 0, 0, Millis(0)), floor=(Micros(1), 0, "e"), values={"active": True})
"""Of everybody here HR says that they work."""


def read(time: int, user: str, *, active: bool, **said: Fact) -> SourceEvent:
    """The account as it was fetched."""
    return SourceEvent("a", f"r{time}", "snapshot", (Micros(time), 0, f"r{time}"), {"active": active, **said}, user)


def hook(time: int, *, active: bool) -> SourceEvent:
    """What a hook or a log says by itself: suspended, or let in again."""
    return SourceEvent("a", f"h{time}", "change", (Micros(time), 0, f"h{time}"), {"active": active})


def ordered(user: str | None) -> Control:
    """An operator says whose the account is."""
    return Control("c", "link" if user else "split", user, None, "kim", "why", Millis(NOW), "okta/a")


def taken(
    *arrivals: SourceEvent | list[SourceEvent] | Control, source: str = "okta"
) -> tuple[Link, dict[str, SourceFacts]]:
    """The link after these arrivals, and what each user knows of the account by the log."""
    link: Link | None = None
    users: dict[str, SourceFacts] = {}
    for offset, each in enumerate(arrivals):
        origin = Origin(f"events.{source}", 0, offset, Millis(NOW + offset))
        if not isinstance(each, Control):
            link, events = resolve(link, source, each if isinstance(each, list) else [each], origin)
        else:
            link, events = order(link, each, Origin("streamproc.controls", 0, offset, Millis(NOW)), origin)
        for event in events:
            users[event.user], _ = absorb(users.get(event.user), event, {"active", "job"})
    assert link is not None
    return link, users


def access(*arrivals: SourceEvent | list[SourceEvent] | Control, source: str = "okta") -> dict[str, Fact]:
    """Who of the account's users has access, where HR has nothing against it."""
    _, users = taken(*arrivals, source=source)
    return {
        user: view({f"{source}/a": facts, "workday/w": HR}, Millis(NOW))["active"]
        for user, facts in sorted(users.items())
    }


SUSPENDED, LET_IN = hook(3, active=False), hook(4, active=True)
HIS, HERS = read(1, "E1", active=True), read(5, "E2", active=True)


@pytest.mark.parametrize(
    "arrivals",
    [
        pytest.param([HIS, SUSPENDED, HERS], id="in order"),
        pytest.param([HIS, HERS, SUSPENDED], id="after the number's change"),
        pytest.param([HIS, HERS, read(6, "E2", active=True), SUSPENDED, SUSPENDED], id="much later, and twice"),
        pytest.param([HIS, HERS, read(3, "E1", active=False)], id="fetched then, appended late"),
        pytest.param([HIS, HERS, read(4, "E2", active=False)], id="disabled and given another number in one go"),
        pytest.param([HIS, HERS, hook(2, active=True), SUSPENDED], id="after an older word that it is active"),
    ],
)
def test_who_was_disabled_loses_access_however_late_it_is_told(arrivals: Sequence[SourceEvent]) -> None:
    """The account has another number by then, and is enabled: its first user was disabled, its next one wasn't."""
    assert access(*arrivals) == {"E1": False, "E2": True}


@pytest.mark.parametrize(
    "arrivals",
    [
        pytest.param([HIS, HERS, hook(0, active=False)], id="older than that it is active"),
        pytest.param([HIS, SUSPENDED, LET_IN, HERS], id="let in again, in order"),
        pytest.param([HIS, HERS, SUSPENDED, LET_IN], id="let in again, told late too"),
        pytest.param([HIS, HERS, LET_IN, SUSPENDED], id="the same the other way round"),
    ],
)
def test_a_late_word_that_is_older_takes_nothing(arrivals: Sequence[SourceEvent]) -> None:
    """The last word of the first user's time counts, in the source's order."""
    assert access(*arrivals) == {"E1": True, "E2": True}


def test_a_late_word_of_the_next_users_time_is_theirs() -> None:
    """And takes nothing from the first one, also where it comes before what tells of the number's change."""
    later = hook(6, active=False)
    assert access(HIS, HERS, later) == {"E1": True, "E2": False}
    assert access(HIS, later, HERS) == {"E1": True, "E2": False}
    assert access(HIS, SUSPENDED, later, HERS) == {"E1": False, "E2": False}


def test_what_was_suspended_before_isnt_denied_to_whoever_had_it_in_between() -> None:
    """Home again after a mistake: what was told while it was the second user's wasn't about them."""
    renamed = SourceEvent("a", "n5", "change", (Micros(5), 0, "n5"), {}, "E2")
    assert access(HIS, SUSPENDED, renamed, read(7, "E1", active=True)) == {"E1": True, "E2": True}
    assert access(HIS, renamed, SUSPENDED, read(7, "E1", active=True)) == {"E1": True, "E2": True}


def test_an_account_that_was_never_active_denies_nobody() -> None:
    """A staged account that had somebody else's number for a while, and is found out late."""
    staged = read(2, "E1", active=False, began=1)
    assert access(read(1, "E1", active=False, began=1), HERS, staged) == {"E1": True, "E2": True}
    assert access(read(1, "E1", active=False, began=1), HERS, hook(2, active=True), hook(3, active=False)) == {
        "E1": False,
        "E2": True,
    }


def test_an_operators_order_takes_the_late_words_along() -> None:
    """Whoever is split off by an operator, with reasons, isn't disabled afterwards by what the account said before."""
    assert access(HIS, ordered("E2"), read(5, "E1", active=True), SUSPENDED) == {"E1": True, "E2": True}
    by_hand: list[SourceEvent | Control] = [HIS, HERS, SUSPENDED, ordered("E1"), ordered(None), ordered("E2")]
    assert access(*by_hand) == {"E1": True, "E2": True}
    assert access(*by_hand, hook(2, active=False)) == {"E1": True, "E2": True}
    passing = [read(5, "E3", active=False), read(6, "E1", active=False), read(7, "E4", active=True)]
    assert access(HIS, SUSPENDED, ordered("E2"), *passing)["E1"] is True


def test_nobody_pays_for_it_who_never_was_disabled_nor_renumbered() -> None:
    """Nothing is kept beside the facts then, and never without end."""
    link, _ = taken(*(read(time, "E1", active=True) for time in range(1, 9)))
    assert link.words == ()
    link, users = taken(HIS, HERS, *(hook(time, active=bool(time % 2)) for time in range(6, 6 + 3 * MOST)))
    assert len(link.words) <= MOST
    assert users["E1"].values["active"] is None
    late, users = taken(HIS, SUSPENDED, HERS, *(hook(time, active=bool(time % 2)) for time in range(6, 6 + 3 * MOST)))
    assert (late.former, users["E1"].values["active"]) == (("E1",), False)


def test_what_one_record_says_is_taken_in_its_order() -> None:
    """It gives the account another number and then disables it: it was the next user's by then."""
    assert access(HIS, [HERS, hook(6, active=False)]) == {"E1": True, "E2": False}
    assert access(HIS, HERS, hook(6, active=False)) == {"E1": True, "E2": False}
    assert access(HIS, [SUSPENDED, HERS]) == {"E1": False, "E2": True}


def test_whom_an_operator_has_taken_it_from_hears_nothing_more() -> None:
    """Though a fetched state that comes late names somebody else."""
    arrivals = (read(0, "E1", active=True), read(2, "E3", active=True), ordered("E1"), hook(5, active=True))
    late = replace(read(2, "E2", active=False), event="s2", order=(Micros(2), 0, "s2"))  # of the same moment as E3's
    assert access(*arrivals, ordered("E2"), late) == {"E1": True, "E2": True, "E3": True}


def test_who_had_an_account_is_kept_for_the_last_of_them() -> None:
    """A number that goes to and fro doesn't make the link larger for ever."""
    link, _ = taken(*(read(number, f"E{number}", active=True) for number in range(1, 3 * MOST)))
    assert len(link.former) == MOST
