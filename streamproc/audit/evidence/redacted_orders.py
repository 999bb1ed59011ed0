"""Operators' orders, redacted. Why: `redaction.py`."""

from dataclasses import replace

from streamproc.audit.evidence.pseudonyms import Words
from streamproc.core.identity.resolve import normalised
from streamproc.core.records.change_event import ChangeEvent
from streamproc.core.records.control import Control


def order_words(key: bytes, about: str) -> Words:
    """The words of an order about a subject (SOURCE/SUBJECT), a user, or neither."""
    return Words(key, "order", about)


def redacted_order(key: bytes, control: Control, since: int | None) -> Control:
    """An operator's order, redacted; a mapping that it brings stays whole. `since`: counted anew."""
    source, slash, subject = (control.subject or "").partition("/")
    words = order_words(key, control.subject or control.user or control.action)
    user = None if control.user is None else normalised(control.user)
    return Control(
        id=words.word(control.id),
        action=control.action,
        user=control.user if user is None else Words.user(key, user),
        since=since,
        by=words.word(control.by),
        reason=words.word(control.reason),
        at=control.at,
        subject=None if control.subject is None else source + slash + Words.subject(key, source, subject),
        mapping=control.mapping,
        input=None if control.input is None else words.word(control.input),
        account=None if control.account is None else words.word(control.account),
        attribute=None if control.attribute is None else words.word(control.attribute),
    )


def redacted_mapping(key: bytes, event: ChangeEvent, offset: int) -> ChangeEvent:
    """An event that brings a mapping keeps all but who ordered it and why. `offset`: of its order, counted anew."""
    assert event.mapping is not None
    if event.mapping.first:
        return replace(event, origin=replace(event.origin, partition=0))
    words = order_words(key, "mapping")
    at, _, name = event.order
    return replace(
        event,
        order=(at, offset, words.word(name)),
        origin=replace(event.origin, partition=0, offset=offset),
        reason=words.prose(event.reason),
        mapping=replace(event.mapping, by=words.word(event.mapping.by)),
    )
