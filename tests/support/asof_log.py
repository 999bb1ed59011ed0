"""A log of one partition, written event by event, to ask for a moment of it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

import streamproc
from streamproc.audit.asof.query import as_of
from streamproc.audit.asof.text import answered
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.refold import Refold, first_mapping
from streamproc.core.records.change_event import ChangeEvent, Fact, NewMapping, Origin
from streamproc.core.records.control import Control
from streamproc.core.records.finding import Finding
from streamproc.core.records.mapping_in_force import SOURCE
from streamproc.core.records.outcome import Outcome, Request
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS, FINDINGS, OPERATIONS, OUTCOMES
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import Cause

DEFAULT = Path(streamproc.__file__).with_name("mapping.toml").read_text(encoding="utf-8")
NOON = round(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000


class Log:
    """One partition, written a minute at a time."""

    def __init__(self, text: str | None = DEFAULT) -> None:
        self.changes: list[StoredRecord] = []
        self.outcomes: list[StoredRecord] = []
        self.beside: list[StoredRecord] = []
        """What was found, and ordered."""
        self.recorded: dict[int, bytes] = {}
        """In the place of what was recorded at an offset."""
        if text is not None:
            self.mapping(text, first=True)

    @property
    def now(self) -> int:
        """When the next event is appended, in ms since 1970."""
        return NOON + MINUTE * len(self.changes)

    def say(self, source: str, subject: str, user: str = "E1", kind: Any = "change", **more: Any) -> int:
        """An event; `facts` and what else it has. Returns its offset."""
        offset, facts = len(self.changes), more.pop("facts", {})
        origin = Origin(f"events.{source}", 1, 500 + offset, Millis(self.now - 1000))
        order = (Micros(self.now * 1000 - 2_000_000), 0, f"e{offset}")
        event = ChangeEvent(user, source, subject, f"e{offset}", kind, order, facts, origin, **more)
        self.changes.append(StoredRecord(CHANGES, 0, offset, Millis(self.now), user.encode(), orjson.dumps(event)))
        return offset

    def mapping(self, text: str, *, first: bool = False) -> int:
        """Another mapping comes into force."""
        offset, digest = len(self.changes), parse_mapping(text).digest
        origin = Origin(CHANGES if first else "streamproc.controls", 0, offset, Millis(self.now))
        new = NewMapping(text, "Kim Berg", first=first)
        event = ChangeEvent(
            "", SOURCE, "", digest, "mapping", (Micros(0), 0, digest), {}, origin, "new teams", mapping=new
        )
        self.changes.append(StoredRecord(CHANGES, 0, offset, Millis(self.now), digest.encode(), orjson.dumps(event)))
        return offset

    def tell(self, verdict: Any, *requests: Request, user: str = "E1") -> None:
        """An outcome."""
        cause = Cause("hris", "e", Origin("t", 0, 0, Millis(0)))
        value = orjson.dumps(Outcome(user, 1, verdict, True, Millis(0), "changed", cause, [], list(requests)))
        self.outcomes.append(StoredRecord(OUTCOMES, 0, len(self.outcomes), Millis(self.now), user.encode(), value))

    def find(self, finding: Finding) -> int:
        """A finding. Returns its offset."""
        return self._beside(FINDINGS, finding.key, finding)

    def order(self, control: Control) -> int:
        """An order. Returns its offset."""
        return self._beside(CONTROLS, control.key, control)

    def _beside(self, topic: str, key: str, value: Finding | Control) -> int:
        offset = len(self.beside)
        self.beside.append(StoredRecord(topic, 0, offset, Millis(self.now), key.encode(), orjson.dumps(value)))
        return offset

    def history(self) -> InMemoryHistory:
        """With the records that the worker made of it."""
        refold = Refold(lambda offset: self.changes[:offset], first_mapping(self.changes))
        made = [
            StoredRecord(OPERATIONS, 0, n, each.timestamp, user.encode(), self.recorded.get(each.offset, value))
            for n, each in enumerate(self.changes)
            if refold.mapping is not None
            for user, value in refold.take(each).records.items()
        ]
        return InMemoryHistory([*self.changes, *made, *self.outcomes, *self.beside], 1)


def lines(log: Log, minutes: float, user: str = "E1") -> list[str]:
    """The answer, `minutes` after the log's beginning, with one space where there are more."""
    (answer,) = as_of(log.history(), NOON + round(minutes * MINUTE), user)
    return [" ".join(line.split()) for line in answered(answer)]


def hired(log: Log, **facts: Fact) -> int:
    """Ana is hired."""
    ana: dict[str, Fact] = {"userName": "ana@example.com", "displayName": "Ana Ruiz", "active": True}
    return log.say("hris", "H-1", kind="snapshot", facts=ana | facts)


def request(number: int, at: int, status: int | None = 200, method: str = "PATCH", **learned: Any) -> Request:
    """One that was answered in 50 ms."""
    return Request(f"r{number}", method, "/Users/7", None, Millis(at - 50), Millis(at), status, None, **learned)
