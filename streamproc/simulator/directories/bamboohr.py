"""BambooHR: employees by named fields, a list with cursors, changed ids, and event-based webhooks without values.

documentation.bamboohr.com: Get Employee, List Employees, Get Changed Employee IDs, event-based webhooks. Fields that
nobody named, or that there aren't, are left out. Most is throttled by 503.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from aiohttp import web

from streamproc.simulator.directories.base import Refused, answered, same_basic
from streamproc.simulator.directories.hr_vendor import HrVendor, last_day, manager_id
from streamproc.simulator.directories.people import Change, Entry

_DIRECT = {
    "firstName": "firstName",
    "lastName": "lastName",
    "displayName": "displayName",
    "workEmail": "userName",
    "workPhone": "phone",
    "jobTitle": "job",
    "department": "department",
    "division": "division",
    "location": "location",
    "employeeNumber": "employeeNumber",
    "hireDate": "hireDate",
}
"""Field → of the person."""


class BambooHR(HrVendor):
    name: ClassVar[str] = "bamboohr"

    def reset(self) -> None:
        super().reset()
        self.changes: dict[str, tuple[datetime, str]] = {}  # id → when it last changed, and how

    def add_routes(self, app: web.Application) -> None:
        self.route(app, "GET", "/api/v1/employees/changed", self._changed)
        self.route(app, "GET", "/api/v1/employees/{id}", self._get)
        self.route(app, "GET", "/api/v1/employees", self._list)

    def admit(self, request: web.Request) -> None:
        if not same_basic(request.headers.get("Authorization"), self.options.hris_secret, "x"):
            raise Refused(401, "Invalid API key")

    async def _get(self, request: web.Request) -> web.Response:
        entry = self.entries.get(request.match_info["id"])
        if entry is None or entry.removed:
            raise Refused(404, "Employee not found")
        fields = self._fields(entry)
        asked = request.query.get("fields", "").split(",")
        return answered({"id": entry.id} | {name: fields[name] for name in asked if name in fields})

    def _fields(self, entry: Entry) -> dict[str, Any]:
        values = entry.values
        return {
            **{name: values.get(of) for name, of in _DIRECT.items()},
            **values.get("custom", {}),
            "preferredName": None,
            "mobilePhone": None,
            "supervisorId": manager_id(self, entry),
            "status": values.get("status") or ("Active" if self.works(values) else "Inactive"),
            "originalHireDate": "0000-00-00",
            "terminationDate": last_day(values) or "0000-00-00",
        }

    async def _list(self, request: web.Request) -> web.Response:
        limit = min(int(request.query.get("page[limit]", 250)), 2500, self.options.page_size)
        after = int(request.query.get("page[after]", "c0")[1:])
        employees = [entry for entry in self.living() if entry.number > after]
        page = employees[:limit]
        cursor = f"c{page[-1].number}" if len(employees) > limit else None
        data = [{"employeeId": entry.id, "firstName": entry.values["firstName"]} for entry in page]
        return answered({"data": data, "meta": {"total": len(self.living()), "page": {"nextCursor": cursor}}})

    async def _changed(self, request: web.Request) -> web.Response:
        try:
            since = datetime.strptime(request.query.get("since", ""), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise Refused(400, "The since parameter is missing or not a valid date") from None
        found = {
            key: {"id": key, "action": action, "lastChanged": _stamp(at)}
            for key, (at, action) in self.changes.items()
            if at >= since
        }
        return answered({"latest": _stamp(self.now()), "employees": found or []})

    def announce(self, change: Change) -> None:
        action = {"created": "Inserted", "removed": "Deleted"}.get(change.kind, "Updated")
        self.changes[change.entry.id] = (change.at, action)
        super().announce(change)

    def hook(self, change: Change) -> Any:
        kind = {"created": "created", "removed": "deleted"}.get(change.kind, "updated")
        data = {"companyId": "1001", "employeeId": change.entry.id, "changedFields": list(change.fields)}
        return {"type": f"employee.{kind}", "timestamp": _stamp(change.at), "data": data}

    def signed(self, key: bytes, body: bytes) -> Mapping[str, str]:
        moment = self.epoch()
        digest = hmac.new(key, body + moment.encode(), hashlib.sha256).hexdigest()
        return {"X-BambooHR-Signature": digest, "X-BambooHR-Timestamp": moment}


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S+00:00")
