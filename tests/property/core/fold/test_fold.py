"""The fold: exact over at-least-once delivery, chained, and the same bytes whoever recomputes it."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.fold.authority import view
from streamproc.core.fold.fold import fold, fold_encoded
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.fold.plan import apply, plan
from streamproc.core.records.change_event import ChangeEvent, decode_event, encode_event
from streamproc.core.records.resource import Resource
from streamproc.core.records.user_record import FIRST, UserRecord, decode, encode, seal
from tests.support.events import arrivals, histories

TEXT = """
[attributes]
title = "job"
phone = "hash"
department = "department"
manager = "unread"
[[copy]]
fact = "genesysRole"
to = "roles"
[[copy]]
fact = "genesysQueue"
to = "groups"
template = "{} Queue"
[[copy]]
fact = "genesysQueue"
to = "skills"
[[rule]]
when = { job = "*Agent" }
languages = { English = 4.0, Spanish = 2.5 }
[always]
roles = ["employee", "everybody"]
"""
MAPPING = parse_mapping(TEXT)

two_sources = st.tuples(
    histories(most=3, dated=True),
    histories(source="okta", most=2, dated=True),
    histories(source="okta", subject="E1-b", most=1),
).flatmap(lambda three: arrivals([event for each in three for event in each], repeats=2))
"""Events of two sources about one user, in one of them two subjects, as they come along in `identity.changes`."""
plain = st.tuples(histories(), histories(source="okta", most=3)).flatmap(lambda both: arrivals(both[0] + both[1]))
"""The same without dates, and with one subject in each."""
few = settings(max_examples=30)


def folded(events: Sequence[ChangeEvent], mapping: Mapping = MAPPING) -> list[UserRecord]:
    """The user's record after each event; offsets have gaps, because other users share the partition."""
    records: list[UserRecord] = []
    record: UserRecord | None = None
    for number, event in enumerate(events):
        record = fold(record, number * 3, event, mapping)
        records.append(record)
    return records


@few
@given(events=two_sources)
def test_what_is_desired_follows_from_the_facts(events: list[ChangeEvent]) -> None:
    """After every event, a late one too, which may tell only until when somebody was active."""
    before: Resource | None = None
    for record in folded(events):
        facts = view(record.facts, record.as_of)
        assert record.desired == MAPPING.desire(record.user, facts, before)[0]
        before = record.desired


@few
@given(events=two_sources, repeated=st.data())
def test_what_was_folded_is_skipped(events: list[ChangeEvent], repeated: st.DataObject) -> None:
    """An event at or below the record's seq gives the very same record, whatever it says."""
    record = folded(events)[-1]
    event = repeated.draw(st.sampled_from(events))
    for seq in {record.seq, repeated.draw(st.integers(0, record.seq))}:
        assert fold(record, seq, event, MAPPING) is record


@few
@given(events=two_sources, data=st.data())
def test_delivery_at_least_once_is_exact(events: list[ChangeEvent], data: st.DataObject) -> None:
    """A worker that was killed reads again from an earlier offset: it writes on where it was, without a repeat."""
    once = folded(events)
    record: UserRecord | None = None
    written: list[UserRecord] = []
    position = 0
    for back in data.draw(st.lists(st.integers(0, 3), max_size=6)) + [0] * len(events):
        position = max(0, position - back)
        for number in range(position, min(position + 2, len(events))):
            after = fold(record, number * 3, events[number], MAPPING)
            if after is not record:
                written.append(after)
            record = after
        position = min(position + 2, len(events))
    assert written == once


@few
@given(events=two_sources)
def test_the_chain_verifies(events: list[ChangeEvent]) -> None:
    """Each record names the seq and the hash before it, and its own hash is over all the rest of it, as read back."""
    prev, before = FIRST, ""
    for record in folded(events):
        assert (record.prev, record.before) == (prev, before)
        for each in (record, decode(encode(record))):
            assert seal(replace(each, hash="")).hash == record.hash
        prev, before = record.seq, record.hash


@few
@given(events=two_sources, data=st.data())
def test_an_altered_record_shows(events: list[ChangeEvent], data: st.DataObject) -> None:
    """Whatever is changed in a record, its hash doesn't fit any more."""
    record = data.draw(st.sampled_from(folded(events)))
    for altered in (
        replace(record, desired=Resource(**record.desired | {"title": "altered"})),
        replace(record, seq=record.seq + 1),
        replace(record, before="0" * 64),
        replace(record, facts={}),
        replace(record, cause=replace(record.cause, reason="altered")),
    ):
        assert seal(replace(altered, hash="")).hash != record.hash


@few
@given(events=two_sources)
def test_a_record_survives_kafka(events: list[ChangeEvent]) -> None:
    """Encoded and decoded, a record is equal and encodes to the same bytes; folding on from it gives the same too."""
    record: UserRecord | None = None
    for number, event in enumerate(events):
        kept = fold(record and decode(encode(record)), number, decode_event(encode_event(event)), MAPPING)
        record = fold(record, number, event, MAPPING)
        assert kept == record == decode(encode(record))
        assert encode(kept) == encode(record) == encode(decode(encode(record)))


@few
@given(events=two_sources)
def test_from_value_to_value_is_the_same(events: list[ChangeEvent]) -> None:
    """The worker's way, from bytes to bytes, gives what the fold gives, whatever a fact is called or says."""
    value: bytes | None = None
    for number, (event, record) in enumerate(zip(events, folded(events), strict=True)):
        value = fold_encoded(value, number * 3, event, MAPPING)
        assert value == encode(record)
        assert fold_encoded(value, number * 3, event, MAPPING) is None


@few
@given(events=two_sources)
def test_folding_twice_gives_the_same_bytes(events: list[ChangeEvent]) -> None:
    """The fold depends on its arguments alone."""
    assert [encode(each) for each in folded(events)] == [encode(each) for each in folded(events)]


@few
@given(events=two_sources)
def test_the_operations_lead_from_record_to_record(events: list[ChangeEvent]) -> None:
    """Each record's operations turn what the one before desired into what it desires itself."""
    before: UserRecord | None = None
    for record in folded(events):
        held = before.desired if before else None
        assert record.operations == (plan(held, record.desired) if record.effect == "changed" else [])
        if record.effect != "changed":
            assert before is None or record.desired == before.desired
        for operation in record.operations:
            held = apply(held, operation, record.desired)
        assert held is None or plan(held, record.desired) == []
        before = record


@given(events=plain)
def test_the_last_word_on_access_is_kept(events: list[ChangeEvent]) -> None:
    """The user is desired active only if every source that says anything of `active` says true in its newest word."""
    record = folded(events)[-1]
    newest: dict[str, object] = {}
    for event in sorted(events, key=lambda each: each.order):
        whole = event.kind == "snapshot" and "active" not in event.kept
        if whole or "active" in event.attributes:
            newest[event.source] = event.attributes.get("active")
    words = [word for word in newest.values() if word is not None]
    assert record.desired.get("active") == (all(words) if words else None)


@few
@given(events=two_sources)
def test_every_event_tells_its_effect(events: list[ChangeEvent]) -> None:
    """Each event leaves one record that names it; what repeats or is stale costs no operation."""
    for event, record in zip(events, folded(events), strict=True):
        assert (record.cause.source, record.cause.event, record.cause.origin) == (
            event.source,
            event.event,
            event.origin,
        )
        assert record.mapping == MAPPING.digest
        if record.effect in {"duplicate", "stale", "unchanged"}:
            assert record.operations == []
