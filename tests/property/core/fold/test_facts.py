"""Facts: whatever the order of arrival and however often, one source's events end in the same facts."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from streamproc.core.fold.authority import view
from streamproc.core.fold.facts import absorb
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.plan import plan
from streamproc.core.records.change_event import ChangeEvent, Fact, Move, Origin, SourceFacts
from streamproc.core.records.operation import Deactivate
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Micros, Millis
from tests.support.events import MICROS, NOW, WANTED, arrivals, at, histories, said, values

MAPPING = parse_mapping("""
[attributes]
title = "job"
department = "department"
[[copy]]
fact = "genesysRole"
to = "roles"
[[copy]]
fact = "genesysQueue"
to = "skills"
[[rule]]
when = { "group:Agents" = "*" }
groups = ["Agents"]
""")

LATEST = (MICROS + 9, 0, "newest")


def absorbed(events: Sequence[ChangeEvent]) -> SourceFacts:
    """The facts after these arrivals."""
    facts: SourceFacts | None = None
    for event in events:
        facts, _ = absorb(facts, event, WANTED)
    assert facts is not None
    return facts


def told(facts: SourceFacts) -> SourceFacts:
    """What is known, but for where it was read."""
    return replace(facts, origin=Origin("", 0, 0, Millis(0)))


def sorted_out(events: Sequence[ChangeEvent], now: int) -> dict[str, Fact]:
    """The same by its definition: of each attribute the word of the highest rank, of those that count."""
    newest: dict[str, ChangeEvent] = {}
    counting: dict[str, ChangeEvent] = {}
    for event in events:
        if event.row is None and (event.effective is None or event.effective.at <= event.order[0]):
            counting[event.event] = event
        else:
            row = event.row or event.event
            newest[row] = max(newest.get(row, event), event, key=lambda each: each.order)
    for row, event in newest.items():
        begun = event.effective is None or event.effective.at <= now * 1000
        by = [each for each in events if each.cancels is not None and f"{row}/".startswith(f"{each.cancels}/")]
        if begun and not any(each.order > event.order for each in by):
            counting[event.event] = event
    words: dict[str, list[tuple[tuple[int, ...], str, Fact]]] = {name: [] for name in WANTED}
    for event in counting.values():
        time, sequence, name = event.order
        dated = event.row is not None or (event.effective is not None and event.effective.at > time)
        begins = max(time, event.effective.at) if dated and event.effective else time
        for fact in WANTED:
            whole = event.kind == "snapshot" and fact not in event.kept
            spoken = whole and (not fact.startswith("group:") or "group:" in event.attributes)
            if fact in event.attributes or spoken:
                words[fact].append(((begins, time, sequence), name, event.attributes.get(fact)))
    return {fact: max(said, key=lambda word: word[:2])[2] for fact, said in words.items() if said}


def arrived() -> st.SearchStrategy[tuple[list[ChangeEvent], list[ChangeEvent]]]:
    """The same history twice, each time in an order of arrival and with repeats of its own."""
    return histories(dated=True).flatmap(lambda events: st.tuples(arrivals(events), arrivals(events)))


nows = st.sampled_from([NOW - 1, NOW, NOW + 1, NOW + 10**12])
"""Moments before, between and after the dates of these histories, in ms."""


@given(both=arrived(), now=nows)
def test_any_shuffle_with_repeats_ends_in_the_same_facts(
    both: tuple[list[ChangeEvent], list[ChangeEvent]], now: int
) -> None:
    """The facts, and so the desired user and its problems, depend on what was said and not on when it arrived."""
    one, other = (absorbed(events) for events in both)
    assert told(one) == told(other)
    assert MAPPING.desire("E1", view({"hris": one}, Millis(now))) == MAPPING.desire(
        "E1", view({"hris": other}, Millis(now))
    )


@given(events=histories(dated=True).flatmap(arrivals), now=nows)
def test_the_facts_are_those_of_the_definition(events: list[ChangeEvent], now: int) -> None:
    """One event at a time comes, at any moment, to what sorting the whole history comes to."""
    assert view({"hris": absorbed(events)}, Millis(now)) == sorted_out(events, now)


@given(events=histories(dated=True).flatmap(arrivals), now=nows)
def test_what_is_kept_whole_says_the_same(events: list[ChangeEvent], now: int) -> None:
    """Facts kept with all attributes, as a link has them, and narrowed when they come to a user, are the user's own."""
    whole: SourceFacts | None = None
    for event in events:
        whole, _ = absorb(whole, event, None)
    link = replace(at(events[0], 99), kind="link", attributes={}, move=Move(None, None, whole))
    assert view({"hris": absorb(None, link, WANTED)[0]}, Millis(now)) == view({"hris": absorbed(events)}, Millis(now))


@given(events=histories(dated=True).flatmap(arrivals), repeated=st.data())
def test_an_origin_that_repeats_changes_nothing(events: list[ChangeEvent], repeated: st.DataObject) -> None:
    """A raw record that the resolver gives again, or an earlier one of its partition, leaves the same facts."""
    facts = absorbed(events)
    again = repeated.draw(st.sampled_from(events))
    assert absorb(facts, again, WANTED)[0] == facts


