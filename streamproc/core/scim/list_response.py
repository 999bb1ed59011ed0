"""List responses: what a search has shown, over all of its pages (RFC 7644 §3.4.2).

Rule 1: a server may pass over the filter, and answer with everybody. So each resource is looked at, and whoever doesn't
show what was searched for isn't who was searched for.
Rule 2: nobody is there, or isn't, on the word of one page out of several.
Rule 3: every search ends: after `MOST` pages or `LARGEST` resources, and where a page shows nothing that wasn't there
before.
Rule 4: of a resource no more is kept than who it says it is. What it is, it says itself (`after_read.py`).
"""

from itertools import islice
from typing import Any, Final, Literal

from msgspec import Struct

from streamproc.core.scim.response_body import LONGEST_ID, matches, resource_id, resources, total_results

MOST: Final = 10
"""Pages."""
COUNT: Final = 200
"""Resources that are asked for with each page after the first, which the server may make fewer."""
LARGEST: Final = 5000
"""Resources that are looked at, over all pages."""
_KEPT: Final = ("externalId", "userName", "displayName")


class Listing(Struct, frozen=True):
    """What the pages so far have shown. `end`: None while there are more to come."""

    found: tuple[dict[str, Any], ...] = ()
    """Those that were searched for."""
    others: tuple[dict[str, Any], ...] = ()
    """Resources that weren't searched for: the filter was passed over."""
    ids: frozenset[str] = frozenset()
    pages: int = 0
    end: Literal["complete", "unclear"] | None = None
    """`unclear`: it isn't all that the server says that there is."""

    @property
    def unfiltered(self) -> bool:
        """Whether the answer isn't about what was asked."""
        return bool(self.others)

    @property
    def next_page(self) -> str:
        """Query of the next page; of the first one nothing."""
        return f"&startIndex={len(self.ids) + 1}&count={COUNT}" if self.pages else ""


def turn_page(before: Listing, body: dict[str, Any] | None, attribute: str, value: str) -> Listing:
    """With one more page, of a search for `attribute eq "value"`. None: there is no such thing."""
    told = [(resource_id(each), each) for each in resources(body)]
    room = LARGEST - len(before.ids)
    new = dict(islice(((key, each) for key, each in told if key is not None and key not in before.ids), room))
    fits = {key: matches(each, attribute, value) for key, each in new.items()}
    found = tuple(_identity(key, new[key]) for key, fit in fits.items() if fit)
    others = tuple(_identity(key, new[key]) for key, fit in fits.items() if not fit)
    after = Listing(
        (*before.found, *found), (*before.others, *others), before.ids | set(new), before.pages + 1, before.end
    )
    total = total_results(body or {})
    complete = total is not None and total <= len(after.ids)
    if total is None:
        complete = not new or (not before.pages and not after.unfiltered)
    over = complete or not new or after.pages == MOST or len(after.ids) >= LARGEST
    end: Literal["complete", "unclear"] | None = ("complete" if complete else "unclear") if over else None
    return Listing(after.found, after.others, after.ids, after.pages, end)


def _identity(there: str, resource: dict[str, Any]) -> dict[str, Any]:
    """Rule 4: the id, and texts that aren't longer than a name is."""
    said = {name: resource[name] for name in _KEPT if isinstance(resource.get(name), str)}
    return {"id": there, **{name: text for name, text in said.items() if len(text) <= LONGEST_ID}}
