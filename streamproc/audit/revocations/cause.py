"""What took somebody's access: a source's word, or the mapping by its scope or a suspension."""

from streamproc.audit.revocations.latency import Cause
from streamproc.core.records.resource import Resource, by_mapping


def cause_of(desired: Resource) -> Cause:
    """What takes access from a user by a record."""
    if not by_mapping(desired):
        return "source"
    return "scope" if "scope" in desired else "suspension"
