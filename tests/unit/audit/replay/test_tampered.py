"""Replay of a tampered history: what was altered, added or taken out is found, and named with its offset."""

from dataclasses import replace

import orjson
import pytest

from streamproc.archive.per_partition import map_partitions
from streamproc.audit.replay.starting_point import PartitionRequest
from streamproc.audit.replay.verify import verify
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import CHANGE_EVENT
from streamproc.core.records.control import Control
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import (
    CHANGES,
    CONTROLS,
    DELIVERIES,
    OPERATIONS,
    OUTCOMES,
)
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import decode, encode, seal
from tests.support.built import BEGIN, SECOND, Built
from tests.support.replay_history import NEW, OLD, Whole, _rules, changed, first, judged, story, valued, where


def gone(_: StoredRecord) -> None:
    """Taken out."""


def test_what_is_as_it_was_is_equal() -> None:
    """Every record and outcome of the story is compared; what isn't told yet is counted as open."""
    verdict = judged(story().logged)
    assert verdict.equal
    counts = verdict.counts
    assert (counts.events, counts.mappings, counts.records) == (9, 2, 9)
    assert (counts.outcomes, counts.fates, counts.open) == (8, 8, 1)
    assert (counts.compacted, counts.repeats, counts.unfolded) == (0, 0, 0)


def test_a_byte_in_a_record() -> None:
    """Its own hash gives a record away, and the place in it is shown with both sides."""
    found = first(changed(story().logged, OPERATIONS, 2, valued('"title":"Lead"', '"title":"Load"')))
    assert where(found) == ("altered", OPERATIONS, 2)
    assert (found.user, found.seq) == ("ana", 3)
    assert (found.path, found.recorded, found.recomputed) == ("/desired/title", "Load", "Lead")


def test_a_record_that_was_sealed_anew() -> None:
    """Somebody who computes the hash anew is found out by the record after it, whose hash is over the old one."""

    def forge(one: StoredRecord) -> StoredRecord:
        record = decode(one.value or b"")
        return replace(one, value=encode(seal(replace(record, hash="", problems=["forged"]))))

    found = first(changed(story().logged, OPERATIONS, 2, forge))
    assert where(found) == ("altered", OPERATIONS, 2)
    assert "record after it" in found.what


def test_the_last_record_says_another_event() -> None:
    """Its place is named, where it lies, and not the one behind it."""
    built = story()
    built.tell()
    found = first(changed(built.logged, OPERATIONS, 8, valued('"seq":8', '"seq":88')))
    assert where(found) == ("left out", OPERATIONS, 8)
    assert found.seq == 8


def test_an_event_that_was_altered() -> None:
    """A record that fits its hash and its neighbours speaks against its event."""
    found = first(changed(story().logged, CHANGES, 3, valued('"job":"Lead"', '"job":"Load"')))
    assert where(found) == ("altered", CHANGES, 3)
    assert found.user == "ana"
    assert {found.recorded, found.recomputed} == {"Lead", "Load"}


@pytest.mark.parametrize(("one", "other"), [(3, 4), (1, 2)], ids=["of one user", "of two users"])
def test_two_events_that_were_swapped(one: int, other: int) -> None:
    """The first of the two is named, with the place where what belongs there lies now."""
    logged = story().logged
    values = {each.offset: each for each in logged if each.topic == CHANGES}

    def swap(each: StoredRecord) -> StoredRecord:
        there = values[other if each.offset == one else one]
        return replace(each, key=there.key, value=there.value)

    swapped = changed(changed(logged, CHANGES, one, swap), CHANGES, other, swap)
    found = first(swapped)
    assert where(found) == ("swapped", CHANGES, one)
    assert f"offset {other}" in found.what


@pytest.mark.parametrize("offset", [0, 5], ids=["the first", "a later one"])
def test_a_mapping_whose_text_was_altered(offset: int) -> None:
    """A text that isn't that of the digest is named, wherever the mapping came into force."""
    tampered = changed(story().logged, CHANGES, offset, valued("title = ", "phone = "))
    found = first(tampered, PartitionRequest())
    assert where(found) == ("altered", CHANGES, offset)


def test_a_mapping_that_was_altered_with_its_digest() -> None:
    """The records say by which mapping they were made: one that was never in force doesn't fit them."""
    other = NEW.replace("4.0", "5.0")

    def forge(one: StoredRecord) -> StoredRecord:
        event = CHANGE_EVENT.validate_json(one.value or b"")
        assert event.mapping is not None
        digest = parse_mapping(other).digest
        return replace(
            one, value=orjson.dumps(replace(event, event=digest, mapping=replace(event.mapping, text=other)))
        )

    found = first(changed(story().logged, CHANGES, 5, forge))
    assert where(found) == ("altered", CHANGES, 5)
    assert parse_mapping(NEW).digest in found.what
    assert parse_mapping(other).digest in found.what


