"""What an outcome says, as far as it is compared with what was folded.

It is an outcome if `OUTCOME` takes it strictly: nothing passes that isn't exactly of its type.
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
    """An outcome, and its effect and cause in the bytes of the record that it ends; None: it has them in others."""

    outcome: Outcome
    about: bytes | None


def about(record: bytes) -> bytes:
    """Effect and cause of an encoded record, as an outcome has them too."""
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
        value.decode()  # msgspec passes over what it has no use for, whatever it is
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
