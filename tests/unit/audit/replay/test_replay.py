"""Replay on constructed histories: what is as it was is equal, and what was tampered with is found and named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from streamproc.archive import layout
from streamproc.archive.layout import Gap, Manifest
from streamproc.archive.per_partition import map_partitions
from streamproc.archive.writer import ArchiveWriter
from streamproc.audit.replay.divergence import Divergence
from streamproc.audit.replay.partition import LAG, PartitionRequest
from streamproc.audit.replay.verify import ReplayResult, verify
from streamproc.cli.replay import replay
from streamproc.core.errors import HistoryError
from streamproc.core.fold.fold import fold_encoded
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.refold import Refold
from streamproc.core.records.change_event import CHANGE_EVENT, ChangeEvent, Fact, Origin
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.rejected import Rejected
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import (
    CHANGES,
    CONTROLS,
    DELIVERIES,
    MAPPINGS,
    OPERATIONS,
    OUTCOMES,
    REJECTIONS,
)
from streamproc.core.records.user_record import Cause, UserRecord, decode, encode, seal
from tests.support.built import BEGIN, SECOND, Built

OLD = '[attributes]\ntitle = "job"\n[[copy]]\nfact = "queue"\nto = "skills"\n'
NEW = OLD + '[[rule]]\nwhen = { department = "Spanish*" }\nlanguages = { Spanish = 4.0 }\n'


class Whole(InMemoryHistory):
    """A history that was read before anything could be compacted."""

    def written(self, topic: str, partition: int, offset: int) -> int:
        """When it was read."""
        return BEGIN + LAG


class Elsewhere:
    """A history that isn't known to be in memory, so processes are worth it."""

    def __init__(self, records: list[StoredRecord], partitions: int) -> None:
        self.partitions = partitions
        self.read = InMemoryHistory(records, partitions).read


def said(user: str, number: int, /, **facts: Fact) -> ChangeEvent:
    """A change, said by HR."""
    order = ((BEGIN + number) * 1000, 0, f"{user}-{number}")
    return ChangeEvent(user, "hris", user, f"{user}-{number}", "change", order, dict(facts), Origin("", 0, 0, 0))


def story() -> Built:
    """Three users, a change of the mapping in between that reads another fact, and the last event not told yet."""
    built = Built()
    built.apply(OLD, "worker", first=True)
    who: dict[str, Fact] = {"userName": "a@example.com", "displayName": "A", "active": True}
    built.say(said("ana", 1, **who, job="Agent", department="Spanish Support"))
    built.say(said("ben", 2, **who, job="Agent", queue="Billing"))
    built.tell()
    built.say(said("ana", 3, job="Lead"))
    built.say(said("ana", 4, job="Chief"))
    built.tell()
    built.apply(NEW)
    built.say(said("eve", 6, **who, department="Care"))
    built.tell(("eve", "parked"))
    built.say(said("ben", 7, active=False))
    built.tell(("ben", "revoked"))
    built.say(said("ben", 8, job="Clerk"))
    return built


def judged(logged: list[StoredRecord], asked: PartitionRequest | None = None) -> ReplayResult:
    """The verdict on a history that was read whole."""
    return verify(Whole(logged, 1), asked or PartitionRequest(), map_partitions)


def first(logged: list[StoredRecord], asked: PartitionRequest | None = None) -> Divergence:
    """What it says is wrong first."""
    verdict = judged(logged, asked)
    assert not verdict.equal
    assert verdict.first is not None
    return verdict.first


def where(found: Divergence) -> tuple[str, str, int | None]:
    """Kind, topic and offset."""
    return found.kind, found.topic, found.offset


def changed(
    logged: list[StoredRecord], topic: str, offset: int, change: Callable[[StoredRecord], StoredRecord | None]
) -> list[StoredRecord]:
    """The history with one record changed, or without it."""
    found = [change(one) if (one.topic, one.offset) == (topic, offset) else one for one in logged]
    return [one for one in found if one is not None]


def valued(text: str, other: str) -> Callable[[StoredRecord], StoredRecord]:
    """Some bytes in its value instead of others."""

    def change(one: StoredRecord) -> StoredRecord:
        assert one.value is not None
        assert text.encode() in one.value
        return replace(one, value=one.value.replace(text.encode(), other.encode(), 1))

    return change


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


