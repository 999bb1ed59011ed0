"""Where a source sends what has changed, as it shows it itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hook:
    """One hook, webhook or subscription."""

    url: str
    wrong: str = ""
    """Why nothing is sent there; "" where something is."""
    ends: str = ""
    """When it ends unless it is renewed, in RFC 3339; "": never."""
