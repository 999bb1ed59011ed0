"""A log folded anew: the same bytes whatever the sources said, and no byte of what was recorded can be another."""

from dataclasses import replace
from functools import cache

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.archive.per_partition import map_partitions
from streamproc.audit.replay.starting_point import PartitionRequest
from streamproc.audit.replay.verify import ReplayResult, verify
from streamproc.core.fold.facts import absorb
from streamproc.core.fold.refold import Refold, first_mapping
from streamproc.core.records.change_event import ChangeEvent, Move, Origin
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CHANGES, OPERATIONS, OUTCOMES
from streamproc.core.records.units import Micros, Millis
from tests.support.built import Built
from tests.support.events import arrivals, histories
from tests.support.replay_history import Whole, story

MAPPINGS = (
    '[attributes]\ntitle = "job"\n[[copy]]\nfact = "genesysQueue"\nto = "groups"\n',
    '[attributes]\nphone = "hash"\n[[rule]]\nwhen = { job = "*Agent" }\nroles = ["agent"]\n',
    '[attributes]\ntitle = "job"\n[always]\nroles = ["employee"]\n[[copy]]\nfact = "genesysRole"\nto = "roles"\n',
    """
[attributes]
title = { expr = 'coalesce(job, hash)' }
[externalIds]
teams = { expr = 'lower(job)' }
[[rule]]
if = 'like(job, "*Agent")'
roles = ["agent"]
[[copy]]
expr = 'split(genesysQueue, ",")'
to = "groups"
""",
    '[scope]\nwho = \'like(job, "*Agent") || genesysRole == "Agent"\'\n[attributes]\ntitle = "job"\n',
    '[scope]\nwho = \'job != "Team Lead"\'\nleaving = "release"\n[suspend]\nwhen = \'genesysQueue == "Billing"\'\n',
)

lives = st.tuples(
    histories(most=3, dated=True),
    histories(user="E2", most=3, dated=True),
    histories(source="okta", subject="E1-b", most=3),
).flatmap(lambda three: arrivals([event for each in three for event in each], repeats=3))
"""Events of two users, of one of them by two sources; times, dates and repeats as they come."""


@st.composite
def logs(draw: st.DrawFn) -> Built:
    """A log of these with changes of the mapping in between, and a sink that comes along now and then."""
    built = Built()
    built.apply(draw(st.sampled_from(MAPPINGS)), first=True)
    for event in draw(lives):
        step = draw(st.sampled_from(["event"] * 4 + ["mapping", "tell"]))
        if step == "mapping":
            built.apply(draw(st.sampled_from(MAPPINGS)))
        elif step == "tell":
            built.tell()
        built.say(event)
    built.tell(users=draw(st.sampled_from([[], ["E1"], ["E1", "E2"]])))
    return built


def verdict(logged: list[StoredRecord]) -> ReplayResult:
    """What replay says of a history that was read whole."""
    return verify(Whole(logged, 1), PartitionRequest(), map_partitions)


def records(changes: list[StoredRecord]) -> list[tuple[str, int, bytes]]:
    """What a log leads to."""
    again = Refold(lambda offset: [one for one in changes if one.offset < offset], first_mapping(changes))
    return [(user, one.offset, value) for one in changes for user, value in sorted(again.take(one).records.items())]


@settings(max_examples=35)
@given(built=logs())
def test_a_log_folds_to_the_bytes_that_were_written(built: Built) -> None:
    """Whatever was said, and however often the mapping changed: the same records, and a verdict of equal."""
    written = [
        ((one.key or b"").decode(), orjson.loads(one.value or b"")["seq"], one.value) for one in built.operations
    ]
    assert sorted(records(built.changes)) == sorted(written)
    found = verdict(built.logged)
    assert found.equal, found.first


@settings(max_examples=35)
@given(built=logs(), data=st.data())
def test_from_any_moment_on(built: Built, data: st.DataObject) -> None:
    """Wherever it begins, with whatever compaction has left, what was recorded is equal."""
    if data.draw(st.booleans()):
        built.compact(data.draw(st.sampled_from(sorted(built.records) or ["E1"])))
    since = data.draw(st.sampled_from(built.changes)).timestamp
    found = verify(Whole(built.logged, 1), PartitionRequest(trusted_before=since), map_partitions)
    lost = {problem for each in found.partitions for problem in [each.first and each.first.kind]} - {None}
    assert lost <= {"left out"}  # of one who was compacted, though too young for that


