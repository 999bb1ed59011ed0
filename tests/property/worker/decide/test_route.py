"""Routing: whatever a raw record holds, each thing that it says has one fate, and no crash makes a difference."""

import json
from contextlib import suppress
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from streamproc.core.errors import RejectedInputError
from streamproc.core.parsed_payload import Ignored, ParsedPayload
from streamproc.core.records.headers import BY_GATEWAY, KIND, READ, RECEIVED, SUBJECT
from streamproc.core.records.link import Link
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.topic_names import CONTROLS
from streamproc.core.records.units import Millis
from streamproc.sources import SOURCES
from streamproc.sources.hris import contract
from streamproc.sources.raw_record import HARMLESS, parse_record
from streamproc.sources.wire_format import json_of
from streamproc.worker.decide.route import FORWARDED, route
from streamproc.worker.decide.route_control import route_control
from streamproc.worker.decide.routed import Routed
from streamproc.worker.raw_record import RawRecord
from tests.property.sources.test_okta import mutated, values

PARTITIONS = 3
NOW = 1_780_000_000_000
OPTIONS = {name: source.defaults for name, source in SOURCES.items()}
FIXTURES = {name: "vendors" if name == contract.SOURCE else name for name in SOURCES}
"""Source → folder of its payloads."""
HEADERS = {
    KIND: [b"order", b"gone", b"unlisted", b"due", b"page", b""],
    SUBJECT: [b"a", b"\xff", b""],
    READ: [b"1779999999000000", b"never"],
    RECEIVED: [b"1780000000000000", b""],
    BY_GATEWAY: [b"okta"],
    FORWARDED: [b"events.okta/1/7", b"nowhere"],
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
    source = draw(st.sampled_from([*SOURCES]))
    near_miss = mutated(FIXTURES[source])
    several = st.lists(near_miss, min_size=2, max_size=4).map(written)
    contents = [near_miss.map(written), several, several, values.map(written), st.binary(max_size=8), st.none()]
    headers = draw(st.fixed_dictionaries({}, optional={name: st.sampled_from(each) for name, each in HEADERS.items()}))
    if draw(st.booleans()):
        headers.pop(KIND, None)
    partition = draw(st.integers(0, PARTITIONS - 1))
    return RawRecord(
        f"events.{source}", partition, draw(st.integers(0, 9)), Millis(NOW), b"k", draw(st.one_of(contents)), headers
    )


def sent(routed: Routed) -> int:
    """How much goes anywhere, or is counted."""
    return len((*routed.forwards, *routed.events, *routed.links, *routed.ignored))


def check_fates(raw: RawRecord, parsed: ParsedPayload, routed: Routed) -> None:
    """Each event is resolved here or forwarded, each notification is passed on or counted, the rest is counted."""
    copy, source = FORWARDED in raw.headers, raw.topic.removeprefix("events.")
    topics = [(each.topic, partition_of_key(each.key)) for each in routed.forwards]
    assert len(topics) == len(set(topics)), "once each"
    for event in parsed.events:
        partition = partition_of_key(event.subject.encode())
        led_to = [each for each, _ in routed.events] + [each for _, link, _ in routed.links for each in link.waiting]
        ours = (event.subject, event.event) in {(each.subject, each.event) for each in led_to}
        ours |= any(link.subject == event.subject and link.forgotten for _, link, _ in routed.links)
        theirs = (raw.topic, partition) in topics
        if partition == raw.partition:
            assert (ours, theirs) == (routed.rejected is None, False)
        else:
            assert (ours, theirs) == (False, not copy), "who wrote a copy has passed it on to all"
    fetched = any(each.topic == f"notifications.{source}" for each in routed.forwards)
    if parsed.notifications and not copy and BY_GATEWAY not in raw.headers and SOURCES[source].fetched:
        assert fetched
    else:
        assert not fetched
    if parsed.notifications and not SOURCES[source].fetched:
        assert [each.code for each in routed.ignored].count("not_fetched") == len(parsed.notifications)
    assert [each for each in routed.ignored if each.code not in {"not_fetched", "empty"}] == [*parsed.ignored]
    strange = [] if copy else [each for each in parsed.ignored if each.code not in HARMLESS]
    assert [(each.code, each.subject, each.field) for each in routed.problems] == [
        (each.code, each.subject, each.field) for each in strange
    ], "told once, by who read it first"
    assert all(each.value == (raw.value or b"") for each in routed.forwards), "forwarded as it came"


@given(raw=raws())
def test_each_thing_that_a_record_says_has_one_fate(raw: RawRecord) -> None:
    """It becomes events, is forwarded, is counted, or its record is rejected; and it never raises."""
    nobody: dict[str, Link] = {}
    routed = route(raw, nobody.get, OPTIONS, partition_of_key)
    assert route(raw, nobody.get, OPTIONS, partition_of_key) == routed or routed.rejected is not None, "pure"
    if routed.rejected is not None:
        assert (routed.events, routed.links, routed.mapping) == ((), (), None)
    order = raw.headers.get(KIND) == b"order"
    if order or (routed.rejected is not None and not routed.forwards and not routed.ignored):
        assert order <= (routed.rejected is not None or len(routed.links) == 1)
        return
    source = raw.topic.removeprefix("events.")
    if source == contract.SOURCE and routed.events and not routed.links:
        read = contract.leaver if routed.problems else contract.parse
        assert [event for event, _ in routed.events] == read(raw.value, raw.headers, raw.origin)
        return
    parsed = parse_record(SOURCES[source].read, OPTIONS[source], raw.value, raw.headers, raw.timestamp)
    check_fates(raw, parsed, routed)
    known = FORWARDED in raw.headers or BY_GATEWAY in raw.headers
    assert sent(routed) or known, "nothing is dropped silently"


@given(broken=st.dictionaries(st.sampled_from(["job", "phone", "userName", "custom", "unheard", "manager"]), values))
def test_a_leaver_is_one_whatever_else_is_wrong(broken: dict[str, Any]) -> None:
    """An event of the contract that says who, when and that they left; what it can't be read for is told, or all is."""
    event = {"id": "1", "type": "change", "subject": "E1", "time": "2026-05-28T20:00:00Z"}
    value = written({**event, "attributes": {**broken, "active": False}})
    raw = RawRecord("events.hris", partition_of_key(b"E1"), 0, Millis(NOW), b"E1", value, {})
    routed = route(raw, lambda _: None, OPTIONS, partition_of_key)
    assume(json_of(value, ()) is not None and not isinstance(json_of(value, ()), Ignored))
    (left,) = [said for said, _ in routed.events]
    assert (left.user, left.attributes["active"], routed.rejected) == ("E1", False, None)
    with suppress(RejectedInputError):
        assert [left] == contract.parse(raw.value, raw.headers, raw.origin)
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
