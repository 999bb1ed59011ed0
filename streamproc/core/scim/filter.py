"""Filters and paths of requests (RFC 7644 §3.4.2.2, §3.2): what is put into them is quoted, whatever it is."""

import json
from urllib.parse import quote


def text(value: str) -> str:
    """A filter's value: a JSON string (RFC 7644 §3.4.2.2)."""
    return json.dumps(value, ensure_ascii=False)


def equals(*pairs: tuple[str, str]) -> str:
    """Query string of a filter `attribute eq "value" and …` (RFC 7644 §3.4.2.2)."""
    return "filter=" + quote(" and ".join(f"{attribute} eq {text(value)}" for attribute, value in pairs), safe="")


def resource_path(endpoint: str, id: str) -> str:  # noqa: A002 - the attribute's name (RFC 7643 §3.1)
    """Path of one resource below the root, for example `/Users/2819c223`."""
    return f"/{endpoint}/{quote(id, safe='')}"
