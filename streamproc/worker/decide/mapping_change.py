"""What a record of kind `mapping` changes in its partition of `identity.changes`."""

from typing import NamedTuple

from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.mapping_switch import compiled, switched
from streamproc.core.records.change_event import ChangeEvent
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.units import Millis


class MappingChange(NamedTuple):
    """From the record's offset on the partition is folded by another mapping."""

    in_force: MappingInForce
    mapping: Mapping
    reheard: bool
    """It reads other facts, so that what the partition's events have said of those has to be read again."""
    replanned: bool
    """It isn't the same mapping, so that everybody in the partition is planned anew."""


def mapping_change(
    known: MappingInForce | None, mapping: Mapping, offset: int, appended: Millis, event: ChangeEvent
) -> MappingChange | None:
    """`known` and `mapping` hold before the record, which lies at `offset`; None: it changes nothing.

    `appended`: ms since 1970. Raises MappingError where it brings none that can come into force.
    """
    in_force = switched(known, offset, appended, event)
    if in_force is None:
        return None
    new = compiled(in_force.digest, in_force.text)
    return MappingChange(in_force, new, mapping.facts != new.facts, mapping.digest != new.digest)
