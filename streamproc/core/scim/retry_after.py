"""How long an answer asks to wait: Retry-After, which the HTTP client has made seconds, or what a 429 says in words."""

import re
from collections.abc import Mapping
from typing import Any, Final

LONGEST: Final = 300.0
"""Seconds that an answer can ask us to wait at most."""
LONGEST_WORDS: Final = 1000
"""Characters in which they are looked for."""
_SECONDS: Final = re.compile(r"\[(\d+)\] seconds")


def asked_to_wait(headers: Mapping[str, str], body: Mapping[str, Any]) -> float | None:
    """Seconds, above 0 and at most LONGEST; None: it doesn't ask. Header names in lower case.

    The words: developer.genesys.cloud/forum/t/normalized-platform-api-429-responses/12028
    """
    said = headers.get("retry-after")
    words = body.get("message") or body.get("detail")
    if said is None and isinstance(words, str) and (found := _SECONDS.search(words[:LONGEST_WORDS])):
        said = found[1]
    try:
        seconds = float(said or "")
    except ValueError:
        return None
    return min(seconds, LONGEST) if seconds > 0.0 else None  # nor is NaN above 0
