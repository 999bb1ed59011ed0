"""Sending records of one partition in as few batches as they fit into."""

import asyncio
from collections.abc import Iterable
from typing import TypeAlias

from streamproc.adapters.kafka.log import Headers, Producer, RecordMetadata

Record: TypeAlias = tuple[bytes, bytes, Headers]
"""Key, value, headers."""


async def send_in_batches(
    producer: Producer, topic: str, partition: int, records: Iterable[Record]
) -> list[asyncio.Future[RecordMetadata]]:
    """A call for each record would cost more than all the rest.

    Returns futures of what the brokers say. `producer` has begun a transaction, if it is transactional.
    """
    sent: list[asyncio.Future[RecordMetadata]] = []
    batch, some = producer.create_batch(), False
    for key, value, headers in records:
        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:  # full
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None, headers=headers)
        some = True
    if some:
        sent.append(await producer.send_batch(batch, topic, partition=partition))
    return sent
