"""Whose a rejected input is, and which can be taken up again from its bytes in `events.rejected`."""

from base64 import b64encode
from binascii import Error, a2b_base64
from typing import Final

from streamproc.core.records.headers import KIND, OF
from streamproc.core.records.rejected import Rejected
from streamproc.core.records.topic_names import FORWARDS, PUSHED, is_input, source_of
from streamproc.sources import SOURCES

_ORDER: Final = KIND, b64encode(b"order").decode()


def source_in(rejected: Rejected) -> str:
    """Whose input it is; where it is no source's, its topic."""
    said = dict(rejected.headers).get(OF) if rejected.topic == FORWARDS else None
    try:
        return source_of(rejected.topic) if said is None else a2b_base64(said, strict_mode=True).decode()
    except (Error, UnicodeDecodeError):
        return rejected.topic


def irreplayable(rejected: Rejected) -> str | None:
    """Why a rejected input can't be taken up again from here; None: it can."""
    source = source_in(rejected)
    if rejected.topic == PUSHED:
        return "a write has its place among others: let the client send the user or group again"
    if rejected.cut:
        return "it is too large to be kept here: send it again"
    if rejected.value is None:
        return "it has no value, and nothing can make one of it"
    if rejected.topic.startswith("gateway/"):
        return "a request that never became a record: let its sender repeat it"
    if rejected.topic.startswith("sync/"):
        return "a subject that a synchronisation couldn't take in: synchronise again"
    if source not in SOURCES or not (is_input(rejected.topic) or rejected.topic == FORWARDS):
        return "it is no input of a source"
    if rejected.topic == FORWARDS and _ORDER in rejected.headers:
        return "an order: give it again"
    if rejected.topic.startswith("notifications.") and not SOURCES[source].fetched:
        return "it is no input of a source"
    return None
