"""Microsoft Graph: users with manager and groups, the delta queries, and subscriptions to change notifications.

learn.microsoft.com/graph: api/user-get, api/user-list-memberof, api/user-delta, api/group-delta,
api/group-list-members, api/subscription-post-subscriptions. Answers contain only what is selected. Joining or leaving
changes the group there and not the user: after the users of a round come its groups, and those who joined or left are
read completely, like all members of a renamed group. A deleted group doesn't show who its members were.
Groups never hold up users: what Graph doesn't answer about groups is left to the next round.
A deleted user, for good or not, is 404. Links are opaque.
"""

from dataclasses import replace
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import orjson

from streamproc.adapters.http import decoded
from streamproc.core.records.units import Micros
from streamproc.hydrator.directories.answer import OF_A_PAGE, Answer, name_of, names_of, whole
from streamproc.hydrator.directories.api import GONE, Api, Page, Read, segment
from streamproc.hydrator.directories.assignment import Assignment
from streamproc.hydrator.directories.directory_error import DirectoryError, odd
from streamproc.hydrator.directories.entra_assignments import Principals, listing
from streamproc.hydrator.directories.entries import Entries, readable
from streamproc.hydrator.directories.hook import Hook
from streamproc.sources import entra
from streamproc.sources.options import SourceOptions

DELTA: Final = 4 * 1024 * 1024
"""Bytes of a page of changes, which is decoded whole: a user may be on it several times."""
MEMBERS: Final = 16 * 1024 * 1024
"""Bytes of a group's members, as they are kept."""
GROUP: Final = ("@odata.type", "id", "displayName")
"""Properties of a group that are passed on."""


class Graph:
    """`since`: delta links of users and groups, and who is assigned to the application."""

    def __init__(self, api: Api, options: SourceOptions) -> None:
        self.api = api
        self._assignment = Assignment(entra.read, options)
        self._principals = Principals(api, options.application)
        paths = [path.strip().partition(".")[0] for paths in options.attributes.values() for path in paths.split("|")]
        self._selected = sorted({"id", "accountEnabled", "createdDateTime", *paths} - {"manager", "memberOf"})

    async def read(self, subject: str) -> Read:
        path = f"/users/{segment(subject)}"
        query = f"$select={quote(','.join(self._selected), safe=',')}&$expand=manager($select=id)"
        answer = await self.api.get(f"{path}?{query}", absent=_unknown)
        if answer.status == 404:
            return Read("gone", GONE, answer.read_at)
        answer.about(subject)
        groups = await whole(self.api.get, f"{path}/memberOf", lambda part: listing(part, _group))
        more, missed = await self._assignment.of(subject, answer, partial(self._principals.include, answer, groups))
        user = answer.record() | {"memberOf": orjson.Fragment(groups)} | more
        return Read("found", orjson.dumps(user), answer.read_at, missed)

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        links, state = _links(since, "users"), _links(page_token, "url")
        if "users" in state:
            try:
                return await self._groups(state)
            except DirectoryError as error:
                if error.status == 410:
                    raise
                kept = _encoded(users=state["users"], groups=state["url"], assigned=state.get("assigned", ""))
                return Page((), (), Micros(0), "", kept, _missed(error))
        if page_token:
            return await self._users(links, state, full=full)
        everybody = full or "users" not in links
        begun = await self._principals.begin(links.get("assigned", ""), self._members, everybody=everybody)
        page = await self._users(links, {"assigned": begun.since}, full=full)
        self._principals.told(begun)
        concerned = dict.fromkeys((*page.subjects, *begun.subjects, *self._assignment.owed()))
        missed = "; ".join(filter(None, (begun.missed, page.missed)))
        return replace(page, subjects=tuple(concerned), missed=missed)

    async def _users(self, links: dict[str, str], state: dict[str, str], *, full: bool) -> Page:
        assigned = state.get("assigned", "")
        everybody = full or "users" not in links
        groups_link = "" if everybody else links.get("groups", "")
        latest, missed = state.get("groups", groups_link), ""
        if not latest and "groups" not in state:
            try:
                latest = await self._latest()  # before anybody is read, so that nothing is missed
            except DirectoryError as error:
                missed = _missed(error)
        first = f"/users/delta?$select={quote(','.join([*self._selected, 'manager']), safe=',')}"
        answer = await self.api.get(state.get("url") or (first if everybody else links["users"]), most=DELTA)
        elements, next_link, users, unread = _delta(answer)
        subjects, nameless = names_of([user.get("id") for user in elements if "@removed" not in user])
        if next_link:
            next_page = _encoded(url=next_link, groups=latest, assigned=assigned)
        else:
            next_page = _encoded(url=groups_link, users=users, assigned=assigned) if groups_link else ""
        overtaken = self.api.is_overtaken(answer)  # one of these was read meanwhile, perhaps, by which this is older
        if overtaken:
            subjects, _ = names_of([user.get("id") for user in elements])
        return Page(
            subjects if everybody or overtaken else (),
            tuple(user for user in elements if not everybody or "@removed" in user),
            answer.read_at,
            next_page,
            _encoded(users=users, groups=latest, assigned=assigned),
            "; ".join(filter(None, (missed, nameless, unread))),
        )

    async def _latest(self) -> str:
        """The link to changes of groups from now on."""
        answer = await self.api.get("/groups/delta?$select=displayName,members&$deltatoken=latest")
        return answer.link("@odata.deltaLink")

    async def _groups(self, state: dict[str, str]) -> Page:
        """A page of changes of groups: whom to fetch. `return=minimal` leaves out names that haven't changed."""
        answer = await self.api.get(state["url"], prefer="return=minimal", most=DELTA)
        groups, next_link, latest, missed = _delta(answer)
        subjects: dict[str, None] = {}
        for group in groups:
            if "@removed" in group:
                continue
            subjects |= dict.fromkeys(subject for subject, _ in entra.members(group))
            if "displayName" in group:
                try:
                    subjects |= dict.fromkeys(await self._members(name_of(group.get("id"))))
                except DirectoryError as error:
                    if error.status not in {400, 403} and not error.odd:
                        raise
                    missed = _missed(error)  # of this group alone
            if len(subjects) > OF_A_PAGE:
                raise odd(f"gave changes of more than {OF_A_PAGE} members at once")
        assigned = state.get("assigned", "")
        next_page = _encoded(url=next_link, users=state["users"], assigned=assigned) if next_link else ""
        since = _encoded(users=state["users"], groups=latest or state["url"], assigned=assigned)
        return Page(tuple(subjects), (), answer.read_at, next_page, since, missed)

    async def _members(self, group: str) -> list[str]:
        """The users who are direct members of a group."""
        url = f"/groups/{segment(group)}/members/microsoft.graph.user?$select=id&$top=999"

        async def ask(page: str) -> Answer:
            return await self.api.get(page, absent=_unknown)

        def of_group(answer: Answer) -> tuple[Entries, str]:
            return (Entries(()), "") if answer.status == 404 else listing(answer, _member)

        return [name_of(user.get("id")) for user in decoded(await whole(ask, url, of_group, MEMBERS))]

    # Subscriptions

    async def subscription(self, url: str) -> str | None:
        """The id of the subscription to users whose notifications go to `url`. Raises DirectoryError."""
        for entry in decoded(await whole(self.api.get, "/subscriptions", listing)):
            if entry.get("notificationUrl") == url and str(entry.get("resource")).strip("/") == "users":
                return name_of(entry.get("id"))
        return None

    async def hooks(self) -> list[Hook]:
        """All subscriptions to users that haven't ended (List subscriptions). Raises DirectoryError."""
        listed = decoded(await whole(self.api.get, "/subscriptions", listing))
        return [
            Hook(str(entry.get("notificationUrl")), ends=str(entry.get("expirationDateTime") or ""))
            for entry in listed
            if str(entry.get("resource")).strip("/") == "users"
        ]

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
        """This also renews its authorization. Raises DirectoryError."""
        await self.api.send("PATCH", f"/subscriptions/{segment(subscription)}", {"expirationDateTime": until})


