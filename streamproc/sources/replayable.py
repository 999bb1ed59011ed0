"""Which rejected input can be taken up again from its bytes in `events.rejected`."""

from base64 import b64encode
from typing import Final

from streamproc.core.records.headers import KIND
from streamproc.core.records.rejected import Rejected
from streamproc.sources import SOURCES

_ORDER: Final = KIND, b64encode(b"order").decode()


def irreplayable(rejected: Rejected) -> str | None:
    """Why a rejected input can't be taken up again from here; None: it can."""
    kind, _, source = rejected.topic.partition(".")
    if rejected.cut:
        return "it is too large to be kept here: send it again"
    if rejected.value is None:
        return "it has no value, and nothing can make one of it"
    if kind == "events" and source in SOURCES:
        return "an order: give it again" if _ORDER in rejected.headers else None
    if kind == "notifications" and source in SOURCES and SOURCES[source].fetched:
        return None
    if rejected.topic.startswith("gateway/"):
        return "a request that never became a record: let its sender repeat it"
    if rejected.topic.startswith("sync/"):
        return "a subject that a synchronisation couldn't take in: synchronise again"
    return "it is no input of a source"
