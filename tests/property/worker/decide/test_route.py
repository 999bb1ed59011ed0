"""Routing: whatever a raw record holds, each thing that it says has one fate, and no crash makes a difference."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from streamproc.core.errors import RejectedInputError
from streamproc.core.parsed_payload import Ignored, ParsedPayload, SourceEvent
from streamproc.core.records.believed_headers import OURS, Placed, believed
from streamproc.core.records.headers import (
    BY_GATEWAY,
    FORWARDED,
    KIND,
    OF,
    READ,
    RECEIVED,
    REPLAY,
    SUBJECT,
    UNREADABLE,
)
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.producer_record import Record
from streamproc.core.records.topic_names import CONTROLS, FORWARDS, PRODUCED, events_topic, intake_topic
from streamproc.core.records.units import Millis
from streamproc.sources import SOURCES
from streamproc.sources.hris import contract
from streamproc.sources.raw_record import HARMLESS, parse_record
from streamproc.sources.scim.read import SOURCE as SCIM
from streamproc.sources.settled import settled
from streamproc.sources.wire_format import json_of
from streamproc.worker.decide.route import route
from streamproc.worker.decide.route_control import route_control
from streamproc.worker.decide.route_forwarded import route_forwarded
from streamproc.worker.decide.routed import Routed
from streamproc.worker.decide.said import said_in
from streamproc.worker.raw_record import RawRecord, heard
from tests.property.sources.test_okta import mutated, values

PARTITIONS = 3
NOW = 1_780_000_000_000
OPTIONS = {name: source.defaults for name, source in SOURCES.items()}
FIXTURES = {name: "vendors" if name == contract.SOURCE else name for name in SOURCES if name != SCIM}
"""Source → folder of its payloads."""
HEADERS = {
    KIND: [b"order", b"said", b"gone", b"unlisted", b"due", b"page", b""],
    SUBJECT: [b"k", b"a", b"\xff", b""],
    READ: [b"1779999999000000", b"99999999999999999", b"never"],
    RECEIVED: [b"1780000000000000", b"1780000001000000", b"99999999999999999", b"1", b""],
    BY_GATEWAY: [b"okta"],
    FORWARDED: [b"events.okta/1/7/5", b"nowhere"],
    OF: [b"okta", b"nobody"],
    REPLAY: [b"a b"],
    UNREADABLE: [b"gone"],
    "Streamproc-Kind": [b"gone"],
}


def partition_of_key(name: bytes) -> int:
    """Where a record of this key goes."""
    return partition_of(name, PARTITIONS)


def written(value: Any) -> bytes:
    """As a careless producer writes it: what isn't JSON's, too."""
    return json.dumps(value).encode("utf-8", "replace")


@st.composite
def raws(draw: st.DrawFn) -> RawRecord:
    """A record of a source's topic: near misses of payloads, any JSON, any bytes; with headers that may be wrong."""
    source = draw(st.sampled_from([*FIXTURES]))
    topic = draw(st.sampled_from([events_topic(source), intake_topic(source)]))
    near_miss = mutated(FIXTURES[source])
    several = st.lists(near_miss, min_size=2, max_size=4).map(written)
    contents = [near_miss.map(written), several, several, values.map(written), st.binary(max_size=8), st.none()]
    headers = draw(st.fixed_dictionaries({}, optional={name: st.sampled_from(each) for name, each in HEADERS.items()}))
    if draw(st.booleans()):
        headers.pop(KIND, None)
    partition = draw(st.integers(0, PARTITIONS - 1))
    place = topic, partition, draw(st.integers(0, 9)), Millis(NOW)
    return RawRecord(*place, b"k", draw(st.one_of(contents)), headers)


def sent(routed: Routed) -> int:
    """How much goes anywhere, or is counted."""
    return len((*routed.forwards, *routed.events, *routed.links, *routed.ignored))


def check_fates(raw: RawRecord, parsed: ParsedPayload, routed: Routed) -> None:
    """Each event is forwarded or goes on, each notification is passed on or counted, the rest is counted."""
    source = raw.source
    assert all(
        partition_of_key(each.key) == partition_of_key(said.subject.encode()) for each, said in forwarded(routed)
    )
    said = [said for _, said in forwarded(routed)]
    went_on = [(each.subject, each.event, each.order) for each, _ in routed.events]
    assert sorted(went_on + [(each.subject, each.event, each.order) for each in said]) == sorted(
        (each.subject, each.event, each.order) for each in parsed.events
    ), "once each"
    assert all(each in parsed.events for each in said), "as it was understood"
    fetched = any(each.topic == f"notifications.{source}" for each in routed.forwards)
    assert fetched == bool(parsed.notifications and BY_GATEWAY not in raw.headers and SOURCES[source].fetched)
    if parsed.notifications and not SOURCES[source].fetched:
        assert [each.code for each in routed.ignored].count("not_fetched") == len(parsed.notifications)
    assert [each for each in routed.ignored if each.code not in {"not_fetched", "empty"}] == [*parsed.ignored]
    strange = [each for each in parsed.ignored if each.code not in HARMLESS]
    assert [(each.code, each.subject, each.field) for each in routed.problems if each.code != "foreign_header"] == [
        (each.code, each.subject, each.field) for each in strange
    ], "told once"


def forwarded(routed: Routed) -> list[tuple[Record, SourceEvent]]:
    """What goes to the worker's own topic."""
    return [(each, said) for each in routed.forwards if each.topic == FORWARDS for said in said_in(each.value)]


