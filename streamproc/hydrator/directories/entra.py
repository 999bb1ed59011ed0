"""Microsoft Graph: users with manager and groups, the delta queries, and subscriptions to change notifications.

learn.microsoft.com/graph: api/user-get, api/user-list-memberof, api/user-delta, api/group-delta,
api/group-list-members, api/subscription-post-subscriptions. Only what is selected is answered. Joining or leaving a
group is no change of a user there but one of the group: after the users of a round come its groups, and who has joined
or left is read whole, like everybody in a group that was renamed. A group that was deleted doesn't tell who was in it.
Nothing about groups holds up the users: what isn't answered is left to the next round.
A user who is deleted, for good or not, is 404. Links are opaque.
"""

from typing import Any, Final
from urllib.parse import quote

import orjson

from streamproc.hydrator.directories.api import GONE, Api, DirectoryError, Page, Read, about
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
        links, at = _links(since, "users"), _links(place, "url")
        if "users" in at:
            try:
                return await self._groups(at)
            except DirectoryError as error:
                if error.status == 410:
                    raise
                return Page((), (), 0, "", _encoded(users=at["users"], groups=at["url"]), _missed(error))
        whole = full or "users" not in links
        known = "" if whole else links.get("groups", "")
        latest, missed = at.get("groups", known), ""
        if not latest and "groups" not in at:
            try:
                latest = await self._latest()  # before anybody is read, so that nothing is missed
            except DirectoryError as error:
                missed = _missed(error)
        first = f"/users/delta?$select={quote(','.join([*self._selected, 'manager']), safe=',')}"
        answer = await self.api.get(at.get("url") or (first if whole else links["users"]))
        found = answer.record()
        elements = [each for each in entra.elements(found) if isinstance(each, dict)]
        subjects = tuple(str(each["id"]) for each in elements if "id" in each and "@removed" not in each)
        following, users = found.get("@odata.nextLink", ""), found.get("@odata.deltaLink", links.get("users", ""))
        if following:
            place = _encoded(url=following, groups=latest)
        else:
            place = _encoded(url=known, users=users) if known else ""
        return Page(
            subjects if whole else (),
            tuple(each for each in elements if not whole or "@removed" in each),
            answer.read,
            place,
            _encoded(users=users, groups=latest),
            missed,
        )

    async def _latest(self) -> str:
        """From where on changes of groups are told."""
        found = (await self.api.get("/groups/delta?$select=displayName,members&$deltatoken=latest")).record()
        return str(found.get("@odata.deltaLink", ""))

    async def _groups(self, at: dict[str, str]) -> Page:
        """A page of what has changed about groups: who is to be read. It is to tell names only where they are new."""
        answer = await self.api.get(at["url"], prefer="return=minimal")
        found = answer.record()
        subjects: dict[str, None] = {}
        missed = ""
        for group in entra.elements(found):
            if not isinstance(group, dict) or "id" not in group or "@removed" in group:
                continue
            subjects |= dict.fromkeys(subject for subject, _ in entra.members(group))
            if "displayName" in group:
                try:
                    subjects |= dict.fromkeys(await self._members(str(group["id"])))
                except DirectoryError as error:
                    if error.status not in {400, 403}:
                        raise
                    missed = _missed(error)  # of this group alone
        following, latest = found.get("@odata.nextLink", ""), found.get("@odata.deltaLink", at["url"])
        place = _encoded(url=following, users=at["users"]) if following else ""
        return Page(tuple(subjects), (), answer.read, place, _encoded(users=at["users"], groups=latest), missed)

    async def _members(self, group: str) -> list[str]:
        """The users who are in a group themselves."""
        found: list[str] = []
        url = f"/groups/{quote(group, safe='')}/members/microsoft.graph.user?$select=id&$top=999"
        while url:
            answer = await self.api.get(url, absent=True)
            part = answer.record() if answer.status != 404 else {}
            found += [str(each["id"]) for each in part.get("value", []) if isinstance(each, dict) and "id" in each]
            url = part.get("@odata.nextLink", "")
        return found

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


def _missed(error: DirectoryError) -> str:
    return f"changes of groups: {error}; they need GroupMember.Read.All, and come with the next reading of everybody"


def _links(text: str, alone: str) -> dict[str, str]:
    """Links by name, as `_encoded` has them; one without a name, as a single one was once kept, is `alone`."""
    if not text:
        return {}
    return dict(orjson.loads(text)) if text.startswith("{") else {alone: text}


def _encoded(**links: str) -> str:
    return orjson.dumps(links).decode()
