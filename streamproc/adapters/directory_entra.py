"""Microsoft Graph: users with manager and groups, the delta query, and subscriptions to change notifications.

learn.microsoft.com/graph: api/user-get, api/user-list-memberof, api/user-delta, api/subscription-post-subscriptions.
Only what is selected is answered. The delta query doesn't tell groups, so everything is told by reading each user
whole; a user who is deleted, for good or not, is 404 there. Its links are opaque.
"""

from typing import Any, Final
from urllib.parse import quote

import orjson

from streamproc.adapters.directory import GONE, Api, Page, Read, about
from streamproc.sources import entra
from streamproc.sources.options import SourceOptions

GROUP: Final = ("@odata.type", "id", "displayName")
"""What is kept of a group."""


class Graph:
    """See above. `since`: a delta link."""

    def __init__(self, api: Api, options: SourceOptions) -> None:
        self.api = api
        paths = [path.strip().partition(".")[0] for each in options.attributes.values() for path in each.split("|")]
        self._selected = sorted({"id", "accountEnabled", "createdDateTime", *paths} - {"manager", "memberOf"})

    async def read(self, subject: str) -> Read:
        path = f"/users/{quote(subject, safe='')}"
        query = f"$select={quote(','.join(self._selected), safe=',')}&$expand=manager($select=id)"
        answer = await self.api.get(f"{path}?{query}", absent=True)
        if answer.status == 404:
            return Read("gone", GONE, answer.read)
        user = answer.record()
        about(subject, user)
        groups: list[Any] = []
        url = f"{path}/memberOf"
        while url:
            part = (await self.api.get(url)).record()
            groups += [
                {name: each[name] for name in GROUP if name in each}
                for each in part.get("value", [])
                if isinstance(each, dict)
            ]
            url = part.get("@odata.nextLink", "")
        return Read("found", orjson.dumps({**user, "memberOf": groups}), answer.read)

    async def page(self, since: str, place: str, *, full: bool) -> Page:
        first = f"/users/delta?$select={quote(','.join([*self._selected, 'manager']), safe=',')}"
        answer = await self.api.get(place or (first if full or not since else since))
        found = answer.record()
        elements = [each for each in entra.elements(found) if isinstance(each, dict)]
        whole = full or not since
        subjects = tuple(str(each["id"]) for each in elements if "id" in each and "@removed" not in each)
        return Page(
            subjects if whole else (),
            tuple(each for each in elements if not whole or "@removed" in each),
            answer.read,
            found.get("@odata.nextLink", ""),
            found.get("@odata.deltaLink", since),
        )

    # Subscriptions

    async def subscription(self, url: str) -> str | None:
        """The id of the subscription to users whose notifications go to `url`. Raises DirectoryError."""
        where = "/subscriptions"
        while where:
            found = (await self.api.get(where)).record()
            for each in found.get("value", []):
                if each.get("notificationUrl") == url and str(each.get("resource")).strip("/") == "users":
                    return str(each["id"])
            where = found.get("@odata.nextLink", "")
        return None

    async def subscribe(self, url: str, state: str, until: str) -> None:
        """Graph asks `url` for its validation token before it answers. Raises DirectoryError."""
        content = {
            "changeType": "updated,deleted",
            "notificationUrl": url,
            "lifecycleNotificationUrl": url,
            "resource": "users",
            "expirationDateTime": until,
            "clientState": state,
        }
        await self.api.send("POST", "/subscriptions", content)

    async def renew(self, subscription: str, until: str) -> None:
        """This authorizes it anew, too. Raises DirectoryError."""
        await self.api.send("PATCH", f"/subscriptions/{quote(subscription, safe='')}", {"expirationDateTime": until})
