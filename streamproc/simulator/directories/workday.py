"""Workday: a custom report as a service (RaaS) that is polled. Its columns, prompts and formats are the tenant's own.

There is no hook; an integration of the customer's may post business events, in a shape of the customer's.
"""

from datetime import date, datetime
from typing import Any, ClassVar

from aiohttp import web

from streamproc.simulator.directories.base import Directory, Refused, answered, same_basic
from streamproc.simulator.directories.people import Change, Entry, Values, checked, stamp

COLUMNS = {
    "Employee_ID": "employeeNumber",
    "User_Name": "userName",
    "Email_Address": "email",
    "First_Name": "firstName",
    "Last_Name": "lastName",
    "Preferred_Name": "displayName",
    "Title": "job",
    "Department": "department",
    "Division": "division",
    "Mgr_ID": "manager",
    "Phone": "phone",
    "Location": "location",
    "Time_Zone": "timeZone",
    "Hire_Date": "hireDate",
    "Last_Day_Of_Work": "lastDay",
    "Termination_Date": "terminationDate",
}
"""Column alias → field; custom attributes are columns of their own name."""

_ADDED = frozenset({"Workday_ID", "Active", "Worker_Status", "Effective_Date", "Entry_Moment"})
_TIMEOUT_S = 10.0


class Workday(Directory):
    name: ClassVar[str] = "workday"

    def reset(self) -> None:
        super().reset()
        # Id → entered ahead of their day: (day, when it was entered, changes), in the order of the days.
        self.ahead: dict[str, list[tuple[date, datetime, Values]]] = {}

    def add_routes(self, app: web.Application) -> None:
        self.route(app, "GET", "/ccx/service/customreport2/{tenant}/{owner}/{report}", self._report)

    def new_id(self) -> str:
        return self.site.around.uuid().hex

    def update(self, key: str, fields: Any) -> Entry:
        """With `effective` (YYYY-MM-DD) the change is a separate row until that day."""
        if not isinstance(fields, dict) or "effective" not in fields:
            return super().update(key, fields)
        entry, day = self.find(key), date.fromisoformat(fields["effective"])
        changes = checked({name: value for name, value in fields.items() if name != "effective"})
        rows = self.ahead.setdefault(entry.id, [])
        rows.append((day, self.now(), changes))
        rows.sort(key=lambda row: row[0])
        self._tell(entry, "Change Job", day.isoformat())
        return entry

    # Requests

    def admit(self, request: web.Request) -> None:
        authorization = request.headers.get("Authorization")
        if not same_basic(authorization, self.options.isu_user, self.options.isu_password):
            raise Refused(401, "invalid username or password")

    def problem(self, status: int, message: str) -> Any:  # noqa: ARG002 - Workday's body doesn't repeat the status
        return {"error": message}

    async def _report(self, request: web.Request) -> web.Response:
        """Prompts: rows entered since a moment, and any column's value."""
        query = dict(request.query)
        if query.pop("format", None) != "json":
            raise Refused(400, "this report is only served as JSON: format=json")
        try:
            since = datetime.fromisoformat(query.pop(self.options.workday_since, "1970-01-01T00:00:00Z"))
        except ValueError:
            raise Refused(400, "the prompt must be a date and time") from None
        if since.tzinfo is None:
            raise Refused(400, "the prompt must have a zone")
        if unknown := query.keys() - COLUMNS.keys() - _ADDED:
            raise Refused(400, f"the report has no prompt {', '.join(sorted(unknown))}")
        rows = [row for entry in self.living() for entered, row in self._rows(entry) if entered >= since]
        return answered(
            {"Report_Entry": [row for row in rows if all(row.get(name) == value for name, value in query.items())]}
        )

    def _rows(self, entry: Entry) -> list[tuple[datetime, dict[str, Any]]]:
        """The worker today, then one row for each change ahead; each with when it was entered."""
        values, entered, effective = entry.values, entry.updated, ""
        rows = []
        for day, at, changes in self.ahead.get(entry.id, []):
            if day > self.now().date():
                rows.append((entered, self._row(entry.id, values, effective, entered)))
            values, entered, effective = {**values, **changes}, at, day.isoformat()
        return [*rows, (entered, self._row(entry.id, values, effective, entered))]

    def _row(self, id_: str, values: Values, effective: str, entered: datetime) -> dict[str, Any]:
        """All scalars are strings. A cleared field is "", one that was never set has no column."""
        active = self._works(values)
        columns = {alias: values[name] for alias, name in COLUMNS.items() if name in values} | values.get("custom", {})
        return {
            "Workday_ID": id_,
            **{alias: "" if value is None else value for alias, value in columns.items()},
            "Active": "1" if active else "0",
            "Worker_Status": values.get("status") or ("Active" if active else "Terminated"),
            "Effective_Date": effective,
            "Entry_Moment": stamp(entered),
        }

    def _works(self, values: Values) -> bool:
        """From the first day to the last day of work, both included; a termination ahead doesn't change `Active`."""
        today = self.now().date().isoformat()
        last = values.get("lastDay") or values.get("terminationDate")
        return bool(values["active"]) and (values.get("hireDate") or today) <= today <= (last or today)

    # Business events

    def announce(self, change: Change) -> None:
        values = change.entry.values
        if change.kind == "created":
            self._tell(change.entry, "Hire Employee", values.get("hireDate"))
        elif change.kind == "updated":
            leaves = not values["active"] or values.get("terminationDate")
            leaving = leaves and {"active", "terminationDate"} & set(change.fields)
            self._tell(change.entry, "Terminate Employee" if leaving else "Edit Worker", values.get("terminationDate"))

    def _tell(self, entry: Entry, process: str, effective: str | None) -> None:
        if not (self.options.workday_events and self.options.gateway):
            return
        worker = entry.values.get("employeeNumber")
        content = {
            "eventId": self.site.around.id(),
            "eventName": process,
            "eventTime": stamp(self.now()),
            "workerId": worker,
            "businessProcess": process,
            "effectiveMoment": effective,
            "entryMoment": stamp(self.now()),
            "isRescinded": False,
            "isCorrected": False,
        }
        about = [[process, worker]]

        async def send() -> None:
            await self.post(content, about, _TIMEOUT_S)

        self.site.hooks.start(self.deliver(about, send))
