"""A short history for the replay: two users, two mappings, and ways to tamper with it."""

from collections.abc import Callable
from dataclasses import replace

from streamproc.archive.per_partition import map_partitions
from streamproc.audit.replay.divergence import Divergence
from streamproc.audit.replay.partition import LAG
from streamproc.audit.replay.starting_point import PartitionRequest
from streamproc.audit.replay.verify import ReplayResult, verify
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Fact, Origin
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.units import Micros, Millis
from tests.support.built import BEGIN, Built

OLD = '[attributes]\ntitle = "job"\n[[copy]]\nfact = "queue"\nto = "skills"\n'
NEW = OLD + '[[rule]]\nwhen = { department = "Spanish*" }\nlanguages = { Spanish = 4.0 }\n'


class Whole(InMemoryHistory):
    """A history that was read before anything could be compacted."""

    def written(self, topic: str, partition: int, offset: int) -> int:
        """When it was read."""
        return BEGIN + LAG


def said(user: str, number: int, /, **facts: Fact) -> ChangeEvent:
    """A change, said by HR."""
    order = (Micros((BEGIN + number) * 1000), 0, f"{user}-{number}")
    return ChangeEvent(
        user, "hris", user, f"{user}-{number}", "change", order, dict(facts), Origin("", 0, 0, Millis(0))
    )


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


def _rules(text: str) -> MappingInForce:
    return MappingInForce(-1, parse_mapping(text).digest, text, "", "", Origin("", 0, -1, Millis(0)), Millis(0))
