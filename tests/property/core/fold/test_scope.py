"""Whatever sources say, in whatever order: who is ours follows from it, and what can't be said moves nobody."""

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.expressions.expression import Unknown
from streamproc.core.fold.authority import view
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.fold.scope import deciding, desire, standing
from streamproc.core.records.change_event import ChangeEvent, Fact
from streamproc.core.records.operation import Create, Deactivate
from streamproc.core.records.resource import Resource, by_mapping
from streamproc.core.records.user_record import UserRecord
from tests.support.events import arrivals, histories

FILE: Final = """
[scope]
who = '{who}'
leaving = "{leaving}"
blank = "{blank}"
[suspend]
when = 'job == "Suspended"'
[attributes]
title = "genesysRole"
[[copy]]
fact = "genesysQueue"
to = "skills"
"""
WHO: Final = 'department in ["Agent", "Billing"] && (job != "Team Lead" || inGroup("Agents"))'
BOTH: Final = ("deactivate", "release")


def mapping(who: str = WHO, leaving: str = "deactivate", blank: str = "keep") -> Mapping:
    """With a scope that reads three facts."""
    return parse_mapping(FILE.format(who=who, leaving=leaving, blank=blank))


MAPPINGS: Final = {leaving: mapping(leaving=leaving) for leaving in BOTH}
ONE_FACT: Final = mapping('department in ["Agent", "Billing"]')

places: st.SearchStrategy[Fact] = st.sampled_from(["Agent", "Billing", "Warehouse", None, "", 7, True, ["Agent"]])
said = st.fixed_dictionaries(
    {},
    optional={
        "active": st.sampled_from([True, True, False, None]),
        "department": places,
        "job": st.sampled_from(["Clerk", "Team Lead", "Suspended", None, 7]),
        "group:Agents": st.sampled_from([True, False, None]),
        "genesysRole": st.sampled_from(["Agent", None, 7, {}]),
    },
)
facts = said.map(dict[str, Fact])
arriving = st.tuples(
    histories(most=4, dated=True, words=said), histories(source="okta", most=3, dated=True, words=said)
).flatmap(lambda two: arrivals([event for each in two for event in each], repeats=1))
"""Events of two sources about one user, dated ones too, in any order."""
either = st.sampled_from(BOTH)


def folded(events: Sequence[ChangeEvent], by: Mapping) -> list[UserRecord]:
    """The user's record after each event."""
    records: list[UserRecord] = []
    record: UserRecord | None = None
    for number, event in enumerate(events):
        record = fold(record, number, event, by)
        records.append(record)
    return records


@given(events=arriving, leaving=either)
def test_who_never_was_in_scope_has_no_attribute(events: list[ChangeEvent], leaving: str) -> None:
    """Until a fold finds somebody in scope there is nothing in their records by which they can be named."""
    was_in = False
    for record in folded(events, MAPPINGS[leaving]):
        seen = view(record.facts, record.as_of)
        was_in = was_in or standing(MAPPINGS[leaving], seen, None).state == "in"
        if not was_in:
            assert record.desired == {"externalId": record.user, "scope": "never"}
            assert record.operations == []
        else:
            assert record.desired.get("scope") != "never"


@given(events=arriving, leaving=either)
def test_a_no_of_a_source_wins(events: list[ChangeEvent], leaving: str) -> None:
    """Of whomever was ever in scope: under any scope, suspension and release."""
    for record in folded(events, MAPPINGS[leaving]):
        if record.desired.get("scope") != "never" and view(record.facts, record.as_of).get("active") is False:
            assert record.desired.get("active") is False
            assert not by_mapping(record.desired)


@given(events=arriving, leaving=either)
def test_access_is_for_those_who_are_in_scope_active_and_not_suspended(events: list[ChangeEvent], leaving: str) -> None:
    """A record that gives access rests on facts that say all three, or on what can't be said since they did."""
    by, before = MAPPINGS[leaving], None
    for record in folded(events, by):
        here = standing(by, view(record.facts, record.as_of), before)
        if record.desired.get("active") is True and "scope" not in record.desired:
            assert here.state == "in"
            assert not here.suspended
        if {"scope", "active"} <= record.desired.keys() and record.desired.get("scope") == "left":
            assert record.desired["active"] is False
        before = record.desired


@given(events=arriving, leaving=either)
def test_released_is_frozen(events: list[ChangeEvent], leaving: str) -> None:
    """Of who was released nothing is written but a leaving, which isn't taken back while they are out of scope."""
    before: Resource | None = None
    for record in folded(events, MAPPINGS[leaving]):
        if before is not None and before.get("scope") == record.desired.get("scope") in {"left", "released"}:
            access = {"active": 0, "denied": 0, "suspended": 0}
            assert {**record.desired, **access} == {**before, **access}
            assert record.operations in ([], [Deactivate()])
            assert before.get("active") is not False or record.desired["active"] is False
        before = record.desired


