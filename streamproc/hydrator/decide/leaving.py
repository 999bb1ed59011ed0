"""What is too large for a record, and says that access ends: as little of it as says so.

Somebody fills their own profile, or is in ten thousand groups, and leaves. Of everybody else nothing is taken out of an
answer that is too large: it is rejected, and what was known stays.
"""

from typing import Any, Final

import orjson

from streamproc.core.parsed_payload import Receipt
from streamproc.core.records.units import Micros
from streamproc.sources import Read, Source
from streamproc.sources.options import SourceOptions

LONGEST: Final = 256
"""Characters of a text that stays, and of a name."""
MOST: Final = 100
"""Entries of a list that stays, and of an object."""


def leaving(source: Source, options: SourceOptions, body: bytes, read_at: Micros, most: int) -> bytes | None:
    """The body without what is long, in at most so many bytes. None: it doesn't say that access ends."""
    content = orjson.loads(body)
    short = [_short(each) for each in content] if isinstance(content, list) else _short(content)
    slim = orjson.dumps(short)
    if len(slim) > most:
        return None
    return slim if ends(source.read, short, options, read_at) else None


def ends(read: Read, content: Any, options: SourceOptions, read_at: Micros) -> bool:
    """Whether an answer says that access has ended."""
    said = read(content, Receipt(read_at, read_at), options).events
    now = [event.attributes.get("active") for event in said if event.effective is None]
    return bool(now) and all(active is False for active in now)


def _short(value: Any) -> Any:
    """Without long texts, and long lists and objects; nested in something, they are left out."""
    if isinstance(value, dict):
        kept = {name: _short(each) for name, each in value.items() if len(name) <= LONGEST and not _is_long(each)}
        return dict(list(kept.items())[:MOST])
    return [_short(each) for each in value if not _is_long(each)] if isinstance(value, list) else value


def _is_long(value: Any) -> bool:
    return len(value) > (LONGEST if isinstance(value, str) else MOST) if isinstance(value, str | list | dict) else False
