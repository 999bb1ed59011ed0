"""What is set of a SCIM connection: one app of an identity provider that pushes its users and groups to us.

In the log it is part of an order (`control.py`), whole each time, so that the newest one that counts says all. Of a
token there is only the hash. Which ones count is for `core/provider/connections.py` to say.
"""

from typing import Final

from streamproc.core.records.units import Millis
from streamproc.core.records.value import Value

ANCHOR: Final = "employeeNumber"
"""The fact that says who somebody is, where no other is named."""
SELF: Final = "self"
"""In the place of an anchor: each user of the connection is one of ours, by its SCIM id."""


class ConnectionToken(Value, frozen=True):
    """What is kept of a token. `sha256`: of it, in hexadecimal digits; `until`: ms since 1970, None: for good."""

    sha256: str
    until: Millis | None = None


class ConnectionDefinition(Value, frozen=True):
    """A connection. Its name, partition and anchor are for ever; anything else may change.

    `partition`: of `events.scim`, where all of its records are. `anchor`: a fact of the source `scim`
    (`employeeNumber`, `externalId`, `urn:acme:2.0:User:badge`), or `self`. `probes`: patterns of userNames, in any
    case, that are a client's test users; only where the anchor is `self`.
    """

    name: str
    partition: int
    tokens: tuple[ConnectionToken, ...] = ()
    anchor: str = ANCHOR
    probes: tuple[str, ...] = ()
    patch_body: bool = False
    """Groups are in the answer to their PATCH, too, as users always are."""
    repeated_within: Millis = Millis(0)
    """ms within which a POST that comes again is answered as at first; 0: with 409."""
    delivered: bool = False
    """A deactivation is answered when Genesys has it, or after a few seconds."""
    removed: bool = False
    """Nobody may speak for it any more. What it has written stays, and stays understood."""
    base: int | None = None
    """Offset in `streamproc.controls` of the definition that this one was made of; None: there was none."""