def _rules(text: str) -> MappingInForce:
    return MappingInForce(-1, parse_mapping(text).digest, text, "", "", Origin("", 0, -1, 0), 0)


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
    outcome = Outcome("ana", seq, "delivered", True, BEGIN, "changed", None, [], [])
    found = first([*story().logged, StoredRecord(OUTCOMES, 0, 99, BEGIN, b"ana", orjson.dumps(outcome))])
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
    control = {"id": "c", "action": "mapping", "user": None, "since": None, "by": "Kim", "reason": "why", "at": 1}
    appended = BEGIN + 5 * SECOND
    return StoredRecord(CONTROLS, 0, 5, appended, b"mapping", orjson.dumps({**control, "mapping": NEW, **more}))


def test_a_mapping_and_its_order() -> None:
    """By whom, why, which and when: both have to say the same. Without that topic there is nothing to compare with."""
    logged = story().logged
    assert judged([*logged, ordered()]).equal
    for name, other in (("by", "Mallory"), ("reason", "because"), ("mapping", OLD)):
        found = first([*logged, ordered(**{name: other})])
        assert where(found) == ("altered", CHANGES, 5)
        assert "streamproc.controls partition 0 offset 5" in found.what
        assert found.path == f"/{name}"
    found = first([*logged, replace(ordered(), timestamp=BEGIN)])
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
    found = first([*built.logged, StoredRecord(OPERATIONS, 0, 99, BEGIN, b"ana", encode(forged))])
    assert where(found) == ("added", OPERATIONS, 99)


def test_repeats_are_fine_and_forged_ones_are_not() -> None:
    """A record appended again, or after a newer one, is counted; it has to be the same."""
    built = story()
    again = replace(built.operations[2], offset=99)
    verdict = judged([*built.logged, again, replace(again, offset=100)])
    assert verdict.equal
    assert verdict.counts.repeats == 2
    forged = valued("Lead", "Load")(again)
    assert where(first([*built.logged, forged])) == ("altered", OPERATIONS, 99)


def test_what_was_compacted() -> None:
    """Old records that a newer one of their user follows may be missing; the sink's word for all of them counts."""
    built = Built()
    built.apply(OLD, first=True)
    for number in range(4):
        built.say(said("ana", number, job=f"job {number}"))
    built.tell_of_gap("ana")
    built.compact("ana")
    verdict = verify(InMemoryHistory(built.logged, 1), PartitionRequest(), map_partitions)
    assert verdict.equal
    assert (verdict.counts.records, verdict.counts.compacted, verdict.counts.fates) == (1, 3, 4)
    assert first(built.logged).kind == "left out"  # too young to have been compacted


def test_another_attempt_isnt_another_fate() -> None:
    """What was set aside is tried again under a cause of its own; that doesn't end the event a second time."""
    built = story()
    cause = Cause("streamproc", "retry", Origin(OPERATIONS, 0, -1, BEGIN))
    again = orjson.dumps(Outcome("eve", 6, "delivered", False, BEGIN, "unchanged", cause, [], []))
    assert judged([*built.logged, StoredRecord(OUTCOMES, 0, 99, BEGIN, b"eve", again)]).equal


def test_a_delivery_of_nothing() -> None:
    """A delivery names an event of its user."""
    built = story()
    last = built.deliveries[-1]
    found = first(changed(built.logged, DELIVERIES, last.offset, valued('"seq":7', '"seq":6')))
    assert where(found) == ("altered", DELIVERIES, last.offset)


def test_rejected_events_are_in_the_log_of_rejections() -> None:
    """What can't be folded led to no record; it has to be told, and nothing that was folded may be."""
    built = story()
    built.changes.append(StoredRecord(CHANGES, 0, 9, built.now, b"ana", b"{"))
    built.say(said("ana", 10, job="Agent"))

    def told(offset: int) -> StoredRecord:
        rejected = Rejected(CHANGES, 0, offset, BEGIN, "invalid", "why", None, None, [])
        return StoredRecord(REJECTIONS, 0, offset, BEGIN, None, orjson.dumps(rejected))

    verdict = judged([*built.logged, told(9)])
    assert verdict.equal
    assert verdict.counts.rejected == 1
    assert where(first([*built.logged, told(8)])) == ("altered", CHANGES, 8)
    assert judged(built.logged).equal  # nobody asked for that topic


