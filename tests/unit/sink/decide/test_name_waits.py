"""Who can do something about a name that is taken, as all sinks find it in what they know."""

import pytest

from streamproc.sink.decide.name_waits import (
    ELSEWHERE,
    LONGEST,
    PATIENCE,
    Claim,
    NameWaits,
    is_temporary,
    name_key,
    temporary_name,
)


def waits(**claims: Claim) -> NameWaits:
    return NameWaits(lambda user: claims.get(user, Claim()))


def round_of(count: int) -> NameWaits:
    """A circle of users, the first of whom has the lowest ID but is the last to be waited for."""
    users = [f"U{number:04}" for number in range(count)]
    after = dict(zip(users, users[1:] + users[:1], strict=True))
    return waits(**{user: Claim(user, wanted, wanted) for user, wanted in after.items()})


@pytest.mark.parametrize("count", [2, 3, LONGEST - 1])
def test_in_a_circle_one_makes_way_whoever_asks(count: int) -> None:
    """Each of them, and each sink, finds the same one."""
    names = round_of(count)
    users = [f"U{number:04}" for number in range(count)]
    assert {names.chosen(user) for user in users} == {"U0000"}
    assert [names.way(user) for user in users] == ["make way"] + ["wait"] * (count - 1)


def test_a_circle_that_is_too_long_stays_as_it_is() -> None:
    """It isn't looked for without end: nobody makes way, and all are told as set aside."""
    assert round_of(LONGEST + 1).chosen("U0000") is None


def test_who_waits_for_a_circle_isnt_of_it() -> None:
    """Somebody with the lowest ID of all waits for one who is in a circle: it isn't for them to make way."""
    names = waits(A=Claim("a", "b", "B"), B=Claim("b", "c", "C"), C=Claim("c", "b", "B"))
    assert (names.way("A"), names.acts("A")) == ("wait", "B")


def test_a_name_that_was_given_up_is_tried() -> None:
    """Who has it has another one by now, also where that one is waiting in turn."""
    names = waits(A=Claim("a", "b", "B"), B=Claim("temporary", "a", "A"))
    assert (names.way("A"), names.acts("A")) == ("try", "A")
    assert names.way("B") == "wait", "A still has theirs"


def test_a_chain_ends_with_who_keeps_the_name() -> None:
    """Nobody in it can do anything: the last one isn't waiting for a name."""
    names = waits(A=Claim("a", "b", "B"), B=Claim("b", "c", "C"), C=Claim("c"))
    assert [(names.way(user), names.acts(user)) for user in "AB"] == [("wait", None)] * 2


def test_nobody_waits_for_who_has_left_or_isnt_ours() -> None:
    """The one will not be renamed by us, and of the other we know nothing."""
    names = waits(A=Claim("a", "b", "B"), B=Claim("b", left=True), C=Claim("c", "x", "X9"))
    assert (names.way("A"), names.way("C")) == ("left", "not ours")


def test_what_is_known_in_flight_is_newer_than_what_was_delivered() -> None:
    """A turn that has changed a name, or waits for one, counts before its delivery does, and until then alone."""
    names = waits(A=Claim("a", "b", "B"), B=Claim("b"))
    names.enter("B", Claim("new"))
    assert names.way("A") == "try"
    names.leave("B")
    names.enter("B", Claim("b", "a", "A"))
    assert (names.way("A"), names.is_waiting("B"), names.behind("A")) == ("make way", True, ["B"])


def test_how_long_it_makes_sense_to_wait_in_flight() -> None:
    """Less for another sink's user; not at all for who made way, unless somebody here is about to take their name."""
    names = waits()
    assert names.patience("A", ours=True, made_way=False) == PATIENCE
    assert names.patience("A", ours=False, made_way=False) == ELSEWHERE
    assert names.patience("A", ours=True, made_way=True) == 0.0
    names.enter("B", Claim("b", "a", "A"))
    assert names.patience("A", ours=True, made_way=True) == PATIENCE


@pytest.mark.parametrize("name", ["ann@example.com", "a" * 64 + "@example.com", "no address", "a@b@example.com"])
def test_a_temporary_name_is_known_as_one(name: str) -> None:
    """It is of the same mailbox, no longer than an address may be, the user's alone, and not what they had."""
    made = temporary_name(name, "E1")
    assert is_temporary(made, "E1")
    assert not is_temporary(name, "E1")
    assert not is_temporary(made, "E2")
    assert made.rpartition("@")[2] == name.rpartition("@")[2] if "@" in name else made.startswith(name)
    assert "@" not in made or len(made.rpartition("@")[0]) <= 64
    assert name_key(made) == made.casefold()
