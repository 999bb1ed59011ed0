"""What is said of a subject comes to a link, and to events, that Kafka takes; what takes access away always does.

A link has `ORDINARY` bytes for what was said, and the rest up to `LARGEST` for denials, and for what waits. What makes
more of it is left out and told, but for what it takes away.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import orjson

from streamproc.core.errors import RejectedInputError
from streamproc.core.fold.headroom import SLACK, denied_by
from streamproc.core.identity.resolve import resolve
from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.link import Link
from streamproc.core.records.rejected import Problem
from streamproc.worker.decide.routed import EncodedEvent, EncodedLink, encoded_events, encoded_link

ORDINARY: Final = 256 * 1024
"""Bytes of a link: it holds all that was said, whether a mapping reads it or not."""
DENIALS: Final = 16
"""Denials of one subject that one record brings into a full link: the newest."""


def resolved_within(
    link: Link | None, source: str, said: Sequence[SourceEvent], origin: Origin, first: Origin | None = None
) -> tuple[EncodedLink, list[EncodedEvent], list[Problem]]:
    """As `resolve`, encoded, and what was left out. Raises RejectedInputError where nothing of it can be taken in."""
    try:
        encoded = _encoded(*resolve(link, source, said, origin, first))
        size = len(encoded[0].value)
        if size <= ORDINARY or (link is not None and size <= SLACK + len(orjson.dumps(link))):
            return *encoded, []
    except RejectedInputError as error:
        if error.code != "too_large":
            raise
    less = what_they_take(said)
    subject = said[0].subject
    if not less:
        raise RejectedInputError("too_large", f"more than {ORDINARY} bytes would be known of one subject", subject)
    told = Problem("too_large", f"more than {ORDINARY} bytes would be known of one subject", subject)
    return *_encoded(*resolve(link, source, less, origin, first)), [told]


def what_they_take(said: Sequence[SourceEvent]) -> list[SourceEvent]:
    """Of what is said, what takes access away."""
    denials = [
        replace(each, kind="change", attributes=denied, kept=(), reason=None)
        for each in sorted(said, key=lambda each: each.order)
        if (denied := denied_by(each.attributes)) or each.cancels is not None
    ]
    return denials[-DENIALS:]


def _encoded(link: Link, events: list[ChangeEvent]) -> tuple[EncodedLink, list[EncodedEvent]]:
    return encoded_link(link), encoded_events(events)
