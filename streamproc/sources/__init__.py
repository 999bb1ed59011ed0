"""Event sources: one pure file each, registered here.

A parser takes one raw Kafka record (value, headers, origin) and gives its ChangeEvents, or raises RejectedInputError.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from streamproc.core.events import ChangeEvent, Origin
from streamproc.sources import hris

Parser: TypeAlias = Callable[[bytes | None, Mapping[str, bytes], Origin], list[ChangeEvent]]

SOURCES: Final[dict[str, Parser]] = {"hris": hris.parse}
"""Source name → parser; its topic is `events.<source>`."""
