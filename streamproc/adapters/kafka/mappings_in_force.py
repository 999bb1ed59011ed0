"""Which mapping is in force in each partition, read from its topic."""

from typing import Final

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import Log
from streamproc.core.records.mapping_in_force import MAPPING_IN_FORCE, MappingInForce
from streamproc.core.records.topic_names import MAPPINGS

USERS: Final = "streamproc-users"
CHANGED: Final = "streamproc-changed"
"""Headers of a record of `streamproc.mappings`: of how many users, and how many of these got another desired state."""


async def in_force(kafka: Log) -> dict[int, MappingInForce]:
    """Partition → the rules in force there; none where nothing was folded yet. Raises KafkaError."""
    found: dict[int, MappingInForce] = {}
    async for partition, rules in reading.read_topic(kafka, MAPPINGS, MAPPING_IN_FORCE.validate_json):
        if rules is None or not (partition.isdecimal() and len(partition) < 10):
            continue  # a worker that starts appends again what was deleted
        known = found.get(int(partition))
        if known is None or known.seq <= rules.seq:
            found[int(partition)] = rules
    return found
