"""The answer to a value that is there, and isn't understood: it isn't none, and must not be taken for no."""

from enum import Enum
from typing import Final


class Unread(Enum):
    """Has one member, so that type checkers tell it from every value."""

    UNREAD = "unread"


UNREAD: Final = Unread.UNREAD
