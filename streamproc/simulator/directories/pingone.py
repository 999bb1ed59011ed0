"""PingOne: users, audit activities, and a webhook that sends arrays and repeats each until it is answered 200.

developer.pingidentity.com: PingOne Platform APIs, Users, Audit activities, Subscriptions (webhooks).
"""

import asyncio
import hashlib
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from aiohttp import web

from streamproc.simulator.directories import filters
from streamproc.simulator.directories.base import Directory, Refused, answered, limit_of
from streamproc.simulator.directories.people import Change, Entry, stamp

ENVIRONMENT = "6f9a3c1e-2b58-4d07-9e44-71d0c5a8b312"  # in hooks; requests may name any
POPULATION = "b1c4e2d7-0a6f-4f3b-8c95-3e7d2f60a914"

# Not in PingOne's own schema: custom attributes, under the names a customer would give them.
_CUSTOM = ("department", "division", "manager", "employeeNumber", "location")
_OWN = {"username": "userName", "email": "email", "title": "job", "primaryPhone": "phone", "timezone": "timeZone"}

# `updatedAt` isn't among the attributes that the vendor's page on filters lists.
_USERS: filters.Rules = {
    **dict.fromkeys(("id", "enabled", "population.id"), filters.EQUAL),
    **dict.fromkeys(("username", "email", "externalId", "title", *_CUSTOM), filters.EQUAL | {"sw"}),
}
_ACTIVITIES: filters.Rules = {
    "recordedAt": filters.ORDER,
    **dict.fromkeys(("correlationid", "action.type", "resources.id", "resources.type"), filters.EQUAL),
}
_CODES = {401: "ACCESS_FAILED", 404: "NOT_FOUND", 429: "REQUEST_LIMITED", 400: "INVALID_REQUEST"}
_BATCH, _TIMEOUT_S = 500, 10.0


class PingOne(Directory):
    name: ClassVar[str] = "pingone"

    def reset(self) -> None:
        super().reset()
        self.activities: list[dict[str, Any]] = []
        self._waiting: list[dict[str, Any]] = []
        self._sender: asyncio.Task[None] | None = None

    def add_routes(self, app: web.Application) -> None:
        users = "/v1/environments/{env}/users"
        self.route(app, "POST", "/{env}/as/token", self.grant, public=True)
        self.route(app, "GET", users, self._list)
        self.route(app, "GET", f"{users}/{{id}}", self._get)
        self.route(app, "GET", "/v1/environments/{env}/applications/{id}", self._application)
        self.route(app, "GET", "/v1/environments/{env}/activities", self._activities)

    def new_id(self) -> str:
        return self.site.around.id()

    # Requests

    def admit(self, request: web.Request) -> None:
        self.check_bearer(request)

    def problem(self, status: int, message: str) -> Any:
        return {"id": self.site.around.id(), "code": _CODES.get(status, "UNEXPECTED_ERROR"), "message": message}

    async def _get(self, request: web.Request) -> web.Response:
        entry = self.entries.get(request.match_info["id"])
        if entry is None or entry.removed:
            raise Refused(404, "The requested resource object could not be found.")
        return answered(_user(entry, request))

    async def _list(self, request: web.Request) -> web.Response:
        users = [(entry.number, _user(entry, request)) for entry in self.living()]
        return _page(request, "users", users, _USERS, self.options.page_size)

    async def _application(self, request: web.Request) -> web.Response:
        """Whoever is in any of its groups may use it; without groups everybody may."""
        application = request.match_info["id"]
        if application != self.options.application:
            raise Refused(404, "The requested resource object could not be found.")
        groups = [{"id": _group_id(name)} for name in self.options.application_groups.split(",") if name]
        control = {"accessControl": {"group": {"type": "ANY_GROUP", "groups": groups}}} if groups else {}
        return answered({"id": application, "name": "Genesys Cloud", "enabled": True, **control})

    async def _activities(self, request: web.Request) -> web.Response:
        numbered = [
            # Polled activities have more fields than the webhook's.
            (number, {**activity, "createdAt": activity["recordedAt"], "_links": {}})
            for number, activity in enumerate(self.activities, 1)
        ]
        return _page(request, "activities", numbered, _ACTIVITIES, self.options.page_size)

    # Hooks

    def announce(self, change: Change) -> None:
        events = _events(change, self.site.around.id)
        self.activities += events
        if self.options.gateway:
            self._waiting += events
            if self._sender is None or self._sender.done():
                self._sender = self.site.hooks.start(self._drain())

    async def _drain(self) -> None:
        """Sends waiting activities, in order and in arrays; each after 200 for the one before."""
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            about = [[activity["action"]["type"], activity["resources"][0]["href"]] for activity in batch]

            async def send(batch: list[dict[str, Any]] = batch, about: Any = about) -> None:
                while True:
                    if await self.post(batch, about, _TIMEOUT_S) == 200:
                        return
                    await asyncio.sleep(self.options.retry_s)

            await self.deliver(about, send)


