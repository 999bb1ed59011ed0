"""What a row of Workday's report says: the configured columns, and the meaning of their values.

Names of columns and of fields of business events are each tenant's own: both are paths in the options.
"""

import re
from collections.abc import Iterable
from datetime import date
from typing import Any, Final, Literal

from streamproc.core.records.change_event import Fact
from streamproc.sources.employment import Employment
from streamproc.sources.lenient_json import at, day, digest, facts, starts, text, truth, zone_of
from streamproc.sources.options import SourceOptions
from streamproc.sources.workday.report import lowest

DEFAULTS: Final = SourceOptions(
    anchor="employeeNumber",
    attributes={
        "userName": "Email_Address|Work_Email|User_Name",
        "displayName": "Preferred_Name|Full_Name",
        "active": "Active|Worker_Status|Employment_Status|Employee_Status|Active_Status|Status",
        "email": "Email_Address|Work_Email",
        "phone": "Phone|Work_Phone",
        "job": "Title|Business_Title|Job_Title",
        "department": "Department|Organization.SUPERVISORY",
        "division": "Division",
        "manager": "Mgr_ID|Manager_ID",
        "employeeNumber": "Employee_ID|Emp_ID|Worker_ID|workerId|Contingent_Worker_ID",
        "universalId": "Universal_ID",
        **{name: name for name in ("genesysQueue", "genesysLanguage", "genesysRole")},
        # Read here, but no facts:
        "hireDate": "Hire_Date|hireDate",
        "originalHireDate": "Original_Hire_Date|originalHireDate",
        "terminationDate": "Termination_Date|terminationDate",
        "lastDayOfWork": "Last_Day_Of_Work|Termination_Last_Day_of_Work|lastDayOfWork",
        "terminated": "Terminated",
        "hireRescinded": "Hire_Rescinded",
        "workerType": "Worker_Type|Employee_Type|workerType",
        "workdayId": "Workday_ID|WID",
        "position": "Position_ID|positionId",
        "primaryJob": "Primary_Job|primaryJob",
        "eventName": "eventName",
        "eventId": "eventId",
        "eventTime": "eventTime|entryMoment|Entry_Moment",
        "effectiveDate": "effectiveDate|effectiveMoment|Effective_Date",
        "rescinded": "rescinded|isRescinded",
        "cancels": "cancels",
    },
    zone_attribute="Time_Zone|Location|timeZone|location",
    active=("Active", "On Leave", "Leave of Absence"),
)
OWN: Final = (
    "hireDate", "originalHireDate", "terminationDate", "lastDayOfWork", "terminated", "hireRescinded", "workerType",
    "workdayId", "position", "primaryJob", "eventName", "eventId", "eventTime", "effectiveDate", "rescinded", "cancels",
)  # fmt: skip
"""Attributes that the parsers themselves read."""

NUMBERS: Final = ("employeeNumber", "universalId")
"""Facts that only identify the worker."""
DATES: Final = ("%Y-%m-%d", "%m/%d/%Y")
"""Dates as reports write them (RaaS)."""

ENDS: Final = re.compile(
    r"terminat(e|ion)( (employee|worker|contingent worker))?|(employee|worker) terminat(ed|ion)"
    r"|end contingent worker contract"
)
STARTS: Final = re.compile(r"(re)?hire( employee)?|(employee|worker) (re)?hired?|contract contingent worker")
"""Business processes that end and start employments: complete names, as `process` returns them."""
LEAVING: Final = re.compile(r"terminat|end contingent|resign|separat|retire|offboard|no.?show|rescind|cancel")
"""Part of a name that may hide a leaver."""


def process(name: str | None) -> str:
    """The name of a business process in one spelling: `Terminate_Employee`, `terminateEmployee`."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name or "")
    return re.sub(r"[\s_.-]+", " ", apart).strip().casefold()


def turn_of(names: Iterable[str]) -> Literal["end", "start"] | None:
    process_names = [process(name) for name in names]
    if any(ENDS.fullmatch(process_name) for process_name in process_names):
        return "end"
    return "start" if any(STARTS.fullmatch(process_name) for process_name in process_names) else None


def own(row: dict[str, Any], name: str, options: SourceOptions) -> Any:
    return at(row, options.attributes.get(name, ""))


def subject_of(row: dict[str, Any], options: SourceOptions) -> str | None:
    number = text(own(row, "employeeNumber", options)) or text(own(row, "workdayId", options))
    kind = f"{text(own(row, 'workerType', options))} {process(text(own(row, 'eventName', options)))}"
    contingent = "contingent" in kind.casefold() or (
        text(row.get("Contingent_Worker_ID")) is not None and text(row.get("Employee_ID")) is None
    )
    return number if number is None or not contingent else f"Contingent_Worker_ID/{number}"


def rank(row: dict[str, Any], options: SourceOptions) -> tuple[bool, tuple[bool, int, str], str]:
    """Order of one worker's rows: the primary job's first, then that of the lowest position; never as listed."""
    primary = truth(own(row, "primaryJob", options)) is True
    return not primary, lowest(text(own(row, "position", options))), digest(row)


def day_of(value: Any) -> date | None:
    """A date; of a moment (`2026-05-14T00:00:00-07:00`, Workday's midnight) the day as it is written."""
    return day((text(value) or "").partition("T")[0], DATES)


def last_day(row: dict[str, Any], options: SourceOptions) -> str | None:
    """The last day of work as written, else the date of the termination, which is still a day of work."""
    return text(own(row, "lastDayOfWork", options)) or text(own(row, "terminationDate", options))


def zone(row: dict[str, Any], options: SourceOptions) -> str:
    zone = zone_of(row, options)
    return zone if starts(date(2000, 1, 1), zone) is not None else "UTC"


def employment(row: dict[str, Any], options: SourceOptions) -> Employment:
    value = own(row, "active", options)
    status = text(value)
    active = truth(value)
    if active is None and status is not None:
        active = status.casefold() in {configured.casefold() for configured in options.active}
    return Employment(
        zone=zone(row, options),
        first=day_of(own(row, "hireDate", options)),
        original=day_of(own(row, "originalHireDate", options)),
        last=day_of(last_day(row, options)),
        active=active,
        over=truth(own(row, "terminated", options)) is True or "terminat" in (status or "").casefold(),
        rescinded=truth(own(row, "hireRescinded", options)) is True,
    )


def facts_of(row: dict[str, Any], options: SourceOptions) -> dict[str, Fact]:
    row_facts = {name: value for name, value in facts(row, options).items() if name not in OWN}
    if row_facts.get("displayName", "") is None:
        names = [text(row.get(part)) for part in ("First_Name", "Last_Name")]
        row_facts["displayName"] = " ".join(name for name in names if name) or None
    return row_facts