@given(events=histories(dated=True).flatmap(arrivals), repeated=st.data())
def test_an_event_that_repeats_adds_nothing(events: list[ChangeEvent], repeated: st.DataObject) -> None:
    """The same event at a new offset, or in another partition, changes no fact, and is told as nothing new."""
    facts = absorbed(events)
    event = repeated.draw(st.sampled_from(events))
    for again in (at(event, len(events)), replace(event, origin=Origin("events.hris", 1, 0, Millis(0)))):
        after, effect = absorb(facts, again, WANTED)
        assert told(after) == told(facts)
        assert after.origin == again.origin
        wordless = event.kind != "snapshot" and not set(event.attributes) & set(WANTED) and event.row is None
        assert effect in {"duplicate", "stale"} or (wordless and effect == "applied")


@given(events=histories().flatmap(arrivals), attributes=said)
def test_a_partial_event_erases_nothing(events: list[ChangeEvent], attributes: dict[str, Fact]) -> None:
    """A newer `change` sets what it names, null included, and leaves every other fact as it was."""
    before = absorbed(events)
    newest = at(events[0], len(events), kind="change", order=LATEST, attributes=attributes)
    after, effect = absorb(before, newest, WANTED)
    named = {name: value for name, value in attributes.items() if name in WANTED}
    assert effect == "applied"
    assert after.values == before.values | named
    assert after.later == before.later | dict.fromkeys(named, newest.order)


@given(events=histories().flatmap(arrivals), attributes=said)
def test_a_snapshot_is_the_whole_truth(events: list[ChangeEvent], attributes: dict[str, Fact]) -> None:
    """A newer `snapshot` leaves exactly what it says; what it leaves out is known to have no value.

    Groups are apart: only a snapshot that speaks of them leaves none out.
    """
    before = absorbed(events)
    newest = at(events[0], len(events), kind="snapshot", order=LATEST, attributes=attributes, kept=())
    after, effect = absorb(before, newest, WANTED)
    silent = "group:" not in attributes and "group:Agents" not in attributes
    spoken = {name: attributes.get(name) for name in WANTED if not (silent and name.startswith("group:"))}
    groups = {name: value for name, value in before.values.items() if silent and name.startswith("group:")}
    assert effect == "applied"
    assert (after.floor, after.values) == (LATEST, spoken | groups)


def test_null_clears_and_absence_keeps() -> None:
    """Null is a value of its own: the attribute becomes owned and empty, where absence leaves it alone."""
    said: dict[str, Fact] = {"department": "Billing", "job": "Agent"}
    event = ChangeEvent(
        "E1", "hris", "E1", "e0", "change", (Micros(1), 0, "e0"), said, Origin("events.hris", 0, 0, Millis(NOW))
    )
    facts = absorbed([event, at(event, 1, order=(2, 0, "e1"), attributes={"department": None})])
    desired, problems = MAPPING.desire("E1", facts.values)
    assert facts.values == {"department": None, "job": "Agent"}
    assert desired == {"externalId": "E1", "department": None, "title": "Agent"}
    assert problems == []


@given(
    spoken=st.dictionaries(
        st.sampled_from(["entra", "hris", "okta"]), st.dictionaries(st.sampled_from(WANTED), values), min_size=1
    ),
    known=st.booleans() | st.none(),
)
@example(spoken={"a": {"active": "no"}, "hris": {"active": False}}, known=True)
@example(spoken={"hris": {"active": False}, "okta": {"active": True}}, known=True)
def test_deny_wins(spoken: dict[str, dict[str, Fact]], known: bool | None) -> None:
    """Once any source says `active` false the user loses access, whatever the others say, in whatever order."""
    facts = {
        source: SourceFacts("E1", Origin(f"events.{source}", 0, 0, Millis(0)), values=said)
        for source, said in spoken.items()
    }
    merged = view(facts)
    words = [said.get("active") for said in spoken.values()]
    assert (merged.get("active") is False) == any(word is False for word in words)
    assert merged == view(dict(reversed(facts.items())))
    desired, _ = MAPPING.desire("E1", merged)
    if any(word is False for word in words):
        held = Resource(externalId="E1") if known is None else Resource(externalId="E1", active=known)
        assert plan(held, desired) == ([] if known is False else [Deactivate()])
    elif not any(word is True for word in words):
        assert "active" not in desired


@given(
    spoken=st.dictionaries(
        st.sampled_from(["entra", "hris", "okta"]), st.dictionaries(st.sampled_from(WANTED), values), min_size=2
    )
)
def test_the_first_source_with_a_value_gives_it(spoken: dict[str, dict[str, Fact]]) -> None:
    """Beside `active`, an attribute is what the first source, by name, says of it, if it says anything but null."""
    merged = view(
        {source: SourceFacts("E1", Origin("t", 0, 0, Millis(0)), values=said) for source, said in spoken.items()}
    )
    for name in set(WANTED) - {"active"}:
        heard = [spoken[source][name] for source in sorted(spoken) if name in spoken[source]]
        assert (name in merged) == bool(heard)
        assert merged.get(name) == next((value for value in heard if value is not None), None)
