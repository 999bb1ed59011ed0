"""A month of recorded history without Kafka, as an archive: what resolve, fold and sink would have left in the topics.

Two sources, hires, changes of all sorts, leavers who come back, duplicates, late events, and a change of the mapping in
the middle that reads another fact than the one before it. Everything is constructed, and seeded.
"""

import multiprocessing
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import orjson

import streamproc
from streamproc.archive import layout
from streamproc.archive.layout import DAY, Manifest
from streamproc.archive.reader import ArchivedHistory
from streamproc.archive.writer import ArchiveWriter
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.refold import Refold
from streamproc.core.records.change_event import ChangeEvent, Fact, NewMapping, Origin
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.mapping_in_force import SOURCE
from streamproc.core.records.outcome import Outcome, Request
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS, DELIVERIES, OPERATIONS, OUTCOMES
from streamproc.core.records.units import Micros, Millis

PARTITIONS = 8
BEGIN = 1_790_035_200_000
"""ms since 1970; a midnight."""
SPAN = 30 * DAY
FIRST = Path(streamproc.__file__).with_name("mapping.toml").read_text(encoding="utf-8")
SECOND = FIRST.replace(
    "[always]", '[[rule]]\nwhen = { "group:Spanish Agents" = "*" }\nskills = { Spanish = 5.0 }\n\n[always]'
)

JOBS = ("Agent", "Senior Agent", "Team Lead", "Clerk", "Billing Supervisor")
DEPARTMENTS = ("Care", "Spanish Support", "Billing East", "Sales", "Billing West")
QUEUES = (None, "Billing", "Sales", "Care")
LANGUAGES = (None, "English", "Spanish:5", "English:4.5, French")
GROUPS = ("group:Spanish Agents", "group:Chat", "group:Night Shift")


@dataclass(slots=True)
class Person:
    """One user as the constructed sources know them."""

    user: str
    hired: bool = False
    here: bool = False
    in_okta: bool = False
    said: list[ChangeEvent] = field(default_factory=list)
    """The last events, for who says them again."""


