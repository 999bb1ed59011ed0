"""The way through a list that goes on at a cursor, as the place of a synchronisation: the cursor, and when it began."""

from urllib.parse import quote

import orjson

from streamproc.core.records.units import Micros
from streamproc.hydrator.directories.api import OVERLAP, iso


def query(page_size: int, updated: str, since: str, page_token: str, *, full: bool) -> str:
    """What a page is asked for with. `updated`: the parameter that limits the list to what changed since a moment."""
    asked = f"page_size={page_size}"
    if not full and since:
        asked += f"&{updated}={quote(iso(max(0, int(since) - OVERLAP)))}"
    if page_token and (cursor := orjson.loads(page_token)["cursor"]):
        asked += f"&cursor={quote(cursor, safe='')}"
    return asked


def onward(page_token: str, cursor: str, read_at: Micros) -> tuple[str, str]:
    """The next page's token, "" where `cursor` is; and since when the list holds, which is its first page's moment."""
    begun = orjson.loads(page_token)["begun"] if page_token else read_at
    return orjson.dumps({"cursor": cursor, "begun": begun}).decode() if cursor else "", str(begun)