def test_from_a_moment_on() -> None:
    """What was recorded before is taken as it is, if it fits its own hash; what came after is folded anew."""
    built = story()
    for offset in range(1, 9):
        asked = PartitionRequest(since=BEGIN + offset * SECOND)
        verdict = judged(built.logged, asked)
        assert verdict.equal, verdict.first
        assert verdict.counts.events == 9 - offset
        assert verdict.counts.trusted == len(
            {one.key for one in built.changes[:offset] if b'"kind":"mapping"' not in (one.value or b"")}
        )
    asked = PartitionRequest(since=BEGIN + 4 * SECOND)
    assert where(first(changed(built.logged, OPERATIONS, 2, valued("Lead", "Load")), asked))[:2] == (
        "altered",
        OPERATIONS,
    )
    assert where(first(changed(built.logged, CHANGES, 4, valued("Chief", "Thief")), asked)) == ("altered", CHANGES, 4)
    assert judged(
        changed(built.logged, CHANGES, 1, valued("Agent", "Clerk")), PartitionRequest(since=BEGIN + 6 * SECOND)
    ).equal


def test_from_a_moment_before_which_records_were_compacted() -> None:
    """A user whose record of before is gone is taken from the first one that is there."""
    built = story()
    built.compact("ana")
    built.compact("ben")
    verdict = verify(InMemoryHistory(built.logged, 1), PartitionRequest(since=BEGIN + 4 * SECOND), map_partitions)
    assert verdict.equal, verdict.first
    assert verdict.counts.trusted == 2


def test_without_a_mapping_in_the_log() -> None:
    """A log that is older than mappings in logs needs to be told by which it was folded."""
    built = Built(mapping=parse_mapping(OLD))
    built.say(said("ana", 1, job="Agent"))
    with pytest.raises(HistoryError, match="--mapping FILE"):
        judged(built.logged)
    assert judged(built.logged, PartitionRequest(mapping=_rules(OLD))).equal
    found = first(built.logged, PartitionRequest(mapping=_rules(NEW)))
    assert found.kind == "altered"
    assert f"mapping {parse_mapping(NEW).digest} is in force" in found.what


def test_a_record_of_a_rejected_event() -> None:
    """However well it is sealed, what was rejected leads to none."""
    built = story()
    built.changes.append(StoredRecord(CHANGES, 0, 9, built.now, b"ana", b"{"))
    record = built.records["ana"]
    forged = seal(replace(record, hash="", seq=9, prev=record.seq, before=record.hash))
    rejected = Rejected(CHANGES, 0, 9, BEGIN, "invalid", "why", None, None, [])
    told = StoredRecord(REJECTIONS, 0, 0, BEGIN, None, orjson.dumps(rejected))
    found = first([*built.logged, StoredRecord(OPERATIONS, 0, 99, BEGIN, b"ana", encode(forged)), told])
    assert where(found) == ("added", OPERATIONS, 99)


def test_nothing_to_compare_isnt_equal() -> None:
    """An archive without the records proves nothing, and says so."""
    built = story()
    with pytest.raises(HistoryError, match="nothing to compare"):
        judged(built.changes)
    with pytest.raises(HistoryError, match="nothing to fold"):
        judged([])


def test_partitions_on_all_cores_give_the_same() -> None:
    """Each partition by itself, in processes: what one process says, in order; first is the lowest one's divergence."""
    one, two = story(), story()
    both = [*one.logged, *(replace(each, partition=1) for each in two.logged)]
    tampered = changed(both, OPERATIONS, 2, valued('"title":"Lead"', '"title":"Load"'))
    verdict = verify(Elsewhere(tampered, 2), PartitionRequest(), map_partitions)
    assert verdict == verify(Whole(tampered, 2), PartitionRequest(), map_partitions)
    assert [each.partition for each in verdict.partitions] == [0, 1]
    assert [each.divergences > 0 for each in verdict.partitions] == [True, True]
    assert verdict.first is not None
    assert verdict.first.partition == 0


