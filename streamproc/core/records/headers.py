"""Kafka headers that gateway and hydrator write beside a raw record."""

from typing import Final

RECEIVED: Final = "streamproc-received"
"""µs since 1970: when the gateway had it."""
READ: Final = "streamproc-read"
"""µs since 1970 in the source's clock: when a fetched answer was made, or before."""
KIND: Final = "streamproc-kind"
"""What was fetched: `snapshot`, `page`, `gone` where the source doesn't know the subject any more, or `unlisted` where
it doesn't show somebody whom it showed before. `order`: what an operator says of a subject. `due`: among notifications,
that a date of the subject's has come."""
SUBJECT: Final = "streamproc-subject"
UNREADABLE: Final = "streamproc-unreadable"
"""In no topic: it stands in the place of a batch that can't be read, as a record without a value (`adapters/kafka`)."""
REPLAY: Final = "streamproc-replay"
"""Of what was rejected and is taken up again: its name in `events.rejected`, a blank, and where that was ordered."""
BY_GATEWAY: Final = "streamproc-source"
