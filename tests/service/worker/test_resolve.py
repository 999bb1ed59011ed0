"""The resolver without a broker: what each raw record leads to, and that nothing is dropped silently."""

from typing import Any, cast

import orjson
import pytest

from streamproc.adapters.kafka.log import Producer
from streamproc.core.errors import RejectedInputError
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.mapping_switch import switched
from streamproc.core.records.control import LONGEST, Control
from streamproc.core.records.mapping_in_force import mapping_event
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS, FORWARDS, LINKS, REJECTIONS
from streamproc.core.records.units import Millis
from streamproc.sources import SOURCES
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.faust_bridge.state_table import StateTable
from streamproc.worker.raw_record import RawRecord
from streamproc.worker.rejections import Rejections
from streamproc.worker.resolve import Resolver

MUCH = {f"more{number}": "x" * 16_000 for number in range(60)}
"""More than Kafka takes of one subject, in values that are small enough."""
PARTITIONS = 8
Sent = tuple[str, bytes, Any, dict[str, bytes]]
"""Topic, key, value and headers."""
OPTIONS = {name: source.defaults for name, source in SOURCES.items()}


class Links:
    """Table `links`, as far as the resolver needs it."""

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}

    def read(self, key: bytes, _: int) -> bytes | None:
        """What the brokers have acknowledged."""
        return self.kept.get(key)

    def keep(self, key: bytes, value: bytes, _: int) -> None:
        """They have this now."""
        self.kept[key] = value


class Bench:
    """A resolver, its outbox, and what was done with it."""

    def __init__(self) -> None:
        self.links = Links()
        self.outbox = BatchingProducer(cast("Producer", None), PARTITIONS, 1_000)
        self.resolver = Resolver(cast("StateTable", self.links), OPTIONS, self.outbox, Rejections(self.outbox, OPTIONS))
        self.done = 0
        self.offset = 0

    def take(self, of: str, value: Any, key: str = "00u1", **headers: str) -> None:
        """A raw record, in its key's partition."""
        named = {f"streamproc-{name}": content.encode() for name, content in headers.items()}
        self.offset += 1
        partition = self.outbox.partition(key.encode())
        written = value if isinstance(value, bytes) or value is None else orjson.dumps(value)
        place = f"events.{of}", partition, self.offset, Millis(1_790_000_000_000)
        self.resolver.take(RawRecord(*place, key.encode(), written, named), self.finish)

    def hop(self, *, sent: list[Sent] | None = None) -> list[Sent]:
        """One round, of which the worker reads what it has appended to its own topic."""
        round_ = self.sent() if sent is None else sent
        for topic, key, value, headers in round_:
            if topic == FORWARDS:
                self.offset += 1
                place = FORWARDS, self.outbox.partition(key), self.offset, Millis(1_790_000_000_001)
                self.resolver.take(RawRecord(*place, key, orjson.dumps(value), headers), self.finish)
        return round_

    def finish(self) -> None:
        """The record needs nothing more."""
        self.done += 1

    def sent(self) -> list[Sent]:
        """One round of the outbox: topic, key, value and headers of each, all acknowledged."""
        taken, self.outbox._waiting = self.outbox._waiting, {}
        then, self.outbox._then = self.outbox._then, []
        found = []
        for (topic, _), records in taken.items():
            for key, value, acknowledged, headers in records:
                found.append((topic, key, orjson.loads(value), dict(headers)))
                acknowledged()
        for call in then:
            call()
        return found


def log_event(kind: str, *users: str) -> dict[str, Any]:
    """Okta's, about each of these users in one event."""
    target = [{"id": user, "type": "User"} for user in users]
    when = "2026-05-01T12:00:00.000Z"
    return {"uuid": "u1", "eventType": kind, "published": when, "outcome": {"result": "SUCCESS"}, "target": target}


