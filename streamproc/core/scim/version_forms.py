"""Version forms: what an ETag may have been before a proxy changed it.

Who packs an answer changes its ETag: nginx makes it weak (`W/"5"`), Apache and others append how it was packed
(`"5-gzip"`). If-Match compares strongly (RFC 9110 §13.1.1), so the server knows neither.
"""

import re
from typing import Final

_PACKED: Final = re.compile(r"(?:--?|[;:+])(?:gzip|br|brotli|deflate|df|zstd)(?=\"?$)", re.IGNORECASE)


def version_forms(etag: str) -> tuple[str, ...]:
    """As it was told, and then as it may have been. Each is as good a condition: it names one version."""
    plain = _PACKED.sub("", etag)
    return tuple(dict.fromkeys((etag, plain, etag.removeprefix("W/"), plain.removeprefix("W/"))))