@given(raw=raws())
def test_each_thing_that_a_record_says_has_one_fate(raw: RawRecord) -> None:
    """It becomes events, is forwarded, is counted, or its record is rejected; and it never raises."""
    routed = route(raw, OPTIONS, partition_of_key)
    assert route(raw, OPTIONS, partition_of_key) == routed or routed.rejected is not None, "pure"
    assert (routed.links, routed.mapping, routed.command) == ((), None, None), "nobody gives orders there"
    record, foreign = heard(raw)
    told = [*routed.problems, *((routed.rejected,) if isinstance(routed.rejected, RejectedInputError) else ())]
    assert not foreign or routed.rejected is not None or "foreign_header" in {each.code for each in told}
    if routed.rejected is not None:
        assert (routed.events, routed.links, routed.mapping) == ((), (), None)
        assert not routed.forwards
        return
    if raw.source == contract.SOURCE and routed.events and not routed.ignored:
        read = contract.leaver if {each.code for each in routed.problems} - {"foreign_header"} else contract.parse
        assert [event for event, _ in routed.events] == read(record.value, record.headers, record.origin)
        return
    read_by, options = SOURCES[raw.source].read, OPTIONS[raw.source]
    check_fates(record, parse_record(read_by, options, record.value, record.headers, raw.timestamp), routed)
    assert sent(routed) or BY_GATEWAY in record.headers, "nothing is dropped silently"


@given(raw=raws())
def test_foreign_headers_change_nothing_else(raw: RawRecord) -> None:
    """In a topic of outside producers a record means what it means without any of our headers."""
    bare = replace(raw, headers={name: each for name, each in raw.headers.items() if not name.lower().startswith(OURS)})
    assert believed(Placed("events.hris", raw.key, raw.timestamp), raw.headers).headers == bare.headers
    if raw.topic in {events_topic(source) for source in PRODUCED}:
        routed, plain = route(raw, OPTIONS, partition_of_key), route(bare, OPTIONS, partition_of_key)
        assert [*routed.forwards, *routed.events] == [*plain.forwards, *plain.events]


@given(content=st.integers(0, 10**19).map(lambda number: str(number).encode()) | st.binary(max_size=20))
def test_no_time_is_believed_beyond_its_bounds(content: bytes) -> None:
    """Received: never after the broker had it, nor a day before. Read: at most a day ahead of it."""
    kept = believed(Placed("intake.workday", b"k", Millis(NOW)), {RECEIVED: content, READ: content}).headers
    assert NOW - 86_400_000 <= int(kept.get(RECEIVED, str(NOW * 1000).encode())) / 1000 <= NOW
    assert 0 <= int(kept.get(READ, b"0")) <= (NOW + 86_400_000) * 1000


@given(key=st.binary(max_size=4), value=values.map(written) | st.binary(max_size=8), raw=raws())
def test_nothing_strange_in_the_workers_own_topic_is_carried_out(key: bytes, value: bytes, raw: RawRecord) -> None:
    """Whatever lies there without being ours is rejected, and never raises."""
    headers = {name: each for name, each in raw.headers.items() if name != REPLAY}
    strange = RawRecord(FORWARDS, raw.partition, raw.offset, raw.timestamp, key, value, headers)
    routed = route_forwarded(strange, lambda _: None, OPTIONS, partition_of_key)
    assert routed.rejected is not None
    assert sent(routed) == 0


def taken(record: Record) -> Routed:
    """What the worker's own record leads to, where nothing is known yet."""
    place = record.topic, partition_of_key(record.key), 0, Millis(NOW)
    raw = RawRecord(*place, record.key, record.value, dict(record.headers))
    return route_forwarded(raw, lambda _: None, OPTIONS, partition_of_key)


@given(broken=st.dictionaries(st.sampled_from(["job", "phone", "userName", "custom", "unheard", "manager"]), values))
def test_a_leaver_is_one_whatever_else_is_wrong(broken: dict[str, Any]) -> None:
    """An event of the contract that says who, when and that they left; what it can't be read for is told, or all is."""
    event = {"id": "1", "type": "change", "subject": "E1", "time": "2026-05-28T20:00:00Z"}
    value = written({**event, "attributes": {**broken, "active": False}})
    raw = RawRecord("events.hris", partition_of_key(b"E1"), 0, Millis(NOW), b"E1", value, {})
    routed = route(raw, OPTIONS, partition_of_key)
    assume(json_of(value, ()) is not None and not isinstance(json_of(value, ()), Ignored))
    (left,) = [said for each in (routed, *map(taken, routed.forwards)) for said, _ in each.events]
    assert (left.user, left.attributes["active"], routed.rejected) == ("E1", False, None)
    with suppress(RejectedInputError):
        assert [left] == settled(contract.parse(raw.value, raw.headers, raw.origin), OPTIONS["hris"])
        assert routed.problems == ()
        return
    assert [each.subject for each in routed.problems] == ["E1"]
    assert left.attributes == {"active": False}


@given(value=values.map(written) | st.binary(max_size=8) | st.none())
def test_no_command_is_too_strange(value: bytes | None) -> None:
    """What isn't a command is rejected, and never raises."""
    routed = route_control(RawRecord(CONTROLS, 0, 0, Millis(NOW), None, value, {}), OPTIONS)
    assert routed.rejected is not None
    assert sent(routed) == 0