def test_a_link_is_written_after_what_it_led_to() -> None:
    """The events go first; the link, and the offset with it, only when the brokers have them."""
    bench = Bench()
    user = {"id": "00u1", "status": "ACTIVE", "profile": {"login": "a", "employeeNumber": "E1"}}
    bench.take("okta", user)
    assert [(topic, key) for topic, key, _, _ in bench.hop()] == [(FORWARDS, b"00u1")]
    assert bench.done == 1
    assert [(topic, key) for topic, key, _, _ in bench.sent()] == [(CHANGES, b"E1")]
    assert (bench.links.kept, bench.done) == ({}, 1)
    assert [(topic, key) for topic, key, _, _ in bench.sent()] == [(LINKS, b"okta/00u1")]
    assert (list(bench.links.kept), bench.done) == ([b"okta/00u1"], 2)


def test_what_comes_before_the_link_is_kept_sees_it_all_the_same() -> None:
    """The state of a subject is the newest link, on its way or not."""
    bench = Bench()
    bench.take("okta", {"id": "00u1", "status": "ACTIVE", "profile": {"login": "a", "employeeNumber": "E1"}})
    bench.take("okta", log_event("user.lifecycle.deactivate", "00u1"))
    bench.hop()
    assert [key for _, key, _, _ in bench.sent()] == [b"E1", b"E1"]


def test_each_partition_gets_what_is_said_of_its_subjects() -> None:
    """Once, with where it comes from and when it was had; a second copy of it does nothing."""
    bench = Bench()
    theirs = [name for name in map(str, range(50)) if bench.outbox.partition(name.encode()) == 1][:2]
    assert bench.outbox.partition(b"00u1") != 1
    events = [log_event("user.lifecycle.deactivate", name) for name in ("00u1", *theirs)]
    bench.take("okta", events, key=theirs[0])
    assert bench.done == 0
    forwarded = bench.hop()
    assert [(topic, key) for topic, key, _, _ in forwarded] == [(FORWARDS, b"00u1"), (FORWARDS, theirs[0].encode())]
    assert [[said["subject"] for said in value] for _, _, value, _ in forwarded] == [["00u1"], theirs]
    assert forwarded[0][3] == {
        "streamproc-kind": b"said",
        "streamproc-of": b"okta",
        "streamproc-forwarded": b"events.okta/1/1/1790000000000",
        "streamproc-received": b"1790000000000000",
    }
    bench.sent()
    bench.sent()
    kept = dict(bench.links.kept)
    assert sorted(kept) == sorted(f"okta/{name}".encode() for name in ("00u1", *theirs))
    bench.hop(sent=forwarded)
    assert {topic for topic, *_ in bench.sent() + bench.sent()} == {LINKS}
    assert bench.links.kept == kept
    assert bench.done == 5


def test_a_subject_that_is_gone_has_no_access() -> None:
    """The hydrator's 404 is a word about access, at the moment of the question."""
    bench = Bench()
    bench.take("okta", b"", kind="gone", subject="00u1", read="1789999999000000")
    bench.hop()
    bench.sent()
    (said,) = orjson.loads(bench.links.kept[b"okta/00u1"])["waiting"]
    assert (said["kind"], said["attributes"]) == ("change", {"active": False, "gone": True})
    assert said["order"][:2] == [1_789_999_999_000_000, 1]


@pytest.mark.parametrize("by", [None, "okta"])
def test_what_has_to_be_fetched_is_passed_on_unless_the_gateway_did(by: str | None) -> None:
    """A producer without the gateway may write notices to the topic as well."""
    bench = Bench()
    bench.take("okta", log_event("user.account.update_profile", "00u1"), **({"source": by} if by else {}))
    assert [topic for topic, *_ in bench.sent()] == ([] if by else ["notifications.okta"])
    assert bench.done == 1


def test_what_is_too_large_to_be_passed_on_names_its_subjects() -> None:
    """A broker takes 2 MiB, headers and all: of a body that fills it only whom it is about is passed on."""
    bench = Bench()
    notices = [log_event("user.account.update_profile", name) | {"pad": "x" * 700_000} for name in ("00u1", "00u2")]
    bench.take("okta", notices)
    sent = bench.sent()
    assert [(topic, key) for topic, key, _, _ in sent] == [
        ("notifications.okta", b"00u1"),
        ("notifications.okta", b"00u2"),
    ]
    assert [headers["streamproc-kind"] for *_, headers in sent] == [b"due", b"due"]