def _group(group: dict[str, Any]) -> dict[str, Any]:
    return {name: group[name] for name in GROUP if name in group}


def _member(user: dict[str, Any]) -> dict[str, Any]:
    return {"id": user.get("id")}


def _delta(answer: Answer) -> tuple[list[dict[str, Any]], str, str, str]:
    """The entries of a page of changes, the link to the next page, that to the next round, which the last has, and
    a word on entries that can't be read.
    """
    listed = answer.entries("value")
    next_link, delta_link = answer.link("@odata.nextLink"), answer.link("@odata.deltaLink")
    if not next_link and not delta_link:
        raise odd("gave a page of changes that neither goes on nor ends")
    found = list(readable(listed))
    about = {name: answer.value(name) for name in ("@odata.context", "@odata.nextLink", "@odata.deltaLink")}
    unread = len(listed) - len(found)
    missed = f"{unread} entries of a page of changes can't be read" if unread else ""
    return entra.elements({**about, "value": found}), next_link, delta_link, missed


def _unknown(answer: Answer) -> bool:
    return answer.word("error", "code") == "Request_ResourceNotFound"


def _missed(error: DirectoryError) -> str:
    return f"changes of groups: {error}; they need GroupMember.Read.All, and come with the next reading of everybody"


def _links(text: str, default: str) -> dict[str, str]:
    """Links by name, as `_encoded` writes them. A plain link, from an older version, gets the name `default`."""
    if not text:
        return {}
    return dict(orjson.loads(text)) if text.startswith("{") else {default: text}


def _encoded(*, assigned: str = "", **links: str) -> str:
    return orjson.dumps({**links, "assigned": assigned} if assigned else links).decode()
