"""Microsoft Graph: users, the delta query, deleted items, and change notifications without values.

Joining or leaving a group is no change of a user's here: see `groups`.

learn.microsoft.com/graph: resources/user, delta-query-users, change-notifications-delivery-webhooks, api/subscription.
"""

import base64
import uuid
from typing import Any, ClassVar
from urllib.parse import quote

import orjson
from aiohttp import web

from streamproc.simulator.directories import faults
from streamproc.simulator.directories.base import Directory, Refused, Site, answered
from streamproc.simulator.directories.groups import Groups
from streamproc.simulator.directories.people import Change, Entry, Values, apart, differing
from streamproc.simulator.directories.subscriptions import Subscriptions, stamp

ROOT = "/v1.0"
PROPERTIES = {
    "userPrincipalName": "userName",
    "mail": "email",
    "displayName": "displayName",
    "givenName": "firstName",
    "surname": "lastName",
    "department": "department",
    "jobTitle": "job",
    "employeeId": "employeeNumber",
    "accountEnabled": "active",
    "mobilePhone": "phone",
    "businessPhones": "phone",
    "officeLocation": "location",
    "employeeOrgData": "division",
    "employeeHireDate": "hireDate",
    "employeeLeaveDateTime": "lastDay",
    "manager": "manager",
}
# Selectable, but nothing here ever sets them.
_EMPTY: Values = {
    **dict.fromkeys(("companyName", "employeeType", "preferredLanguage", "usageLocation", "onPremisesSyncEnabled")),
    "userType": "Member",
    "onPremisesExtensionAttributes": {f"extensionAttribute{n}": None for n in range(1, 16)},
    "otherMails": [],
    "proxyAddresses": [],
    "createdDateTime": None,
    "deletedDateTime": None,
}
_DEFAULT = (
    "businessPhones,displayName,givenName,jobTitle,mail,mobilePhone,officeLocation,preferredLanguage,surname,"
    "userPrincipalName,id"
)
_USER = "#microsoft.graph.user"
_CODES = {401: "InvalidAuthenticationToken", 404: "Request_ResourceNotFound", 410: "syncStateNotFound"}