@pytest.mark.parametrize("offset", range(8))
def test_a_record_that_was_taken_out(offset: int) -> None:
    """It is named by its user, its event, and the place where the gap is."""
    built = story()
    record = decode(next(one.value or b"" for one in built.operations if one.offset == offset))
    found = first(changed(built.logged, OPERATIONS, offset, gone))
    assert where(found) == ("left out", OPERATIONS, offset)
    assert (found.user, found.seq) == (record.user, record.seq)


def test_the_last_record_may_not_be_written_yet() -> None:
    """An event after all that is recorded waits for the worker: that is no divergence."""
    verdict = judged(changed(story().logged, OPERATIONS, 8, gone))
    assert verdict.equal
    assert (verdict.counts.unfolded, verdict.counts.open) == (1, 0)


@pytest.mark.parametrize("offset", range(9))
def test_an_event_that_was_taken_out(offset: int) -> None:
    """`identity.changes` has no gaps, so one shows; one at its end shows by the record that it led to."""
    tampered = changed(story().logged, CHANGES, offset, gone)
    found = first(tampered, PartitionRequest(mapping=_rules(OLD)))
    assert where(found) == ("left out", CHANGES, offset)


def test_an_outcome_that_was_taken_out() -> None:
    """Each event up to the user's delivery needs a fate."""
    built = story()
    for one in built.outcomes:
        outcome = orjson.loads(one.value or b"")
        found = first(changed(built.logged, OUTCOMES, one.offset, gone))
        assert where(found) == ("left out", OUTCOMES, None)
        assert f"no fate of {outcome['user']} seq {outcome['seq']}" in found.what


def test_an_outcome_that_was_altered() -> None:
    """What an outcome says of its event is what the event's record says."""
    for old, new in (('"effect":"changed"', '"effect":"unchange"'), ('"source":"hris"', '"source":"okta"')):
        found = first(changed(story().logged, OUTCOMES, 2, valued(old, new)))
        assert where(found) == ("altered", OUTCOMES, 2)
        assert (found.user, found.seq) == ("ben", 2)
    found = first(changed(story().logged, OUTCOMES, 2, valued('"seq":2', '"seq":5')))
    assert where(found) == ("left out", OUTCOMES, None)  # of event 2; and event 5 has two
    assert first(changed(story().logged, OUTCOMES, 2, valued("{", "["))).kind == "altered"


@pytest.mark.parametrize(
    ("seq", "kind"), [(3, "told twice"), (8, "added"), (99, "added")], ids=["told", "another user's", "no event at all"]
)
def test_an_outcome_that_was_added(seq: int, kind: str) -> None:
    """A second fate is one too many, and so is that of an event that isn't the user's."""
    outcome = Outcome("ana", seq, "delivered", True, Millis(BEGIN), "changed", None, [], [])
    found = first([*story().logged, StoredRecord(OUTCOMES, 0, 99, Millis(BEGIN), b"ana", orjson.dumps(outcome))])
    assert where(found) == (kind, OUTCOMES, 99)


def test_an_outcome_and_the_word_for_it_were_taken_out() -> None:
    """Fates are told in order: one before another that is told isn't open, whatever became of the deliveries."""
    built = story()
    left = [one for one in built.logged if one.topic != DELIVERIES or one.key != b"ana"]
    (told_of,) = [one for one in built.outcomes if one.key == b"ana" and orjson.loads(one.value or b"")["seq"] == 3]
    found = first(changed(left, OUTCOMES, told_of.offset, gone))
    assert where(found) == ("left out", OUTCOMES, None)
    assert (found.user, found.seq) == ("ana", 3)
    assert "seq 5 is told" in found.what


