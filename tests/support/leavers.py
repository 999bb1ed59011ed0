"""A constructed history: what sources said, what the worker and the sink wrote, at instants that a test chooses."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from streamproc.core.fold.fold import passed
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.refold import Refold
from streamproc.core.records.change_event import ChangeEvent, Effective, NewMapping, Origin
from streamproc.core.records.control import SINK, Action, Control
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.mapping_in_force import SOURCE
from streamproc.core.records.outcome import Outcome, Request, Verdict
from streamproc.core.records.resource import Resource
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS, DELIVERIES, OPERATIONS, OUTCOMES
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import Cause, decode
from streamproc.core.scim.dialect import DIALECTS, patch_body

TEXT = '[attributes]\ntitle = "job"\n'
OFF = patch_body(Resource(), Resource(active=False), DIALECTS["genesys"])


def ms(moment: str) -> int:
    """Of an ISO 8601 moment."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


DAY = ms("2026-03-02T00:00:00Z")


def at(clock: str) -> int:
    """HH:MM:SS.mmm of that day."""
    return ms(f"2026-03-02T{clock}Z")


@dataclass
class Log:
    """One partition. Times are ms since 1970. `lag`: from the append to the record's being written."""

    lag: int = 40
    text: str = TEXT
    records: list[StoredRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Its first event names the mapping, as a worker's does."""
        self._refold = Refold(lambda offset: [each for each in self._changes if each.offset < offset], None)
        self._offsets: dict[str, int] = {}
        self._raw = 0
        self.mapped(self.text, DAY - 86_400_000 * 40, first=True)

    @property
    def history(self) -> InMemoryHistory:
        """To read it by."""
        return InMemoryHistory(self.records, 1)

    @property
    def _changes(self) -> list[StoredRecord]:
        return [each for each in self.records if each.topic == CHANGES]

    def mapped(self, text: str, when: int, *, first: bool = False) -> int:
        """A mapping comes into force."""
        digest = parse_mapping(text).digest
        origin = Origin(CHANGES if first else CONTROLS, 0, self._offsets.get(CONTROLS, 0), Millis(when))
        new = NewMapping(text, "Kim Berg", first)
        return self._change(
            ChangeEvent(
                "", SOURCE, "", digest, "mapping", (Micros(when * 1000), 0, digest), {}, origin, "new", mapping=new
            ),
            when,
        )

    def says(
        self,
        user: str,
        when: int,
        active: bool | None,
        *,
        source: str = "hris",
        changed: int | None = None,
        told: int | None = None,
        received: Millis | None = None,
        effective: Effective | None = None,
        row: str | None = None,
        reason: str | None = None,
        written: bool = True,
        **facts: Any,
    ) -> int:
        """A source's event, appended to its topic at `when`. Returns its seq."""
        self._raw += 1
        named = f"e{self._raw}"
        origin = Origin(f"events.{source}", 0, self._raw, Millis(when), received)
        said = {"userName": f"{user}@example.com", "displayName": user, "active": active, **facts}
        order = (Micros((when if told is None else told) * 1000), 0, named)
        event = ChangeEvent(user, source, user, named, "change", order, said, origin, reason, effective, row)
        return self._change(event, when + 10 if changed is None else changed, written=written)

    def due(self, user: str, when: int) -> int:
        """The worker's timer says that a date has passed."""
        record = decode(self._refold.records[user])
        return self._change(passed(record, Origin(CHANGES, 0, record.seq, Millis(when))), when)

    def tells(self, user: str, seq: int, verdict: Verdict, when: int, *requests: Request, **more: Any) -> None:
        """An outcome."""
        cause = more.pop("cause", Cause("hris", "e", Origin("events.hris", 0, 0, Millis(0))))
        final = more.pop("final", verdict in {"delivered", "revoked", "no-op", "superseded", "parked", "held"})
        outcome = Outcome(user, seq, verdict, final, Millis(when), "changed", cause, [], list(requests), **more)
        self.put(OUTCOMES, user, outcome, when)

    def revoked(self, user: str, seq: int, sent: int, took: int = 120, **more: Any) -> None:
        """The usual end: one PATCH, one GET, `took` ms later each."""
        request, read = patch(sent, sent + took), sent + 2 * took
        self.tells(user, seq, "revoked", read + 5, request, acknowledged=sent + took, read_back=read, **more)

    def holds(self, user: str, seq: int, when: int, code: Any = None, reason: str = "", **more: Any) -> None:
        """A delivery, with something set aside if there is a code."""
        wanted = Resource(active=False)
        parked = code and Parked(
            code, reason, more.pop("status", None), more.pop("correlation_id", None), {}, wanted, Millis(when), seq
        )
        self.put(
            DELIVERIES, user, DeliveredState(user, seq, "g1", None, Resource(active=True), parked, Millis(when)), when
        )

    def orders(self, action: Action, user: str | None, when: int, reason: str = "really left", since: int = 0) -> None:
        """An operator's control."""
        control = Control(
            f"{action}-{when}", action, user, None if user is None else since, "Kim Berg", reason, Millis(when)
        )
        self.put(CONTROLS, user or SINK, control, when)

    def compacted(self, user: str) -> None:
        """Only the user's newest record is left in `scim.operations`."""
        theirs = [each for each in self.records if each.topic == OPERATIONS and each.key == user.encode()]
        self.records = [each for each in self.records if each not in theirs[:-1]]

    def _change(self, event: ChangeEvent, when: int, *, written: bool = True) -> int:
        logged = self.put(CHANGES, event.user, event, when)
        for user, value in self._refold.take(logged).records.items():
            if written:
                self.put(OPERATIONS, user, value, when + self.lag)
        return logged.offset

    def put(self, topic: str, key: str, value: Any, when: int) -> StoredRecord:
        """Append a record."""
        offset = self._offsets[topic] = self._offsets.get(topic, -1) + 1
        logged = StoredRecord(
            topic, 0, offset, Millis(when), key.encode(), value if isinstance(value, bytes) else orjson.dumps(value)
        )
        self.records.append(logged)
        return logged


def patch(sent: int, answered: int, status: int | None = 200, body: Any = OFF) -> Request:
    """A PATCH that deactivates, unless another body is given."""
    return Request("r", "PATCH", "/Users/g1", body, Millis(sent), Millis(answered), status, None)
