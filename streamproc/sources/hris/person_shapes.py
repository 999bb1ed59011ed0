"""How each HR vendor's API shows a person: where the facts, the status and the days are, and what its statuses mean.

Only what the vendor's documents, schemas or clients say. Where they don't, there is no default: an employee number
above all, since one that isn't would make two people one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from streamproc.sources.lenient_json import at, is_blank, items, record, text, truth
from streamproc.sources.values.statuses import spelled


@dataclass(frozen=True, slots=True)
class Shape:
    """One vendor's. Paths as in the options."""

    subject: str
    facts: Mapping[str, str]
    """Fact → path."""
    names: tuple[str, ...]
    """Parts of the name, in order, for those without a display name."""
    status: str = ""
    """Of the person."""
    active: tuple[str, ...] = ()
    inactive: tuple[str, ...] = ()
    first: str = ""
    """First day of work."""
    original: str = ""
    """Of the very first employment."""
    last: str = ""
    """Last day of work."""
    place: str = ""
    """Location, of which the zone is configured."""
    employments: bool = False
    """Status and days are those of each employment, at the same paths below `employment`."""
    fields: tuple[str, ...] = field(default=())
    """Further fields to ask for, where only those that are named are answered."""


SHAPES: Final[Mapping[str, Shape]] = {
    "bamboohr": Shape(
        "id",
        {
            "userName": "workEmail",
            "displayName": "displayName",
            "email": "workEmail",
            "phone": "workPhone|mobilePhone",
            "mobile": "mobilePhone",
            "job": "jobTitle",
            "department": "department",
            "division": "division",
            "manager": "supervisorId",
            "employeeNumber": "employeeNumber",
        },
        ("preferredName|firstName", "lastName"),
        "status",
        ("Active",),
        ("Inactive",),
        "hireDate",
        "originalHireDate",
        "terminationDate",
        "location",
        fields=("preferredName", "firstName", "lastName"),
    ),
    "hibob": Shape(
        "root.id|id",
        {
            "userName": "root.email|email",
            "displayName": "root.displayName|displayName",
            "email": "root.email|email",
            "job": "humanReadable.work.title|work.title",
            "department": "humanReadable.work.department|work.department",
            "manager": "work.reportsTo.id|work.manager",
            "employeeNumber": "work.employeeIdInCompany",
        },
        ("root.firstName|firstName", "root.surname|surname"),
        "internal.status",
        ("Active",),
        ("Inactive",),
        "work.startDate",
        "",
        "employee.lastDayOfWork|internal.terminationDate",
        "work.site",
        fields=("root.id", "root.firstName", "root.surname", "work.reportsTo"),
    ),
    "gusto": Shape(
        "uuid|id",
        {
            "userName": "work_email",
            "displayName": "",
            "email": "work_email",
            "phone": "phone",
            "job": "job.title",
            "department": "department",
            "manager": "manager_uuid",
        },
        ("preferred_first_name|first_name", "last_name"),
        "works",
        first="job.hire_date",
        last="ends",
    ),
    "personio": Shape(
        "id",
        {
            "userName": "email",
            "displayName": "",
            "email": "email",
            "job": "employment.position.title",
            "manager": "employment.supervisor.id",
        },
        ("preferred_name|first_name", "last_name"),
        "employment.status",
        ("ACTIVE", "LEAVE"),
        ("INACTIVE", "ONBOARDING"),
        "employment.employment_start_date",
        "",
        "employment.employment_end_date",
        employments=True,
    ),
    "finch": Shape(
        "id",
        {
            "userName": "work_email",
            "displayName": "",
            "email": "work_email",
            "phone": "work_phone",
            "job": "employment.title",
            "department": "employment.department.name",
            "manager": "employment.manager.id",
        },
        ("preferred_name|first_name", "last_name"),
        "works",
        first="employment.latest_rehire_date|employment.start_date",
        original="employment.start_date",
        last="employment.end_date",
        employments=True,
    ),
    "merge": Shape(
        "id",
        {
            "userName": "work_email",
            "displayName": "display_full_name",
            "email": "work_email",
            "phone": "mobile_phone_number",
            "manager": "manager",
            "employeeNumber": "employee_number",
        },
        ("preferred_name|first_name", "last_name"),
        "employment_status",
        ("ACTIVE",),
        ("INACTIVE", "PENDING"),
        "start_date|hire_date",
        "hire_date",
        "termination_date",
        "work_location",
    ),
    "kombo": Shape(
        "id",
        {
            "userName": "work_email",
            "displayName": "display_full_name",
            "email": "work_email",
            "phone": "mobile_phone_number",
            "job": "job_title",
            "manager": "manager_id",
            "employeeNumber": "employee_number",
        },
        ("first_name", "last_name"),
        "employment_status",
        ("ACTIVE", "LEAVE"),
        ("INACTIVE", "PENDING"),
        "start_date",
        "",
        "termination_date",
        "work_location_id",
    ),
}
"""By the vendor's name in the settings.

BambooHR: documentation.bamboohr.com, github.com/BambooHR/bhr-api-python. HiBob: apidocs.hibob.com. Gusto:
docs.gusto.com, github.com/Gusto/gusto-typescript-client: a termination's date is the last day of work. Personio:
developer.personio.de, v2. Finch: github.com/Finch-API/finch-api-python. Merge: docs.merge.dev.
Kombo: docs.kombo.dev.
"""


