"""Links as they are kept in `identity.links`, for who looks from outside."""

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import Log
from streamproc.core.records.link import LINK, Link
from streamproc.core.records.topic_names import LINKS


async def all_links(kafka: Log) -> dict[str, Link]:
    """SOURCE/SUBJECT → the newest link of each subject. Raises KafkaError."""
    found: dict[str, Link] = {}
    async for name, link in reading.read_topic(kafka, LINKS, LINK.validate_json):
        if link is None:
            continue  # a worker that starts appends again what was deleted
        if name not in found or found[name].seq <= link.seq:
            found[name] = link
    return dict(sorted(found.items()))