@given(known=facts, data=st.data(), leaving=either, blank=st.sampled_from(["keep", "leave"]))
def test_what_is_not_known_adds_nothing(known: dict[str, Fact], data: st.DataObject, leaving: str, blank: str) -> None:
    """Without some of the facts that `who` reads somebody stands as they did, or as they would with all of them.

    With `keep` the same holds of facts that have no value, but for groups.
    """
    by = mapping(leaving=leaving, blank=blank)
    before = data.draw(st.sampled_from([None, *_befores()]))
    dropped = data.draw(st.sets(st.sampled_from(sorted(deciding(by)))))
    nulled = data.draw(st.sets(st.sampled_from(["department", "job"]))) if blank == "keep" else set()
    less = {name: None if name in nulled else value for name, value in known.items() if name not in dropped}
    stood = standing(by, known, before).state
    stands = standing(by, less, before).state
    was = "never" if before is None else before.get("scope", "in")
    assert stands in {was, stood}
    if isinstance(standing(by, less, before).who, Unknown):
        assert stands == was


@given(
    events=histories(most=6, words=said).flatmap(lambda events: arrivals(events, repeats=0)),
    thinned=st.lists(st.sampled_from(["as it is", "dropped", "nulled"]), min_size=6, max_size=6),
)
def test_what_goes_missing_lets_nobody_in_or_out(events: list[ChangeEvent], thinned: list[str]) -> None:
    """In a history of which the fact that decides is dropped or blank here and there, there are no more
    creations and no more deactivations by the scope than without that.
    """
    changed: list[ChangeEvent] = []
    for event, how in zip(events, thinned, strict=False):
        attributes = dict(event.attributes)
        if "department" in attributes and how == "dropped":
            del attributes["department"]
        elif "department" in attributes and how != "as it is":
            attributes["department"] = None
        changed.append(_replaced(event, attributes))
    whole, less = (_moves([_replaced(each, dict(each.attributes)) for each in some]) for some in (events, changed))
    assert less[0] <= whole[0]
    assert less[1] <= whole[1]


@given(known=facts, before=st.none() | st.sampled_from([Resource(externalId="E1", active=True)]))
def test_without_a_scope_the_mapping_decides_alone(known: dict[str, Fact], before: Resource | None) -> None:
    """No key, no problem and no value is another than that of the mapping."""
    by = parse_mapping('[attributes]\ntitle = "genesysRole"\n[[copy]]\nfact = "genesysQueue"\nto = "skills"\n')
    assert desire(by, "E1", known, before) == by.desire("E1", known, before)
    assert not {"scope", "suspended"} & desire(by, "E1", known, before)[0].keys()


@pytest.mark.parametrize("leaving", BOTH)
@given(events=arriving)
def test_a_user_in_scope_is_who_they_are_without_one(leaving: str, events: list[ChangeEvent]) -> None:
    """But for access, which a suspension may take, the scope changes nothing of what is desired of those in it."""
    by, before = MAPPINGS[leaving], None
    for record in folded(events, by):
        seen = view(record.facts, record.as_of)
        if before is not None and "scope" not in {**before, **record.desired} and record.effect == "changed":
            alone = by.desire(record.user, seen, before)[0]
            assert {**record.desired, "active": 0, "suspended": 0} == {**alone, "active": 0, "suspended": 0}
        before = record.desired


def _befores() -> list[Resource]:
    inside = Resource(externalId="E1", userName="a@example.com", active=True)
    return [
        inside,
        Resource(externalId="E1", scope="never"),
        Resource(**{**inside, "active": False, "scope": "left"}),
        Resource(**{**inside, "scope": "released"}),
        Resource(**{**inside, "active": False, "suspended": True}),
    ]


def _replaced(event: ChangeEvent, attributes: dict[str, Fact]) -> ChangeEvent:
    """The same as a change in which somebody is active, so that nothing but the scope takes access."""
    more: dict[str, Fact] = {**attributes, "active": True, "job": "Clerk"}
    return ChangeEvent(event.user, event.source, event.subject, event.event, "change", event.order, more, event.origin)


def _moves(events: Sequence[ChangeEvent]) -> tuple[int, int]:
    """Creations and deactivations in the records of these events, in the order of what they say."""
    records = folded(sorted(events, key=lambda each: each.order), ONE_FACT)
    operations = [operation for record in records for operation in record.operations]
    return operations.count(Create()), operations.count(Deactivate())