@pytest.mark.parametrize(
    ("source", "value", "code"),
    [
        ("okta", {"nothing": "known"}, "not_understood"),
        ("okta", {**log_event("user.lifecycle.deactivate"), "target": None}, "incomplete"),
        ("okta", b"{", "not_json"),
        ("okta", b"\0\0", "wire_format"),
        ("hris", [], "invalid"),
        ("hris", None, "tombstone"),
        ("hris", {"id": 7}, "invalid"),
    ],
)
def test_what_cant_be_understood_is_rejected(source: str, value: Any, code: str) -> None:
    """With its reason; nothing is written for it."""
    bench = Bench()
    with pytest.raises(RejectedInputError, match=f"^{code}"):
        bench.take(source, value)
    assert bench.sent() == []
    assert bench.done == 0


def test_what_is_too_large_of_one_keeps_nothing_from_others() -> None:
    """Where of one subject more is said than Kafka takes, that is told, and others of its record get what is theirs."""
    bench = Bench()
    theirs = next(name for name in map(str, range(50)) if bench.outbox.partition(name.encode()) == 1)
    large = {"id": "00u1", "status": "ACTIVE", "profile": {"login": "x", **MUCH}}
    other = {"id": theirs, "status": "ACTIVE", "profile": {"login": "y", "employeeNumber": "E1"}}
    bench.take("okta", [large, other])
    (_, key, _, _), (topic, _, told, _) = bench.hop()
    assert (key, topic, told["code"], told["subject"]) == (theirs.encode(), REJECTIONS, "too_large", "00u1")
    assert [(topic, key) for topic, key, _, _ in bench.sent()] == [(CHANGES, b"E1")]


def test_who_is_disabled_by_what_is_too_large_is_disabled() -> None:
    """No limit keeps access: the denial is forwarded, and the rest told."""
    bench = Bench()
    large = {"id": "00u1", "status": "SUSPENDED", "profile": {"login": "x", **MUCH}}
    bench.take("okta", large)
    (_, _, (said,), _), (_, _, told, _) = bench.hop()
    assert (said["kind"], said["attributes"]) == ("change", {"active": False})
    assert (told["code"], told["partial"]) == ("too_large", True)


def test_what_nobody_can_fetch_is_counted() -> None:
    """A token that only says that something changed, of a source that is no directory."""
    bench = Bench()
    event = {"urn:ietf:params:scim:event:prov:patch:notice": {"attributes": ["title"]}}
    about = {"format": "opaque", "id": "00u1"}
    bench.take("set", {"jti": "t1", "iat": 1_789_999_999, "iss": "https://idp", "sub_id": about, "events": event})
    assert bench.sent() == []
    assert (bench.done, bench.resolver.ignored) == (1, {("set", "not_fetched"): 1})


def test_what_means_nothing_is_counted() -> None:
    """A type that nobody reads isn't a mistake, and neither is an empty page."""
    bench = Bench()
    bench.take("okta", log_event("user.session.start", "00u1"))
    bench.take("okta", [])
    assert bench.done == 2
    assert bench.resolver.ignored == {("okta", "type"): 1, ("okta", "empty"): 1}


def test_an_order_goes_in_line_with_what_its_source_says() -> None:
    """From the controls to the subject's own partition, and from there to its link; a second copy does nothing."""
    bench = Bench()
    bench.take("okta", log_event("user.lifecycle.deactivate", "00u1"))
    bench.hop()
    bench.sent()
    control = orjson.dumps(Control("c", "link", "E2", None, "Kim", "asked HR", Millis(0), "okta/00u1"))
    bench.resolver.take(RawRecord(CONTROLS, 3, 7, Millis(0), b"00u1", control, {}), bench.finish)
    order = bench.hop()
    assert [(topic, key) for topic, key, _, _ in order] == [(FORWARDS, b"00u1")]
    assert [each["kind"] for topic, _, each, _ in bench.sent() if topic == CHANGES] == ["link", "change"]
    bench.sent()
    bench.hop(sent=order)
    assert [topic for topic, *_ in bench.sent()] == [LINKS]
    assert bench.done == 5


