"""What took somebody's access: a source's word, or the mapping by its scope or a suspension."""

from collections.abc import Mapping as MappingABC
from typing import Any

from streamproc.audit.revocations.latency import Cause
from streamproc.core.fold.mapping import Mapping
from streamproc.core.records.user_record import decode


def cause_of(desired: MappingABC[str, Any], value: bytes, mapping: Mapping) -> Cause:
    """What takes access from a user by a record, in which the mapping's word may hide that a source said no as well."""
    by: Cause = "scope" if "scope" in desired else "suspension" if "suspended" in desired else "source"
    if by == "source":
        return by
    record = decode(value)
    said = mapping.view(record.facts, record.as_of).get(mapping.file.attributes.active)
    return "source" if said is False else by
