"""Kafka headers that we write beside a raw record, and by whom each is believed (`believed_headers.py`)."""

from typing import Final

RECEIVED: Final = "streamproc-received"
"""µs since 1970: when the gateway had it. In the worker's own topic: when streamproc had the first record."""
READ: Final = "streamproc-read"
"""µs since 1970 in the source's clock: when a fetched answer was made, or before."""
KIND: Final = "streamproc-kind"
"""What was fetched: `snapshot`, `page`, `gone` where the source doesn't know the subject any more, or `unlisted` where
it doesn't show somebody whom it showed before. `due`: among notifications, that a date of the subject's has come. In
the worker's own topic `said`, what a record has said of subjects, or `order`, what an operator orders of one."""
SUBJECT: Final = "streamproc-subject"
UNREADABLE: Final = "streamproc-unreadable"
"""In no topic: it stands in the place of a batch that can't be read, as a record without a value (`adapters/kafka`)."""
REPLAY: Final = "streamproc-replay"
"""Of what was rejected and is taken up again: its name in `events.rejected`, a blank, and where that was ordered."""
BY_GATEWAY: Final = "streamproc-source"
BODY: Final = "streamproc-body"
"""SHA-256 of the request's body that a record was in."""
FORWARDED: Final = "streamproc-forwarded"
"""Of the worker's own: TOPIC/PARTITION/OFFSET/APPENDED of the record that it comes from."""
OF: Final = "streamproc-of"
"""Of the worker's own: the source that it is about."""


class Unread(bytes):
    """Content of UNREADABLE, which only this process makes: what comes from a broker is plain bytes."""
