"""Places of strangers: a newcomer always finds one, and who is small and alone is the last to lose it."""

from hypothesis import given
from hypothesis import strategies as st

from streamproc.gateway.decide.waiting import Waiting, origin

COMINGS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 12), st.booleans()), max_size=60)


@given(COMINGS, st.integers(1, 40))
def test_sizes_add_up_to_no_more_than_there_is(comings: list[tuple[str, int, bool]], most: int) -> None:
    """Each who comes is in, each who has gone was told once, and nothing is left when all have left."""
    waiting: Waiting[int] = Waiting(most)
    inside: dict[int, tuple[str, int]] = {}
    for number, (address, size, leaves) in enumerate(comings):
        before = dict(inside)
        gone = waiting.enter(number, address, size)
        for item in gone:
            del inside[item]
        inside[number] = (address, size)
        assert set(waiting) == set(inside)
        assert len(waiting) == len(inside)
        assert waiting.size == sum(each for _, each in inside.values())
        assert waiting.size <= most or len(inside) == 1
        assert not gone or sum(each for _, each in before.values()) + size > most, "nobody goes without need"
        if leaves:
            oldest = next(iter(inside))
            waiting.leave(oldest)
            waiting.leave(oldest)
            del inside[oldest]
    for item in list(inside):
        waiting.leave(item)
    assert (len(waiting), waiting.size) == (0, 0)


@given(COMINGS, st.integers(30, 60))
def test_one_small_waiter_from_elsewhere_stays(comings: list[tuple[str, int, bool]], most: int) -> None:
    """Whatever four others send from four addresses, as long as somebody of theirs takes more."""
    waiting: Waiting[object] = Waiting(most)
    waiting.enter("a sender of hooks", "elsewhere", 1)
    for address, size, _ in comings:
        assert "a sender of hooks" not in waiting.enter(object(), address, size + 1)


def test_of_equals_the_longest_waiting_goes_first() -> None:
    """Of one address, and of several that take up as much."""
    waiting: Waiting[str] = Waiting(3)
    for item, address in (("one", "a"), ("two", "b"), ("three", "c")):
        waiting.enter(item, address)
    assert waiting.enter("four", "a") == ["one"]
    assert waiting.enter("five", "a") == ["two"]
    assert waiting.enter("six", "b") == ["four"]


def test_an_address_is_what_one_sender_has_to_itself() -> None:
    """All of IPv4's, half of IPv6's: whoever has one of these networks has all of its addresses."""
    assert origin("192.0.2.7") == "192.0.2.7"
    assert origin("::ffff:192.0.2.7") == "192.0.2.7"
    assert origin("2001:db8::1") == origin("2001:db8::ffff:2%eth0") != origin("2001:db8:0:1::1")
    assert origin("") == ""
