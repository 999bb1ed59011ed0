"""Crashes: a worker that dies anywhere, and reads records again, comes to the same links and the same users."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.fold.authority import key, view
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import ChangeEvent
from streamproc.core.records.control import Control
from streamproc.core.records.headers import FORWARDED
from streamproc.core.records.link import Link
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.producer_record import Record
from streamproc.core.records.topic_names import CONTROLS, FORWARDS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import UserRecord
from streamproc.sources import SOURCES
from streamproc.worker.decide.route import route
from streamproc.worker.decide.route_control import route_control
from streamproc.worker.decide.route_forwarded import route_forwarded
from streamproc.worker.decide.routed import Routed
from streamproc.worker.raw_record import RawRecord

PARTITIONS = 3
NOW = 1_780_000_000_000
OPTIONS = {name: source.defaults for name, source in SOURCES.items()}
MAPPING = parse_mapping('[attributes]\ntitle = "job"\n')
SUBJECTS = ["a", "b", "c", "d"]
USERS = ["E1", "E2"]


def routed_by(raw: RawRecord, links: Mapping[str, Link]) -> Routed:
    """What a record of a source's topic, or of the worker's own, leads to."""

    def home(name: bytes) -> int:
        return partition_of(name, PARTITIONS)

    return route_forwarded(raw, links.get, OPTIONS, home) if raw.topic == FORWARDS else route(raw, OPTIONS, home)


Home = tuple[str, int]
"""Topic and partition."""


@dataclass
class Crash:
    """At which step the worker dies, how much of that record it has sent, and how many before it come again."""

    step: int
    sent: int
    back: int


class Pipeline:
    """Raw topics, links and users, and a worker that reads each partition in order."""

    def __init__(self, crashes: Sequence[Crash] = ()) -> None:
        self.crashes = {each.step: each for each in crashes}
        self.topics: dict[Home, list[RawRecord]] = {}
        self.read: dict[Home, int] = {}
        self.links: dict[Home, dict[str, Link]] = {}
        self.before: dict[Home, list[dict[str, Link]]] = {}
        """The links before each record that was read."""
        self.users: dict[str, UserRecord] = {}
        self.said: dict[tuple[Home, int], None] = {}
        """Records of which something is in the log, in the log's order: of two who claim a user the first counts."""
        self.events = self.steps = 0

    def append(self, record: Record) -> None:
        """The broker has it."""
        home = record.topic, 0 if record.topic == CONTROLS else partition_of(record.key, PARTITIONS)
        records = self.topics.setdefault(home, [])
        at = NOW + sum(map(len, self.topics.values()))
        records.append(RawRecord(*home, len(records), Millis(at), record.key, record.value, dict(record.headers)))

    def work(self) -> None:
        """Until all is read."""
        while waiting := [home for home in self.topics if self.read.get(home, 0) < len(self.topics[home])]:
            for home in waiting:
                self.steps += 1
                self.take(home, self.crashes.get(self.steps))

    def take(self, home: Home, crash: Crash | None) -> None:
        """The partition's next record: all that it leads to, or what is sent before a crash."""
        at, links = self.read.get(home, 0), self.links.setdefault(home, {})
        raw = self.topics[home][at]
        routed = route_control(raw, OPTIONS) if home[0] == CONTROLS else routed_by(raw, links)
        sent = len(routed.forwards) + len(routed.events) if crash is None else crash.sent
        for record in routed.forwards[:sent]:
            if not record.topic.startswith("notifications."):
                self.append(record)
        for event, _ in routed.events[: max(0, sent - len(routed.forwards))]:
            self.said.setdefault((home, at))
            self.fold(event)
        before = self.before.setdefault(home, [])
        if crash is not None:
            begin = max(0, at - crash.back)
            self.links[home] = dict([*before, links][begin])
            del before[begin:]
            self.read[home] = begin
            return
        before.append(dict(links))
        links |= {key(link.source, link.subject): link for _, link, _ in routed.links}
        self.read[home] = at + 1

    def fold(self, event: ChangeEvent) -> None:
        """It is in the log."""
        self.events += 1
        self.users[event.user] = fold(self.users.get(event.user), self.events, event, MAPPING)

    def ends(self) -> tuple[dict[str, str | None], dict[str, dict[str, object]]]:
        """Whose each subject is, and what holds of each user."""
        links = {name: link.user for home in self.links.values() for name, link in home.items()}
        facts = {user: view(record.facts, Millis(NOW)) for user, record in self.users.items()}
        holds: dict[str, dict[str, object]] = {
            user: {name: fact for name, fact in each.items() if fact is not None} for user, each in facts.items()
        }
        return links, holds


