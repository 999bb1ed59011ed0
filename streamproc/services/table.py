"""Table `users`: Faust's table, with `scim.operations` as its changelog, and our rules for what it holds.

Rule 1: the table holds only what the brokers have acknowledged. A record on its way isn't in it yet, so a store on disk
can't be ahead of the changelog after a crash.
Rule 2: recovery keeps the record with the higher seq, wherever it stands in the changelog.
Rule 3: what belongs to a partition leaves with it.
"""

from collections.abc import Iterable
from typing import Any, Literal

import faust
from faust.stores import memory

from streamproc.topics import OPERATIONS


class UsersTable(faust.Table):  # type: ignore[misc]
    """User ID → encoded UserRecord, both as bytes."""

    regressed: dict[bytes, int]
    """Users whose last record in the changelog isn't their newest, with the partition; found by recovery."""

    @classmethod
    def declare(cls, app: Any, store: Literal["memory", "rocksdb"]) -> "UsersTable":
        """The table, registered with the app."""
        changelog = app.topic(
            OPERATIONS, key_type=bytes, value_type=bytes, acks=False, internal=False, allow_empty=True, maxsize=131_072
        )
        options = {"driver": "rocksdict"} if store == "rocksdb" else None
        table = cls(
            app,
            name="users",
            key_type=bytes,
            value_type=bytes,
            changelog_topic=changelog,
            options=options,
            partitions=app.conf.topic_partitions,
        )
        table.regressed = {}
        app.tables.add(table)
        return table

    def read(self, user: bytes, partition: int) -> bytes | None:
        """The user's record; None: none yet."""
        if self._in_memory:
            return self.data.data.get(user)  # type: ignore[no-any-return]
        return self.data._db_for_partition(partition).get(user)  # type: ignore[no-any-return]  # noqa: SLF001

    def keep(self, user: bytes, value: bytes, partition: int) -> None:
        """Set what the brokers have acknowledged (rule 1), unless recovery has brought something newer (rule 2)."""
        held = self.read(user, partition)
        if held is not None and seq_of(held) > seq_of(value):
            return
        if self._in_memory:
            self.data.data[user] = bytes(memoryview(value))  # to fit: orjson keeps kilobytes behind what it has written
            self.data._key_partition[user] = partition  # noqa: SLF001
        else:
            self.data._db_for_partition(partition).put(user, value)  # noqa: SLF001

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Called by Faust's recovery with events of the changelog (rule 2)."""
        newest: dict[bytes, Any] = {}
        for event in batch:
            user, partition = event.key, event.message.partition
            if event.value is None:
                continue
            held = newest[user].value if user in newest else self.read(user, partition)
            if held is not None and seq_of(held) > seq_of(event.value):
                self.regressed[user] = partition
                continue
            newest[user] = event
            self.regressed.pop(user, None)
        if newest:
            super().apply_changelog_batch(list(newest.values()))

    def _new_store(self) -> Any:
        if str(self._store or self.app.conf.store).startswith("memory"):
            return PartitionedMemory(
                "memory://", self.app, self, table_name=self.name, key_type=bytes, value_type=bytes
            )
        return super()._new_store()

    @property
    def _in_memory(self) -> bool:
        return isinstance(self.data, PartitionedMemory)


class PartitionedMemory(memory.Store):  # type: ignore[misc]
    """Faust's memory store, except that a partition's keys leave with it (rule 3)."""

    async def on_rebalance(
        self,
        assigned: Any,  # noqa: ARG002 - Faust's signature
        revoked: Any,
        newly_assigned: Any,  # noqa: ARG002
        generation_id: int = 0,  # noqa: ARG002
    ) -> None:
        """Called by Faust when partitions have moved."""
        gone = {place.partition for place in revoked if place.topic == OPERATIONS}
        for user in [user for user, partition in self._key_partition.items() if partition in gone]:
            del self._key_partition[user]
            self.data.pop(user, None)


def seq_of(value: bytes) -> int:
    """`seq` of an encoded record, without decoding the rest of it: it stands right after the user."""
    start = value.index(b'"seq":') + 6
    return int(value[start : value.index(b",", start)])
