"""Personio: persons and their employments, lists with links, and webhooks without data.

developer.personio.de, v2: Authentication, List persons, Retrieve a person, List employments of a given person. How its
webhooks look and are signed isn't documented in public: these are in the shape that is read.
"""

from datetime import datetime
from typing import Any, ClassVar

from aiohttp import web

from streamproc.simulator.directories.base import Refused, answered
from streamproc.simulator.directories.hr_vendor import HexSigned, last_day, manager_id
from streamproc.simulator.directories.people import Change, Entry, stamp


class Personio(HexSigned):
    name: ClassVar[str] = "personio"
    header: ClassVar[str] = "X-Signature"

    def add_routes(self, app: web.Application) -> None:
        self.route(app, "POST", "/v2/auth/token", self._grant, public=True)
        self.route(app, "GET", "/v2/persons", self._list)
        self.route(app, "GET", "/v2/persons/{id}", self._get)
        self.route(app, "GET", "/v2/persons/{id}/employments", self._employments)

    async def _grant(self, request: web.Request) -> web.Response:
        """Client credentials in the form, and nowhere else."""
        if "Authorization" in request.headers:
            return answered({"error": "invalid_request"}, 400)
        return await self.grant(request)

    def admit(self, request: web.Request) -> None:
        self.check_bearer(request)

    def _found(self, request: web.Request) -> Entry:
        entry = self.entries.get(request.match_info["id"])
        if entry is None or entry.removed:
            raise Refused(404, "Person not found")
        return entry

    async def _get(self, request: web.Request) -> web.Response:
        return answered(self._person(self._found(request)))

    async def _list(self, request: web.Request) -> web.Response:
        limit = min(int(request.query.get("limit", 10)), self.options.page_size)
        if limit > 50:
            raise Refused(400, "limit is at most 50")
        since = datetime.fromisoformat(request.query.get("updated_at.gt", "1970-01-01T00:00:00Z"))
        after = int(request.query.get("cursor", "cur_0").removeprefix("cur_"))
        persons = [entry for entry in self.living() if entry.number > after and entry.updated > since]
        page = persons[:limit]
        return self._page(
            request, [self._person(entry) for entry in page], page[-1].number if len(persons) > limit else None
        )

    async def _employments(self, request: web.Request) -> web.Response:
        entry = self._found(request)
        values = entry.values
        status = "ACTIVE" if self.works(values) else "INACTIVE"
        employment = {
            "id": f"e-{entry.id}",
            "person": {"id": entry.id},
            "supervisor": {"id": manager_id(self, entry)},
            "status": values.get("status") or status,
            "type": "INTERNAL",
            "position": {"title": values.get("job")},
            "employment_start_date": values.get("hireDate"),
            "employment_end_date": last_day(values),
        }
        return self._page(request, [employment], None)

    def _page(self, request: web.Request, data: list[Any], more: int | None) -> web.Response:
        links: dict[str, Any] = {"self": {"href": str(request.url)}}
        if more is not None:
            links["next"] = {"href": str(request.url.update_query(cursor=f"cur_{more}"))}
        return answered({"_data": data, "_meta": {"links": links}})

    def _person(self, entry: Entry) -> dict[str, Any]:
        values = entry.values
        custom = {
            "employee_number": values.get("employeeNumber"),
            "department": values.get("department"),
            **values.get("custom", {}),
        }
        return {
            "id": entry.id,
            "email": values.get("userName"),
            "first_name": values["firstName"],
            "last_name": values["lastName"],
            "preferred_name": None,
            "status": "ACTIVE" if self.works(values) else "INACTIVE",
            "custom_attributes": [
                {"id": f"dynamic_{name}", "label": name, "type": "string", "value": value}
                for name, value in custom.items()
            ],
            "updated_at": stamp(entry.updated),
        }

    def hook(self, change: Change) -> Any:
        kind = {"created": "person.created", "removed": "person.deleted"}.get(change.kind, "person.updated")
        if "active" in change.fields and not change.entry.values["active"]:
            kind = "employment.terminated"
        return {"event_type": kind, "data": {"person_id": change.entry.id}}