def plainly(vendor: str, person: Mapping[str, Any], employment: Mapping[str, Any]) -> dict[str, Any]:
    """The person with what the vendor hides in lists under names of its own."""
    plain = {_dotted(name): _value(name, value) for name, value in person.items()}
    custom = [
        *items(plain.get("custom_fields")),
        *items(plain.get("custom_attributes")),
        *items(employment.get("custom_fields")),
    ]
    plain["custom"] = {
        str(name): each.get("value")
        for each in map(record, custom)
        for name in (each.get("id"), each.get("label"), each.get("name"))
        if isinstance(name, str | int)
    }
    plain["employment"] = dict(employment)
    if vendor == "finch":
        plain |= _finch(plain, employment)
    if vendor == "gusto":
        plain |= _gusto(plain)
    return plain


def _finch(person: Mapping[str, Any], employment: Mapping[str, Any]) -> dict[str, Any]:
    """`works`: by `is_active`, unless the detailed status says the contrary."""
    left = spelled(employment.get("employment_status")) in {"terminated", "retired", "deceased"}
    shown = {"work_email": _of_work(person.get("emails")), "work_phone": _of_work(person.get("phone_numbers"))}
    return {**shown, "works": False if left else employment.get("is_active")}


def _gusto(person: Mapping[str, Any]) -> dict[str, Any]:
    """`job`: the primary one. `ends`: the last day of a termination that was entered and hasn't taken effect.

    `works`: who wasn't terminated, but for those who are only being set up, and have no first day yet.
    """
    jobs = sorted((record(job) for job in items(person.get("jobs"))), key=lambda job: job.get("primary") is not True)
    job, terminated = jobs[0] if jobs else {}, person.get("terminated")
    ended = truth(terminated)
    works = not ended if ended is not None else None if is_blank(terminated) else {"terminated": terminated}
    if works is True and truth(person.get("onboarded")) is False and text(job.get("hire_date")) is None:
        works = None
    shown = {"job": job, "works": works}
    if "terminations" not in person:
        return shown
    entered = [record(each) for each in items(person["terminations"])]
    days = [each.get("effective_date") for each in entered if each.get("active") is not True]
    written = [day for day in days if isinstance(day, str)]
    return shown | {"ends": max(written, default=None) if len(written) == len(days) else days}


def _of_work(entries: Any) -> str | None:
    """The address of work in Finch's lists; a private one is nobody's login."""
    return next((text(at(entry, "data")) for entry in items(entries) if at(entry, "type") == "work"), None)


def _dotted(name: str) -> str:
    """HiBob's `/root/id` in the spelling of its field ids."""
    return name[1:].replace("/", ".") if name.startswith("/") else name


def _value(name: str, value: Any) -> Any:
    return value.get("value") if name.startswith("/") and isinstance(value, dict) else value