class Graph(Directory):
    name: ClassVar[str] = "graph"

    def __init__(self, site: Site) -> None:
        self.subscriptions = Subscriptions(self, site.around)
        self.groups = Groups(self)
        super().__init__(site)

    def reset(self) -> None:
        super().reset()
        self.epoch = self.site.around.uuid().hex[:8]  # links from before a reset are gone
        self.subscriptions.clear()
        self.groups.clear()

    def add_routes(self, app: web.Application) -> None:
        where, one = f"{ROOT}/subscriptions", f"{ROOT}/subscriptions/{{id}}"
        self.route(app, "POST", "/{tenant}/oauth2/v2.0/token", self._token, public=True)
        self.route(app, "GET", f"{ROOT}/users/delta", self._delta)
        self.route(app, "GET", f"{ROOT}/users/{{id}}", self._get)
        self.route(app, "GET", f"{ROOT}/users/{{id}}/memberOf", self._groups)
        self.route(app, "GET", f"{ROOT}/groups/delta", self.groups.delta)
        self.route(app, "GET", f"{ROOT}/groups/{{id}}/members/microsoft.graph.user", self.groups.members)
        self.route(app, "GET", f"{ROOT}/servicePrincipals/{{id}}/appRoleAssignedTo", self._assigned)
        self.route(app, "GET", f"{ROOT}/directory/deletedItems/{{id}}", self._deleted)
        self.route(app, "POST", where, self.subscriptions.subscribe)
        self.route(app, "GET", where, self.subscriptions.every)
        self.route(app, "GET", one, self.subscriptions.get)
        self.route(app, "PATCH", one, self.subscriptions.renew)
        self.route(app, "DELETE", one, self.subscriptions.unsubscribe)

    def new_id(self) -> str:
        return self.site.around.id()

    def remove(self, key: str) -> Entry:
        """The first removal is soft: restorable, and not shown. The second is final."""
        entry = self.find(key)
        soft = entry.removed is None
        entry.removed = "changed" if soft else "deleted"
        return self._change("removed" if soft else "purged", entry, entry.values)

    def restore(self, key: str) -> Entry:
        entry = self.find(key)
        if entry.removed != "changed":
            raise ValueError("only who was soft-deleted can be restored")
        entry.removed = None
        return self._change("restored", entry, entry.values)

    def announce(self, change: Change) -> None:
        self.subscriptions.announce(change)

    # Requests

    def admit(self, request: web.Request) -> None:
        self.check_bearer(request)

    def problem(self, status: int, message: str) -> Any:
        return {"error": {"code": _CODES.get(status, "Request_BadRequest"), "message": message}}

    async def _token(self, request: web.Request) -> web.Response:
        if not (await request.post()).get("scope"):  # version 2.0 of the endpoint insists on it
            return answered({"error": "invalid_request", "error_description": "scope is missing"}, 400)
        return await self.grant(request)

    def _found(self, request: web.Request) -> Entry:
        key = request.match_info["id"]
        for entry in self.living():
            if key in (entry.id, entry.values.get("userName")):
                return entry
        raise Refused(404, f"Resource '{key}' does not exist or one of its queried reference-property objects are not.")

    async def _get(self, request: web.Request) -> web.Response:
        entry, query = self._found(request), request.query
        user = self._shown(entry, entry.values, self._selected(query.get("$select", _DEFAULT)))
        expand = query.get("$expand", "")
        if expand and expand.partition("(")[0] != "manager":
            raise Refused(400, "only manager can be expanded")
        if expand and (manager := self.by_number(entry.values.get("manager"))):
            user["manager"] = {"@odata.type": _USER, "id": manager.id}
        return answered({"@odata.context": f"{_root(request)}/$metadata#users/$entity", **user})

    async def _groups(self, request: web.Request) -> web.Response:
        names = self._found(request).values.get("groups", [])
        return answered({"value": [self.groups.shown(name) for name in names]})

    async def _assigned(self, request: web.Request) -> web.Response:
        """Users and groups that are assigned to the application; members of these groups aren't listed."""
        application = request.match_info["id"]
        if application != self.options.application:
            raise Refused(404, f"Resource '{application}' does not exist.")
        users = [(entry.id, "User") for entry in self.living() if entry.values.get("assigned")]
        names = [name for name in self.options.application_groups.split(",") if name]
        principals = [*users, *((self.groups.shown(name)["id"], "Group") for name in names)]
        at = int(request.query.get("$skiptoken", "0"))
        page = principals[at : at + self.options.page_size]
        more = at + len(page) < len(principals)
        link = {"@odata.nextLink": str(request.url.update_query({"$skiptoken": str(at + len(page))}))} if more else {}
        common = {"appRoleId": str(uuid.UUID(int=0)), "resourceId": application, "deletedDateTime": None}
        listed = [{"principalId": id_, "principalType": kind, **common} for id_, kind in page]
        return answered({**link, "value": listed})

    async def _deleted(self, request: web.Request) -> web.Response:
        entry = self.entries.get(request.match_info["id"])
        if entry is None or entry.removed != "changed":
            raise Refused(404, "Resource does not exist or is purged.")
        selected = self._selected(request.query.get("$select", _DEFAULT + ",deletedDateTime"))
        return answered({"@odata.type": _USER, **self._shown(entry, entry.values, selected)})

    def _selected(self, text: str) -> list[str]:
        names = text.split(",")
        prefix = f"extension_{self.options.extension_app}_"
        for name in names:
            if name not in PROPERTIES and name not in _EMPTY and name != "id" and not name.startswith(prefix):
                raise Refused(400, f"Could not find a property named '{name}' on type 'microsoft.graph.user'.")
        return names

    def _shown(self, entry: Entry, values: Values, selected: list[str], *, sparse: bool = False) -> Values:
        """`sparse`: attributes that were never set are absent (delta); otherwise they are null, except extensions."""
        every = {**_EMPTY, "id": entry.id, **self._own(entry, values)}
        if sparse:
            unset = {name for name, field in PROPERTIES.items() if field not in values}
            unset |= {name for name, default in _EMPTY.items() if default is None and every[name] is None}
            every = {name: value for name, value in every.items() if name not in unset}
        every.pop("manager", None)  # a relation
        return {name: every[name] for name in dict.fromkeys(["id", *selected]) if name in every}

    def _own(self, entry: Entry, values: Values) -> Values:
        properties: Values = {property_: values.get(field) for property_, field in PROPERTIES.items()}
        phone, division = values.get("phone"), values.get("division")
        properties["businessPhones"] = [phone] if phone else []
        properties["employeeOrgData"] = {"division": division, "costCenter": None} if division else None
        for name in ("employeeHireDate", "employeeLeaveDateTime"):
            properties[name] = f"{properties[name]}T00:00:00Z" if properties[name] else None
        for name, value in values.get("custom", {}).items():
            properties[f"extension_{self.options.extension_app}_{name}"] = value
        properties["createdDateTime"] = stamp(entry.created)
        if entry.removed:
            properties["userPrincipalName"] = entry.id.replace("-", "") + (values.get("userName") or "")
            properties["deletedDateTime"] = stamp(entry.updated)
        return properties

    # Delta query

    async def _delta(self, request: web.Request) -> web.Response:
        """Changes after `since` up to `upto`, which the first page of a round fixes; links contain both."""
        state = self._state(request)
        state.setdefault("upto", self.seq)
        changed = sorted(
            (entry for entry in self.entries.values() if state["since"] < _last_change(entry) <= state["upto"]),
            key=_last_change,
        )
        if "first" in state:  # who is gone is told from the second round on, though the first may have been empty
            changed = [entry for entry in changed if entry.removed is None]
        page = changed[: self.options.page_size]
        minimal = "return=minimal" in request.headers.get("Prefer", "") and "first" not in state
        items = [self._item(entry, entry.values, state, minimal=minimal) for entry in page]
        if self.faults.choose(faults.REPLAY):
            stale = [(entry, entry.before(_last_change(entry) - 1) or entry.values) for entry in page]
            old = [self._item(entry, values, state, minimal=minimal) for entry, values in stale]
            items = [*old, *items]
        if len(changed) > len(page):
            link = {"@odata.nextLink": _link(request, "$skiptoken", {**state, "since": _last_change(page[-1])})}
        else:
            after = {"select": state["select"], "since": state["upto"], "start": state["upto"], "epoch": self.epoch}
            link = {"@odata.deltaLink": _link(request, "$deltatoken", after)}
        return answered({"@odata.context": f"{_root(request)}/$metadata#users", **link, "value": items})

    def _state(self, request: web.Request) -> dict[str, Any]:
        query = request.query
        token = query.get("$skiptoken") or query.get("$deltatoken")
        if token is None:
            select = query.get("$select", _DEFAULT)
            self._selected(select)
            return {"select": select, "since": 0, "start": 0, "first": True, "epoch": self.epoch}
        try:
            state: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(token))
        except ValueError:
            raise Refused(400, "Badly formed token.") from None
        if self.faults.choose(faults.GONE) or state["epoch"] != self.epoch:
            again = f"{_root(request)}/users/delta?$select={quote(state['select'])}"
            raise Refused(410, "The sync state is gone: start over.", {"Location": again})
        return state

    def _item(self, entry: Entry, values: Values, state: dict[str, Any], *, minimal: bool) -> Values:
        if entry.removed is not None:
            return {"id": entry.id, "@removed": {"reason": entry.removed}}
        selected = self._selected(state["select"])
        item = self._shown(entry, values, selected, sparse=True)
        if minimal:
            fresh = {name for name, (seq, _) in entry.changed.items() if seq > state["start"]}
            item = {name: value for name, value in item.items() if name == "id" or self._ours(name) in fresh}
        if "manager" in selected:
            item |= self._manager_delta(entry, values, state["start"])
        return item

    def _ours(self, property_: str) -> str:
        return PROPERTIES.get(property_, property_.removeprefix(f"extension_{self.options.extension_app}_"))

    def _manager_delta(self, entry: Entry, values: Values, start: int) -> Values:
        old, new = entry.before(start).get("manager"), values.get("manager")
        changes = []
        if old != new and (gone := self.by_number(old)):
            changes.append({"@odata.type": _USER, "id": gone.id, "@removed": {"reason": "deleted"}})
        if new and (manager := self.by_number(new)):
            changes.append({"@odata.type": _USER, "id": manager.id})
        return {"manager@delta": changes} if changes else {}


def _root(request: web.Request) -> str:
    return f"{request.url.origin()}/graph{ROOT}"


def _link(request: web.Request, name: str, state: dict[str, Any]) -> str:
    token = base64.urlsafe_b64encode(orjson.dumps(state)).decode()
    return f"{_root(request)}/users/delta?{name}={quote(token)}"


def _last_change(entry: Entry) -> int:
    """The number of the last change of more than groups and assignments."""
    numbers = [number for number, _ in entry.history]
    values = [{}, *(values_ for _, values_ in entry.history)]
    own = [
        number
        for number, old, new in zip(numbers, values[:-1], values[1:], strict=True)
        if not apart(differing(old, new))
    ]
    return own[-1]
