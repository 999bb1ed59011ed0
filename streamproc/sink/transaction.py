"""One Kafka transaction of a sink: what came of a partition's users, and how far the partition is."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from streamproc.adapters.kafka.batching import send_in_batches
from streamproc.adapters.kafka.log import IllegalOperation, Producer, RecordMetadata, TopicPartition
from streamproc.core.records.topic_names import DELIVERIES, OPERATIONS, OUTCOMES

Pair = tuple[bytes, bytes]
"""Key and value."""


async def commit(
    producer: Producer, group: str, partition: int, outcomes: Sequence[Pair], deliveries: Sequence[Pair], consumed: int
) -> None:
    """All of it or nothing. `consumed`: the group's offset in `scim.operations`.

    Raises what the brokers refused; AssertionError or IllegalOperation of a producer that they have refused before.
    """
    sent: list[asyncio.Future[RecordMetadata]] = []
    await producer.begin_transaction()
    try:
        for topic, pairs in ((OUTCOMES, outcomes), (DELIVERIES, deliveries)):
            sent += await send_in_batches(producer, topic, partition, ((key, value, []) for key, value in pairs))
        # Always with the offset: adding the group makes the coordinator check that we aren't fenced.
        await producer.send_offsets_to_transaction({TopicPartition(OPERATIONS, partition): consumed}, group)
    except IllegalOperation:
        # Refused while it was asked where a topic lies. aiokafka says then only that there is no transaction: why, its
        # end knows if a right is missing, and otherwise what was sent before.
        with suppress(AssertionError):
            await producer.commit_transaction()
        await asyncio.gather(*sent)
        raise
    await asyncio.gather(*sent)  # aiokafka would commit without a batch that was refused
    await producer.commit_transaction()
