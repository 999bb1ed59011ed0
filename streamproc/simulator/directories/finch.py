"""Finch: a directory in pages, individuals and employments by batches, webhooks that name an individual.

developer.tryfinch.com: Directory, Individual, Employment, Webhooks; github.com/Finch-API/finch-api-python.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from aiohttp import web

from streamproc.simulator.directories.base import Refused, answered, json_content
from streamproc.simulator.directories.hr_vendor import HrVendor, encoded, last_day, manager_id
from streamproc.simulator.directories.people import Change, Entry


class Finch(HrVendor):
    name: ClassVar[str] = "finch"

    def add_routes(self, app: web.Application) -> None:
        self.route(app, "GET", "/employer/directory", self._directory)
        self.route(app, "POST", "/employer/individual", self._individuals)
        self.route(app, "POST", "/employer/employment", self._employments)

    def new_id(self) -> str:
        return self.site.around.id()

    def admit(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.options.hris_secret}":
            raise Refused(401, "Unauthorized")
        if "Finch-API-Version" not in request.headers:
            raise Refused(400, "Finch-API-Version is missing")

    async def _directory(self, request: web.Request) -> web.Response:
        begin, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 10**6))
        page = self.living()[begin : begin + min(limit, self.options.page_size)]
        individuals = [{"id": entry.id, "is_active": self.works(entry.values)} for entry in page]
        return answered({"paging": {"count": len(self.living()), "offset": begin}, "individuals": individuals})

    async def _individuals(self, request: web.Request) -> web.Response:
        return await self._batch(request, self._individual)

    async def _employments(self, request: web.Request) -> web.Response:
        return await self._batch(request, self._employment)

    async def _batch(self, request: web.Request, show: Callable[[Entry], dict[str, Any]]) -> web.Response:
        responses = []
        for each in json_content(await request.read())["requests"]:
            entry = self.entries.get(each["individual_id"])
            there = entry is not None and entry.removed is None
            missing = {"code": 404, "message": "Individual not found", "name": "not_found_error"}
            body = show(entry) if there and entry is not None else missing
            responses.append({"individual_id": each["individual_id"], "code": 200 if there else 404, "body": body})
        return answered({"responses": responses})

    def _individual(self, entry: Entry) -> dict[str, Any]:
        values = entry.values
        emails = [{"data": "private@example.org", "type": "personal"}, {"data": values.get("userName"), "type": "work"}]
        return {
            "id": entry.id,
            "first_name": values["firstName"],
            "last_name": values["lastName"],
            "preferred_name": None,
            "emails": emails,
            "phone_numbers": [{"data": values.get("phone"), "type": "work"}],
        }

    def _employment(self, entry: Entry) -> dict[str, Any]:
        values, manager = entry.values, manager_id(self, entry)
        active = self.works(values)
        return {
            "id": entry.id,
            "title": values.get("job"),
            "department": {"name": values.get("department")},
            "manager": None if manager is None else {"id": manager},
            "employment": {"type": "employee", "subtype": "full_time"},
            "employment_status": values.get("status") or ("active" if active else "terminated"),
            "is_active": active,
            "start_date": values.get("hireDate"),
            "latest_rehire_date": None,
            "end_date": last_day(values),
            "source_id": values.get("employeeNumber"),
            "custom_fields": [{"name": name, "value": value} for name, value in values.get("custom", {}).items()],
        }

    def hook(self, change: Change) -> Any:
        kind = {"created": "created", "removed": "deleted"}.get(change.kind, "updated")
        data = {"individual_id": change.entry.id}
        return {
            "company_id": "co1",
            "account_id": "a1",
            "connection_id": "cn1",
            "event_type": f"employment.{kind}",
            "data": data,
        }

    def signed(self, key: bytes, body: bytes) -> Mapping[str, str]:
        """The secret is in base64."""
        identifier, moment = self.site.around.id(), self.epoch()
        signature = encoded(base64.b64decode(key), f"{identifier}.{moment}.".encode() + body)
        return {"finch-event-id": identifier, "finch-timestamp": moment, "finch-signature": f"v1,{signature}"}
