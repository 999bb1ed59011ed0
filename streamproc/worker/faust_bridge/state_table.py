"""State tables: Faust's tables, whose changelogs are topics of ours, and what they may hold.

Rule 1: the table holds only what the brokers have acknowledged. A record on its way isn't in it yet, so a store on disk
can't be ahead of the changelog after a crash.
Rule 2: recovery keeps the record with the higher seq (`table_recovery.py`).
Rule 3: what belongs to a partition leaves with it.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import faust
from faust.stores import memory

from streamproc.worker.decide.encoded_record import regresses
from streamproc.worker.faust_bridge.protocols import App
from streamproc.worker.table_recovery import ChangelogEvent, newest_of


class StateTable(faust.Table):  # type: ignore[misc]
    """Key → encoded record with a `seq`, both as bytes."""

    regressed: dict[bytes, int]
    """Keys whose last record in the changelog isn't their newest, or isn't ours, with the partition; by recovery."""

    @classmethod
    def declare(cls, app: App, name: str, topic: str, store: Literal["memory", "rocksdb"]) -> "StateTable":
        """The table, registered with the app."""
        changelog = app.topic(
            topic, key_type=bytes, value_type=bytes, acks=False, internal=False, allow_empty=True, maxsize=131_072
        )
        options = {"driver": "rocksdict"} if store == "rocksdb" else None
        table = cls(
            app,
            name=name,
            key_type=bytes,
            value_type=bytes,
            changelog_topic=changelog,
            options=options,
            partitions=app.conf.topic_partitions,
        )
        table.regressed = {}
        app.tables.add(table)
        return table

    def read(self, key: bytes, partition: int) -> bytes | None:
        """The key's record; None: none yet."""
        if self._in_memory:
            return self.data.data.get(key)  # type: ignore[no-any-return]
        return self.data._db_for_partition(partition).get(key)  # type: ignore[no-any-return]  # noqa: SLF001

    def records(self) -> Iterator[tuple[bytes, bytes, int]]:
        """All keys that are here, with their records and partitions."""
        if self._in_memory:
            for key, value in self.data.data.items():
                yield key, value, self.data._key_partition[key]  # noqa: SLF001
        else:
            for partition, store in self.data._dbs.items():  # noqa: SLF001
                offset = self.data.offset_key  # where the store keeps how far it has come
                yield from ((key, value, partition) for key, value in store.items() if key != offset)

    def keys_of(self, partition: int) -> list[bytes]:
        """All keys that are here of one partition."""
        if self._in_memory:
            return [key for key, home in self.data._key_partition.items() if home == partition]  # noqa: SLF001
        store = self.data._db_for_partition(partition)  # noqa: SLF001
        return [key for key in store.keys() if key != self.data.offset_key]  # noqa: SIM118 - not a dict

    def keep(self, key: bytes, value: bytes, partition: int) -> None:
        """Set what the brokers have acknowledged (rule 1), unless recovery has brought something newer (rule 2)."""
        if regresses(self.read(key, partition), value):
            return
        if self._in_memory:
            self.data.data[key] = value
            self.data._key_partition[key] = partition  # noqa: SLF001
        else:
            self.data._db_for_partition(partition).put(key, value)  # noqa: SLF001

    def apply_changelog_batch(self, batch: Iterable[ChangelogEvent]) -> None:
        """Called by Faust's recovery with events of the changelog (rule 2)."""
        if newest := newest_of(batch, self.read, self.regressed):
            super().apply_changelog_batch(newest)

    async def on_recovery_completed(self, active_tps: Any, standby_tps: Any) -> None:
        """Called by Faust. What another worker writes, and is only read along here, is theirs to append again."""
        own = {each.partition for each in active_tps}
        self.regressed = {key: partition for key, partition in self.regressed.items() if partition in own}
        await super().on_recovery_completed(active_tps, standby_tps)

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
        gone = {each.partition for each in revoked if each.topic == self.table.changelog_topic_name}
        for key in [key for key, partition in self._key_partition.items() if partition in gone]:
            del self._key_partition[key]
            self.data.pop(key, None)
