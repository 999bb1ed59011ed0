"""Pages: how all accounts are listed, and what a page says.

Genesys Cloud may answer 429 to pages of more than 25 that show what costs it further questions, and without a filter
shows active users alone. So: 25 at a time, of the attributes that anybody owns, once the active and once the inactive.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from streamproc.core.scim.dialect import Dialect
from streamproc.core.scim.response_body import (
    is_later_page,
    is_list,
    is_resource,
    resource_id,
    resources,
    total_results,
)

SIZE: Final = 25
MOST: Final = 40_000
"""Pages of one listing: a million users."""
_ALWAYS: Final = frozenset({"userName", "active", "externalId"})
"""Attributes by which it is told who somebody is, and whether they have access."""


class Page(NamedTuple):
    """`accounts`: id → the account as it is shown. `shown`: resources, whatever they are. `total`: of the listing."""

    accounts: dict[str, dict[str, Any]]
    shown: int
    total: int | None


def asked(owned: Iterable[str], dialect: Dialect) -> frozenset[str]:
    """Attributes that pages are asked for."""
    return frozenset(name for name in {*owned} | _ALWAYS if name in dialect or name == "groups")


def page_path(*, active: bool, start: int, attributes: Iterable[str], dialect: Dialect) -> str:
    """Path and query of a page. `start`: of its first resource, from 1."""
    places = {dialect.places[name].path for name in attributes if name in dialect.places}
    places |= {"groups"} & {*attributes}
    condition = quote(f"active eq {'true' if active else 'false'}", safe="")
    wanted = quote(",".join(sorted({"id", *places})), safe=",:")
    return f"/Users?filter={condition}&startIndex={start}&count={SIZE}&attributes={wanted}"


def is_account(body: Mapping[str, Any]) -> bool:
    """Whether it shows an account, and not a part of one by which nothing can be told: each has a userName."""
    return is_resource(dict(body), "User") and isinstance(body.get("userName"), str)


def read_page(body: Mapping[str, Any], *, first: bool) -> Page | None:
    """What a page shows. None: it is no page."""
    told = dict(body)
    if not (is_list(told) if first else is_later_page(told)):
        return None
    shown = resources(told)
    accounts = {id_: each for each in shown if is_account(each) and (id_ := resource_id(each)) is not None}
    return Page(accounts, len(shown), total_results(told))


def next_start(start: int, page: Page, new: int) -> int | None:
    """Where the next page begins; `new`: accounts that the listing hadn't shown before. None: that was the last."""
    if not page.shown or not new or start // SIZE >= MOST:
        return None
    if page.total is not None and start + page.shown > page.total:
        return None
    return start + page.shown