def _user(entry: Entry, request: web.Request) -> dict[str, Any]:
    """Attributes that aren't set are absent."""
    values, active = entry.values, entry.values["active"]
    groups = values.get("groups", [])
    include = request.query.get("include", "").split(",")
    status = values.get("status") or "OK"
    name = {"given": values["firstName"], "family": values["lastName"], "formatted": values["displayName"]}
    attributes = {
        "id": entry.id,
        "environment": {"id": request.match_info["env"]},
        "population": {"id": POPULATION},
        "enabled": active,
        "lifecycle": {"status": "ACCOUNT_OK"},
        "account": {"canAuthenticate": active and status == "OK", "status": status},
        "mfaEnabled": False,
        "name": {part: name_ for part, name_ in name.items() if name_ is not None},
        **{attribute: values.get(field) for attribute, field in _OWN.items()},
        **{name_: values.get(name_) for name_ in _CUSTOM},
        **values.get("custom", {}),
        "memberOfGroupNames": groups if "memberOfGroupNames" in include else None,
        "memberOfGroupIDs": [_group_id(name_) for name_ in groups] if "memberOfGroupIDs" in include else None,
        "createdAt": stamp(entry.created),
        "updatedAt": stamp(entry.updated),
    }
    return {name_: value for name_, value in attributes.items() if value is not None}


def _page(
    request: web.Request, what: str, resources: list[tuple[int, dict[str, Any]]], rules: filters.Rules, page_size: int
) -> web.Response:
    try:
        text = request.query.get("filter", "").replace("recordedat", "recordedAt")  # the vendor's page has the former
        test = filters.compiled(text, rules) if text else lambda _: True
        after = int(request.query.get("cursor", 0))
    except ValueError:
        raise Refused(400, "The request could not be completed. The filter or cursor is invalid.") from None
    limit = limit_of(request, 1000, page_size)
    fitting = [(number, resource) for number, resource in resources if number > after and test(resource)]
    page = fitting[:limit]
    links = {"self": {"href": str(request.url)}}
    if len(fitting) > limit:
        links["next"] = {"href": str(request.url.update_query(cursor=str(page[-1][0])))}
    content = [resource for _, resource in page]
    return answered({"_links": links, "_embedded": {what: content}, "count": len(resources), "size": len(page)})


def _events(change: Change, new_id: Callable[[], str]) -> list[dict[str, Any]]:
    entry = change.entry
    name = entry.values.get("userName")
    href = f"https://api.pingone.com/v1/environments/{ENVIRONMENT}/users/{entry.id}"
    user = {"type": "USER", "id": entry.id, "name": name, "population": {"id": POPULATION}, "href": href}
    activities: list[dict[str, Any]] = []

    def activity(kind: str, description: str, resource: dict[str, Any]) -> dict[str, Any]:
        return _activity(new_id(), change.at, kind, description, resource)

    if change.kind == "created":
        activities.append(activity("USER.CREATED", f"Created User {name}", user))
    elif change.kind == "removed":
        activities.append(activity("USER.DELETED", f"Deleted User {name}", user))
    else:
        if set(change.fields) - {"active", "assigned", "groups", "status"}:
            activities.append(activity("USER.UPDATED", f"Updated User {name}", user))
        if "active" in change.fields:  # named, but not which way
            activities.append(activity("USER.UPDATED", f"Updated enabled for User {name}", user))
        if "status" in change.fields:
            locked = entry.values.get("status") == "LOCKED"
            activities.append(activity("USER.LOCKED" if locked else "USER.UNLOCKED", f"Account of User {name}", user))
    for word, groups in zip(("CREATED", "DELETED"), entry.group_changes(change.before), strict=True):
        for group in groups:
            id_ = _group_id(group)
            member = {"type": "MEMBER_OF_GROUP", "id": id_, "name": group, "href": f"{href}/memberOfGroups/{id_}"}
            activities.append(activity(f"MEMBER_OF_GROUP.{word}", f"{word} membership of {group}", member))
    return activities


def _activity(id_: str, at: datetime, kind: str, description: str, resource: dict[str, Any]) -> dict[str, Any]:
    client = {"id": str(uuid.UUID(int=1)), "name": "Administration", "type": "CLIENT"}
    return {
        "id": id_,
        "recordedAt": stamp(at),
        "action": {"type": kind},
        "actors": {"client": {**client, "environment": {"id": ENVIRONMENT}}},
        "resources": [{**resource, "environment": {"id": ENVIRONMENT}}],
        "result": {"status": "SUCCESS", "description": description},
        "_embedded": {},
    }


def _group_id(name: str) -> str:
    return str(uuid.UUID(bytes=hashlib.sha256(name.encode()).digest()[:16], version=4))
