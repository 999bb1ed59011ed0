"""Links as they are kept in `identity.links`, for who looks from outside."""

from aiokafka import TopicPartition

from streamproc.adapters import kafka
from streamproc.config import Settings
from streamproc.core.identity import LINK, Link
from streamproc.topics import LINKS


async def all_links(settings: Settings) -> dict[str, Link]:
    """SOURCE/SUBJECT → the newest link of each subject. Raises KafkaError."""
    found: dict[str, Link] = {}
    reader = kafka.consumer(settings)
    await reader.start()
    try:
        places = [TopicPartition(LINKS, partition) for partition in range(settings.partitions)]
        reader.assign(places)
        await reader.seek_to_beginning()
        ends = await reader.end_offsets(places)
        for place in places:
            while await reader.position(place) < ends[place]:
                for records in (await reader.getmany(timeout_ms=1000)).values():
                    for record in records:
                        link, name = LINK.validate_json(record.value), record.key.decode()
                        if name not in found or found[name].seq <= link.seq:
                            found[name] = link
    finally:
        await reader.stop()
    return dict(sorted(found.items()))