def moment(number: int) -> str:
    """RFC 3339."""
    return datetime.fromtimestamp(NOW / 1000 - 1000 + number, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@st.composite
def records(draw: st.DrawFn, number: int) -> Record:
    """What Okta says of one or several of its users, what HR says, or what an operator orders."""
    subject = draw(st.sampled_from(SUBJECTS))
    match draw(st.sampled_from(["snapshot", "snapshot", "events", "events", "contract", "order"])):
        case "snapshot":
            profile = {"login": subject, "title": draw(st.sampled_from(["Agent", "Lead"]))}
            if (anchor := draw(st.none() | st.sampled_from(USERS))) is not None:
                profile["employeeNumber"] = anchor
            status = draw(st.sampled_from(["ACTIVE", "SUSPENDED", "DEPROVISIONED"]))
            value: Any = {"id": subject, "status": status, "lastUpdated": moment(number), "profile": profile}
        case "events":
            named = draw(st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=3, unique=True))
            kind = draw(st.sampled_from(["deactivate", "suspend", "unsuspend", "activate"]))
            target = [{"id": each, "type": "User"} for each in named]
            event = {"uuid": f"u{number}", "eventType": f"user.lifecycle.{kind}", "published": moment(number)}
            value = event | {"outcome": {"result": "SUCCESS"}, "target": target}
        case "contract":
            user = draw(st.sampled_from(USERS))
            said = {"active": draw(st.booleans()), "job": draw(st.sampled_from(["Agent", "Lead"]))}
            event = {"id": f"h{number}", "type": "change", "subject": user, "time": moment(number)}
            topic = draw(st.sampled_from(["events.hris", "intake.hris"]))
            return Record(topic, user.encode(), orjson.dumps(event | {"attributes": said}), [])
        case _:
            other = draw(st.none() | st.sampled_from(USERS))
            action: Any = "split" if other is None else "link"
            control = Control(f"c{number}", action, other, None, "Kim", "why", Millis(NOW), f"okta/{subject}")
            return Record(CONTROLS, subject.encode(), orjson.dumps(control), [])
    return Record("events.okta", draw(st.sampled_from(SUBJECTS)).encode(), orjson.dumps(value), [])


histories = st.integers(1, 8).flatmap(lambda count: st.tuples(*(records(number) for number in range(count))))
crashes = st.lists(
    st.builds(Crash, step=st.integers(1, 20), sent=st.integers(0, 4), back=st.integers(0, 3)), max_size=4
)


def heard_once(crashed: Pipeline) -> Pipeline:
    """Its own topic's records, each the first time, and what needs no link, by a worker that never crashes.

    Partitions are read side by side in the order in which the log has them.
    """
    steady = Pipeline()
    first: dict[tuple[Home, int], tuple[Home, int]] = {}
    for (topic, partition), records_there in crashed.topics.items():
        seen: dict[tuple[bytes, bytes | None], tuple[Home, int]] = {}
        for raw in records_there:
            if topic == FORWARDS:
                told, there = (raw.headers[FORWARDED], raw.key), steady.topics.setdefault((topic, partition), [])
                if told not in seen:
                    seen[told] = ((topic, partition), len(there))
                    there.append(raw)
                first[(topic, partition), raw.offset] = seen[told]
            elif topic != CONTROLS:
                for event, _ in routed_by(raw, {}).events:
                    steady.fold(event)
    for home, at in (first[place] for place in crashed.said if place in first):
        while steady.read.get(home, 0) <= at:
            steady.take(home, None)
    steady.work()
    return steady


@given(history=histories, deaths=crashes, lag=st.booleans())
def test_a_crash_changes_nothing(history: tuple[Record, ...], deaths: list[Crash], lag: bool) -> None:
    """Records that are read again, and what was sent of them before, leave links and users as they are without it."""
    crashing = Pipeline(deaths)
    for record in history:
        crashing.append(record)
        if not lag:
            crashing.work()
    crashing.work()
    assert crashing.ends() == heard_once(crashing).ends()


@given(history=histories)
def test_a_crash_forwards_everything(history: tuple[Record, ...]) -> None:
    """All that a record says of linked subjects is in the worker's own topic, whenever the worker dies."""
    steady, crashing = Pipeline(), Pipeline([Crash(step, step % 3, step % 2) for step in range(1, 20, 2)])
    for pipeline in (steady, crashing):
        for record in history:
            pipeline.append(record)
        pipeline.work()
    told = [
        {(home, raw.key, raw.value) for home, there in pipeline.topics.items() if home[0] == FORWARDS for raw in there}
        for pipeline in (steady, crashing)
    ]
    assert told[0] == told[1]


@given(history=histories)
def test_a_record_that_comes_again_changes_nothing(history: tuple[Record, ...]) -> None:
    """Where the links were kept, but not how far a partition had been read, nothing new comes of it."""
    pipeline = Pipeline()
    for record in history:
        pipeline.append(record)
        pipeline.work()
    ends = pipeline.ends()
    for home, records_there in list(pipeline.topics.items()):
        for raw in list(records_there):
            if home[0] == CONTROLS:
                continue
            routed = routed_by(raw, pipeline.links[home])
            assert all(link == pipeline.links[home][name.decode()] for name, link, _ in routed.links)
            assert home[0].endswith("hris") or not routed.events
            for record in routed.forwards:
                if record.topic == FORWARDS:
                    pipeline.append(record)
            for event, _ in routed.events:
                pipeline.fold(event)
    links = {home: dict(each) for home, each in pipeline.links.items()}
    pipeline.work()
    assert (pipeline.ends(), pipeline.links) == (ends, links), "what is forwarded again was heard"
