"""Texts of settings as people and their tools leave them: line ends, blanks and byte order marks, secrets in files."""

import codecs
from pathlib import Path
from typing import Any, Final

from streamproc.core.errors import SettingsError

LONGEST: Final = 64 * 1024
"""Bytes of a file with a secret."""
_ENDS: Final = " \t\r\n\v\f\0\u0085\u00a0\u200b\u2060\ufeff"
"""What isn't part of a value at its ends: a file's last line end, what was copied along."""
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def trimmed(value: Any) -> Any:
    """A text without what doesn't belong to it at its ends; anything else as it is."""
    return value.strip(_ENDS) if isinstance(value, str) else value


def secret_in(path: Any, name: str) -> str:
    """The secret that a file holds. Raises SettingsError, without anything of the file."""
    try:
        content = Path(str(path)).read_bytes()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{name}: {path} can't be read: {getattr(error, 'strerror', error)}") from None
    try:
        text = content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"{name}: {path} isn't text in UTF-8") from None
    if len(content) > LONGEST or not (secret := str(trimmed(text))):
        raise SettingsError(f"{name}: {path} is {'too long for a secret' if content.strip() else 'empty'}")
    return secret
