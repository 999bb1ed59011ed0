"""Names of the topics that aren't one source's."""

from typing import Final

DAY: Final = 24 * 3600 * 1000
CHANGES: Final = "identity.changes"
LINKS: Final = "identity.links"
OPERATIONS: Final = "scim.operations"
OUTCOMES: Final = "scim.outcomes"
DELIVERIES: Final = "scim.deliveries"
REJECTIONS: Final = "events.rejected"
CONTROLS: Final = "streamproc.controls"
CURSORS: Final = "streamproc.cursors"
IDENTITIES: Final = "streamproc.topics"
MAPPINGS: Final = "streamproc.mappings"