@cache
def told() -> Built:
    """The story of the unit tests, with an event of an identity provider that moves from one user to another."""
    built = story()
    built.tell()
    okta = ChangeEvent(
        "ben", "okta", "o1", "o1", "change", (Micros(1), 0, "o1"), {"job": "Boss"}, Origin("", 0, 0, Millis(0))
    )
    built.say(okta)
    facts, _ = absorb(None, okta, None)
    built.say(replace(okta, event="o2", kind="unlink", move=Move("ana"), attributes={}))
    built.say(replace(okta, user="ana", event="o3", kind="link", move=Move("ben", None, facts), attributes={}))
    built.say(replace(okta, user="ana", event="o4", order=(Micros(0), 0, "o4")))  # stale
    built.tell()
    return built


@st.composite
def tampered(draw: st.DrawFn, topic: str) -> tuple[StoredRecord, StoredRecord]:
    """A record of the topic, and the same with one byte changed."""
    one = draw(st.sampled_from([each for each in told().logged if each.topic == topic]))
    value = one.value or b""
    at = draw(st.integers(0, len(value) - 1))
    byte = draw(st.sampled_from([*b'0123456789"{}[],:-. aeZ\\', 0, 255]).filter(lambda byte: byte != value[at]))
    return one, replace(one, value=value[:at] + bytes([byte]) + value[at + 1 :])


@settings(max_examples=240)
@given(pair=tampered(OPERATIONS))
def test_a_byte_of_a_record(pair: tuple[StoredRecord, StoredRecord]) -> None:
    """Any byte of any record: found, and named by topic and offset."""
    one, other = pair
    found = verdict([other if each is one else each for each in told().logged]).first
    assert found is not None
    assert (found.topic, found.offset) == (OPERATIONS, one.offset)
    assert found.kind in {"altered", "left out"}


@settings(max_examples=240)
@given(pair=tampered(CHANGES))
def test_a_byte_of_an_event(pair: tuple[StoredRecord, StoredRecord]) -> None:
    """Any byte of any event: found, and named; or it has left no trace at all, then and now."""
    one, other = pair
    logged = [other if each is one else each for each in told().logged]
    found = verdict(logged).first
    if found is None:
        changes = [each for each in logged if each.topic == CHANGES]
        assert records(changes) == records(told().changes)
    else:
        assert found.topic == CHANGES
        assert found.offset is not None
        assert found.offset >= one.offset or found.offset == 0


@settings(max_examples=120)
@given(pair=tampered(OUTCOMES))
def test_a_byte_of_an_outcome(pair: tuple[StoredRecord, StoredRecord]) -> None:
    """What an outcome says of its event, and that it is its fate, can't be another; how it went is only told there."""
    one, other = pair
    found = verdict([other if each is one else each for each in told().logged]).first
    if found is None:
        before, after = orjson.loads(one.value or b""), orjson.loads(other.value or b"")
        told_of_it = ("user", "seq", "effect", "cause", "final")
        assert {name: before[name] for name in told_of_it} == {name: after[name] for name in told_of_it}
    else:
        assert found.topic == OUTCOMES


@settings(max_examples=60)
@given(data=st.data())
def test_a_record_of_any_topic_that_is_missing(data: st.DataObject) -> None:
    """One record taken out of the log, the records or the outcomes is found to be left out, and told by its event."""
    one = data.draw(st.sampled_from([each for each in told().logged if each.topic in {CHANGES, OPERATIONS, OUTCOMES}]))
    found = verdict([each for each in told().logged if each is not one]).first
    assert found is not None
    assert found.kind == "left out"
    assert found.topic == one.topic
    assert found.offset in {one.offset, None}


@settings(max_examples=60)
@given(data=st.data())
def test_two_events_in_each_others_place(data: st.DataObject) -> None:
    """Any two events swapped: the first of them is named."""
    changes = told().changes
    one, other = sorted(data.draw(st.lists(st.sampled_from(changes), min_size=2, max_size=2, unique=True)), key=_offset)
    swapped = {one: replace(other, offset=one.offset), other: replace(one, offset=other.offset)}
    found = verdict([swapped.get(each, each) for each in told().logged]).first
    assert found is not None
    assert found.topic == CHANGES
    assert found.offset == one.offset
    assert found.kind == "swapped" or (one.offset == 0 and found.kind == "altered")  # the mapping in force was another


def _offset(logged: StoredRecord) -> int:
    return logged.offset