@pytest.mark.parametrize(
    ("verdict", "more"),
    [
        ("no-op", {"operations": ["patch"], "acknowledged": BEGIN}),
        ("superseded", {"operations": ["patch"], "acknowledged": BEGIN}),
        ("superseded", {"read_back": BEGIN}),
        ("revoked", {"operations": ["deactivate"], "acknowledged": BEGIN, "read_back": None}),
        ("delivered", {"operations": ["deactivate"], "acknowledged": BEGIN, "read_back": BEGIN}),
        ("parked", {"operations": ["patch"]}),
        ("parked", {"acknowledged": BEGIN}),
        ("revoked", {"read_back": None, "sessions_ended": BEGIN}),
    ],
)
def test_a_verdict_that_cant_be(verdict: str, more: dict[str, object]) -> None:
    """What was done for an event, and when, has to fit what is said to have become of it."""

    def forge(one: StoredRecord) -> StoredRecord:
        return replace(one, value=orjson.dumps({**orjson.loads(one.value or b""), "verdict": verdict, **more}))

    built = story()
    (last,) = [one for one in built.outcomes if b'"revoked"' in (one.value or b"")]
    found = first(changed(built.logged, OUTCOMES, last.offset, forge))
    assert where(found) == ("altered", OUTCOMES, last.offset)
    assert "contradict" in found.what


@pytest.mark.parametrize("more", [{"requests": None}, {"requests": [1]}, {"at": "x"}, {"at": True}, {"seq": "3"}])
def test_an_outcome_that_nobody_can_read(more: dict[str, object]) -> None:
    """What the reports couldn't read isn't equal."""

    def forge(one: StoredRecord) -> StoredRecord:
        return replace(one, value=orjson.dumps({**orjson.loads(one.value or b""), **more}))

    found = first(changed(story().logged, OUTCOMES, 2, forge))
    assert where(found) == ("altered", OUTCOMES, 2)
    assert "isn't an outcome" in found.what


@pytest.mark.parametrize("offset", [3, 5], ids=["an event's", "a mapping's"])
@pytest.mark.parametrize("key", [None, b"", b"ben"])
def test_a_key_that_was_altered(offset: int, key: bytes | None) -> None:
    """Whoever reads by user would pass over the event."""
    found = first(changed(story().logged, CHANGES, offset, lambda one: replace(one, key=key)))
    assert where(found) == ("altered", CHANGES, offset)
    assert "key" in found.what


@pytest.mark.parametrize("topic", [OPERATIONS, OUTCOMES, DELIVERIES])
def test_nothing_is_left_of_the_events(topic: str) -> None:
    """Records, outcomes or deliveries of a partition whose events are all gone came of nothing."""
    whole, other = story(), Built(1)
    other.apply(OLD, first=True)
    left = [*other.logged, *(one for one in whole.logged if one.topic == topic)]
    found = verify(Whole(left, 2), PartitionRequest(), map_partitions).first
    assert found is not None
    assert found.partition == 0
    assert where(found) in {("left out", CHANGES, 1), ("added", OUTCOMES, 0), ("altered", DELIVERIES, 6)}


def ordered(**more: object) -> StoredRecord:
    """The order of the story's second mapping."""
    appended = BEGIN + 5 * SECOND
    digest = parse_mapping(NEW).digest
    control = Control(digest, "mapping", None, None, "Kim", "why", Millis(appended), mapping=NEW)
    value = orjson.dumps(replace(control, **more))  # type: ignore[arg-type]  # as the caller has it
    return StoredRecord(CONTROLS, 0, 5, Millis(appended), b"mapping", value)


def test_a_mapping_and_its_order() -> None:
    """By whom, why, which and when: both have to say the same. Without that topic there is nothing to compare with."""
    logged = story().logged
    assert judged([*logged, ordered()]).equal
    for name, other in (("by", "Mallory"), ("reason", "because"), ("mapping", OLD), ("at", 2000), ("id", "d")):
        found = first([*logged, ordered(**{name: other})])
        assert where(found) == ("altered", CHANGES, 5)
        assert "streamproc.controls partition 0 offset 5" in found.what
        assert found.path == f"/{name}"
    found = first([*logged, replace(ordered(), timestamp=Millis(BEGIN))])
    assert found.path == "/appended"
    assert where(first([*changed(logged, CHANGES, 5, valued('"Kim"', '"Kay"')), ordered()])) == ("altered", CHANGES, 5)
    assert where(first([*logged, replace(ordered(), value=b"{")])) == ("altered", CHANGES, 5)
    found = first([*logged, replace(ordered(), offset=4)])
    assert where(found) == ("left out", CONTROLS, 5)
    assert "identity.changes partition 0 offset 5" in found.what


def test_a_record_that_was_added() -> None:
    """One that no event led to, however well it is sealed."""
    built = story()
    record = built.records["ana"]
    forged = seal(replace(record, hash="", seq=7, prev=record.seq, before="0" * 64))
    found = first([*built.logged, StoredRecord(OPERATIONS, 0, 99, Millis(BEGIN), b"ana", encode(forged))])
    assert where(found) == ("added", OPERATIONS, 99)
