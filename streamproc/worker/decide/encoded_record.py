"""What is asked of encoded records without decoding them: there are many, and little of each is asked for."""

from typing import Final

SEQ: Final = b'"seq":'
"""Only a user, or nothing, stands before it in a record."""
PREV: Final = b'"prev":'
EFFECT: Final = b'"effect":"'
"""Before it a record holds no such bytes: quotes within text are escaped, and no key of that name has text."""


def seq_of(value: bytes) -> int:
    """`seq` of an encoded UserRecord, Link or MappingInForce."""
    start = value.index(SEQ) + len(SEQ)
    return int(value[start : value.index(b",", start)])


def prev_of(value: bytes) -> int:
    """`prev` of an encoded UserRecord: it follows `seq`."""
    start = value.index(PREV) + len(PREV)
    return int(value[start : value.index(b",", start)])


def effect_of(value: bytes) -> bytes:
    """`effect` of an encoded UserRecord."""
    start = value.index(EFFECT) + len(EFFECT)
    return value[start : value.index(b'"', start)]


def is_record(value: bytes | None) -> bool:
    """Whether it looks like a UserRecord, Link or MappingInForce: not a tombstone, and not somebody else's."""
    if value is None or not (value.startswith(b"{") and value.endswith(b"}")):
        return False
    try:
        return seq_of(value) >= 0
    except ValueError:
        return False


def regresses(held: bytes | None, value: bytes) -> bool:
    """Whether a record is older than the one that is held of its key (invariant 3: no regress)."""
    return held is not None and seq_of(held) > seq_of(value)


def planned_otherwise(known: bytes, value: bytes | None, seq: int) -> bool:
    """Whether another state of a user is desired from the change of the mapping at `seq` on.

    `value`: the user's record from there on; None: `known` stays, which may have been planned by it before a crash.
    """
    record = known if value is None else value
    return seq_of(record) == seq and effect_of(record) == b"changed"
