"""The fetch queue: each trigger is answered by a fetch that began after it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.parsed_payload import FetchRequest
from streamproc.hydrator.decide.fetch_queue import Fetch, FetchQueue


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """What happens to a queue: triggers come, fetches begin, are answered or put off, tickets are forgotten."""
    one = st.one_of(
        st.tuples(
            st.just("offer"),
            st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.booleans()), min_size=1, max_size=3),
        ),
        st.tuples(st.just("take"), st.just(None)),
        st.tuples(st.sampled_from(["done", "later"]), st.integers(0, 9)),
        st.tuples(st.just("forget"), st.integers(0, 30)),
    )
    return draw(st.lists(one, max_size=40))


@given(histories())
def test_every_trigger_is_answered_by_a_fetch_that_began_after_it(history: list[tuple[str, Any]]) -> None:
    """Whatever comes in whatever order: each ticket ends once, by answers that are new enough, and nobody is left."""
    queue: FetchQueue[int] = FetchQueue()
    open_: dict[int, dict[str, tuple[int, int]]] = {}  # ticket → subject → (least, when it was offered)
    flying: dict[str, tuple[Fetch, int]] = {}
    now = 0

    def take() -> bool:
        fetch = queue.take(now)
        if fetch is None:
            return False
        assert fetch.subject not in flying
        flying[fetch.subject] = (fetch, now)
        return True

    def done(fetch: Fetch, begun: int) -> None:
        for name in [each for each in open_.values() if fetch.subject in each]:
            if name[fetch.subject][1] <= begun:
                assert name.pop(fetch.subject)[0] <= fetch.fresh_from
        ended = {ticket for ticket, left in open_.items() if not left}
        assert set(queue.finish(fetch)) == ended
        for ticket in ended:
            del open_[ticket]

    for word, what in history:
        now += 1
        if word == "offer":
            open_[now] = {}
            for name, at, _ in what:
                open_[now][name] = (max(at, open_[now].get(name, (0, 0))[0]), now)
            queue.offer(now, [FetchRequest(name, "e", at, "r", urgent) for name, at, urgent in what])
        elif word == "take":
            take()
        elif word == "forget":
            queue.forget(lambda ticket: ticket == what)  # noqa: B023 - it is called at once
            open_.pop(what, None)
        elif flying:
            name = sorted(flying)[what % len(flying)]
            fetch, begun = flying.pop(name)
            if word == "done":
                done(fetch, begun)
            else:
                queue.postpone(fetch, now + what)
    now += 100
    while flying or take():
        done(*flying.pop(next(iter(flying))))
    assert not open_
    assert len(queue) == 0
