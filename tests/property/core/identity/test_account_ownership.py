"""Account ownership: hooks and log records that come late end where they end in order, for all former users."""

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.identity.account_ownership import disabled_by_user, merged
from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.link import Word
from tests.unit.core.identity.test_account_ownership import access, hook, read

orders = st.integers(0, 6).map(lambda time: (time, 0, ""))
words = st.builds(Word, orders, st.sampled_from([None, "on", "off", "unsaid"]), st.sampled_from([None, "E1", "E2"]))


@st.composite
def accounts(draw: st.DrawFn) -> tuple[list[SourceEvent], list[SourceEvent]]:
    """What is said of an account that goes from user to user: in order, and with hooks that come late, and repeats."""
    said = [read(0, "E1", active=True)]
    for time in range(1, draw(st.integers(2, 7))):
        active = draw(st.booleans())
        fetched = draw(st.booleans())
        said.append(
            read(time, draw(st.sampled_from(["E1", "E2", "E3"])), active=active)
            if fetched
            else hook(time, active=active)
        )
    late = [(place + (draw(st.integers(0, 9)) if each.anchor is None else 0), each) for place, each in enumerate(said)]
    late += [
        (draw(st.integers(place, 20)), each) for place, each in late if draw(st.booleans()) and each.anchor is None
    ]
    return said, [each for _, each in sorted(late, key=lambda one: one[0])]


@given(both=accounts())
def test_late_hooks_end_where_they_end_in_order(both: tuple[list[SourceEvent], list[SourceEvent]]) -> None:
    """Nobody keeps access, or loses it, because a word was late."""
    in_order, arrived = both
    assert access(*arrived) == access(*in_order)


@given(said=st.lists(words, unique_by=lambda word: word.order), data=st.data())
def test_words_come_to_the_same_however_late_and_often(said: list[Word], data: st.DataObject) -> None:
    """Those that are left out between words that say the same don't matter, as long as fetched ones are in order."""
    in_order = sorted(said, key=lambda word: word.order)
    named = iter([each for each in in_order if each.user is not None])
    kept: list[Word] = []
    for each in data.draw(st.permutations(said)):
        kept = merged(kept, [each if each.user is None else next(named)])
    assert disabled_by_user(kept) == disabled_by_user(merged(kept, said)) == disabled_by_user(in_order)
