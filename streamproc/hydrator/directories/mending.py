"""Half a character in an answer, as what cuts texts leaves it, makes none of it JSON. It becomes U+FFFD.

So a text of one person's keeps nobody else from being read, and doesn't keep that person in. An id with U+FFFD is
nobody's: two of them may have been different.
"""

import re
from typing import Final

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of an answer in which bytes that aren't UTF-8 are looked for; in a longer one, an entry can't be read."""
_HALF: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_ESCAPED: Final = re.compile(rb"\\u[dD]")


def mended(content: bytes) -> bytes:
    """JSON in UTF-8 of whole characters, if it is JSON but for them."""
    if len(content) <= LARGEST:
        try:
            content.decode()
        except UnicodeDecodeError:
            content = content.decode("utf-8", "replace").encode()
    if _ESCAPED.search(content) is None or b"\0" in content:
        return content
    masked = content.replace(rb"\\", b"\0\0")  # what begins behind an escaped backslash is no escape
    return _HALF.sub(rb"\\ufffd", masked).replace(b"\0\0", rb"\\")