class Month:
    """The changes of one partition, by offset."""

    def __init__(self, partition: int, users: list[str], events: int) -> None:
        self._rng = random.Random(partition)
        self._partition, self._events = partition, events
        self._people = [Person(user) for user in users]
        self._now = BEGIN
        self._number = 0

    def __iter__(self) -> Iterator[tuple[bytes, ChangeEvent, int]]:
        """Key, event, timestamp."""
        for number in range(self._events):
            self._number, self._now = number, BEGIN + number * SPAN // self._events
            if number in {0, self._events // 2}:
                event = self._mapping(FIRST if number == 0 else SECOND, first=number == 0)
                yield event.event.encode(), event, self._now
            else:
                event = self._next(self._rng.choice(self._people))
                yield event.user.encode(), event, self._now

    def _mapping(self, text: str, *, first: bool) -> ChangeEvent:
        digest = parse_mapping(text).digest
        origin = Origin(CHANGES if first else CONTROLS, self._partition if first else 0, 0, Millis(self._now - 5))
        by = "worker" if first else "Kim Berg"
        order = (Micros(self._now * 1000), 0, digest)
        new = NewMapping(text, by, first)
        return ChangeEvent("", SOURCE, "", digest, "mapping", order, {}, origin, "constructed", mapping=new)

    def _next(self, person: Person) -> ChangeEvent:
        chance = self._rng.random()
        if not person.here:
            rehired = person.hired
            person.hired = person.here = True
            return self._hris(person, "snapshot", self._whole(person), "rehire" if rehired else "hire")
        if chance < 0.05 and person.said:
            return replace(self._rng.choice(person.said), origin=self._origin(person.said[0].source))
        if chance < 0.09:
            person.here = False
            return self._hris(person, "change", {"active": False}, "left")
        if chance < 0.32:
            return self._okta(person)
        if chance < 0.40:
            return self._hris(person, "snapshot", self._whole(person), None)
        late = 3_600_000 if chance > 0.95 else 0
        return self._hris(person, "change", self._piece(), None, late)

    def _whole(self, person: Person) -> dict[str, Fact]:
        found: dict[str, Fact] = {
            "userName": f"{person.user.lower()}@example.com",
            "displayName": f"Given Family {person.user}",
            "active": True,
            "employeeNumber": person.user,
            "division": "Care",
            "manager": f"E{self._rng.randrange(200):06}",
        }
        for _ in range(6):
            found |= self._piece()
        return found

    def _piece(self) -> dict[str, Fact]:
        rng = self._rng
        match rng.randrange(6):
            case 0:
                return {"job": rng.choice(JOBS)}
            case 1:
                return {"department": rng.choice(DEPARTMENTS)}
            case 2:
                return {"genesysQueue": rng.choice(QUEUES)}
            case 3:
                return {"genesysLanguage": rng.choice(LANGUAGES)}
            case 4:
                return {"genesysRole": rng.choice([None, "Trainer", "Quality"])}
            case _:
                return {"phone": f"+1317555{rng.randrange(10_000):04}"}

    def _hris(
        self, person: Person, kind: Any, attributes: dict[str, Fact], reason: str | None, late: int = 0
    ) -> ChangeEvent:
        return self._say(person, "hris", person.user, kind, attributes, reason, late)

    def _okta(self, person: Person) -> ChangeEvent:
        subject = f"00u{person.user}"
        if not person.in_okta:
            person.in_okta = True
            whole: dict[str, Fact] = {"active": True, "userName": f"{person.user.lower()}@example.com", "group:": True}
            return self._say(person, "okta", subject, "snapshot", whole, None)
        group = self._rng.choice(GROUPS)
        given = group.removeprefix("group:") if self._rng.random() < 0.6 else None
        return self._say(person, "okta", subject, "change", {group: given}, None)

    def _say(
        self,
        person: Person,
        source: str,
        subject: str,
        kind: Any,
        attributes: dict[str, Fact],
        reason: str | None,
        late: int = 0,
    ) -> ChangeEvent:
        name = f"{source}-{self._partition}-{self._number}"
        order = (Micros((self._now - 2000 - late) * 1000), 0, name)
        event = ChangeEvent(person.user, source, subject, name, kind, order, attributes, self._origin(source), reason)
        person.said = [*person.said[-2:], event]
        return event

    def _origin(self, source: str) -> Origin:
        return Origin(f"events.{source}", self._partition, self._number, Millis(self._now - 40), Millis(self._now - 60))


def record(folder: Path, events: int, users: int) -> None:
    """Write the archive, on two cores. Rounded down to whole partitions."""
    layout.keep_manifest(layout.make_folder(folder), Manifest(layout.VERSION, None, PARTITIONS, (CHANGES, OPERATIONS)))
    names: dict[int, list[str]] = {partition: [] for partition in range(PARTITIONS)}
    for number in range(users):
        name = f"E{number:06}"
        names[partition_of(name.encode(), PARTITIONS)].append(name)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for done in [
            pool.submit(_partition, folder, partition, names[partition], events // PARTITIONS) for partition in names
        ]:
            done.result()


def _partition(folder: Path, partition: int, users: list[str], events: int) -> None:
    writing = ArchiveWriter(folder, CHANGES, partition, 0)
    for offset, (key, event, at) in enumerate(Month(partition, users, events)):
        writing.add((offset, at, key, orjson.dumps(event), ()))
    writing.close(events)
    _fold(folder, partition)


def _fold(folder: Path, partition: int) -> None:
    history = ArchivedHistory(folder)
    refold = Refold(lambda end: takewhile(lambda one: one.offset < end, history.read(CHANGES, partition)), None)
    operations, outcomes = (ArchiveWriter(folder, topic, partition, 0) for topic in (OPERATIONS, OUTCOMES))
    written = told = 0
    newest: dict[str, bytes] = {}
    for logged in history.read(CHANGES, partition):
        for user, value in refold.take(logged).records.items():
            at = logged.timestamp + 8
            operations.add((written, at, user.encode(), value, ()))
            written += 1
            newest[user], outcome = _ended(user, value, at + 150, written, logged)
            outcomes.add((told, at + 200, user.encode(), outcome, ()))
            told += 2 if written % 50 == 0 else 1  # a transaction's marker
    operations.close(written)
    outcomes.close(told)
    deliveries = ArchiveWriter(folder, DELIVERIES, partition, 0)
    for offset, (user, value) in enumerate(newest.items()):  # compacted
        deliveries.add((offset, BEGIN + SPAN, user.encode(), value, ()))
    deliveries.close(len(newest))


def _ended(user: str, value: bytes, at: int, number: int, logged: StoredRecord) -> tuple[bytes, bytes]:
    """A user's delivery after a record, and the outcome that told it."""
    raw = orjson.loads(value)
    names = [each["op"] for each in raw["operations"]]
    name = f"00000000-0000-4000-8000-{user[1:]:0>12}"
    requests, left = [], "deactivate" in names
    if names:
        changes = [
            {"op": "replace", "path": attribute, "value": wanted}
            for each in raw["operations"]
            for attribute, wanted in each.get("changes", {}).items()
        ]
        method, path = ("POST", "/Users") if names[0] == "create" else ("PATCH", f"/Users/{name}")
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": changes}
        requests = [
            Request(
                f"{logged.partition}-{number}",
                method,
                path,
                body,
                Millis(at),
                Millis(at + 40),
                200,
                name,
                None,
                raw["desired"],
            )
        ]
    outcome = Outcome(
        user,
        raw["seq"],
        "revoked" if left else "delivered" if names else "no-op",
        final=True,
        at=Millis(at + 45),
        effect=raw["effect"],
        cause=raw["cause"],
        operations=names,
        requests=requests,
        reason="; ".join(raw["problems"]) or None,
        acknowledged=Millis(at + 40) if names else None,
        read_back=Millis(at + 44) if left else None,
    )
    delivery = DeliveredState(user, raw["seq"], name, f'"{number}"', raw["desired"], None, Millis(at + 45))
    return orjson.dumps(delivery), orjson.dumps(outcome)
