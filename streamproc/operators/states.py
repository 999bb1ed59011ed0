"""How the services are, as `streamproc.status` says it."""

from pydantic import ValidationError

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.foreign import STRANGE, passed_over
from streamproc.adapters.kafka.log import Log
from streamproc.core.records.service_state import decode_service_state
from streamproc.core.records.topic_names import STATUS
from streamproc.health.decide.overview import Heard


async def heard_states(kafka: Log) -> list[Heard]:
    """The newest of each instance. Raises KafkaError."""
    found: dict[bytes, Heard] = {}
    async for record in reading.records_of(kafka, STATUS):
        found.pop(record.key, None)
        if record.value is None:
            continue
        try:
            found[record.key] = Heard(decode_service_state(record.value), record.timestamp)
        except ValidationError:
            passed_over(record, STRANGE, "what its key had before doesn't count")
    return list(found.values())
