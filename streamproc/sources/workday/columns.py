"""What a row of Workday's report says: the configured columns, and the meaning of their values.

Names of columns and of fields of business events are each tenant's own: both are paths in the options.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import product
from typing import Any, Final, Literal

from streamproc.core.records.units import Micros
from streamproc.sources.employment import LAG, Employment
from streamproc.sources.lenient_json import at, digest, starts, text, truth, zone_is_unread, zone_of
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import Reading, full_name, read_some
from streamproc.sources.values import dates
from streamproc.sources.values.dates import EPOCH, both_days, calendar_day
from streamproc.sources.values.identifiers import identifier, known_identifier
from streamproc.sources.values.statuses import LEFT, is_pending, spelled, status
from streamproc.sources.values.unread import UNREAD, Unread
from streamproc.sources.workday.report import lowest

DEFAULTS: Final = SourceOptions(
    anchor="employeeNumber",
    attributes={
        "userName": "Email_Address|Work_Email|User_Name",
        "displayName": "Preferred_Name|Full_Name",
        "active": "Active|Worker_Status|Employment_Status|Employee_Status|Active_Status|Status",
        "email": "Email_Address|Work_Email",
        "phone": "Phone|Work_Phone",
        "mobile": "Mobile|Mobile_Phone",
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
    active=("Active", "On Leave", "Leave of Absence", "Leave"),
    inactive=(*LEFT, "Retiree", "Pre-Hire", "Prehire", "Not Started", "No Show", "Rescinded"),
)
OWN: Final = (
    "hireDate", "originalHireDate", "terminationDate", "lastDayOfWork", "terminated", "hireRescinded", "workerType",
    "workdayId", "position", "primaryJob", "eventName", "eventId", "eventTime", "effectiveDate", "rescinded", "cancels",
)  # fmt: skip
"""Attributes that the parsers themselves read."""

NUMBERS: Final = ("employeeNumber", "universalId")
"""Facts that only identify the worker."""
DATES: Final = {
    "hireDate": "first", "originalHireDate": "original", "lastDayOfWork": "last", "terminationDate": "last",
}  # fmt: skip
"""Columns → the fields of an employment that they give."""
LAST: Final = ("lastDayOfWork", "terminationDate")

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


def subject_of(row: dict[str, Any], options: SourceOptions) -> str | Unread | None:
    """The worker's number, of contingent workers with its type. None: there is none. UNREAD: it isn't understood."""
    number, worker_type = identifier(own(row, "employeeNumber", options)), own(row, "workerType", options)
    if number is None:
        number = identifier(own(row, "workdayId", options))
    if number is None or number is UNREAD or (worker_type not in (None, "") and text(worker_type) is None):
        return None if number is None else UNREAD
    kind = f"{text(worker_type)} {process(text(own(row, 'eventName', options)))}"
    contingent = "contingent" in kind.casefold() or (
        known_identifier(row.get("Contingent_Worker_ID")) is not None
        and known_identifier(row.get("Employee_ID")) is None
    )
    return f"Contingent_Worker_ID/{number}" if contingent else number


def rank(row: dict[str, Any], options: SourceOptions) -> tuple[bool, tuple[bool, int, str], str]:
    """Order of one worker's rows: the primary job's first, then that of the lowest position; never as listed."""
    primary = truth(own(row, "primaryJob", options)) is True
    return not primary, lowest(text(own(row, "position", options))), digest(row)


def day_of(value: Any, options: SourceOptions) -> date | Unread | None:
    """A date; of a moment (`2026-05-14T00:00:00-07:00`, Workday's midnight) the day as it is written."""
    return calendar_day(value, options.dates)


def last_day(row: dict[str, Any], options: SourceOptions) -> tuple[date | Unread | None, str]:
    """The last day of work, else that of the termination, which is still a day of work; and how it is written."""
    values = [own(row, name, options) for name in LAST]
    days = [dates.last_day(value, options.dates) for value in values]
    known = ((day, text(value) or "") for day, value in zip(days, values, strict=True) if isinstance(day, date))
    return next(known, (UNREAD if UNREAD in days else None, ""))


def zone(row: dict[str, Any], options: SourceOptions) -> str:
    return zone_of(row, options)


def employment(row: dict[str, Any], options: SourceOptions, now: Micros) -> Employment:
    """What isn't understood of it is in `unread`, by the names of its fields.

    Dates that may each be one of two days are understood where all are past and it makes no difference: month first.
    """
    days = {name: day_of(own(row, name, options), options) for name in DATES}
    doubtful = [name for name, day in days.items() if day is UNREAD]
    either = {name: both for name in doubtful if (both := both_days(own(row, name, options), options.dates))}
    begun = [starts(day, "UTC") for both in either.values() for day in both]
    if either and all(moment is not None and moment < now - 2 * LAG for moment in begun):
        chosen = product(*either.values())
        jobs = [_employment(row, days | dict(zip(either, some, strict=True)), options) for some in chosen]
        if len({job.judged(now) for job in jobs}) == 1:
            return jobs[0]
    return _employment(row, days, options)


def _employment(row: dict[str, Any], days: Mapping[str, date | Unread | None], options: SourceOptions) -> Employment:
    value = own(row, "active", options)
    active = status(value, options.active, options.inactive)
    terminated, rescinded = (status(own(row, name, options), (), ()) for name in ("terminated", "hireRescinded"))
    lasts = [UNREAD if days[name] == EPOCH else days[name] for name in LAST]
    last = next((day for day in lasts if isinstance(day, date)), UNREAD if UNREAD in lasts else None)
    if active is UNREAD and is_pending(value) and isinstance(last, date):
        active = True  # until that day; afterwards the date counts
    over = (active is False and "terminat" in (spelled(value) or "")) or terminated
    said = {"first": days["hireDate"], "last": last, "original": days["originalHireDate"], "active": active}
    said |= {"over": over, "rescinded": rescinded}
    return Employment(
        zone=zone(row, options),
        first=_known(days["hireDate"]),
        original=_known(days["originalHireDate"]),
        last=_known(last),
        active=active if isinstance(active, bool) else None,
        over=over is True,
        rescinded=rescinded is True,
        unread=frozenset(name for name, each in said.items() if each is UNREAD),
    )


def _known(day: date | Unread | None) -> date | None:
    return day if isinstance(day, date) else None


def unread_of(row: dict[str, Any], job: Employment, options: SourceOptions, now: Micros) -> dict[str, str]:
    """Columns that only the parser reads, and that it doesn't understand → what they should be."""
    unread: dict[str, str] = {}
    for name, field in (*DATES.items(), ("effectiveDate", None)):
        value = own(row, name, options)
        settled = field not in (None, *job.unread) and both_days(value, options.dates)
        if not settled and (day := day_of(value, options)) in (UNREAD, EPOCH) and (day is UNREAD or name in LAST):
            unread[name] = "date"
    flags = {"active": "active", "over": "terminated", "rescinded": "hireRescinded"}
    unread |= {name: "status" for field, name in flags.items() if field in job.unread}
    if zone_is_unread(row, options) and any(moment and moment > now for moment in (job.starts, job.ends)):
        unread["zone"] = "zone"
    return unread


def facts_of(row: dict[str, Any], options: SourceOptions) -> Reading:
    reading = read_some(row, options, lambda name: name not in OWN)
    if reading.facts.get("displayName", "") is None:
        first, last = (at(row, f"Preferred_{part}|{part}|Legal_{part}") for part in ("First_Name", "Last_Name"))
        reading.facts["displayName"] = full_name(first, last)
    return reading
