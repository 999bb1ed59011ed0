"""The fact `assigned` in any history: it is the newest answer, and silence or a failed question changes nothing."""

from typing import Any, Literal, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.fold.facts import absorb
from streamproc.core.parsed_payload import Receipt, SourceEvent
from streamproc.core.records.change_event import SourceFacts
from streamproc.core.records.units import Micros
from streamproc.sources import SOURCES
from tests.property.sources.test_okta import arrivals, changed

APP = "0oagenesys0000000001"
AT = 1_772_452_800_000_000
WHO = "00uana0000000000001"
Word: TypeAlias = Literal["yes", "no", "silent", "strange", "another", "left"]
WORDS: tuple[Word, ...] = ("yes", "no", "silent", "strange", "another", "left")
IN: dict[str, dict[str, Any]] = {
    "okta": {"status": "ACTIVE", "profile": {"login": "ana@example.com"}},
    "entra": {"accountEnabled": True, "memberOf": []},
    "pingone": {"enabled": True, "username": "ana"},
}
SOURCE = st.sampled_from(sorted(IN))
HISTORY = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8)
LEFT: dict[str, dict[str, Any]] = {
    "okta": {"status": "SUSPENDED"},
    "entra": {"accountEnabled": False},
    "pingone": {"enabled": False},
}


def fetched(source: str, place: int, word: Word) -> tuple[SourceEvent, ...]:
    """What a fetched user says; only `yes` and `no` tell of the application."""
    answers: dict[Word, Any] = {
        "yes": {"application": APP, "assigned": True},
        "no": {"application": APP, "assigned": False},
        "strange": {"application": APP, "assigned": "no"},
        "another": {"application": "0oaother", "assigned": False},
    }
    user = {"id": WHO, **IN[source], **(LEFT[source] if word == "left" else {})}
    user |= {"_assignment": answers[word]} if word in answers else {}
    options = SOURCES[source].defaults.model_copy(update={"application": APP})
    return SOURCES[source].read(user, Receipt(Micros(AT), Micros(AT + place * 1_000_000)), options).events


@given(SOURCE, HISTORY, st.data())
def test_the_newest_answer_counts_in_whatever_order(source: str, words: list[Word], data: st.DataObject) -> None:
    """Any shuffle of fetched users, with repeats: the last that told is what is known, and nothing where none did."""
    told = [event for place, word in enumerate(words) for event in fetched(source, place, word)]
    facts: SourceFacts | None = None
    for offset, said in enumerate(data.draw(arrivals(tuple(told)))):
        facts, _ = absorb(facts, changed(said, source, offset), ("active", "assigned"))
    assert facts is not None
    answers = [word for word in words if word in {"yes", "no"}]
    assert facts.values.get("assigned") == (answers[-1] if answers else None)
    assert facts.values["active"] is (words[-1] != "left")


@given(
    st.sampled_from(sorted(IN)), st.lists(st.sampled_from(WORDS), min_size=1, max_size=8), st.sets(st.integers(0, 7))
)
def test_answers_that_fail_give_and_take_nothing(source: str, words: list[Word], failing: set[int]) -> None:
    """With some answers left out, whatever is known is one that was given before; nobody becomes `no` by it."""
    facts: SourceFacts | None = None
    given_: list[Word] = []
    for place, word in enumerate(words):
        silent = place in failing and word != "left"
        given_ += [] if silent or word not in {"yes", "no"} else [word]
        for said in fetched(source, place, "silent" if silent else word):
            facts, _ = absorb(facts, changed(said, source, place), ("active", "assigned"))
        assert facts is not None
        assert facts.values.get("assigned") == (given_[-1] if given_ else None)
