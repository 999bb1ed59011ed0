"""The event loop of every process: uvloop's, but that it doesn't wait for the end of TLS connections."""

from typing import Any, Final

import uvloop

GOODBYE: Final = 0.1
"""Seconds that the other side has to answer the end of a TLS connection."""


class Loop(uvloop.Loop):
    """Closing a connection takes no longer than `GOODBYE`.

    uvloop waits 30 s for the other side's answer to the end of TLS, and Kafka's brokers give none where a request is
    still open, as each consumer's is: reading a topic to its end would take 30 s. The answer tells nothing, since what
    was acknowledged before is known.
    """

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        """As uvloop's."""
        if options.get("ssl"):
            options.setdefault("ssl_shutdown_timeout", GOODBYE)
        return await super().create_connection(*args, **options)
