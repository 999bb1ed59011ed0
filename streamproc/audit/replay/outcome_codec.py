"""Parses an outcome, as far as it is compared with what was folded.

A value is an outcome if `OUTCOME` takes it strictly: nothing passes that isn't exactly of its type.
"""

from typing import Final, NamedTuple, get_args

from msgspec import DecodeError
from msgspec.json import Decoder
from pydantic import ValidationError

from streamproc.core.records.outcome import OUTCOME, Fate, Outcome
from streamproc.core.records.value import encode

BRACKETS: Final = 150
"""With more of them a request's body may be nested more deeply than `OUTCOME` reads."""

_FATES: Final = frozenset(get_args(Fate))
_DECODER: Final = Decoder(Outcome)


class ParsedOutcome(NamedTuple):
    """An outcome, to be compared with the record that it ends."""

    outcome: Outcome
    about: bytes | None
    """Its effect and cause, in bytes that the record has; None: it has them in other bytes."""


def about(record: bytes) -> bytes:
    """The effect and cause of an encoded record, in bytes that an outcome has too."""
    start = record.index(b'"effect":"')  # no text holds this, or what follows: its quotes would be escaped
    return record[start : record.index(b'"mapping":"', start)]


def parse_outcome(value: bytes) -> ParsedOutcome | None:
    """The outcome in a value; None: it isn't one, or a verdict is final that can't be."""
    outcome = _decode(value)
    if outcome is None or (outcome.final and outcome.verdict not in _FATES):
        return None
    encoded = b'"effect":%b,"cause":%b,' % (encode(outcome.effect), encode(outcome.cause))
    return ParsedOutcome(outcome, encoded if encoded in value else None)


def _decode(value: bytes) -> Outcome | None:
    try:
        value.decode()  # msgspec skips fields that it has no use for, even if they aren't UTF-8
        if value.count(b"{") + value.count(b"[") <= BRACKETS:
            return _DECODER.decode(value)
    except UnicodeDecodeError:
        return None
    except DecodeError:
        pass
    try:
        return OUTCOME.validate_json(value, strict=True)
    except ValidationError:
        return None
