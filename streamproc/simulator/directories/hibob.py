"""HiBob: people by named fields, one or all that match, and webhooks (v2) without values.

apidocs.hibob.com: People read API contract, Webhooks v2. There is no paging. Machine values stand under the fields'
paths, those for people beside them.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web

from streamproc.simulator.directories.base import Refused, answered, json_content, same_basic
from streamproc.simulator.directories.hr_vendor import HrVendor, encoded, last_day, manager_id
from streamproc.simulator.directories.people import Change, Entry, stamp


class HiBob(HrVendor):
    name: ClassVar[str] = "hibob"

    def add_routes(self, app: web.Application) -> None:
        self.route(app, "POST", "/v1/people/search", self._search)
        self.route(app, "POST", "/v1/people/{id}", self._get)

    def new_id(self) -> str:
        return str(3332883884017713000 + len(self.entries))

    def admit(self, request: web.Request) -> None:
        if not same_basic(request.headers.get("Authorization"), self.options.client_id, self.options.hris_secret):
            raise Refused(401, "unauthorized")

    async def _get(self, request: web.Request) -> web.Response:
        content = json_content(await request.read())
        entry = self.entries.get(request.match_info["id"])
        if entry is None or entry.removed:
            raise Refused(404, "not found")
        return answered(self._shown(entry, content))

    async def _search(self, request: web.Request) -> web.Response:
        content = json_content(await request.read())
        filters = content.get("filters") or []
        if len(filters) > 1 or any(each.get("operator") != "equals" for each in filters):
            raise Refused(400, "invalid filter")
        ids = filters[0]["values"] if filters else None
        return answered(
            {
                "employees": [
                    self._shown(entry, content)
                    for entry in self.living()
                    if (content.get("showInactive") or self.works(entry.values)) and (ids is None or entry.id in ids)
                ]
            }
        )

    def _shown(self, entry: Entry, content: dict[str, Any]) -> dict[str, Any]:
        values = entry.values
        fields = {
            "root.id": entry.id,
            "root.firstName": values["firstName"],
            "root.surname": values["lastName"],
            "root.displayName": values["displayName"],
            "root.email": values.get("userName"),
            "work.title": None if values.get("job") is None else "253120000",
            "work.department": None if values.get("department") is None else "253130000",
            "work.site": values.get("location"),
            "work.startDate": values.get("hireDate"),
            "work.manager": manager_id(self, entry),
            "work.employeeIdInCompany": values.get("employeeNumber"),
            "internal.status": values.get("status") or ("Active" if self.works(values) else "Inactive"),
            "internal.lifecycleStatus": "employed" if self.works(values) else "terminated",
            "internal.terminationDate": values.get("terminationDate") or last_day(values),
            "employee.lastDayOfWork": values.get("lastDay"),
        }
        shown: dict[str, Any] = {
            "/" + name.replace(".", "/"): {"value": fields[name]}
            for name in content.get("fields", [])
            if name in fields
        }
        if content.get("humanReadable") == "APPEND":
            work = {"title": values.get("job"), "department": values.get("department")}
            shown["humanReadable"] = {"work": {name: value for name, value in work.items() if value is not None}}
        return shown

    def hook(self, change: Change) -> Any:
        kind = {"created": "employee.created", "removed": "employee.deleted"}.get(change.kind, "employee.updated")
        if "active" in change.fields and not change.entry.values["active"]:
            kind = "employee.left"
        data = {"employeeId": change.entry.id}
        return {
            "companyId": 636192,
            "type": kind,
            "triggeredBy": "system",
            "triggeredAt": stamp(change.at)[:-1],
            "version": "v2",
            "data": data,
        }

    def signed(self, key: bytes, body: bytes) -> Mapping[str, str]:
        return {"Bob-Signature": encoded(key, body, "sha512")}
