"""Kombo: employees of an integration with cursors, and webhooks that say only that something changed.

docs.kombo.dev: Get employees, data-changed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from aiohttp import web

from streamproc.simulator.directories.base import Refused, answered
from streamproc.simulator.directories.hr_vendor import HrVendor, encoded, last_day, manager_id
from streamproc.simulator.directories.people import Change, Entry, stamp

INTEGRATION = "demo:1"


class Kombo(HrVendor):
    name: ClassVar[str] = "kombo"

    def add_routes(self, app: web.Application) -> None:
        self.route(app, "GET", "/v1/hris/employees", self._list)

    def new_id(self) -> str:
        return self.site.around.uuid().hex[:24]

    def admit(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.options.hris_secret}":
            raise Refused(401, "The API key is wrong")
        if request.headers.get("X-Integration-Id") != INTEGRATION:
            raise Refused(401, "The integration is unknown")

    def problem(self, status: int, message: str) -> Any:  # noqa: ARG002 - the body doesn't repeat the status
        return {"status": "error", "error": {"code": "PLATFORM", "message": message}}

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        limit = min(int(query.get("page_size", 100)), self.options.page_size)
        since = datetime.fromisoformat(query.get("updated_after", "1970-01-01T00:00:00Z"))
        after = int(query.get("cursor", "c0")[1:])
        ids = query["ids"].split(",") if "ids" in query else None
        employees = [
            entry
            for entry in self.entries.values()
            if (entry.removed is None or query.get("include_deleted") == "true")
            and entry.number > after
            and entry.updated > since
            and (ids is None or entry.id in ids)
        ]
        page = employees[:limit]
        following = f"c{page[-1].number}" if len(employees) > limit else None
        return answered({"status": "success", "data": {"next": following, "results": [self._shown(e) for e in page]}})

    def _shown(self, entry: Entry) -> dict[str, Any]:
        values = entry.values
        return {
            "id": entry.id,
            "remote_id": f"r-{entry.id}",
            "employee_number": values.get("employeeNumber"),
            "first_name": values["firstName"],
            "last_name": values["lastName"],
            "display_full_name": values["displayName"],
            "job_title": values.get("job"),
            "work_email": values.get("userName"),
            "personal_email": "private@example.org",
            "mobile_phone_number": values.get("phone"),
            "employment_status": values.get("status") or ("ACTIVE" if self.works(values) else "INACTIVE"),
            "manager_id": manager_id(self, entry),
            "start_date": _midnight(values.get("hireDate")),
            "termination_date": _midnight(last_day(values)),
            "custom_fields": {"department": values.get("department"), **values.get("custom", {})},
            "remote_deleted_at": None if entry.removed is None else stamp(entry.updated),
        }

    def hook(self, change: Change) -> Any:  # noqa: ARG002 - it says nothing of whom
        data = {"integration_id": INTEGRATION, "integration_tool": "demo", "integration_category": "HRIS"}
        return {
            "id": self.site.around.id(),
            "type": "data-changed",
            "data": {**data, "changed_models": [{"name": "hris_employees"}]},
        }

    def signed(self, key: bytes, body: bytes) -> Mapping[str, str]:
        return {"X-Kombo-Signature": encoded(key, body, for_url=True)}


def _midnight(day: str | None) -> str | None:
    return None if day is None else f"{day}T00:00:00.000Z"
