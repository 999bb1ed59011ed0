"""Cursor: how far the synchronisation of a source has come, the value of `streamproc.cursors`."""

from typing import Final

from pydantic import TypeAdapter

from streamproc.core.records.units import Micros
from streamproc.core.records.value import Value


class Cursor(Value, frozen=True):
    """`since` and `place` are the directory's own words (see `adapters/directory.py`), opaque to others.

    `since`: from where changes are to be told; "": nothing was synchronised yet. `place`: the next page of the round
    under way; "": none is. `full`: that round tells everything. `read`: µs since 1970 in the source's clock, of the
    last page. `whole`: when the last round that told everything ended, in our clock; 0: there was none.
    """

    source: str
    since: str = ""
    place: str = ""
    full: bool = False
    read: Micros = Micros(0)
    whole: Micros = Micros(0)


CURSOR: Final[TypeAdapter[Cursor]] = TypeAdapter(Cursor)
