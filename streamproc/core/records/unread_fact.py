"""A fact that was there, and that nobody could read before it came into the log: it says why, in the place of a value.

So it is known at each replay that there is something, which changes nothing, and the record of whoever's mapping reads
it tells the reason. What was written isn't in it.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from streamproc.core.records.change_event import Fact

Why: TypeAlias = Literal["number", "region"]
WHY: Final[Mapping[str, str]] = {
    "number": "not a telephone number that can be dialled from abroad, or not one alone",
    "region": "a telephone number without its country's code, and its region isn't known",
}
"""Reason → as it is told."""
_KEY: Final = "*unread"


def unread_fact(why: Why) -> Fact:
    """The fact."""
    return {_KEY: why}


def why_unread(value: Fact) -> str | None:
    """Why a fact couldn't be read, as it is told; None: it is a value."""
    if not isinstance(value, dict) or value.keys() != {_KEY}:
        return None
    return WHY.get(str(value[_KEY]))
