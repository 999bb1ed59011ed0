"""Filters of a SCIM search (RFC 7644 §3.4.2.2)."""

from urllib.parse import quote


def equals(*pairs: tuple[str, str]) -> str:
    """Query string of a filter `attribute eq "value" and …` (RFC 7644 §3.4.2.2)."""
    escaped = [(attribute, value.replace("\\", "\\\\").replace('"', '\\"')) for attribute, value in pairs]
    return "filter=" + quote(" and ".join(f'{attribute} eq "{value}"' for attribute, value in escaped), safe="")
