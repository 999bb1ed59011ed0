"""Everything that knows Faust. No other package imports it, or touches a member of its objects.

What remains of Faust is membership in the consumer group, rebalances, and the recovery of tables from their changelogs.
Fetching, the order of records, the offsets that are committed, and what the tables hold are ours. For that this package
reads or replaces private members of faust-streaming 0.15.3, which `pyproject.toml` pins:

- `Consumer._getmany` is replaced, so that an agent gets a partition's records as one batch (`batch_fetch.py`);
- `Consumer._acked` gets a key for each partition that is read, because Faust commits the partitions it finds there;
- `Consumer._new_offset` is replaced: only we know which offset may be committed (`app.py`);
- `Consumer._commit` is wrapped, and `Consumer._should_commit` replaced, so that a refused commit is tried again
  (`kept_offsets.py`);
- `ConsumerThread._create_worker_consumer` is wrapped, so that its consumer reads what is committed (`app.py`);
- `ConsumerThread._consumer` is aiokafka's consumer, whose partitions know how far they are stable (`app.py`);
- `Recovery.active_offsets` is set past the marks of transactions (`recovery_marks.py`);
- `Store._key_partition` of the store in memory, and `Store._dbs` and `Store._db_for_partition` of the one on disk, say
  which keys belong to which partition, and take records by partition outside an agent's event (`state_table.py`).

A test names the release and the signature of each; another release needs all of them looked at again.
"""
