"""Gusto: employees with jobs and terminations, numbered pages, refresh tokens that are used once, hooks without values.

docs.gusto.com: Get an employee, Get employees of a company, Refresh access token, Employee events.
"""

from typing import Any, ClassVar

from aiohttp import web

from streamproc.simulator.directories.base import Refused, answered
from streamproc.simulator.directories.hr_vendor import HexSigned, last_day, manager_id
from streamproc.simulator.directories.people import Change, Entry

COMPANY = "c0ffee00-0000-4000-8000-000000000001"


class Gusto(HexSigned):
    name: ClassVar[str] = "gusto"
    header: ClassVar[str] = "X-Gusto-Signature"

    def reset(self) -> None:
        super().reset()
        self.refresh_token, self.next_refresh_token, self.access_token = "refresh-1", "", ""

    def add_routes(self, app: web.Application) -> None:
        self.route(app, "POST", "/oauth/token", self._refresh, public=True)
        self.route(app, "GET", "/v1/employees/{id}", self._get)
        self.route(app, "GET", "/v1/companies/{company}/employees", self._list)

    def new_id(self) -> str:
        return self.site.around.id()

    async def _refresh(self, request: web.Request) -> web.Response:
        """The refresh token before is good until the new access token is used."""
        form = await request.post()
        client = (self.options.client_id, self.options.client_secret)
        if (form.get("client_id"), form.get("client_secret")) != client or form.get("grant_type") != "refresh_token":
            return answered({"error": "invalid_client"}, 401)
        if form.get("refresh_token") not in (self.refresh_token, self.next_refresh_token or self.refresh_token):
            return answered({"error": "invalid_grant"}, 400)
        self.access_token = f"access-{self.site.around.id()}"
        self.next_refresh_token = f"refresh-{self.site.around.id()}"
        tokens = {"access_token": self.access_token, "refresh_token": self.next_refresh_token}
        return answered({**tokens, "token_type": "bearer", "expires_in": self.options.token_ttl_s})

    def admit(self, request: web.Request) -> None:
        if not self.access_token or request.headers.get("Authorization") != f"Bearer {self.access_token}":
            raise Refused(401, "Unauthorized")
        self.refresh_token = self.next_refresh_token or self.refresh_token

    async def _get(self, request: web.Request) -> web.Response:
        entry = self.entries.get(request.match_info["id"])
        if entry is None or entry.removed:
            raise Refused(404, "The requested resource was not found.")
        return answered(self._shown(entry))

    async def _list(self, request: web.Request) -> web.Response:
        if request.match_info["company"] != COMPANY:
            raise Refused(404, "The requested resource was not found.")
        per = min(int(request.query.get("per", 25)), self.options.page_size)
        begin = (int(request.query.get("page", 1)) - 1) * per
        return answered([self._shown(entry) for entry in self.living()[begin : begin + per]])

    def _shown(self, entry: Entry) -> dict[str, Any]:
        values, last = entry.values, last_day(entry.values)
        gone = not self.works(values) and (last is not None or not values["active"])
        terminations = [] if last is None else [{"uuid": "t1", "active": gone, "effective_date": last}]
        custom = {"employeeNumber": values.get("employeeNumber"), **values.get("custom", {})}
        return {
            "uuid": entry.id,
            "first_name": values["firstName"],
            "last_name": values["lastName"],
            "email": "private@example.org",
            "work_email": values.get("userName"),
            "company_uuid": COMPANY,
            "manager_uuid": manager_id(self, entry),
            "department": values.get("department"),
            "terminated": gone,
            "onboarded": True,
            "phone": values.get("phone"),
            "jobs": [
                {"uuid": "j1", "primary": True, "title": values.get("job"), "hire_date": values.get("hireDate")},
            ],
            "terminations": terminations,
            "custom_fields": [{"id": f"f-{name}", "name": name, "value": value} for name, value in custom.items()],
        }

    def hook(self, change: Change) -> Any:
        kind = {"created": "employee.created", "removed": "employee.deleted"}.get(change.kind, "employee.updated")
        if {"active", "lastDay", "terminationDate"} & set(change.fields):
            kind = "employee.terminated"
        resource = {"resource_type": "Company", "resource_uuid": COMPANY}
        entity = {"entity_type": "Employee", "entity_uuid": change.entry.id}
        return {"uuid": self.site.around.id(), "event_type": kind, **resource, **entity, "timestamp": int(self.epoch())}
