"""No input is dropped (invariants 12 and 13): what a worker commits as done has led to something that was acknowledged.

A raw record leads to a change, a rejection, something forwarded, or a fetch that is asked for; what is forwarded to a
link or a rejection; a change to a record, or a rejection.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tests.simulation.invariants.watching import Known, Record, Telling

CHANGES = "identity.changes"
FORWARDS = "streamproc.forwarded"
SOURCES = ("events.", "intake.")
STRICT = frozenset({"events.hris"})
"""Of which nothing means nothing to us: all that isn't understood is rejected."""

Place = tuple[str, int, int]


class Inputs:
    """Fed with what is committed. `strict`: topics of which each record has to lead to something."""

    def __init__(self, known: Known, telling: Telling, strict: frozenset[str] = STRICT) -> None:
        self._known = known
        self._tell = telling
        self._strict = strict
        self._waiting: dict[tuple[str, int], list[int]] = defaultdict(list)
        """Topic and partition → offsets that may not be done yet."""
        self._done: set[Place] = set()
        self._forwarded: dict[tuple[Place, str], Place] = {}
        """A source's or an operator's record, and whom it is about → where it was forwarded to first."""

    def appended(self, record: Record) -> None:
        """A record of any topic, in order."""
        topic, body = record.topic, record.body
        if topic == "events.rejected":
            if isinstance(body, dict):
                self._done.add((body["topic"], body["partition"], body["offset"]))
                self._tell.count("input rejected")
        elif topic in self._strict:
            self._waiting[topic, record.partition].append(record.offset)
        elif topic == CHANGES:
            self._change(record, body)
        elif topic == FORWARDS:
            self._forward(record)
        elif topic == "identity.links" and isinstance(body, dict):
            self._link(body)
        elif topic == "scim.operations" and isinstance(body, dict) and "seq" in body:
            self._done.add((CHANGES, record.partition, body["seq"]))

    def _forward(self, record: Record) -> None:
        first = (_place(record.headers.get("streamproc-forwarded")), record.key)
        self._done.add(first[0])
        if first not in self._forwarded:  # else it comes again after a crash, and is passed over
            self._waiting[FORWARDS, record.partition].append(record.offset)
        self._forwarded.setdefault(first, (FORWARDS, record.partition, record.offset))

    def _link(self, link: dict[str, Any]) -> None:
        taken, ordered = link["origin"], link.get("ordered")
        self._done.add((taken["topic"], taken["partition"], taken["offset"]))
        if ordered is not None:
            place = (ordered["topic"], ordered["partition"], ordered["offset"])
            if (forwarded := self._forwarded.get((place, link["subject"]))) is not None:
                self._done.add(forwarded)

    def _change(self, record: Record, body: Any) -> None:
        if not isinstance(body, dict) or "origin" not in body:
            return
        origin = body["origin"]
        self._done.add((origin["topic"], origin["partition"], origin["offset"]))
        self._tell.count(f"change {body['kind']}")
        if body["kind"] != "mapping":
            self._waiting[CHANGES, record.partition].append(record.offset)

    def committed(self, topic: str, partition: int, offset: int) -> None:
        """The workers' group has done with all records below an offset."""
        waiting = self._waiting.get((topic, partition))
        done = 0
        for place in waiting or ():
            if place >= offset:
                break
            if (topic, partition, place) not in self._done:
                self._tell.fail("commit", f"workers committed {offset} of {topic} {partition}: {place} led to nothing")
            done += 1
        if waiting and done:
            self._tell.count(f"commit of {topic}")
            del waiting[:done]

    def removed(self, topic: str, partition: int, offsets: Iterable[int]) -> None:
        """Retention took these records away."""
        gone = set(offsets)
        waiting = self._waiting.get((topic, partition), [])
        waiting[:] = [offset for offset in waiting if offset not in gone]

    def end(self) -> None:
        """Nothing is under way any more."""
        for (topic, partition), offsets in self._waiting.items():
            for offset in offsets:
                if (topic, partition, offset) not in self._done:
                    self._tell.fail("input", f"{topic} {partition} {offset} led to nothing")


def _place(header: bytes | None) -> Place:
    topic, partition, offset, *_ = [*(header or b"").decode().split("/"), "-1", "-1"]
    return topic, int(partition), int(offset)