@pytest.mark.parametrize(
    ("subject", "key", "of", "placed"),
    [
        ("okta/00u2", "00u1", "okta", "streamproc.controls/3/7/0"),
        ("entra/00u1", "00u1", "okta", "streamproc.controls/3/7/0"),
        ("okta/00u1", "00u1", "entra", "streamproc.controls/3/7/0"),
        ("okta/00u1", "00u1", "okta", "events.okta/3/7/0"),
        ("okta/00u1", "00u1", "okta", "streamproc.controls/3/7"),
    ],
)
def test_an_order_that_doesnt_agree_with_itself_is_none(subject: str, key: str, of: str, placed: str) -> None:
    """Source and subject by headers and key are those of the control, and it comes from the controls."""
    bench = Bench()
    control = orjson.dumps(Control("c", "link", "E2", None, "Kim", "why", Millis(0), subject))
    headers = {"kind": "order", "of": of, "forwarded": placed}
    named = {f"streamproc-{name}": content.encode() for name, content in headers.items()}
    place = FORWARDS, bench.outbox.partition(key.encode()), 5, Millis(1_790_000_000_000)
    with pytest.raises(RejectedInputError, match=r"^invalid"):
        bench.resolver.take(RawRecord(*place, key.encode(), control, named), bench.finish)
    assert bench.sent() == []


def test_controls_that_arent_ours_are_left_alone() -> None:
    """What is for the sink, and what names no subject of a linked source."""
    bench = Bench()
    pause = orjson.dumps(Control("c", "pause", None, None, "Kim", "why", Millis(0)))
    bench.resolver.take(RawRecord(CONTROLS, 3, 7, Millis(0), b"sink", pause, {}), bench.finish)
    assert (bench.sent(), bench.done) == ([], 1)
    strange = orjson.dumps(Control("c", "link", "E2", None, "Kim", "why", Millis(0), "nobody/00u1"))
    with pytest.raises(RejectedInputError, match=r"^subject"):
        bench.resolver.take(RawRecord(CONTROLS, 3, 8, Millis(0), b"00u1", strange, {}), bench.finish)


BARE = '[attributes]\ntitle = "job"\n'


def mapped(text: str | None, offset: int = 7) -> RawRecord:
    """An order to bring a mapping into force."""
    control = Control("c", "mapping", None, None, "Kim", "why", Millis(5), mapping=text)
    return RawRecord(CONTROLS, 3, offset, Millis(1_790_000_000_000), b"mapping", orjson.dumps(control), {})


def test_a_mapping_goes_into_the_log_of_every_partition() -> None:
    """Whole, under its digest, with who ordered it, why and where; the order is done when all of them are there."""
    bench = Bench()
    bench.resolver.take(mapped(BARE), bench.finish)
    assert {partition for _, partition in bench.outbox._waiting} == set(range(PARTITIONS))
    assert bench.done == 0
    sent = bench.sent()
    assert bench.done == 1
    digest = parse_mapping(BARE).digest
    assert {(topic, key) for topic, key, _, _ in sent} == {(CHANGES, digest.encode())}
    event = mapping_event(StoredRecord(CHANGES, 0, 0, Millis(0), None, orjson.dumps(sent[0][2])))
    assert event is not None
    rules = switched(None, 12, Millis(1_790_000_000_009), event)
    assert rules is not None
    assert (rules.seq, rules.digest, rules.text, rules.by, rules.reason) == (12, digest, BARE, "Kim", "why")
    assert (rules.origin.topic, rules.origin.partition, rules.origin.offset) == (CONTROLS, 3, 7)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "no mapping"),
        ("# " + "x" * LONGEST, "more than"),
        ("[[rule]]\nwhen = 3\n", "rule 1: when"),
        ('[attributes]\ntitle = "job"\n[authority]\njob = ["nobody"]\n', "there is no source nobody"),
    ],
)
def test_a_mapping_that_cant_be_used_is_rejected(text: str | None, why: str) -> None:
    """Whoever wrote the order, nothing of it comes into the log."""
    bench = Bench()
    with pytest.raises(RejectedInputError, match=f"^mapping: .*{why}"):
        bench.resolver.take(mapped(text), bench.finish)
    assert (bench.sent(), bench.done) == ([], 0)
