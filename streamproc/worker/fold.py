"""Fold: what the worker does with a record of `identity.changes`.

Rule 1: a user's newest record is the state, whether the brokers have acknowledged it or not.
Rule 2: a change of the mapping is one record. All users of its partition are planned anew by it before the partition's
next record is folded, and it counts as done when the brokers have all of that.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, get_args

import structlog
from pydantic import ValidationError

from streamproc import telemetry
from streamproc.core.errors import MappingError, RejectedInputError
from streamproc.core.fold.headroom import WHY, fold_within
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.refold import replanned
from streamproc.core.records.change_event import ChangeEvent, SourceFacts, decode_event
from streamproc.core.records.rejected import Problem
from streamproc.core.records.topic_names import CHANGES, OPERATIONS
from streamproc.core.records.user_record import Effect
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.decide.due_dates import DueDates
from streamproc.worker.decide.encoded_record import effect_of, planned_otherwise, seq_of
from streamproc.worker.decide.held_claims import held_claims
from streamproc.worker.decide.mapping_change import mapping_change
from streamproc.worker.decide.user_states import UserStates
from streamproc.worker.mapping_store import MappingStore
from streamproc.worker.raw_record import RawRecord
from streamproc.worker.record_sequencer import RecordSequencer
from streamproc.worker.rejections import Rejections
from streamproc.worker.stream_app import StateTable

log = structlog.get_logger("streamproc.worker")

TURN: Final = 64
"""Users that are planned anew before others have their turn."""
EVENTS: Final = {name.encode(): telemetry.EVENTS.labels(name) for name in get_args(Effect)}
REPLANNED: Final = {name.encode(): telemetry.REPLANNED.labels(name) for name in get_args(Effect)}


class FoldProcessor:
    """For one worker."""

    def __init__(
        self,
        users: StateTable,
        mappings: MappingStore,
        due_dates: DueDates,
        states: UserStates,
        producer: BatchingProducer,
        sequencer: RecordSequencer,
        rejections: Rejections,
    ) -> None:
        self._table = users
        self._mappings = mappings
        self._due_dates = due_dates
        self._states = states
        self._producer = producer
        self._sequencer = sequencer
        self._rejections = rejections
        self._unacknowledged: dict[bytes, bytes] = {}
        """Users whose newest record is on its way to the brokers (rule 1)."""

    def known(self, user: bytes, partition: int) -> bytes | None:
        """The user's newest record; None: none yet."""
        return self._unacknowledged.get(user) or self._table.read(user, partition)

    def forget(self) -> None:
        """Partitions have moved."""
        self._unacknowledged.clear()

    def fold(self, raw: RawRecord) -> Awaitable[None] | None:
        """Fold one record. What is returned has to be awaited before the partition's next one."""
        mapping = self._mappings.mapping(raw.partition)
        if mapping is None:
            return self._begin(raw)
        if raw.offset < self._mappings.since(raw.partition):  # folded before a restart, like all before that offset
            self._sequencer.done(raw)
            return None
        try:
            change = decode_event(raw.value or b"")
        except ValidationError:
            self._reject(raw, "invalid", "not a ChangeEvent; only the worker may write here")
            return None
        if change.kind == "mapping":
            return self._switch(raw, change)
        user = change.user.encode()
        known = self.known(user, raw.partition)
        folded = fold_within(known, raw.offset, change, mapping)
        if folded.rejected is not None:  # better than to stop for everybody
            self._reject(raw, folded.rejected, WHY[folded.rejected], change.subject, denies=folded.denies)
        elif folded.value is None:  # folded before a restart
            self._sequencer.done(raw)
        else:
            EVENTS[effect_of(folded.value)].inc()
            problems, denies = held_claims(known, folded.value, change, mapping.file.attributes.active)
            if folded.left_out is not None:
                problems.append(Problem(folded.left_out, WHY[folded.left_out], change.subject))
            self._rejections.tell(raw, problems, denies=denies)
            self._write(user, folded.value, raw.partition, partial(self._sequencer.done, raw))
        return None

    def _reject(
        self, raw: RawRecord, code: str, reason: str, subject: str | None = None, *, denies: bool = False
    ) -> None:
        error = RejectedInputError(code, reason, subject)
        self._rejections.reject(raw, error, partial(self._sequencer.done, raw), denies=denies)

    def _write(self, user: bytes, value: bytes, partition: int, done: Callable[[], None] = lambda: None) -> None:
        self._unacknowledged[user] = value

        def acknowledged() -> None:
            self._table.keep(user, value, partition)
            self._due_dates.note(user, value, partition)
            self._states.note(user, value)
            if self._unacknowledged.get(user) is value:
                del self._unacknowledged[user]
            done()

        self._producer.put(OPERATIONS, user, value, acknowledged, partition)

    async def _begin(self, raw: RawRecord) -> None:
        """The partition's first record here."""
        epoch = self._sequencer.assignment_epoch(raw.topic_partition)
        await self._mappings.find(raw.partition)
        if self._sequencer.assignment_epoch(raw.topic_partition) is epoch and (waiting := self.fold(raw)) is not None:
            await waiting

    async def _switch(self, raw: RawRecord, event: ChangeEvent) -> None:
        """From this offset on the partition may be folded by another mapping (rule 2).

        Where the partition moves meanwhile, or the process dies, the record comes again: users who are past it skip it.
        """
        epoch = self._sequencer.assignment_epoch(raw.topic_partition)
        mapping = self._mappings.mapping(raw.partition)
        assert mapping is not None
        try:
            known = self._mappings.in_force(raw.partition)
            change = mapping_change(known, mapping, raw.offset, raw.timestamp, event)
        except MappingError as error:
            self._reject(raw, "mapping", str(error))
            return
        if change is None:
            self._sequencer.done(raw)
            return
        facts = None
        if change.reheard:
            facts = await self._mappings.facts_heard(raw.partition, raw.offset, change.mapping)
            if facts is None:
                self._reject(raw, "mapping", f"what its facts were is gone with the first records of {CHANGES}")
                return
        users = self._users(raw.partition) if change.replanned else []
        changed = 0
        for number, user in enumerate(users, 1):
            if not self._producer.room.is_set():
                await self._producer.room.wait()
            if number % TURN == 0:
                await asyncio.sleep(0)
            if self._sequencer.assignment_epoch(raw.topic_partition) is not epoch:
                return
            heard = None if facts is None else facts.get(user.decode(), {})
            changed += self._replan(user, raw, event, change.mapping, heard)
        if self._sequencer.assignment_epoch(raw.topic_partition) is epoch:
            done = partial(self._sequencer.done, raw)
            self._mappings.enter(raw.partition, change.in_force, (len(users), changed), done)
            log.info(
                "mapping in force",
                topic=raw.topic,
                partition=raw.partition,
                offset=raw.offset,
                digest=change.in_force.digest,
            )

    def _users(self, partition: int) -> list[bytes]:
        """Everybody in a partition of whom there is a record (rule 1)."""
        on_their_way = [user for user in self._unacknowledged if self._producer.partition(user) == partition]
        return list(dict.fromkeys([*self._table.keys_of(partition), *on_their_way]))

    def _replan(
        self, user: bytes, raw: RawRecord, event: ChangeEvent, mapping: Mapping, facts: dict[str, SourceFacts] | None
    ) -> bool:
        """Whether another state of the user is desired from here on."""
        known = self.known(user, raw.partition)
        assert known is not None
        folded = replanned(user.decode(), known, raw.offset, event, mapping, facts)
        value = folded.value
        if value is not None:
            REPLANNED[effect_of(value)].inc()
            self._write(user, value, raw.partition)
        elif folded.rejected is not None:
            log.warning("a record stays as it is: it would be too large", partition=raw.partition, seq=seq_of(known))
        return planned_otherwise(known, value, raw.offset)
