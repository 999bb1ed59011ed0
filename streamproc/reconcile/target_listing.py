"""All users and groups that the target shows, whole, page by page: for whoever takes them over as they are.

Genesys Cloud shows active users alone where it isn't asked for others, so it is asked twice. Its SCIM lists groups
below the root without `/v2` only, where it wants no filter; who is in them, each user says.
"""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from streamproc.core.errors import TargetError
from streamproc.core.scim.response_body import id_key, is_later_page, is_list, resource_id, resources, total_results
from streamproc.reconcile.decide.pages import MOST, SIZE, is_account
from streamproc.reconcile.target_reader import TargetReader


class TargetListing:
    """`target`: at the SCIM root. `groups`: where groups are listed without a filter; the same for most servers."""

    def __init__(self, target: TargetReader, groups: TargetReader) -> None:
        self._target = target
        self._groups = groups
        self.unseen = 0
        """Resources that the target has by its own count, and that no page has shown."""

    async def users(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Pages of accounts, the active ones first, each once. Raises TargetError."""
        seen: set[str] = set()
        for active in ("true", "false"):
            condition = quote(f"active eq {active}", safe="")
            async for page in self._pages(self._target, "/Users", f"/Users?filter={condition}&startIndex={{start}}"):
                yield [each for each in page if is_account(each) and _is_new(each, seen)]

    async def groups(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Pages of groups, each once, without members where users say which groups they are in (`members`)."""
        seen: set[str] = set()
        path = "/Groups?excludedAttributes=members&startIndex={start}"
        async for page in self._pages(self._groups, "/Groups", path):
            named = [each for each in page if isinstance(each.get("displayName"), str) and _is_new(each, seen)]
            yield named if self._by_users else [await self._whole(each) for each in named]

    def members(self, user: dict[str, Any]) -> list[str]:
        """Ids of the groups that a user is in, where users say so."""
        groups = user.get("groups")
        told = groups if self._by_users and isinstance(groups, list) else []
        return [each["value"] for each in told if isinstance(each, dict) and isinstance(each.get("value"), str)]

    @property
    def _by_users(self) -> bool:
        return self._target.dialect.memberships == "user"

    async def _whole(self, group: dict[str, Any]) -> dict[str, Any]:
        return await self._target.body(f"/Groups/{quote(resource_id(group) or '', safe='')}", "/Groups")

    async def _pages(self, reader: TargetReader, what: str, path: str) -> AsyncIterator[list[dict[str, Any]]]:
        start, shown, total = 1, 0, None
        seen: set[str] = set()
        while start // SIZE < MOST:
            body = await reader.body(f"{path.format(start=start)}&count={SIZE}", what)
            if not (is_list if start == 1 else is_later_page)(body):
                raise TargetError(f"{what} was answered by something that is no list: is STREAMPROC_SCIM_URL right?")
            page = resources(body)
            total = total_results(body)
            shown = len(seen)
            seen |= {id_key(each_id) for each in page if (each_id := resource_id(each)) is not None}
            if len(seen) > shown:
                yield page
            start += len(page)
            if len(seen) == shown or (total is not None and start > total):
                break
        self.unseen += max(0, (total or 0) - len(seen))


def _is_new(resource: dict[str, Any], seen: set[str]) -> bool:
    """Whether it has an id that wasn't there before: a list may move while it is read."""
    there = resource_id(resource)
    if there is None or id_key(there) in seen:
        return False
    seen.add(id_key(there))
    return True
