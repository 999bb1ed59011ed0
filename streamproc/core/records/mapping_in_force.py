"""Value of `streamproc.mappings`: the mapping in force in a partition of `identity.changes`."""

from typing import Final

from pydantic import TypeAdapter, ValidationError

from streamproc.core.records.change_event import ChangeEvent, Origin, decode_event
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.units import Millis
from streamproc.core.records.value import Value

MARK: Final = b'"kind":"mapping"'
"""What the value of a mapping's event holds; a value without it is none."""
SOURCE: Final = "mapping"
"""In the place of a source, where a change of the mapping led to a record."""


class MappingInForce(Value, frozen=True):
    """The mapping in force. `seq`: offset from which on; `origin`: where it was ordered; `at`: ms since 1970."""

    seq: int
    digest: str
    text: str
    by: str
    reason: str
    origin: Origin
    at: Millis


MAPPING_IN_FORCE: Final[TypeAdapter[MappingInForce]] = TypeAdapter(MappingInForce)


def mapping_event(logged: StoredRecord) -> ChangeEvent | None:
    """The mapping event in a record of `identity.changes`; None: it is something else."""
    if logged.value is None or MARK not in logged.value:
        return None
    try:
        event = decode_event(logged.value)
    except ValidationError:
        return None
    return event if event.kind == "mapping" and event.mapping is not None else None
