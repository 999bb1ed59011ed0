"""Histories as a worker and a sink would leave them, constructed: no Kafka, no clock. For tests of what reads them.

Records are made by `fold` itself, event by event, and not by the code that folds a whole log anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import orjson

from streamproc.core.fold.fold import fold, passed
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.fold.mapping_switch import facts_heard
from streamproc.core.records.change_event import CHANGE_EVENT, ChangeEvent, NewMapping, Origin
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.mapping_in_force import SOURCE
from streamproc.core.records.outcome import Fate, Outcome
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS, DELIVERIES, OPERATIONS, OUTCOMES
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import FIRST, UserRecord, decode, encode

BEGIN = 1_772_500_000_000
"""ms since 1970; when the first event is appended. The next one follows a second later."""
SECOND = 1000


@dataclass(slots=True)
class Built:
    """One partition. Offsets of the outcomes leave gaps, as transactions' markers do."""

    partition: int = 0
    changes: list[StoredRecord] = field(default_factory=list)
    operations: list[StoredRecord] = field(default_factory=list)
    outcomes: list[StoredRecord] = field(default_factory=list)
    deliveries: list[StoredRecord] = field(default_factory=list)
    records: dict[str, UserRecord] = field(default_factory=dict)
    mapping: Mapping | None = None
    _told: dict[str, int] = field(default_factory=dict)

    @property
    def logged(self) -> list[StoredRecord]:
        """All of it."""
        return [*self.changes, *self.operations, *self.outcomes, *self.deliveries]

    @property
    def history(self) -> InMemoryHistory:
        """All of it, as a history of one partition."""
        return InMemoryHistory(self.logged, self.partition + 1)

    @property
    def now(self) -> int:
        """When the next event is appended, in ms since 1970."""
        return BEGIN + len(self.changes) * SECOND

    def apply(self, text: str, by: str = "Kim", *, first: bool = False) -> None:
        """A mapping comes into force, and every user is planned anew."""
        mapping, seq = parse_mapping(text), len(self.changes)
        origin = Origin(CHANGES if first else CONTROLS, 0, seq, Millis(self.now))
        new = NewMapping(text, by, first)
        order = (Micros(self.now * 1000), seq, mapping.digest)
        event = ChangeEvent("", SOURCE, "", mapping.digest, "mapping", order, {}, origin, "why", mapping=new)
        before = [CHANGE_EVENT.validate_json(one.value or b"") for one in self.changes]
        self._append(event, mapping.digest)
        if self.mapping is not None and self.mapping.digest != mapping.digest:
            read = facts_heard(before, mapping.facts) if self.mapping.facts != mapping.facts else None
            for user, record in list(self.records.items()):
                facts = None if read is None else read.get(user, {})
                self._record(fold(record, seq, replace(event, user=user, mapping=None), mapping, facts))
        self.mapping = mapping

    def say(self, event: ChangeEvent) -> UserRecord:
        """An event of a source. Its origin is made to fit."""
        return self.put(replace(event, origin=Origin(f"events.{event.source}", 0, len(self.changes), Millis(self.now))))

    def pass_date(self, user: str) -> UserRecord:
        """The worker says that the user's next date has come; it has to be past."""
        record = self.records[user]
        assert record.due is not None
        assert record.due <= self.now * 1000
        return self.put(passed(record, Origin(CHANGES, self.partition, record.seq, Millis(self.now))))

    def put(self, event: ChangeEvent) -> UserRecord:
        """An event, as it is."""
        assert self.mapping is not None
        seq = len(self.changes)
        self._append(event, event.user)
        record = fold(self.records.get(event.user), seq, event, self.mapping)
        self._record(record)
        return record

    def tell(self, *fates: tuple[str, Fate], users: Sequence[str] | None = None) -> None:
        """The sink comes along: each user's newest event gets its fate, those that it passes over are superseded."""
        said = dict(fates)
        for user in self.records if users is None else users:
            pending = [each for each in self._of(user) if each.seq > self._told.get(user, FIRST)]
            for record in pending:
                fate: Fate = "superseded" if record is not pending[-1] else said.get(user, "delivered")
                self._outcome(record, fate)
            if pending:
                self._deliver(pending[-1])

    def tell_of_gap(self, user: str) -> None:
        """The same for one user, of whom compaction had removed all but the newest record before the sink came."""
        pending = [each for each in self._of(user) if each.seq > self._told.get(user, FIRST)]
        since, newest = self._told.get(user, FIRST), pending[-1]
        gone = Outcome(user, newest.prev, "superseded", True, Millis(self.now), "unknown", None, [], [], None, since)
        self._put(self.outcomes, OUTCOMES, user, orjson.dumps(gone))
        self._outcome(newest, "delivered")
        self._deliver(newest)

    def compact(self, user: str) -> None:
        """Only the user's newest record stays."""
        mine = [one for one in self.operations if one.key == user.encode()]
        self.operations = [one for one in self.operations if one not in mine[:-1]]

    def _of(self, user: str) -> list[UserRecord]:
        return [decode(one.value or b"") for one in self.operations if one.key == user.encode()]

    def _outcome(self, record: UserRecord, fate: Fate) -> None:
        outcome = Outcome(record.user, record.seq, fate, True, Millis(self.now), record.effect, record.cause, [], [])
        if fate == "revoked":
            outcome = replace(outcome, read_back=Millis(self.now))
        self._put(self.outcomes, OUTCOMES, record.user, orjson.dumps(outcome))

    def _deliver(self, record: UserRecord) -> None:
        self._told[record.user] = record.seq
        delivery = DeliveredState(record.user, record.seq, "id", None, record.desired, None, Millis(self.now))
        self._put(self.deliveries, DELIVERIES, record.user, orjson.dumps(delivery))

    def _append(self, event: ChangeEvent, key: str) -> None:
        value = orjson.dumps(event)
        self.changes.append(
            StoredRecord(CHANGES, self.partition, len(self.changes), Millis(self.now), key.encode(), value)
        )

    def _record(self, record: UserRecord) -> None:
        self.records[record.user] = record
        self._put(self.operations, OPERATIONS, record.user, encode(record), step=1)

    def _put(self, there: list[StoredRecord], topic: str, user: str, value: bytes, step: int = 2) -> None:
        offset = there[-1].offset + step if there else 0
        there.append(StoredRecord(topic, self.partition, offset, Millis(self.now), user.encode(), value))