def test_a_record_is_what_it_was() -> None:
    """The constructed history is one: its records decode to what was folded."""
    built = story()
    newest: dict[str, UserRecord] = {}
    for one in built.operations:
        record = decode(one.value or b"")
        newest[record.user] = record
    assert newest == built.records


def test_numbers_that_json_doesnt_have() -> None:
    """What is read back as nothing is folded as nothing, as the worker does that reads its own records back."""
    built = story()
    again = Refold(lambda _: [], _rules(OLD))
    value: bytes | None = None
    mapping = parse_mapping(OLD)
    for number, job in enumerate((b"1e999", b"", b"[1e999]", b"", b"true")):
        facts: dict[str, Fact] = {"job": "here"} if job else {"queue": f"q{number}"}
        raw = orjson.dumps(said("ana", number, **facts)).replace(b'"here"', job)
        value = fold_encoded(value, number, CHANGE_EVENT.validate_json(raw), mapping)
        assert again.take(replace(built.changes[1], offset=number, value=raw)).records == {"ana": value}
    huge = orjson.dumps(said("ana", 5, job="here")).replace(b'"here"', b"1" * 30)
    assert again.take(replace(built.changes[1], offset=9, value=huge)).rejected == "invalid"


def archived(folder: Path, logged: list[StoredRecord]) -> Path:
    """The history as an archive."""
    layout.made(folder)
    gap = Gap(DELIVERIES, 0, 100, 105)
    layout.keep_manifest(folder, Manifest(layout.VERSION, None, 1, (), (gap, replace(gap, topic=MAPPINGS))))
    for topic in (CHANGES, OPERATIONS, OUTCOMES, DELIVERIES):
        writing = ArchiveWriter(folder, topic, 0, 0)
        for one in logged:
            if one.topic == topic:
                writing.add((one.offset, one.timestamp, one.key, one.value, one.headers))
        writing.close(100)
    return folder


def test_the_command_says_it(tmp_path: Path) -> None:
    """0 and what was compared where all is equal; 1, the place and both sides where it isn't; both as JSON, too."""
    good = ["--verify", "--offline", "--archive", str(archived(tmp_path / "good", story().logged))]
    done = CliRunner().invoke(replay, good)
    assert done.exit_code == 0, done.output
    assert "partition 0    9 events, 9 records, 8 fates in 8 outcomes; 2 mappings; 1 open\n" in done.stdout
    assert "\nequal " in done.stdout
    since = CliRunner().invoke(replay, [*good, "--from", "2026-03-03T01:06:44Z"])
    assert since.exit_code == 0, since.output
    assert "trusted        the records of 2 users as they were recorded before 2026-03-03T01:06:44Z" in since.stdout
    tampered = changed(story().logged, OPERATIONS, 2, valued('"title":"Lead"', '"title":"Load"'))
    bad = ["--verify", "--offline", "--archive", str(archived(tmp_path / "bad", tampered))]
    done = CliRunner().invoke(replay, bad)
    assert done.exit_code == 1
    assert "altered: scim.operations partition 0 offset 2; user ana, event at offset 3: it doesn't fit" in done.stdout
    assert '  at          /desired/title\n  recorded    "Load"\n  recomputed  "Lead"\n' in done.stdout
    said = orjson.loads(CliRunner().invoke(replay, [*bad, "--json"]).stdout)
    assert (said["equal"], said["first"]["offset"], said["first"]["recorded"]) == (False, 2, "Load")
    assert said["gaps"] == [{"topic": DELIVERIES, "partition": 0, "first": 100, "next": 105}]
    assert "scim.deliveries partition 0: offsets 100 to 104 aren't in" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--verify", "--as-of", "0"],
        ["--verify", "--user", "ana"],
        ["--as-of", "0", "--from", "0"],
        ["--verify", "--from", "yesterday"],
        ["--verify", "--from", "2026-03-02T09:00:00"],
    ],
    ids=" ".join,
)
def test_the_command_used_wrongly(arguments: list[str]) -> None:
    """What doesn't go together, and moments that say no zone, are refused before anything is read."""
    assert CliRunner().invoke(replay, arguments).exit_code == 2
