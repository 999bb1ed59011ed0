"""Merge: employees of a linked account with cursors, and webhooks; these are the ones that carry no more than an id.

docs.merge.dev: HRIS, /employees; Merge webhooks.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from aiohttp import web

from streamproc.simulator.directories.base import Refused, answered
from streamproc.simulator.directories.hr_vendor import HrVendor, encoded, last_day, manager_id
from streamproc.simulator.directories.people import Change, Entry, stamp


class Merge(HrVendor):
    name: ClassVar[str] = "merge"

    def add_routes(self, app: web.Application) -> None:
        self.route(app, "GET", "/api/hris/v1/employees", self._list)
        self.route(app, "GET", "/api/hris/v1/employees/{id}", self._get)

    def new_id(self) -> str:
        return self.site.around.id()

    def admit(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.options.hris_secret}":
            raise Refused(401, "Invalid API key")
        if request.headers.get("X-Account-Token") != "account":
            raise Refused(401, "Invalid account token")

    async def _get(self, request: web.Request) -> web.Response:
        entry = self.entries.get(request.match_info["id"])
        if entry is None or entry.removed:
            raise Refused(404, "Not found.")
        return answered(self._shown(entry))

    async def _list(self, request: web.Request) -> web.Response:
        limit = min(int(request.query.get("page_size", 30)), self.options.page_size)
        since = datetime.fromisoformat(request.query.get("modified_after", "1970-01-01T00:00:00Z"))
        after = int(request.query.get("cursor", "c0")[1:])
        employees = [entry for entry in self.living() if entry.number > after and entry.updated > since]
        page = employees[:limit]
        following = f"c{page[-1].number}" if len(employees) > limit else None
        return answered({"next": following, "previous": None, "results": [self._shown(entry) for entry in page]})

    def _shown(self, entry: Entry) -> dict[str, Any]:
        values = entry.values
        return {
            "id": entry.id,
            "remote_id": f"r-{entry.id}",
            "employee_number": values.get("employeeNumber"),
            "first_name": values["firstName"],
            "last_name": values["lastName"],
            "display_full_name": None,
            "work_email": values.get("userName"),
            "mobile_phone_number": values.get("phone"),
            "manager": manager_id(self, entry),
            "employment_status": values.get("status") or ("ACTIVE" if self.works(values) else "INACTIVE"),
            "start_date": _midnight(values.get("hireDate")),
            "termination_date": _midnight(last_day(values)),
            "custom_fields": {"department": values.get("department"), **values.get("custom", {})},
            "remote_was_deleted": False,
            "modified_at": stamp(entry.updated),
        }

    def hook(self, change: Change) -> Any:
        kind = {"created": "added", "removed": "removed"}.get(change.kind, "changed")
        hook = {"id": self.site.around.id(), "event": f"Employee.{kind}", "target": "https://example.org"}
        data = {"id": change.entry.id, "modified_at": stamp(change.at)}
        return {"hook": hook, "linked_account": {"id": "la1", "integration": "x"}, "data": data}

    def signed(self, key: bytes, body: bytes) -> Mapping[str, str]:
        return {"X-Merge-Webhook-Signature": encoded(key, body, for_url=True)}


def _midnight(day: str | None) -> str | None:
    return None if day is None else f"{day}T00:00:00Z"
