"""Replay of a history that is as it was, compacted, or begun in the middle: what counts as equal."""

from dataclasses import replace

import orjson
import pytest

from streamproc.archive.per_partition import map_partitions
from streamproc.audit.replay.starting_point import PartitionRequest
from streamproc.audit.replay.verify import verify
from streamproc.cli.replay import as_object, lines
from streamproc.core.errors import HistoryError
from streamproc.core.fold.fold import fold_encoded
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.refold import Refold
from streamproc.core.records.change_event import CHANGE_EVENT, Fact, Origin
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.rejected import Problem, Rejected, encode_rejected
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import (
    CHANGES,
    DELIVERIES,
    OPERATIONS,
    OUTCOMES,
    REJECTIONS,
)
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause, UserRecord, decode, encode, seal
from tests.support.built import BEGIN, SECOND, Built
from tests.support.replay_history import NEW, OLD, Whole, _rules, changed, first, judged, said, story, valued, where


class Elsewhere:
    """A history that isn't known to be in memory, so processes are worth it."""

    def __init__(self, records: list[StoredRecord], partitions: int) -> None:
        self.partitions = partitions
        self.read = InMemoryHistory(records, partitions).read


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
    cause = Cause("streamproc", "retry", Origin(OPERATIONS, 0, -1, Millis(BEGIN)))
    again = orjson.dumps(Outcome("eve", 6, "delivered", False, Millis(BEGIN), "unchanged", cause, [], []))
    assert judged([*built.logged, StoredRecord(OUTCOMES, 0, 99, Millis(BEGIN), b"eve", again)]).equal


def test_a_delivery_of_nothing() -> None:
    """A delivery names an event of its user."""
    built = story()
    last = built.deliveries[-1]
    found = first(changed(built.logged, DELIVERIES, last.offset, valued('"seq":7', '"seq":6')))
    assert where(found) == ("altered", DELIVERIES, last.offset)


def test_rejected_events_are_in_the_log_of_rejections() -> None:
    """What can't be folded led to no record; it has to be told, and nothing that was folded may be."""
    built = story()
    built.changes.append(StoredRecord(CHANGES, 0, 9, Millis(built.now), b"ana", b"{"))
    built.say(said("ana", 10, job="Agent"))

    def told(offset: int) -> StoredRecord:
        rejected = Rejected(CHANGES, 0, offset, Millis(BEGIN), "invalid", "why", None, None, [])
        return StoredRecord(REJECTIONS, 0, offset, Millis(BEGIN), None, orjson.dumps(rejected))

    verdict = judged([*built.logged, told(9)])
    assert verdict.equal
    assert verdict.counts.rejected == 1
    assert where(first([*built.logged, told(8)])) == ("altered", CHANGES, 8)
    assert judged(built.logged).equal  # nobody asked for that topic


def test_what_nobody_could_read_is_named() -> None:
    """Damaged or removed input isn't in the log, which is equal all the same; where it lay is said once."""
    problem = Problem("unreadable", "offsets 5 to 9 were removed before they were read")
    value = encode_rejected("events.hris", 3, 9, Millis(BEGIN), [problem])
    lost = [StoredRecord(REJECTIONS, 0, offset, Millis(BEGIN), None, value) for offset in range(2)]
    verdict = judged([*story().logged, *lost])
    assert verdict.equal
    assert verdict.unread == ("events.hris, partition 3: offsets 5 to 9 were removed before they were read",)
    assert as_object(verdict, None)["unread"] == list(verdict.unread)
    assert any("never read" in line and "offsets 5 to 9" in line for line in lines(verdict, None))


def test_from_a_moment_on() -> None:
    """What was recorded before is taken as it is, if it fits its own hash; what came after is folded anew."""
    built = story()
    for offset in range(1, 9):
        asked = PartitionRequest(trusted_before=BEGIN + offset * SECOND)
        verdict = judged(built.logged, asked)
        assert verdict.equal, verdict.first
        assert verdict.counts.events == 9 - offset
        assert verdict.counts.trusted == len(
            {one.key for one in built.changes[:offset] if b'"kind":"mapping"' not in (one.value or b"")}
        )
    asked = PartitionRequest(trusted_before=BEGIN + 4 * SECOND)
    assert where(first(changed(built.logged, OPERATIONS, 2, valued("Lead", "Load")), asked))[:2] == (
        "altered",
        OPERATIONS,
    )
    assert where(first(changed(built.logged, CHANGES, 4, valued("Chief", "Thief")), asked)) == ("altered", CHANGES, 4)
    assert judged(
        changed(built.logged, CHANGES, 1, valued("Agent", "Clerk")), PartitionRequest(trusted_before=BEGIN + 6 * SECOND)
    ).equal


def test_from_a_moment_before_which_records_were_compacted() -> None:
    """A user whose record of before is gone is taken from the first one that is there."""
    built = story()
    built.compact("ana")
    built.compact("ben")
    verdict = verify(
        InMemoryHistory(built.logged, 1), PartitionRequest(trusted_before=BEGIN + 4 * SECOND), map_partitions
    )
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
    built.changes.append(StoredRecord(CHANGES, 0, 9, Millis(built.now), b"ana", b"{"))
    record = built.records["ana"]
    forged = seal(replace(record, hash="", seq=9, prev=record.seq, before=record.hash))
    rejected = Rejected(CHANGES, 0, 9, Millis(BEGIN), "invalid", "why", None, None, [])
    told = StoredRecord(REJECTIONS, 0, 0, Millis(BEGIN), None, orjson.dumps(rejected))
    found = first([*built.logged, StoredRecord(OPERATIONS, 0, 99, Millis(BEGIN), b"ana", encode(forged)), told])
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
