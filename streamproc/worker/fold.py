"""Folding: what the worker does with a record of `identity.changes`.

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
from streamproc.core.errors import MappingError
from streamproc.core.fold.decode_cache import DecodeCache
from streamproc.core.fold.fold import fold_on
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.mapping_switch import compiled, switched
from streamproc.core.fold.refold import replanned
from streamproc.core.records.change_event import ChangeEvent, SourceFacts
from streamproc.core.records.topic_names import CHANGES, OPERATIONS
from streamproc.core.records.user_record import LARGEST, Effect
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.due_dates import DueDates
from streamproc.worker.faust_bridge.state_table import StateTable, seq_of
from streamproc.worker.mapping_store import MappingStore
from streamproc.worker.raw_record import RawRecord

log = structlog.get_logger("streamproc.worker")

TURN: Final = 64
"""Users that are planned anew before others have their turn."""
EFFECT: Final = b'"effect":"'
"""Before it an encoded record holds no such bytes: quotes within text are escaped, and no key of that name has text."""
EVENTS: Final = {name: telemetry.EVENTS.labels(name) for name in get_args(Effect)}
REPLANNED: Final = {name.encode(): telemetry.REPLANNED.labels(name) for name in get_args(Effect)}


class FoldProcessor:
    """For one worker. `reject` sets a record aside, `done` says that it needs nothing more.

    `term` gives what stays the same while a partition stays here, so that long work can tell that it has gone.
    """

    def __init__(
        self,
        users: StateTable,
        rules: MappingStore,
        calendar: DueDates,
        reject: Callable[[RawRecord, str, str], None],
        done: Callable[[RawRecord], None],
        term: Callable[[tuple[str, int]], object | None],
        decoded: DecodeCache,
    ) -> None:
        self._table = users
        self._rules = rules
        self._calendar = calendar
        self._reject = reject
        self._done = done
        self._term = term
        self._decoded = decoded
        self._unacknowledged: dict[bytes, bytes] = {}
        """Users whose newest record is on its way to the brokers (rule 1)."""

    def known(self, user: bytes, partition: int) -> bytes | None:
        """The user's newest record; None: none yet."""
        return self._unacknowledged.get(user) or self._table.read(user, partition)

    def forget(self) -> None:
        """Partitions have moved."""
        self._unacknowledged.clear()

    def fold(self, raw: RawRecord, outbox: BatchingProducer) -> Awaitable[None] | None:
        """Fold one record. What is returned has to be awaited before the partition's next one."""
        mapping = self._rules.mapping(raw.partition)
        if mapping is None:
            return self._begin(raw, outbox)
        if raw.offset < self._rules.since(raw.partition):  # folded before a restart, like all before that offset
            self._done(raw)
            return None
        try:
            change = self._decoded.event(raw.value or b"")
        except ValidationError:
            self._reject(raw, "invalid", "not a ChangeEvent; only the worker may write here")
            return None
        if change.kind == "mapping":
            return self._switch(raw, change, outbox)
        user = change.user.encode()
        known = self._decoded.record(change.user, self.known(user, raw.partition))
        folded = fold_on(*known, raw.offset, change, mapping)
        if folded is None:  # folded before a restart
            self._done(raw)
            return None
        record, digest, value = folded
        if len(value) > LARGEST:  # better than to stop for everybody
            self._reject(raw, "too_large", f"more than {LARGEST} bytes would be known of one user")
        else:
            EVENTS[record.effect].inc()
            self._decoded.folded(change.user, value, record, digest, change)
            self._write(user, value, raw.partition, outbox, partial(self._done, raw))
        return None

    def _write(
        self,
        user: bytes,
        value: bytes,
        partition: int,
        outbox: BatchingProducer,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._unacknowledged[user] = value

        def kept() -> None:
            self._table.keep(user, value, partition)
            self._calendar.note(user, value, partition)
            if self._unacknowledged.get(user) is value:
                del self._unacknowledged[user]
            done()

        outbox.put(OPERATIONS, user, value, kept, partition)

    async def _begin(self, raw: RawRecord, outbox: BatchingProducer) -> None:
        """The partition's first record here."""
        place = raw.topic, raw.partition
        term = self._term(place)
        await self._rules.find(raw.partition, outbox)
        if self._term(place) is term and (waiting := self.fold(raw, outbox)) is not None:
            await waiting

    async def _switch(self, raw: RawRecord, change: ChangeEvent, outbox: BatchingProducer) -> None:
        """From this offset on the partition is folded by another mapping (rule 2).

        Where the partition moves meanwhile, or the process dies, the record comes again: users who are past it skip it.
        """
        place = topic, partition = raw.topic, raw.partition
        term, old = self._term(place), self._rules.mapping(partition)
        assert old is not None
        if change.mapping is None:
            self._reject(raw, "mapping", "there is no mapping in it; only the worker may write here")
            return
        try:
            rules = switched(self._rules.rules(partition), raw.offset, raw.timestamp, change)
        except MappingError as error:
            self._reject(raw, "mapping", str(error))
            return
        if rules is None:
            self._done(raw)
            return
        new, facts = compiled(rules.digest, rules.text), None
        if old.facts != new.facts:
            facts = await self._rules.heard(partition, raw.offset, new)
            if facts is None:
                self._reject(raw, "mapping", f"what its facts were is gone with the first records of {CHANGES}")
                return
        users = [] if old.digest == new.digest else self._users(partition, outbox)
        changed = 0
        for number, user in enumerate(users, 1):
            if not outbox.room.is_set():
                await outbox.room.wait()
            if number % TURN == 0:
                await asyncio.sleep(0)
            if self._term(place) is not term:
                return
            heard = None if facts is None else facts.get(user.decode(), {})
            changed += self._replan(user, raw, change, new, heard, outbox)
        if self._term(place) is term:
            self._rules.enter(partition, rules, (len(users), changed), outbox, partial(self._done, raw))
            log.info("mapping in force", topic=topic, partition=partition, offset=raw.offset, digest=rules.digest)

    def _users(self, partition: int, outbox: BatchingProducer) -> list[bytes]:
        """Everybody in a partition of whom there is a record (rule 1)."""
        on_their_way = [user for user in self._unacknowledged if outbox.partition(user) == partition]
        return list(dict.fromkeys([*self._table.keys_of(partition), *on_their_way]))

    def _replan(
        self,
        user: bytes,
        raw: RawRecord,
        change: ChangeEvent,
        mapping: Mapping,
        facts: dict[str, SourceFacts] | None,
        outbox: BatchingProducer,
    ) -> bool:
        """Whether another state of the user is desired from here on."""
        known = self.known(user, raw.partition)
        assert known is not None
        value = replanned(user.decode(), known, raw.offset, change, mapping, facts)
        if value is not None:
            effect = _effect(value)
            REPLANNED[effect].inc()
            self._write(user, value, raw.partition, outbox)
            return effect == b"changed"
        if seq_of(known) < raw.offset:
            log.warning("a record stays as it is: it would be too large", partition=raw.partition, seq=seq_of(known))
        return seq_of(known) == raw.offset and _effect(known) == b"changed"  # planned anew before a crash


def _effect(value: bytes) -> bytes:
    start = value.index(EFFECT) + len(EFFECT)
    return value[start : value.index(b'"', start)]
