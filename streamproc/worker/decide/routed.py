"""What one raw record leads to, as values: what is decided here is carried out by `worker/resolve.py`.

Everything is encoded already, so that a value which is too large for Kafka rejects its record before anything is sent.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from streamproc.core.errors import RejectedInputError
from streamproc.core.fold.authority import key
from streamproc.core.fold.headroom import what_it_takes
from streamproc.core.parsed_payload import Ignored
from streamproc.core.records.change_event import ChangeEvent, encode_event
from streamproc.core.records.control import Control
from streamproc.core.records.link import Link
from streamproc.core.records.producer_record import Record
from streamproc.core.records.rejected import Problem
from streamproc.core.records.user_record import LARGEST


class EncodedEvent(NamedTuple):
    """An event, and its value in `identity.changes`."""

    event: ChangeEvent
    value: bytes


class EncodedLink(NamedTuple):
    """A link, and its key and value in `identity.links`."""

    name: bytes
    link: Link
    value: bytes


class Routed(NamedTuple):
    """What one raw record leads to. There are two rounds: links are sent when the brokers have all the rest."""

    forwards: Sequence[Record] = ()
    """First round: for the worker's own topic, or for who fetches its subject."""
    events: Sequence[EncodedEvent] = ()
    """First round: for `identity.changes`, each in its user's partition."""
    mapping: EncodedEvent | None = None
    """First round: a new mapping, for every partition of `identity.changes`."""
    links: Sequence[EncodedLink] = ()
    """Second round: links as they are from here on."""
    ignored: Sequence[Ignored] = ()
    """What means nothing here; it is counted."""
    problems: Sequence[Problem] = ()
    """First round: what couldn't be read of it, while the rest is carried out; for `events.rejected`."""
    denies: bool = False
    """Among what couldn't be carried out somebody may lose access."""
    rejected: Exception | None = None
    """Why nothing but `forwards` comes of it: a RejectedInputError, or whatever a defect of ours has raised."""
    command: Control | None = None
    """The operator's command that is carried out by this."""


def encoded_event(event: ChangeEvent) -> EncodedEvent:
    """The event as it is sent. Raises RejectedInputError where it is too large."""
    value = encode_event(event)
    if len(value) > LARGEST:
        raise RejectedInputError("too_large", f"more than {LARGEST} bytes in one event")
    return EncodedEvent(event, value)


def encoded_events(events: Iterable[ChangeEvent]) -> list[EncodedEvent]:
    """The events as they are sent: all of them, or none. Raises RejectedInputError where one is too large."""
    return [encoded_event(event) for event in events]


def fitting_events(events: Sequence[ChangeEvent]) -> tuple[list[EncodedEvent], list[Problem]]:
    """The events as they are sent, each by itself: of one that is too large, or can't be JSON, what takes access away.

    And what was left out. Raises RejectedInputError where that is all there is.
    """
    encoded: list[EncodedEvent] = []
    problems: list[Problem] = []
    for event in events:
        try:
            encoded.append(encoded_event(event))
        except (RejectedInputError, TypeError, UnicodeError) as error:
            less = what_it_takes(event)
            encoded += [] if less is None else [encoded_event(less)]
            if less is None and len(events) == 1:
                raise
            known = isinstance(error, RejectedInputError)
            problems.append(
                Problem("too_large" if known else "invalid", "it says too much, or what can't be JSON", event.subject)
            )
    return encoded, problems


def encoded_link(link: Link) -> EncodedLink:
    """The link as it is sent. Raises RejectedInputError where it is too large."""
    value = orjson.dumps(link)
    if len(value) > LARGEST:
        raise RejectedInputError("too_large", f"more than {LARGEST} bytes are known of one subject")
    return EncodedLink(key(link.source, link.subject).encode(), link, value)
